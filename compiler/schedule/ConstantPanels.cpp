//===- ConstantPanels.cpp - Panels of a small constant --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/ConstantPanels.h"
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

static DenseElementsAttr packPanels(DenseElementsAttr values, ArrayRef<int64_t> shape, bool sumFirst, int64_t width,
                                    const ContractEncodings &encodings) {
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

Value packConstant(OpBuilder &builder, memref::GetGlobalOp get, ArrayRef<int64_t> shape, bool sumFirst, int64_t width,
                   const ContractEncodings &encodings) {
  auto module = get->getParentOfType<ModuleOp>();
  auto global = module.lookupSymbol<memref::GlobalOp>(get.getName());
  auto values = dyn_cast_or_null<DenseElementsAttr>(global.getConstantInitValue());
  if (!values)
    return Value();
  DenseElementsAttr packed = packPanels(values, shape, sumFirst, width, encodings);
  auto type = MemRefType::get(packed.getType().getShape(), encodings.word());
  OpBuilder outside = OpBuilder::atBlockBegin(module.getBody());
  auto panels = memref::GlobalOp::create(outside, get.getLoc(), (get.getName() + "_panels").str(),
                                         outside.getStringAttr("private"), type, packed, /*constant=*/true,
                                         outside.getI64IntegerAttr(64));
  SymbolTable(module).insert(panels); // renames on collision
  return memref::GetGlobalOp::create(builder, get.getLoc(), type, panels.getSymName());
}

} // namespace attnc::schedule
