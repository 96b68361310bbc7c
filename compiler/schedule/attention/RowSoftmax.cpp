//===- RowSoftmax.cpp - The streaming softmax of rows of scores -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/RowSoftmax.h"
#include "compiler/schedule/attention/LongSums.h"
#include "dialects/Attn/ErrorBound.h"
#include "dialects/Common/StreamingSoftmax.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <numbers>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

namespace {
/// The maximum of a row after some scores.
struct RowMaximum {
  Value max;
  Value scales;     ///< something was added up before that must follow it
  Value correction; ///< log2 of what it is multiplied by
};
} // namespace

/// max is subtracted first: rows have no shift, and look for their largest score instead of comparing with a limit.
static StreamingSoftmax softmaxOf(AttentionContext &c) {
  return {c.b, c.loc, c.f(std::numbers::log2e), c.f(attn::kRescaleThreshold), /*isFused=*/false};
}
static StreamingSoftmax::State stateAt(Value max) { return {max, max, {}}; }

static Value exp2(AttentionContext &c, Value t) {
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
  StreamingSoftmax softmax = softmaxOf(c);
  Value largest = reduceKeys(c, tile::ReductionKind::Max, c.index(0), end, c.none(),
                             [&](Value key) { return c.load(scores, {row, key}); });
  Value old = c.load(state.max, {row});
  Value t = softmax.exponent(stateAt(old), largest);
  Value raises = softmax.raises(stateAt(old), largest, t);
  Value max = c.select(raises, largest, old);
  c.store(max, state.max, {row});
  Value scales = arith::AndIOp::create(c.b, c.loc, raises, softmax.isSet(old));
  return {max, scales, softmax.correction(stateAt(max), largest, t)};
}

/// What weights are taken below: no inf - inf where no score was met.
static Value baseOf(AttentionContext &c, Value max) { return c.select(softmaxOf(c).isSet(max), max, c.f(0.0)); }

/// O and l, which were added up under the old maximum.
static void emitRescale(AttentionContext &c, const BlockState &state, Value row, const RowMaximum &max) {
  c.ifTrue(max.scales, [&] {
    Value factor = exp2(c, max.correction);
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
    Value p = exp2(c, softmaxOf(c).exponent(stateAt(base), c.load(scores, {row, key})));
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
    Value base = baseOf(c, max.max);
    if (!isLong(scores))
      return emitWeights(c, state, scores, row, c.index(0), end, base);
    c.forRange(c.index(0), end, attn::kEpochKeys, [&](Value first) {
      emitCarry(c, state.sum, row, state.sumTotal, {c.index(0), row});
      emitWeights(c, state, scores, row, first, c.min(end, c.add(first, c.index(attn::kEpochKeys))), base);
    });
  });
}
