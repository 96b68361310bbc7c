//===- Decisions.cpp - Floats that integers and booleans come out of ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two walks. Forwards: a value is settled if it is made of positions, constants and inputs element by element, or is the
// largest or smallest of such.
// Backwards from conversions, comparisons and steps: settled floats decide, and so do the floats they are made of.
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/Decisions.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace attnc::attn;

static bool isFloat(Value value) { return isa<FloatType>(getElementTypeOrSelf(value.getType())); }

/// Its result jumps where an operand moves by a rounding; an angle moves by far more than the rounding.
static bool jumps(Operation *op) {
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return compare.getPredicate() != arith::CmpFPredicate::ORD && compare.getPredicate() != arith::CmpFPredicate::UNO;
  return isa<arith::FPToSIOp, arith::FPToUIOp, arith::RemFOp, math::FloorOp, math::CeilOp, math::RoundOp,
             math::RoundEvenOp, math::TruncOp, PhaseOp>(op);
}

/// q in a query region, k in a key region.
static Value rowOf(FeatureOp feature) {
  auto attention = feature->getParentOfType<AttentionOp>();
  bool isQuery = attention.getQuery().findAncestorBlockInRegion(*feature->getBlock()) != nullptr;
  return isQuery ? attention.getQ() : attention.getK();
}

/// A reduction that rounds nothing: it finds the largest or smallest element.
static bool isChoice(linalg::LinalgOp op) {
  return op->getNumRegions() == 1 && llvm::all_of(op.getBlock()->without_terminator(), [](Operation &inner) {
           return isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(inner);
         });
}

/// Elements of the result are elements of operands, or made of one of each.
static bool isElementwise(Operation *op) {
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return structured.getNumParallelLoops() == structured.getNumLoops() || isChoice(structured);
  return (op->hasTrait<OpTrait::Elementwise>() && op->getNumRegions() == 0) || isa<arith::ConstantOp>(op) ||
         (isa<tensor::TensorDialect>(op->getDialect()) && (op->getNumRegions() == 0 || isa<tensor::GenerateOp>(op)));
}

namespace {
class Search {
public:
  explicit Search(Operation *root) { visit(root); }
  llvm::DenseSet<Value> run();

private:
  void visit(Operation *op);
  void enter(Operation *op);
  bool isSettled(Value value) const { return !isFloat(value) || settled.contains(value); }
  bool allSettled(ValueRange values) const {
    return llvm::all_of(values, [&](Value value) { return isSettled(value); });
  }
  void settle(Value value, bool isSettled) {
    if (isSettled && isFloat(value))
      settled.insert(value);
  }
  void decide(Value value) {
    if (isFloat(value) && settled.contains(value) && deciding.insert(value).second)
      pending.push_back(value);
  }
  void decideOrigin(Value value);

  llvm::DenseSet<Value> settled, deciding;
  SmallVector<Operation *> decisions;
  SmallVector<Value> pending;
};
} // namespace

/// The arguments of the regions of `op`, before the regions are visited.
void Search::enter(Operation *op) {
  if (isa<func::FuncOp>(op))
    for (Value argument : op->getRegion(0).getArguments())
      settle(argument, true);
  if (auto structured = dyn_cast<linalg::LinalgOp>(op); structured && isElementwise(op))
    for (OpOperand &operand : op->getOpOperands())
      settle(structured.getMatchingBlockArgument(&operand), isSettled(operand.get()));
  auto enterCaptures = [&](Region &region, OperandRange captures) {
    if (!region.empty())
      for (auto [argument, capture] : llvm::zip(region.getArguments().take_back(captures.size()), captures))
        settle(argument, isSettled(capture));
  };
  if (auto attention = dyn_cast<AttentionOp>(op))
    for (Region &region : op->getRegions())
      enterCaptures(region, attention.getCaptures());
  if (auto contract = dyn_cast<ContractOp>(op))
    enterCaptures(contract.getEpilogue(), contract.getCaptures());
}

void Search::visit(Operation *op) {
  enter(op);
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (Operation &inner : block)
        visit(&inner);
  if (jumps(op))
    decisions.push_back(op);
  if (auto feature = dyn_cast<FeatureOp>(op)) {
    settle(feature.getResult(), isSettled(rowOf(feature)));
    return;
  }
  bool keeps = (isElementwise(op) || isa<PhaseOp>(op)) && allSettled(op->getOperands());
  for (Region &region : op->getRegions())
    keeps = keeps && region.hasOneBlock() && allSettled(region.front().getTerminator()->getOperands());
  for (Value result : op->getResults())
    settle(result, keeps);
}

/// What a deciding float is made of decides too.
void Search::decideOrigin(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (auto structured = dyn_cast<linalg::LinalgOp>(parent))
      decide(structured.getMatchingOpOperand(argument)->get());
    else if (auto attention = dyn_cast<AttentionOp>(parent))
      decide(attention.getCaptures()[argument.getArgNumber() + attention.getCaptures().size() -
                                     argument.getOwner()->getNumArguments()]);
    else if (auto contract = dyn_cast<ContractOp>(parent))
      decide(contract.getCaptures()[argument.getArgNumber() + contract.getCaptures().size() -
                                    argument.getOwner()->getNumArguments()]);
    return;
  }
  Operation *op = value.getDefiningOp();
  if (auto feature = dyn_cast<FeatureOp>(op))
    return decide(rowOf(feature));
  llvm::for_each(op->getOperands(), [&](Value operand) { decide(operand); });
  for (Region &region : op->getRegions())
    for (Value yielded : region.front().getTerminator()->getOperands())
      decide(yielded);
}

llvm::DenseSet<Value> Search::run() {
  for (Operation *op : decisions)
    llvm::for_each(op->getOperands(), [&](Value operand) { decide(operand); });
  while (!pending.empty())
    decideOrigin(pending.pop_back_val());
  return std::move(deciding);
}

llvm::DenseSet<Value> attnc::attn::findDecidingFloats(Operation *root) { return Search(root).run(); }
