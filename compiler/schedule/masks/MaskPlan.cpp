//===- MaskPlan.cpp - Which blocks of keys a block of queries visits ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/masks/MaskPlan.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

MaskPlan::MaskPlan(AttentionOp op) : op(op) {
  if (!hasMask())
    return;
  formula = readMaskFormula(op.getMask());
  auto isSolvable = [&](const MaskConjunction &conjunction) {
    return schedule::isSolvable(conjunction, formula.ranges);
  };
  closedForm =
      formula.isExact() && llvm::all_of(formula.allowed, isSolvable) && llvm::all_of(formula.masked, isSolvable);
}

void MaskPlan::emitHead(OpBuilder &b, Location loc, ArrayRef<Value> leading, Value trusted) {
  if (!hasMask())
    return;
  isTrusted = trusted;
  Block &block = op.getMask().front();
  uniform = IRMapping();
  for (auto [argument, value] : llvm::zip(block.getArguments(), leading))
    if (value)
      uniform.map(argument, value);
  for (auto [argument, value] : llvm::zip(block.getArguments().drop_front(leading.size()), op.getCaptures()))
    uniform.map(argument, value);
  symbols = emitMaskSymbols(b, loc, op.getMask(), formula, uniform);
}

BlockTruth MaskPlan::emitTruth(OpBuilder &b, Location loc, IndexRange queries, IndexRange keys) {
  auto flag = [&](bool value) -> Value { return arith::ConstantIntOp::create(b, loc, value, 1); };
  if (!hasMask())
    return {flag(true), flag(false)};
  MaskSolver solver(b, loc, formula.ranges, symbols.values, op.getMask(), uniform);
  BlockTruth truth{solver.meets(formula.allowed, queries, keys), solver.meets(formula.masked, queries, keys)};
  if (symbols.areModerate) { // else anything may be true
    Value unknown = b.createOrFold<arith::XOrIOp>(loc, symbols.areModerate, flag(true));
    truth = {b.createOrFold<arith::OrIOp>(loc, truth.someAllowed, unknown),
             b.createOrFold<arith::OrIOp>(loc, truth.someMasked, unknown)};
  }
  if (!closedForm) {
    DenseMap<Value, IndexRange> ranges;
    ranges[op.argumentOf(op.getMask(), 'i')] = queries;
    ranges[op.argumentOf(op.getMask(), 'j')] = keys;
    BlockTruth rough = emitBlockTruth(b, loc, op.getMask(), ranges, uniform);
    truth = {b.createOrFold<arith::AndIOp>(loc, truth.someAllowed, rough.someAllowed),
             b.createOrFold<arith::AndIOp>(loc, truth.someMasked, rough.someMasked)};
  }
  if (!isTrusted)
    return truth;
  Value widened = b.createOrFold<arith::XOrIOp>(loc, isTrusted, flag(true));
  return {b.createOrFold<arith::OrIOp>(loc, truth.someAllowed, widened),
          b.createOrFold<arith::OrIOp>(loc, truth.someMasked, widened)};
}

/// i1: what the inequalities say of keys is so; null where it always is.
Value MaskPlan::boundsHold(OpBuilder &b, Location loc) {
  if (!symbols.areModerate || !isTrusted)
    return isTrusted ? isTrusted : symbols.areModerate;
  return b.createOrFold<arith::AndIOp>(loc, symbols.areModerate, isTrusted);
}

/// 1 where `expr` can only grow with the query, -1 where it can only fall, else 0.
static int trendOf(AffineExpr expr) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dim.getPosition() == kQueryDim;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return 0;
  int lhs = trendOf(binary.getLHS()), rhs = trendOf(binary.getRHS());
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return lhs * rhs < 0 ? 0 : lhs + rhs > 0 ? 1 : lhs + rhs < 0 ? -1 : 0;
  case AffineExprKind::Mul:
  case AffineExprKind::FloorDiv:
  case AffineExprKind::CeilDiv:
    return !factor ? 0 : factor.getValue() > 0 ? lhs : -lhs;
  default:
    return 0;
  }
}

bool MaskPlan::growsWithQueries() {
  return hasMask() && llvm::any_of(formula.allowed, [&](const MaskConjunction &conjunction) {
           bool grows = false, slides = false;
           for (AffineExpr atom : conjunction.atoms)
             if (std::optional<SolvedBound> bound = solveFor(atom, kKeyDim, formula.ranges);
                 bound && trendOf(bound->at) > 0)
               (bound->isLower ? slides : grows) = true;
           return grows && !slides;
         });
}

IndexRange MaskPlan::emitKeyHull(OpBuilder &b, Location loc, IndexRange queries, IndexRange keys) {
  Value one = constantIndex(b, loc, 1);
  IndexRange hull{b.createOrFold<arith::AddIOp>(loc, keys.high, one), constantIndex(b, loc, -1)};
  for (IndexRange range : rangesWithin(b, loc, kKeyDim, queries, keys)) {
    Value exists = b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::sle, range.low, range.high);
    Value low = b.createOrFold<arith::SelectOp>(loc, exists, range.low, hull.low);
    Value high = b.createOrFold<arith::SelectOp>(loc, exists, range.high, hull.high);
    hull = {b.createOrFold<arith::MinSIOp>(loc, hull.low, low), b.createOrFold<arith::MaxSIOp>(loc, hull.high, high)};
  }
  return hull;
}

/// Blocks begin at multiples of their size, so that a row visits its keys in the same blocks whatever others see.
static Value alignDown(OpBuilder &b, Location loc, Value key, Value size) {
  return b.createOrFold<arith::SubIOp>(loc, key, b.createOrFold<arith::RemSIOp>(loc, key, size));
}

/// The first key at or after `from` that lies in one of `ranges`, or `end`.
static Value nextKey(OpBuilder &b, Location loc, ArrayRef<IndexRange> ranges, Value from, Value end) {
  Value next = end;
  for (IndexRange range : ranges) {
    Value candidate = b.createOrFold<arith::MaxSIOp>(loc, from, range.low);
    Value inside = b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::sle, candidate, range.high);
    candidate = b.createOrFold<arith::SelectOp>(loc, inside, candidate, end);
    next = b.createOrFold<arith::MinSIOp>(loc, next, candidate);
  }
  return next;
}

SmallVector<IndexRange> MaskPlan::emitRanges(OpBuilder &b, Location loc, unsigned dim, IndexRange others, Value n) {
  Value one = constantIndex(b, loc, 1), zero = constantIndex(b, loc, 0);
  return rangesWithin(b, loc, dim, others, {zero, b.createOrFold<arith::SubIOp>(loc, n, one)});
}

SmallVector<IndexRange> MaskPlan::rangesWithin(OpBuilder &b, Location loc, unsigned dim, IndexRange others,
                                               IndexRange whole) {
  if (!hasMask())
    return {whole};
  MaskSolver solver(b, loc, formula.ranges, symbols.values, op.getMask(), uniform);
  SmallVector<IndexRange> ranges;
  for (const MaskConjunction &conjunction : formula.allowed)
    ranges.push_back(solver.partners(conjunction, dim, others, whole));
  Value holds = boundsHold(b, loc);
  if (!holds)
    return ranges;
  if (ranges.empty()) // none, where they hold
    ranges.push_back({whole.low, b.createOrFold<arith::SubIOp>(loc, whole.low, constantIndex(b, loc, 1))});
  for (IndexRange &range : ranges)
    range = {b.createOrFold<arith::SelectOp>(loc, holds, range.low, whole.low),
             b.createOrFold<arith::SelectOp>(loc, holds, range.high, whole.high)};
  return ranges;
}

static void emitFor(OpBuilder &b, Location loc, Value begin, Value end, Value step,
                    llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, step);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void MaskPlan::emitWalk(OpBuilder &b, Location loc, IndexRange queries, Value n, int64_t step,
                        llvm::function_ref<void(Value)> body) {
  auto index = [&](int64_t value) -> Value { return constantIndex(b, loc, value); };
  Value zero = index(0), size = index(step);
  if (!hasMask())
    return emitFor(b, loc, zero, n, size, body);
  SmallVector<IndexRange> ranges = emitRanges(b, loc, kKeyDim, queries, n);
  if (ranges.empty()) // nothing is ever allowed
    return;
  if (ranges.size() == 1) {
    Value end = b.createOrFold<arith::AddIOp>(loc, ranges[0].high, index(1));
    if (isConstantIntValue(ranges[0].low, 0))
      return emitFor(b, loc, zero, end, size, body);
    Value isEmpty = b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::sge, ranges[0].low, end);
    Value begin = alignDown(b, loc, ranges[0].low, size); // which would give an empty range a block
    return emitFor(b, loc, b.createOrFold<arith::SelectOp>(loc, isEmpty, end, begin), end, size, body);
  }

  auto loop = scf::WhileOp::create(b, loc, TypeRange{b.getIndexType()}, ValueRange{nextKey(b, loc, ranges, zero, n)});
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, {b.getIndexType()}, {loc});
  Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, before->getArgument(0), n);
  scf::ConditionOp::create(b, loc, more, before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, {b.getIndexType()}, {loc});
  Value n0 = alignDown(b, loc, after->getArgument(0), size);
  body(n0);
  Value from = b.createOrFold<arith::AddIOp>(loc, n0, size);
  scf::YieldOp::create(b, loc, ValueRange{nextKey(b, loc, ranges, from, n)});
}

void MaskPlan::remark(const Twine &subject) {
  if (!hasMask())
    return;
  InFlightDiagnostic remark = mlir::emitRemark(op.getMask().front().getTerminator()->getLoc());
  if (closedForm)
    remark << subject << ": key blocks follow " << (formula.searched.empty() ? "in closed form" : "by binary search")
           << " from " << formula.allowed.size() << (formula.allowed.size() == 1 ? " interval" : " intervals")
           << "; empty blocks are not visited";
  else
    remark << subject << ": not all conditions have a closed form; they are evaluated for each block of keys";
  auto captured = [&](Value argument) { return op.captureOf(cast<BlockArgument>(argument)); };
  for (Value tensor : formula.searched)
    remark.attachNote(captured(tensor).getLoc()) << "sorted: the ends of intervals are found in it by binary search";
  for (Operation *operation : formula.opaque)
    remark.attachNote(operation->getLoc()) << "'" << operation->getName() << "' is evaluated, block by block";
}
