//===- TensorData.cpp - The numbers of a TensorProto ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/TensorData.h"
#include "compiler/frontend/onnx/Model.h"
#include "compiler/support/Limits.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;
using llvm::Expected;

namespace {
struct DataType {
  const char *name;
  unsigned bytes; // 0: attnc does not read it
};
// By TensorProto.DataType. The field is an int32 in the file, so newer numbers arrive here as they are.
constexpr DataType dataTypes[] = {
    {"undefined", 0},      {"float32", 4},  {"uint8", 1},        {"int8", 1},           {"uint16", 2},
    {"int16", 2},          {"int32", 4},    {"int64", 8},        {"string", 0},         {"bool", 1},
    {"float16", 2},        {"float64", 8},  {"uint32", 4},       {"uint64", 8},         {"complex64", 0},
    {"complex128", 0},     {"bfloat16", 2}, {"float8e4m3fn", 0}, {"float8e4m3fnuz", 0}, {"float8e5m2", 0},
    {"float8e5m2fnuz", 0}, {"uint4", 0},    {"int4", 0},         {"float4e2m1", 0},     {"float8e8m0", 0},
    {"uint2", 0},          {"int2", 0}};

template <typename... Args>
llvm::Error error(fmt::format_string<Args...> format, Args &&...args) {
  return llvm::createStringError(fmt::format(format, std::forward<Args>(args)...));
}
} // namespace

std::string attnc::onnx::dataTypeName(int32_t dataType) {
  bool known = dataType >= 0 && dataType < static_cast<int32_t>(std::size(dataTypes));
  return known ? dataTypes[dataType].name : fmt::format("data type {}", dataType);
}

Type attnc::onnx::elementTypeOf(int32_t dataType, MLIRContext *context) {
  Builder builder(context);
  switch (dataType) {
  case 1:
    return builder.getF32Type();
  case 2:
    return builder.getIntegerType(8, /*isSigned=*/false);
  case 3:
    return builder.getI8Type();
  case 4:
    return builder.getIntegerType(16, /*isSigned=*/false);
  case 5:
    return builder.getI16Type();
  case 6:
    return builder.getI32Type();
  case 7:
    return builder.getI64Type();
  case 9:
    return builder.getI1Type();
  case 10:
    return builder.getF16Type();
  case 11:
    return builder.getF64Type();
  case 12:
    return builder.getIntegerType(32, /*isSigned=*/false);
  case 13:
    return builder.getIntegerType(64, /*isSigned=*/false);
  case 16:
    return builder.getBF16Type();
  default:
    return nullptr;
  }
}

Type attnc::onnx::storedType(Type elementType) {
  return elementType.isUnsignedInteger()
             ? IntegerType::get(elementType.getContext(), elementType.getIntOrFloatBitWidth())
             : elementType;
}

std::string attnc::onnx::elementTypeName(Type type) {
  if (type.isInteger(1))
    return "bool";
  if (type.isBF16())
    return "bfloat16";
  const char *kind = isa<FloatType>(type) ? "float" : type.isUnsignedInteger() ? "uint" : "int";
  return fmt::format("{}{}", kind, type.getIntOrFloatBitWidth());
}

static Expected<uint64_t> elementCount(const TensorSource &source) {
  if (source.dims.size() > static_cast<size_t>(kMaxRank))
    return error("its rank {} is above the limit of {}", source.dims.size(), kMaxRank);
  bool isEmpty = llvm::is_contained(source.dims, 0);
  uint64_t count = 1;
  for (int64_t dim : source.dims) {
    if (dim < 0 || dim > attnc::kMaxExtent)
      return error("extent {} is out of range: expected 0 to 2^29", dim);
    if (!isEmpty && __builtin_mul_overflow(count, static_cast<uint64_t>(dim), &count))
      return error("the product of its extents overflows");
  }
  return isEmpty ? 0 : count;
}

Expected<uint64_t> attnc::onnx::byteSize(const TensorSource &source, MLIRContext *context) {
  Expected<uint64_t> count = elementCount(source);
  if (!count)
    return count.takeError();
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(*count, dataTypes[source.dataType].bytes, &bytes))
    return error("the product of its extents overflows");
  return bytes;
}

/// The typed lists: `values` must be exactly as many as the shape says; each becomes one element of `T`.
template <typename T, typename U>
static Expected<std::vector<char>> pack(ArrayRef<U> values, uint64_t count, const char *list) {
  if (values.size() != count)
    return error("its shape means {} elements, {} holds {}", count, list, values.size());
  std::vector<char> bytes(count * sizeof(T));
  for (auto [index, value] : llvm::enumerate(values)) {
    T element = static_cast<T>(value);
    std::memcpy(bytes.data() + index * sizeof(T), &element, sizeof(T));
  }
  return bytes;
}

static Expected<std::vector<char>> packTyped(const TensorSource &source, Type type, uint64_t count) {
  if (source.dataType == 12)
    return pack<uint32_t>(source.uint64s, count, "uint64_data");
  if (source.dataType == 13)
    return pack<uint64_t>(source.uint64s, count, "uint64_data");
  if (type.isF32())
    return pack<float>(source.floats, count, "float_data");
  if (type.isF64())
    return pack<double>(source.doubles, count, "double_data");
  if (type.isInteger(64))
    return pack<int64_t>(source.int64s, count, "int64_data");
  if (type.isInteger(32))
    return pack<int32_t>(source.int32s, count, "int32_data");
  if (type.getIntOrFloatBitWidth() == 16)
    return pack<uint16_t>(source.int32s, count, "int32_data");
  return pack<uint8_t>(source.int32s, count, "int32_data");
}

Expected<DenseElementsAttr> attnc::onnx::readTensorData(const TensorSource &source, MLIRContext *context) {
  Type type = storedType(elementTypeOf(source.dataType, context));
  Expected<uint64_t> count = elementCount(source);
  if (!count)
    return count.takeError();
  Expected<uint64_t> bytes = byteSize(source, context);
  if (!bytes)
    return bytes.takeError();
  std::vector<char> packed;
  ArrayRef<char> raw;
  if (source.raw) {
    raw = *source.raw;
    if (raw.size() != *bytes)
      return error("its shape means {} bytes of {}, the data has {}", *bytes, dataTypeName(source.dataType),
                   raw.size());
  } else {
    Expected<std::vector<char>> typed = packTyped(source, type, *count);
    if (!typed)
      return typed.takeError();
    packed = std::move(*typed);
    raw = packed;
  }
  auto shaped = RankedTensorType::get(source.dims, type);
  if (type.isInteger(1)) {
    SmallVector<bool> bits(llvm::map_range(raw, [](char byte) { return byte != 0; }));
    return DenseElementsAttr::get(shaped, ArrayRef<bool>(bits));
  }
  if (raw.empty())
    return cast<DenseElementsAttr>(DenseElementsAttr::get(shaped, ArrayRef<mlir::Attribute>{}));
  return DenseElementsAttr::getFromRawBuffer(shaped, raw);
}
