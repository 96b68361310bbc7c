//===- RowEnd.cpp - The softmax of rows at their end ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/RowEnd.h"
#include "compiler/schedule/attention/LongSums.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <numbers>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

namespace {
/// The values gathered for a row are still to be multiplied by `factor`.
struct RowEnd {
  Value lse, sum, factor;
};
} // namespace

/// Weights of a row are 2^(s' * log2(e) - shift): what rounding has left of max * log2(e) - shift. tile.softmax_step
/// rounds it where it is not too large; rows of scores subtract max first (RowSoftmax.h) and leave nothing. Targets
/// without fused multiply-add leave no rest, and have 0 here too, or NaN where m log2(e) is infinite.
static Value emitShiftRest(AttentionContext &c, const BlockState &state, Value lane) {
  if (!state.shift)
    return c.f(0.0);
  Value max = c.load(state.max, {lane}), log2e = c.f(std::numbers::log2e);
  Value shift = c.mulf(max, log2e);
  Value rest = math::FmaOp::create(c.b, c.loc, max, log2e, arith::NegFOp::create(c.b, c.loc, shift));
  Value isShifted = c.cmpf(arith::CmpFPredicate::OGT, c.load(state.limit, {lane}), c.none());
  Value isNumber = c.cmpf(arith::CmpFPredicate::ORD, rest, rest);
  return c.select(arith::AndIOp::create(c.b, c.loc, isShifted, isNumber), rest, c.f(0.0));
}

/// log of the sum of e^s' of a row: m + (log2 l - rest) ln 2.
static Value emitLse(AttentionContext &c, const BlockState &state, Value lane, Value sum) {
  Value log = c.subf(math::Log2Op::create(c.b, c.loc, sum), emitShiftRest(c, state, lane));
  log = c.mulf(log, c.f(std::numbers::ln2));
  return c.addf(c.load(state.max, {lane}), log);
}

/// A10: the sink is one more key, of value 0. Its weight is 2^t, t = (sink - m) log2(e) + rest; where t > 0 or l = 0,
/// the sink becomes the maximum instead, l := l 2^-t + 1, and O counts 2^-t.
static RowEnd emitRowEnd(AttentionContext &c, const QueryBlock &queries, Value lane) {
  const BlockState &state = queries.state;
  Value sum = c.load(state.sum, {lane}), zero = c.f(0.0), one = c.f(1.0), max = c.load(state.max, {lane});
  if (c.op.getSink().empty())
    return {c.op.hasLse() ? emitLse(c, state, lane, sum) : Value(), sum, one};
  double infinity = std::numeric_limits<double>::infinity();
  Value sink = c.sinkOf(queries, c.add(queries.first, lane));
  Value isEmpty = c.cmpf(arith::CmpFPredicate::OEQ, sum, zero);
  Value base = c.select(c.cmpf(arith::CmpFPredicate::OEQ, max, c.none()), zero, max); // no inf - inf
  Value above = c.mulf(c.subf(sink, base), c.f(std::numbers::log2e));
  above = c.addf(above, emitShiftRest(c, state, lane));
  Value raises = arith::OrIOp::create(c.b, c.loc, isEmpty, c.cmpf(arith::CmpFPredicate::OGT, above, zero));
  Value isFinite = c.cmpf(arith::CmpFPredicate::OLT, math::AbsFOp::create(c.b, c.loc, sink), c.f(infinity));
  raises = arith::AndIOp::create(c.b, c.loc, raises, isFinite);
  Value factor = math::Exp2Op::create(c.b, c.loc, c.subf(zero, above));
  factor = c.select(isEmpty, one, c.select(raises, factor, one)); // 0 * 2^-t is 0 even where 2^-t is infinite
  Value weight = c.select(raises, one, math::Exp2Op::create(c.b, c.loc, above));
  sum = c.addf(c.mulf(sum, factor), weight);
  factor = c.addf(factor, c.subf(sum, sum)); // NaN and +inf: NaN (A6)
  if (!c.op.hasLse())
    return {Value(), sum, factor};
  Value log = c.mulf(math::Log2Op::create(c.b, c.loc, sum), c.f(std::numbers::ln2));
  return {c.select(raises, c.addf(sink, log), emitLse(c, state, lane, sum)), sum, factor};
}

void schedule::emitRowEnds(AttentionContext &c, const QueryBlock &queries,
                           llvm::function_ref<void(const QueryBlock &, Value)> finish) {
  emitAddTotals(c, queries);
  emitAddedRowEnds(c, queries, finish);
}

void schedule::emitAddedRowEnds(AttentionContext &c, const QueryBlock &queries,
                                llvm::function_ref<void(const QueryBlock &, Value)> finish) {
  Value zero = c.f(0.0);
  Value lse = c.op.hasLse() ? c.view(queries.at, c.op.getInits()[1], c.op.getLseLayout(),
                                     {{'M', queries.first, queries.count}}, "M")
                            : Value();
  auto lanes = cast<MemRefType>(queries.state.sum.getType()).getDimSize(0);
  bool isOwn = !lse && c.op.getSink().empty() && !ShapedType::isDynamic(lanes); // only scratch is touched: all lanes
  c.mapColumns(isOwn ? c.index(lanes) : queries.count, [&](Value lane) {
    RowEnd end = emitRowEnd(c, queries, lane);
    Value isEmpty = c.cmpf(arith::CmpFPredicate::OEQ, end.sum, zero);
    if (lse) {
      // A score of +inf makes l infinite; the row is NaN then (A6), and so is l - l.
      Value value = c.addf(end.lse, c.subf(end.sum, end.sum));
      c.store(c.converted(c.select(isEmpty, c.none(), value), c.elementOf(lse)), lse, {lane});
    }
    Value inverse = arith::DivFOp::create(c.b, c.loc, end.factor, end.sum); // l := l = 0 ? 0 : 1 / l
    c.store(c.select(isEmpty, zero, inverse), queries.state.sum, {lane});
  });
  finish(queries, c.rowsOf(queries.at, c.o(), queries.first, queries.count));
}
