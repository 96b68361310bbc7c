//===- RowSoftmax.cpp - The streaming softmax of rows of scores -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/RowSoftmax.h"
#include "compiler/schedule/attention/LongSums.h"
#include "dialects/Attn/ErrorBound.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <numbers>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

namespace {
/// The maximum of a row before and after some scores; whether something was added up that must follow it.
struct RowMaximum {
  Value old, now, scales;
};
} // namespace

/// e^(score - max), to 3 ulp and what (score - max) log2(e) is rounded by.
static Value emitWeight(AttentionContext &c, Value score, Value max) {
  Value below = c.subf(score, max);
  Value t = c.mulf(below, c.f(std::numbers::log2e));
  return math::Exp2Op::create(c.b, c.loc, t, arith::FastMathFlags::afn);
}

/// `kind` over [begin, end) of what `body` makes of a key.
static Value reduceKeys(AttentionContext &c, tile::ReductionKind kind, Value begin, Value end, Value init,
                        llvm::function_ref<Value(Value key)> body) {
  auto reduce = tile::ReduceOp::create(c.b, c.loc, c.real, kind, begin, end, init);
  OpBuilder::InsertionGuard guard(c.b);
  Value key = c.b.createBlock(&reduce.getBody(), {}, {c.b.getIndexType()}, {c.loc})->getArgument(0);
  tile::YieldOp::create(c.b, c.loc, body(key));
  return reduce.getResult();
}

/// The maximum of row `row` after the scores [0, end) of it.
static RowMaximum emitMaximum(AttentionContext &c, const BlockState &state, Value scores, Value row, Value end) {
  Value none = c.none();
  Value largest = reduceKeys(c, tile::ReductionKind::Max, c.index(0), end, none,
                             [&](Value key) { return c.load(scores, {row, key}); });
  Value old = c.load(state.max, {row});
  Value unset = c.cmpf(arith::CmpFPredicate::OEQ, old, none);
  Value above =
      c.cmpf(arith::CmpFPredicate::OGT, c.subf(largest, old), c.f(attn::kRescaleThreshold * std::numbers::ln2));
  Value finite = c.cmpf(arith::CmpFPredicate::OEQ, c.subf(largest, largest), c.f(0.0));
  Value raised = arith::AndIOp::create(c.b, c.loc, above, finite); // a first score is infinitely far above none
  Value now = c.select(raised, largest, old);
  c.store(now, state.max, {row});
  Value scales = arith::AndIOp::create(c.b, c.loc, raised, arith::XOrIOp::create(c.b, c.loc, unset, c.flag(true)));
  return {old, now, scales};
}

/// What weights are taken below: no inf - inf where no score was met.
static Value baseOf(AttentionContext &c, Value max) {
  Value isUnset = c.cmpf(arith::CmpFPredicate::OEQ, max, c.none());
  return c.select(isUnset, c.f(0.0), max);
}

/// O and l, which were added up under the old maximum.
static void emitRescale(AttentionContext &c, const BlockState &state, Value row, const RowMaximum &max) {
  c.ifTrue(max.scales, [&] {
    Value factor = emitWeight(c, max.old, max.now);
    auto scale = [&](Value memref, ValueRange at) { c.store(c.mulf(c.load(memref, at), factor), memref, at); };
    scale(state.sum, {row});
    scale(state.sumTotal, {c.index(0), row});
    for (Value rows : {state.o, state.oTotal})
      if (rows)
        c.mapColumns(c.index(cast<MemRefType>(rows.getType()).getDimSize(1)),
                     [&](Value column) { scale(rows, {row, column}); });
  });
}

/// P[q][n] = e^(s' - m) for n in [begin, end), in place of the scores; l += all of them.
static void emitWeights(AttentionContext &c, const BlockState &state, Value scores, Value row, Value begin, Value end,
                        Value base) {
  Value sum = reduceKeys(c, tile::ReductionKind::Add, begin, end, c.load(state.sum, {row}), [&](Value key) {
    Value p = emitWeight(c, c.load(scores, {row, key}), base);
    c.store(p, scores, {row, key});
    return p;
  });
  c.store(sum, state.sum, {row});
}

/// A row in memory that is longer than an epoch has its sum carried, as blocks of keys have theirs (LongSums.h).
static bool isLong(Value scores) {
  int64_t columns = cast<MemRefType>(scores.getType()).getDimSize(1);
  return ShapedType::isDynamic(columns) || columns > attn::kEpochKeys;
}

void schedule::emitRowSoftmax(AttentionContext &c, const QueryBlock &queries, Value scores, Value end, bool areAll) {
  const BlockState &state = queries.state;
  c.forRange(c.index(0), queries.count, 1, [&](Value row) {
    RowMaximum max = emitMaximum(c, state, scores, row, end);
    if (!areAll)
      emitRescale(c, state, row, max);
    Value base = baseOf(c, max.now);
    if (!isLong(scores))
      return emitWeights(c, state, scores, row, c.index(0), end, base);
    c.forRange(c.index(0), end, attn::kEpochKeys, [&](Value first) {
      emitCarry(c, state.sum, row, state.sumTotal, {c.index(0), row});
      emitWeights(c, state, scores, row, first, c.min(end, c.add(first, c.index(attn::kEpochKeys))), base);
    });
  });
}
