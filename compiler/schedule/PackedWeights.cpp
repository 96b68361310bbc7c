//===- PackedWeights.cpp - Panels of a weight -----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/PackedWeights.h"
#include "compiler/schedule/BlockWeights.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/IR/SymbolTable.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::schedule {
namespace {

/// Declares panels of one matrix, each once.
class PanelMaker {
public:
  PanelMaker(ModuleOp module, ArrayRef<int64_t> shape, bool sumFirst, int64_t width, const ContractEncodings &encodings)
      : module(module), outside(module.getContext()), encodings(encodings), width(width), group(encodings.group()),
        sums(shape[sumFirst ? 0 : 1]), depth(llvm::alignTo(sums, group)), columns(shape[sumFirst ? 1 : 0]),
        sumFirst(sumFirst) {
    what = fmt::format(".panels{}_{}x{}", width, sums, columns);
    if (group > 1)
      what += fmt::format("_{}", group);
    if (encodings.block())
      what += fmt::format("_{}", encodings.block());
    if (encodings.sums.isF64() && !encodings.rhs.isF64())
      what += "_f64";
    if (!sumFirst) // the same numbers may be another matrix elsewhere
      what += "t";
  }

  /// The op that declares the panels of the weight that `source` declares.
  Operation *ofWeight(Operation *source) {
    if (encodings.block())
      return ofBlocks(source);
    source = ofWholeGroups(widened(source));
    StringRef sourceName = SymbolTable::getSymbolName(source);
    std::string name = sourceName.str() + what;
    if (Operation *known = module.lookupSymbol(name))
      return known;
    SmallVector<int64_t> shape{static_cast<int64_t>(llvm::divideCeil(columns, width)), depth / group, width},
        inside{width, 0, 1};
    int64_t column = sumFirst ? 1 : depth, sum = sumFirst ? columns : 1; // strides of the matrix
    SmallVector<int64_t> strides{width * column, group * sum, column};
    if (group > 1) {
      shape.push_back(group);
      strides.push_back(sum);
      inside.push_back(0);
    }
    bool isPadded = columns % width != 0;
    outside.setInsertionPointAfter(source);
    return weights::ViewOp::create(outside, source->getLoc(), name, sourceName, 0,
                                   outside.getDenseI64ArrayAttr(strides),
                                   isPadded ? outside.getDenseI64ArrayAttr(inside) : nullptr,
                                   isPadded ? outside.getI64IntegerAttr(columns) : nullptr,
                                   RankedTensorType::get(shape, group > 1 ? encodings.rhs : encodings.sums));
  }

  /// The op that declares the panels of all weights of `stack`.
  Operation *ofStack(weights::StackOp stack) {
    std::string name = stack.getSymName().str() + what;
    if (Operation *known = module.lookupSymbol(name))
      return known;
    SmallVector<Attribute> names;
    Operation *last = stack;
    RankedTensorType type;
    for (FlatSymbolRefAttr source : weights::sourcesOf(stack)) {
      Operation *panels = ofWeight(module.lookupSymbol(source.getAttr()));
      names.push_back(FlatSymbolRefAttr::get(panels->getContext(), SymbolTable::getSymbolName(panels)));
      last = last->isBeforeInBlock(panels) ? panels : last;
      type = weights::typeOf(panels);
    }
    outside.setInsertionPointAfter(last);
    return weights::StackOp::create(outside, stack.getLoc(), name, outside.getArrayAttr(names), type);
  }

  /// How code sees panels of `type`: a group is a word.
  MemRefType memoryOf(RankedTensorType type) const {
    ArrayRef<int64_t> shape = type.getShape();
    return MemRefType::get(group > 1 && !encodings.block() ? shape.drop_back() : shape, encodings.word());
  }

private:
  Operation *ofBlocks(Operation *source) {
    std::string name = SymbolTable::getSymbolName(source).str() + what;
    Operation *known = module.lookupSymbol(name);
    return known ? known : packBlocks(source, *readBlockWeight(source, sumFirst), width, name);
  }

  /// `source`, or the same in the sums' type where the target has no instruction for its elements: "w.f32", "w.i32".
  Operation *widened(Operation *source) {
    if (group > 1 || encodings.rhs == encodings.sums)
      return source;
    StringRef sourceName = SymbolTable::getSymbolName(source);
    std::string name = fmt::format("{}.{}{}", sourceName.str(), isa<FloatType>(encodings.sums) ? "f" : "i",
                                   encodings.sums.getIntOrFloatBitWidth());
    if (Operation *known = module.lookupSymbol(name))
      return known;
    outside.setInsertionPointAfter(source);
    return weights::CastOp::create(outside, source->getLoc(), name, sourceName, /*is_unsigned=*/false,
                                   RankedTensorType::get(weights::typeOf(source).getShape(), encodings.sums));
  }

  /// `source`, or the same matrix with zeros behind its sums up to a whole group: "w.whole4x70", of 3 x 70.
  Operation *ofWholeGroups(Operation *source) {
    if (depth == sums)
      return source;
    StringRef sourceName = SymbolTable::getSymbolName(source);
    std::string name = fmt::format("{}.whole{}x{}{}", sourceName.str(), depth, columns, sumFirst ? "" : "t");
    if (Operation *known = module.lookupSymbol(name))
      return known;
    SmallVector<int64_t> shape{depth, columns}, strides{columns, 1}, inside{1, 0};
    if (!sumFirst)
      shape = {columns, depth}, strides = {sums, 1}, inside = {0, 1};
    outside.setInsertionPointAfter(source);
    return weights::ViewOp::create(outside, source->getLoc(), name, sourceName, 0,
                                   outside.getDenseI64ArrayAttr(strides), outside.getDenseI64ArrayAttr(inside),
                                   outside.getI64IntegerAttr(sums),
                                   RankedTensorType::get(shape, weights::typeOf(source).getElementType()));
  }

  ModuleOp module;
  OpBuilder outside;
  const ContractEncodings &encodings;
  int64_t width, group, sums;
  int64_t depth; ///< the sums, to a whole group
  int64_t columns;
  bool sumFirst;
  std::string what; ///< the end of a name
};

} // namespace

Value packWeight(OpBuilder &builder, tile::WeightOp weight, ArrayRef<int64_t> shape, bool sumFirst, int64_t panelWidth,
                 const ContractEncodings &encodings) {
  auto module = weight->getParentOfType<ModuleOp>();
  PanelMaker maker(module, shape, sumFirst, panelWidth, encodings);
  Operation *source = module.lookupSymbol(weight.getName()), *panels;
  RankedTensorType type;
  if (auto stack = dyn_cast<weights::StackOp>(source)) {
    auto made = cast<weights::StackOp>(panels = maker.ofStack(stack));
    type = made.getTensorType();
  } else {
    type = weights::typeOf(panels = maker.ofWeight(source));
  }
  return tile::WeightOp::create(builder, weight.getLoc(), maker.memoryOf(type), SymbolTable::getSymbolName(panels),
                                weight.getLayer());
}

} // namespace attnc::schedule
