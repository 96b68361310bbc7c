//===- ContractEncodings.cpp - What a contraction multiplies --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/ContractEncodings.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// What elements are called in an encoding: integers of attn are signed.
static Type encoded(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return integer ? Type(IntegerType::get(element.getContext(), integer.getWidth(), IntegerType::Signed)) : element;
}

ContractEncodings schedule::chooseEncodings(tile::TargetAttr target, Type lhs, Type rhs, Type sums, bool sideBySide) {
  ContractEncodings encodings{sums, rhs, {}, {}};
  if (tile::EncodingAttr dots = target.getDots(encoded(rhs)); dots && lhs == rhs && sideBySide)
    encodings.left = encodings.panel = dots;
  else if (isa<IntegerType>(lhs))
    encodings.left = tile::EncodingAttr::get(lhs.getContext(), 1, encoded(lhs));
  return encodings;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

namespace {
/// The elements of a constant one by one, as bits.
struct Bits {
  explicit Bits(DenseElementsAttr values)
      : type(values.getElementType()), raw(values.getRawData().data()), bytes(type.getIntOrFloatBitWidth() / 8),
        isSplat(values.isSplat()) {}

  uint32_t operator[](int64_t index) const {
    uint32_t bits = 0;
    std::memcpy(&bits, raw + (isSplat ? 0 : index * bytes), bytes);
    return bits;
  }

  /// The same as f32 or i32.
  uint32_t widened(int64_t index) const {
    uint32_t bits = (*this)[index];
    if (type.getIntOrFloatBitWidth() == 32)
      return bits;
    if (auto real = dyn_cast<FloatType>(type)) {
      llvm::APFloat value(real.getFloatSemantics(), llvm::APInt(real.getWidth(), bits));
      bool isInexact;
      value.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven, &isInexact);
      return static_cast<uint32_t>(value.bitcastToAPInt().getZExtValue());
    }
    return static_cast<uint32_t>(static_cast<int8_t>(bits));
  }

  Type type;
  const char *raw;
  int64_t bytes;
  bool isSplat;
};
} // namespace

DenseElementsAttr schedule::packPanels(DenseElementsAttr values, bool sumFirst, int64_t width,
                                       const ContractEncodings &encodings) {
  auto shape = cast<ShapedType>(values.getType()).getShape();
  int64_t sums = shape[sumFirst ? 0 : 1], columns = shape[sumFirst ? 1 : 0], group = encodings.group();
  int64_t panels = llvm::divideCeil(columns, width), words = llvm::divideCeil(sums, group);
  Bits elements(values);
  int64_t bits = elements.bytes * 8;
  std::vector<uint32_t> packed(panels * words * width, 0);
  for (int64_t n = 0; n < columns; ++n)
    for (int64_t k = 0; k < sums; ++k) {
      int64_t from = sumFirst ? k * columns + n : n * sums + k;
      uint32_t element = encodings.panel ? elements[from] << (k % group * bits) : elements.widened(from);
      packed[(n / width * words + k / group) * width + n % width] |= element;
    }
  auto type = RankedTensorType::get({panels, words, width}, encodings.word());
  ArrayRef<char> raw(reinterpret_cast<const char *>(packed.data()), packed.size() * sizeof(uint32_t));
  return DenseElementsAttr::getFromRawBuffer(type, raw);
}

//===----------------------------------------------------------------------===//
// Packing at run time
//===----------------------------------------------------------------------===//

Value schedule::widenElement(IndexMath math, Value element, Type sums) {
  if (element.getType() == sums)
    return element;
  if (isa<FloatType>(element.getType()))
    return arith::ExtFOp::create(math.b, math.loc, sums, element);
  return arith::ExtSIOp::create(math.b, math.loc, sums, element);
}

Value schedule::placeElement(IndexMath math, Value element, Value exists, int64_t position) {
  OpBuilder &b = math.b;
  Location loc = math.loc;
  int64_t bits = element.getType().getIntOrFloatBitWidth();
  Type bare = b.getIntegerType(bits), word = b.getI32Type();
  if (element.getType() != bare)
    element = arith::BitcastOp::create(b, loc, bare, element);
  Value wide = arith::ExtUIOp::create(b, loc, word, element);
  wide = arith::AndIOp::create(b, loc, wide, arith::ExtSIOp::create(b, loc, word, exists));
  return position == 0 ? wide
                       : arith::ShLIOp::create(b, loc, wide, constantInt(b, loc, word, position * bits)).getResult();
}
