//===- OutlineLayers.cpp - Layers that say the same become one function ---===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before, for each of twelve layers:
//
//   %w = attn.weight @layer.0.q : tensor<768x768xf32>
//   %e = tensor.empty(%seq) : tensor<?x768xf32>
//   %y = attn.contract lhs(%x ...) rhs(%w ...) outs(..., %e)
//   ...
//
// After: an op of the function reads the weight of its layer, and code and compile time follow the different layers.
//
//   weights.stack @layer.*.q of [@layer.0.q, @layer.1.q, ...] : tensor<768x768xf32>
//
//   %0 = call @model_layer(%c0, %x)
//   %1 = call @model_layer(%c1, %0)
//   ...
//   func.func private @model_layer(%layer: index, %x: tensor<?x768xf32> {attnc.dims = ["seq", "768"]})
//       -> (tensor<?x768xf32> {attnc.dims = ["seq", "768"]}) {
//     %w = attn.layer_weight @layer.*.q[%layer] : tensor<768x768xf32>
//     %seq = tensor.dim %x, %c0
//     ...
//
// Where only constants differ, `tensor.extract %table[%layer]` has them. What is equal in all layers is in the function;
// other tensors are its arguments. Names of dimensions say which extents are equal: those of every result are found in an
// argument (memory for results is the caller's).
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Axes.h"
#include "compiler/fusion/LayerBuilder.h"
#include "compiler/fusion/Passes.h"
#include "dialects/Attn/Decisions.h"
#include "dialects/Weights/WeightsOps.h"

using namespace mlir;

namespace attnc::fusion {
#define GEN_PASS_DEF_OUTLINELAYERS
#include "compiler/fusion/Passes.h.inc"

/// Extents are read from arguments, so that nothing but layers uses what layers make.
static void readExtentsOfArguments(func::FuncOp function) {
  DenseMap<const void *, Value> extents;
  OpBuilder b = OpBuilder::atBlockBegin(&function.front());
  for (BlockArgument argument : function.getArguments())
    if (auto type = dyn_cast<RankedTensorType>(argument.getType()))
      for (int64_t d = 0; d < type.getRank(); ++d)
        if (const void *key = type.isDynamicDim(d) ? extentKey(argument, d) : nullptr; key && !extents.count(key))
          extents[key] = tensor::DimOp::create(b, function.getLoc(), argument, d);
  for (tensor::DimOp dim : llvm::make_early_inc_range(function.front().getOps<tensor::DimOp>()))
    if (Value extent = extents.lookup(extentKey(dim.getResult(), 0)); extent && extent != dim.getResult()) {
      dim.replaceAllUsesWith(extent);
      dim.erase();
    }
  for (auto [key, extent] : extents)
    if (extent.use_empty())
      extent.getDefiningOp()->erase();
}

/// A product or an attention: what layers are about.
static bool isCentral(Operation *op) { return isa<attn::AttentionOp, attn::ContractOp>(op); }

/// What an op needs: constants and extents alone, inputs too, or the result of a central op. Graphs compute masks, tables of
/// positions and embeddings where they are first needed, in the middle of the first of the layers that share them.
enum class Needs { nothing, inputs, products };

static DenseMap<Operation *, Needs> findNeeds(Block &block) {
  DenseMap<Operation *, Needs> needs;
  for (Operation &op : block.without_terminator()) {
    Needs most = isCentral(&op) ? Needs::products : Needs::nothing;
    op.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        Operation *owner = operand.getDefiningOp();
        if (owner && owner->getBlock() == &block)
          most = std::max(most, needs[owner]);
        else if (!owner && operand.getParentBlock() == &block)
          most = std::max(most, Needs::inputs);
      }
    });
    auto dim =
        dyn_cast<tensor::DimOp>(op); // extents of inputs are known from the start, those of other tensors are not
    needs[&op] = dim && isa<BlockArgument>(dim.getSource()) ? Needs::nothing : most;
  }
  return needs;
}

/// Puts ops in the order of what they need.
static void hoist(Block &block, DenseMap<Operation *, Needs> &needs) {
  for (Needs least : {Needs::products, Needs::inputs}) {
    Operation *first = nullptr;
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
      if (needs[&op] >= least)
        first = first ? first : &op;
      else if (first)
        op.moveBefore(first);
    }
  }
}

static bool isWorthAFunction(const Repetition &repetition) {
  return llvm::any_of(repetition.occurrences.front(), isCentral) &&
         llvm::none_of(repetition.occurrences.front(), [](Operation *op) { return isa<func::CallOp>(op); });
}

namespace {
struct OutlineLayersPass : impl::OutlineLayersBase<OutlineLayersPass> {
  /// Outlines the best repetition of `function`; false if there is none.
  bool outline(func::FuncOp function, SymbolTable &symbols) {
    DenseSet<Operation *> shared = findSharedOps(function.front());
    DenseMap<Operation *, Needs> needs = findNeeds(function.front());
    std::vector<Operation *> sequence; // as it will be once it is in the order of needs
    for (Needs each : {Needs::nothing, Needs::inputs, Needs::products})
      for (Operation &op : function.front().without_terminator())
        if (!shared.contains(&op) && needs[&op] == each)
          sequence.push_back(&op);
    DenseSet<Value> deciding = attn::findDecidingFloats(function);
    std::optional<LayerBuilder> builder;
    std::optional<Repetition> found = findRepetition(sequence, [&](const Repetition &repetition) {
      return !isWorthAFunction(repetition) || decides(repetition, deciding);
    });
    if (!found)
      return false;
    hoist(function.front(), needs);
    builder.emplace(function, *found, shared, symbols);
    if (failed(builder->build()))
      return false;
    builder->callInstead();
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.front())))
      if (isOpTriviallyDead(&op))
        op.erase();
    ++numLayers;
    numCalls += found->occurrences.size();
    return true;
  }

  /// Whether an integer depends on the rounding of what goes in or out: which ops decide is seen within a function only.
  static bool decides(const Repetition &repetition, const DenseSet<Value> &deciding) {
    for (Occurrence occurrence : repetition.occurrences)
      for (Operation *op : occurrence)
        if (llvm::any_of(op->getOperands(), [&](Value value) { return deciding.contains(value); }) ||
            llvm::any_of(op->getResults(), [&](Value value) { return deciding.contains(value); }))
          return true;
    return false;
  }

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (func::FuncOp function : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (!function.isPublic() || function.isDeclaration() || !function.getBody().hasOneBlock())
        continue;
      readExtentsOfArguments(function);
      while (outline(function, symbols))
        ;
    }
    weights::eraseUnused(getOperation());
  }
};
} // namespace

} // namespace attnc::fusion
