//===- FeatureSplit.cpp - Where an expression of a feature splits ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/FeatureSplit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attnc::schedule;

/// More runs than this are more code than they save.
constexpr size_t kManyRuns = 32;

//===----------------------------------------------------------------------===//
// One run
//===----------------------------------------------------------------------===//

/// value < 0 for all e or for none; else remembers where that changes.
std::optional<bool> FeatureKnowledge::isNegative(AffineIndex value) {
  bool first = value.at(0) < 0, last = value.at(run.count - 1) < 0;
  if (first == last)
    return first;
  // The first e whose sign is the last one's: first + slope * e < 0, or >= 0.
  int64_t change = value.slope < 0 ? llvm::divideFloorSigned(value.first, -value.slope) + 1
                                   : llvm::divideCeilSigned(-value.first, value.slope);
  found = change;
  return std::nullopt;
}

/// The one that is nowhere above the other; where they are equal does not matter.
std::optional<AffineIndex> FeatureKnowledge::lesser(AffineIndex x, AffineIndex y) {
  AffineIndex difference{x.first - y.first, x.slope - y.slope};
  int64_t first = difference.at(0), last = difference.at(run.count - 1);
  if (first <= 0 && last <= 0)
    return x;
  if (first >= 0 && last >= 0)
    return y;
  isNegative(difference); // remembers where
  return std::nullopt;
}

/// floor(value / divisor)
std::optional<AffineIndex> FeatureKnowledge::divide(AffineIndex value, int64_t divisor) {
  if (value.slope % divisor == 0)
    return AffineIndex{llvm::divideFloorSigned(value.first, divisor), value.slope / divisor};
  int64_t quotient = llvm::divideFloorSigned(value.first, divisor);
  int64_t next = (quotient + 1) * divisor; // the first value of another quotient, for a rising index
  if (value.slope > 0 && value.at(run.count - 1) < next)
    return AffineIndex{quotient, 0};
  if (value.slope > 0)
    found = llvm::divideCeilSigned(next - value.first, value.slope);
  return std::nullopt;
}

/// Far from wrapping around at every feature of the run: what is not so is left to the code that computes it.
static bool isSmall(AffineIndex index, int64_t count) {
  constexpr int64_t kSmall = int64_t(1) << 40;
  int64_t change;
  auto isWithin = [](int64_t value) { return -kSmall <= value && value <= kSmall; }; // no abs: the smallest has none
  return isWithin(index.first) && !llvm::MulOverflow(index.slope, count, change) && isWithin(change);
}

std::optional<AffineIndex> FeatureKnowledge::index(Value value) {
  if (auto known = indices.find(value); known != indices.end())
    return known->second;
  std::optional<AffineIndex> result = computeIndex(value);
  if (result && !isSmall(*result, run.count))
    result = std::nullopt;
  return indices[value] = result;
}

std::optional<AffineIndex> FeatureKnowledge::computeIndex(Value value) {
  if (value == feature)
    return AffineIndex{run.start, run.step};
  IntegerAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return AffineIndex{constant.getInt(), 0};
  Operation *op = value.getDefiningOp();
  if (!op || !value.getType().isIndex())
    return std::nullopt;
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    std::optional<bool> condition = truth(select.getCondition());
    return condition ? index(*condition ? select.getTrueValue() : select.getFalseValue()) : std::nullopt;
  }
  if (op->getNumOperands() != 2)
    return std::nullopt;
  std::optional<AffineIndex> x = index(op->getOperand(0)), y = index(op->getOperand(1));
  if (!x || !y)
    return std::nullopt;
  using Result = std::optional<AffineIndex>;
  AffineIndex difference{x->first - y->first, x->slope - y->slope};
  return TypeSwitch<Operation *, Result>(op)
      .Case([&](arith::AddIOp) { return AffineIndex{x->first + y->first, x->slope + y->slope}; })
      .Case([&](arith::SubIOp) { return difference; })
      .Case([&](arith::MulIOp) -> Result {
        if (x->slope != 0 && y->slope != 0)
          return std::nullopt;
        AffineIndex product{};
        int64_t slope, factor = x->slope == 0 ? x->first : y->first;
        slope = x->slope == 0 ? y->slope : x->slope;
        if (llvm::MulOverflow(x->first, y->first, product.first) || llvm::MulOverflow(slope, factor, product.slope))
          return std::nullopt;
        return product;
      })
      .Case([&](arith::MinSIOp) { return lesser(*x, *y); })
      .Case([&](arith::MaxSIOp) -> Result {
        Result least = lesser(*x, *y);
        return least ? Result({x->first + y->first - least->first, x->slope + y->slope - least->slope}) : std::nullopt;
      })
      .Case([&](arith::FloorDivSIOp) { return y->slope == 0 && y->first > 0 ? divide(*x, y->first) : std::nullopt; })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<bool> FeatureKnowledge::truth(Value value) {
  if (auto known = truths.find(value); known != truths.end())
    return known->second;
  std::optional<bool> result = computeTruth(value);
  return truths[value] = result;
}

static std::optional<bool> inverse(std::optional<bool> truth) { return truth ? std::optional(!*truth) : std::nullopt; }

std::optional<bool> FeatureKnowledge::computeTruth(Value value) {
  IntegerAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return constant.getValue().isOne();
  Operation *op = value.getDefiningOp();
  if (auto compare = dyn_cast_or_null<arith::CmpIOp>(op)) {
    std::optional<AffineIndex> x = index(compare.getLhs()), y = index(compare.getRhs());
    if (!x || !y)
      return std::nullopt;
    AffineIndex less{x->first - y->first, x->slope - y->slope}, more{-less.first, -less.slope};
    switch (compare.getPredicate()) {
    case arith::CmpIPredicate::slt:
      return isNegative(less);
    case arith::CmpIPredicate::sge:
      return inverse(isNegative(less));
    case arith::CmpIPredicate::sgt:
      return isNegative(more);
    case arith::CmpIPredicate::sle:
      return inverse(isNegative(more));
    case arith::CmpIPredicate::eq:
    case arith::CmpIPredicate::ne:
      if (less.slope != 0)
        return std::nullopt;
      return (less.first == 0) == (compare.getPredicate() == arith::CmpIPredicate::eq);
    default:
      return std::nullopt;
    }
  }
  if (!isa_and_nonnull<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(op))
    return std::nullopt;
  std::optional<bool> x = truth(op->getOperand(0)), y = truth(op->getOperand(1));
  if (isa<arith::XOrIOp>(op))
    return x && y ? std::optional(*x != *y) : std::nullopt;
  bool deciding = isa<arith::OrIOp>(op); // true decides an or, false an and
  if ((x && *x == deciding) || (y && *y == deciding))
    return deciding;
  return x && y ? std::optional(!deciding) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// All runs
//===----------------------------------------------------------------------===//

/// Asks `knowledge` for everything that `value` needs.
static void ask(FeatureKnowledge &knowledge, Value value, llvm::SmallPtrSetImpl<void *> &seen) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumRegions() != 0 || !seen.insert(value.getAsOpaquePointer()).second) // a sum has its own features
    return;
  if (value.getType().isIndex() && knowledge.index(value))
    return;
  if (auto select = dyn_cast<arith::SelectOp>(op))
    if (std::optional<bool> condition = knowledge.truth(select.getCondition()))
      return ask(knowledge, *condition ? select.getTrueValue() : select.getFalseValue(), seen);
  for (Value operand : op->getOperands())
    ask(knowledge, operand, seen);
}

static void appendRuns(Value yielded, Value feature, FeatureRun run, SmallVectorImpl<FeatureRun> &runs) {
  FeatureKnowledge knowledge(feature, run);
  llvm::SmallPtrSet<void *, 16> seen;
  ask(knowledge, yielded, seen);
  std::optional<int64_t> split = knowledge.split();
  if (!split || runs.size() + 2 > kManyRuns) {
    runs.push_back(run);
    return;
  }
  appendRuns(yielded, feature, {run.start, run.step, *split}, runs);
  appendRuns(yielded, feature, {run.start + run.step * *split, run.step, run.count - *split}, runs);
}

SmallVector<FeatureRun> attnc::schedule::splitFeatures(Block &block, Value feature, int64_t extent, int64_t step) {
  SmallVector<FeatureRun> runs;
  Value yielded = block.getTerminator()->getOperand(0);
  for (int64_t start = 0; start < std::min(step, extent); ++start)
    appendRuns(yielded, feature, {start, step, llvm::divideCeilSigned(extent - start, step)}, runs);
  return runs;
}

int64_t attnc::schedule::stepOfFeatures(Block &block, Value feature) {
  llvm::SmallPtrSet<void *, 16> dependent; // on the feature
  dependent.insert(feature.getAsOpaquePointer());
  for (Operation &op : block.without_terminator()) {
    auto depends = [&](Value operand) { return dependent.contains(operand.getAsOpaquePointer()); };
    if (llvm::none_of(op.getOperands(), depends))
      continue;
    for (Value result : op.getResults())
      dependent.insert(result.getAsOpaquePointer());
    IntegerAttr divisor;
    if (isa<arith::FloorDivSIOp>(op) && matchPattern(op.getOperand(1), m_Constant(&divisor)) && divisor.getInt() == 2)
      return 2;
  }
  return 1;
}
