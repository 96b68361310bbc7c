//===- RefTensor.cpp - A dense tensor of the reference interpreter --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/RefTensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <cstring>
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::attn;
using llvm::APFloat;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

std::optional<int64_t> attnc::attn::sizeOf(ArrayRef<int64_t> shape) {
  constexpr int64_t limit = int64_t(1) << 40;
  int64_t size = 1;
  bool empty = llvm::is_contained(shape, 0);
  for (int64_t extent : shape) {
    if (extent < 0 || (!empty && extent > limit / size))
      return std::nullopt;
    size *= empty ? 0 : extent;
  }
  return size;
}

RefTensor::RefTensor(Type elementType, ArrayRef<int64_t> shape) : elementType(elementType), shape(shape) {
  std::optional<int64_t> size = sizeOf(shape);
  assert(size && "extents were checked by the caller");
  if (isFloat())
    floats.resize(*size);
  else
    ints.resize(*size);
}

SmallVector<int64_t> RefTensor::strides() const {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t d = rank() - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

std::optional<int64_t> attnc::attn::elementBytes(Type elementType) {
  if (isa<IndexType>(elementType))
    return 8;
  if (auto floating = dyn_cast<FloatType>(elementType); floating && floating.getWidth() % 8 == 0)
    return floating.getWidth() <= 64 ? std::optional<int64_t>(floating.getWidth() / 8) : std::nullopt;
  if (auto integer = dyn_cast<IntegerType>(elementType); integer && integer.getWidth() <= 64)
    return std::max<int64_t>(1, llvm::PowerOf2Ceil(integer.getWidth()) / 8);
  return std::nullopt;
}

/// The value of the `bytes` bytes at `source`, zero-extended.
static uint64_t loadBits(const char *source, int64_t bytes) {
  uint64_t bits = 0;
  std::memcpy(&bits, source,
              bytes); // little-endian hosts only, like the whole project
  return bits;
}

static double decodeFloat(FloatType type, uint64_t bits) {
  if (type.isF64())
    return llvm::bit_cast<double>(bits);
  if (type.isF32())
    return llvm::bit_cast<float>(static_cast<uint32_t>(bits));
  APFloat value(type.getFloatSemantics(), llvm::APInt(type.getWidth(), bits));
  return value.convertToDouble(); // every type of fewer bits widens exactly
}

static uint64_t encodeFloat(FloatType type, double value) {
  if (type.isF64())
    return llvm::bit_cast<uint64_t>(value);
  if (type.isF32())
    return llvm::bit_cast<uint32_t>(static_cast<float>(value));
  APFloat rounded(value);
  bool losesInfo;
  rounded.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  return rounded.bitcastToAPInt().getZExtValue();
}

double attnc::attn::roundTo(FloatType type, double value) { return decodeFloat(type, encodeFloat(type, value)); }

static int64_t decodeInt(Type type, uint64_t bits) {
  unsigned width = isa<IndexType>(type) ? 64 : type.getIntOrFloatBitWidth();
  if (width == 1)
    return bits != 0;
  return llvm::SignExtend64(bits, width);
}

FailureOr<RefTensor> attnc::attn::fromBytes(Type elementType, ArrayRef<int64_t> shape, ArrayRef<char> bytes) {
  std::optional<int64_t> width = elementBytes(elementType), size = sizeOf(shape);
  if (!width || !size || *size * *width != static_cast<int64_t>(bytes.size()))
    return failure();
  RefTensor tensor(elementType, shape);
  auto floating = dyn_cast<FloatType>(elementType);
  for (int64_t n = 0; n < *size; ++n) {
    uint64_t bits = loadBits(bytes.data() + n * *width, *width);
    if (floating)
      tensor.floats[n] = decodeFloat(floating, bits);
    else
      tensor.ints[n] = decodeInt(elementType, bits);
  }
  return tensor;
}

std::vector<char> attnc::attn::toBytes(const RefTensor &tensor) {
  std::optional<int64_t> width = elementBytes(tensor.elementType);
  assert(width && "a tensor of the reference has a type of whole bytes");
  std::vector<char> bytes(tensor.size() * *width);
  auto floating = dyn_cast<FloatType>(tensor.elementType);
  for (int64_t n = 0; n < tensor.size(); ++n) {
    uint64_t bits = floating ? encodeFloat(floating, tensor.floats[n]) : static_cast<uint64_t>(tensor.ints[n]);
    std::memcpy(bytes.data() + n * *width, &bits, *width);
  }
  return bytes;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

static FailureOr<RefTensor> fromResource(DenseResourceElementsAttr attribute) {
  AsmResourceBlob *blob = attribute.getRawHandle().getBlob();
  if (!blob)
    return failure();
  return fromBytes(attribute.getElementType(), attribute.getShapedType().getShape(), blob->getData());
}

FailureOr<RefTensor> attnc::attn::fromAttribute(ElementsAttr attribute) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute))
    return fromResource(resource);
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense || !elementBytes(dense.getElementType()) || !sizeOf(dense.getType().getShape()))
    return failure();
  RefTensor tensor(dense.getElementType(), dense.getType().getShape());
  if (tensor.isFloat())
    for (auto [to, from] : llvm::zip(tensor.floats, dense.getValues<APFloat>()))
      to = decodeFloat(cast<FloatType>(tensor.elementType), from.bitcastToAPInt().getZExtValue());
  else
    for (auto [to, from] : llvm::zip(tensor.ints, dense.getValues<llvm::APInt>()))
      to = decodeInt(tensor.elementType, from.getZExtValue());
  return tensor;
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// The distance from |value| to the next number of `type` away from zero:
/// 2^(exponent - fraction bits), not below the smallest subnormal.
static double ulpOf(FloatType type, double value) {
  const llvm::fltSemantics &semantics = type.getFloatSemantics();
  int exponent = APFloat::semanticsMinExponent(semantics);
  if (value != 0)
    exponent = std::max(exponent, std::ilogb(value));
  return std::ldexp(1.0, exponent - static_cast<int>(APFloat::semanticsPrecision(semantics)) + 1);
}

namespace {
/// Collects the largest errors over places where both sides are finite, and the
/// places that must match but do not.
struct Tally {
  Comparison result;
  double maxReference = 0;
  void mismatch(int64_t place) {
    if (result.mismatches++ == 0)
      result.worst = place;
  }
  void error(int64_t place, double got, double reference, double ulp) {
    double difference = std::abs(got - reference);
    maxReference = std::max(maxReference, std::abs(reference));
    result.maxUlps = std::max(result.maxUlps, difference / ulp);
    if (result.mismatches == 0 && (result.worst < 0 || difference > result.maxAbsolute))
      result.worst = place;
    result.maxAbsolute = std::max(result.maxAbsolute, difference);
  }
};
} // namespace

/// The root mean square of the finite values.
static double typicalMagnitude(const RefTensor &tensor) {
  double sum = 0;
  int64_t count = 0;
  for (double value : tensor.floats)
    if (std::isfinite(value)) {
      sum += value * value;
      ++count;
    }
  return count ? std::sqrt(sum / count) : 0;
}

static void compareFloats(Tally &tally, const RefTensor &got, const RefTensor &reference) {
  auto type = cast<FloatType>(got.elementType);
  double typical = typicalMagnitude(reference); // a sum that cancels to almost 0 has no small ulps
  for (int64_t n = 0; n < got.size(); ++n) {
    double g = got.floats[n], r = reference.floats[n], rounded = roundTo(type, r);
    if (std::isfinite(g) && std::isfinite(rounded))
      tally.error(n, g, r, ulpOf(type, std::max(std::abs(r), typical)));
    else if (!(std::isnan(g) && std::isnan(rounded)) && g != rounded)
      tally.mismatch(n);
  }
}

Comparison attnc::attn::compare(const RefTensor &got, const RefTensor &reference) {
  Tally tally;
  if (got.shape != reference.shape || got.isFloat() != reference.isFloat()) {
    tally.result.sameShape = false;
    return tally.result;
  }
  if (got.isFloat())
    compareFloats(tally, got, reference);
  else
    for (int64_t n = 0; n < got.size(); ++n)
      if (got.ints[n] != reference.ints[n])
        tally.mismatch(n);
  tally.result.maxRelative = tally.result.maxAbsolute / std::max(1.0, tally.maxReference);
  return tally.result;
}

//===----------------------------------------------------------------------===//
// For people
//===----------------------------------------------------------------------===//

static std::string element(const RefTensor &tensor, int64_t n) {
  if (!tensor.isFloat())
    return fmt::format("{}", tensor.ints[n]);
  return std::isnan(tensor.floats[n]) ? "nan" : fmt::format("{:.6g}", tensor.floats[n]); // a NaN's sign means nothing
}

/// "[0, 2]" for the row-major index `n`.
static std::string place(const RefTensor &tensor, int64_t n) {
  std::string text;
  for (auto [stride, extent] : llvm::zip(tensor.strides(), tensor.shape))
    text += fmt::format("{}{}", text.empty() ? "" : ", ", n / stride % extent);
  return "[" + text + "]";
}

static std::string typeName(const RefTensor &tensor) {
  std::string text;
  llvm::raw_string_ostream(text) << tensor.type();
  return text;
}

std::string attnc::attn::describe(const Comparison &comparison, const RefTensor &got, const RefTensor &reference) {
  if (!comparison.sameShape)
    return fmt::format("got {}, the reference is {}", typeName(got), typeName(reference));
  if (comparison.worst < 0)
    return "equal"; // integers, or no elements at all
  std::string where = place(got, comparison.worst);
  if (comparison.mismatches)
    return fmt::format("{} of {} places do not match, the first at {}: got {}, "
                       "the reference is {}",
                       comparison.mismatches, got.size(), where, element(got, comparison.worst),
                       element(reference, comparison.worst));
  return fmt::format("max relative error {:.2g} ({:.3g} ulps) at {}", comparison.maxRelative, comparison.maxUlps,
                     where);
}

static void printElements(llvm::raw_ostream &os, const RefTensor &tensor, int64_t dim, int64_t &next) {
  if (dim == tensor.rank()) {
    os << element(tensor, next++);
    return;
  }
  os << "[";
  for (int64_t n = 0; n < tensor.shape[dim]; ++n) {
    os << (n ? ", " : "");
    printElements(os, tensor, dim + 1, next);
  }
  os << "]";
}

void attnc::attn::print(llvm::raw_ostream &os, const RefTensor &tensor) {
  os << tensor.type() << " ";
  if (tensor.size() == 0) {
    os << "[]";
    return;
  }
  int64_t next = 0;
  printElements(os, tensor, 0, next);
}
