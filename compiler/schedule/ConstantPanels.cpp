//===- ConstantPanels.cpp - Panels of a small constant --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/ConstantPanels.h"
#include "dialects/Common/Alignment.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace attnc::schedule {
namespace {

/// The elements of a constant one by one, as bits.
struct Bits {
  explicit Bits(DenseElementsAttr values)
      : type(values.getElementType()), raw(values.getRawData().data()), bytes(type.getIntOrFloatBitWidth() / 8),
        isSplat(values.isSplat()) {}

  uint64_t operator[](int64_t index) const {
    uint64_t bits = 0;
    std::memcpy(&bits, raw + (isSplat ? 0 : index * bytes), bytes);
    return bits;
  }

  /// The same as `word`: f32, f64 or i32.
  uint64_t widened(int64_t index, Type word) const {
    uint64_t bits = (*this)[index];
    if (type == word)
      return bits;
    auto real = dyn_cast<FloatType>(type);
    if (!real)
      return static_cast<uint32_t>(static_cast<int8_t>(bits));
    llvm::APFloat value(real.getFloatSemantics(), llvm::APInt(real.getWidth(), bits));
    bool isInexact;
    value.convert(cast<FloatType>(word).getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &isInexact);
    return value.bitcastToAPInt().getZExtValue();
  }

  Type type;
  const char *raw;
  int64_t bytes;
  bool isSplat;
};

} // namespace

static DenseElementsAttr packPanels(DenseElementsAttr values, ArrayRef<int64_t> shape, bool sumFirst, int64_t width,
                                    const ContractEncodings &encodings) {
  int64_t sums = shape[sumFirst ? 0 : 1], columns = shape[sumFirst ? 1 : 0], group = encodings.group();
  int64_t panels = llvm::divideCeil(columns, width), words = llvm::divideCeil(sums, group);
  Bits elements(values);
  Type word = encodings.word();
  int64_t bits = elements.bytes * 8, bytes = word.getIntOrFloatBitWidth() / 8;
  std::vector<char> packed(panels * words * width * bytes, 0);
  for (int64_t n = 0; n < columns; ++n)
    for (int64_t k = 0; k < sums; ++k) {
      int64_t from = sumFirst ? k * columns + n : n * sums + k;
      char *place = &packed[((n / width * words + k / group) * width + n % width) * bytes];
      uint64_t element = encodings.panel ? elements[from] << (k % group * bits) : elements.widened(from, word),
               held = 0;
      std::memcpy(&held, place, bytes);
      held |= element;
      std::memcpy(place, &held, bytes);
    }
  auto type = RankedTensorType::get({panels, words, width}, word);
  return DenseElementsAttr::getFromRawBuffer(type, packed);
}

Value packConstant(OpBuilder &builder, memref::GetGlobalOp get, ArrayRef<int64_t> shape, bool sumFirst, int64_t width,
                   const ContractEncodings &encodings) {
  auto module = get->getParentOfType<ModuleOp>();
  auto global = module.lookupSymbol<memref::GlobalOp>(get.getName());
  auto values = dyn_cast_or_null<DenseElementsAttr>(global.getConstantInitValue());
  if (!values)
    return Value();
  DenseElementsAttr packed = packPanels(values, shape, sumFirst, width, encodings);
  auto type = MemRefType::get(packed.getType().getShape(), encodings.word());
  SymbolTable symbols(module);
  std::string name = (get.getName() + "_panels").str();
  auto panels = symbols.lookup<memref::GlobalOp>(name);
  if (!panels || panels.getInitialValueAttr() != packed) { // of another contraction, the same or not
    OpBuilder outside(module.getContext());
    panels = memref::GlobalOp::create(outside, get.getLoc(), name, outside.getStringAttr("private"), type, packed,
                                      /*constant=*/true, outside.getI64IntegerAttr(kAlignment));
    symbols.insert(panels, module.getBody()->begin()); // renames on collision
  }
  return memref::GetGlobalOp::create(builder, get.getLoc(), type, panels.getSymName());
}

} // namespace attnc::schedule
