//===- TransposedVectors.cpp - Partial blocks, by vectors of queries ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of TransposedBlocks. A 64 x 64 block on the diagonal of a causal mask is half empty. Each vector of 16 queries
// alone visits 16, 32, 48, 64 of its keys:
//
//     x                        computed: 10 of 16 squares instead of all
//     x x
//     x x x                    in register tiles of 8 rows and one vector instead of 4 and four, which load more for
//     x x x x                  each multiplication; so only where at least a quarter of the block falls away
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/TransposedBlocks.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// Rows of a register tile of one vector: 8 chains of multiply-adds, and no more rows at 4 KB than an L1 set has ways.
constexpr int64_t kNarrowRows = 8;

/// The keys of a block that the mask leaves to one vector of queries, as whole pairs (of bf16: no pair may
/// hold a V that was not searched for NaN); empty (low > high) for queries beyond the last.
static IndexRange keysOf(AttentionContext &c, const QueryBlock &queries, const KeyBlock &keys, Value vector) {
  Value first = c.add(queries.first, arith::MulIOp::create(c.b, c.loc, vector, c.index(c.blocking.lanes)));
  Value last =
      c.min(c.add(first, c.index(c.blocking.lanes - 1)), c.sub(c.add(queries.first, queries.count), c.index(1)));
  IndexRange hull =
      c.mask.emitKeyHull(c.b, c.loc, {first, last}, {keys.first, c.sub(c.add(keys.first, keys.count), c.index(1))});
  Value skipped = c.max(c.index(0), c.sub(hull.low, keys.first));
  skipped = c.b.createOrFold<arith::AndIOp>(c.loc, skipped, c.index(-2));
  Value odd =
      c.b.createOrFold<arith::OrIOp>(c.loc, c.sub(hull.high, keys.first), c.index(1)); // -1 stays below every key
  Value high = c.min(c.add(keys.first, odd), c.sub(c.add(keys.first, keys.count), c.index(1)));
  Value exists = c.cmpi(arith::CmpIPredicate::sle, first, last);
  return {c.add(keys.first, skipped), c.b.createOrFold<arith::SelectOp>(c.loc, exists, high, c.index(-1))};
}

/// The vectors need at most three quarters of the block together: then narrower tiles, which load more per
/// multiplication, pay.
Value TransposedBlocks::isWorthNarrowing(const QueryBlock &queries, const KeyBlock &keys) {
  if (!mask.isClosedForm()) // only a block with fewer queries than W
    return cmpi(arith::CmpIPredicate::sle, queries.count, index(blocking.width * 3 / 4));
  int64_t vectors = blocking.width / blocking.lanes;
  auto neededWith = [&](Value vector, Value before) {
    IndexRange range = keysOf(*this, queries, keys, vector);
    Value keysHere = add(sub(range.high, range.low), index(1));
    return add(before, max(index(0), keysHere));
  };
  Value needed = index(0);
  if (mask.isSearched()) { // searches are long; what is in closed form becomes shorter when unrolled
    auto loop = scf::ForOp::create(b, loc, index(0), index(vectors), index(1), ValueRange{needed});
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value sum = neededWith(loop.getInductionVar(), loop.getRegionIterArg(0));
    scf::YieldOp::create(b, loc, sum);
    needed = loop.getResult(0);
  } else {
    for (int64_t vector = 0; vector < vectors; ++vector)
      needed = neededWith(index(vector), needed);
  }
  Value budget = arith::MulIOp::create(b, loc, keys.count, index(3 * vectors));
  return cmpi(arith::CmpIPredicate::sle, arith::MulIOp::create(b, loc, needed, index(4)), budget);
}

/// One vector of a block of queries, and those of its keys that are in `range`.
static std::pair<QueryBlock, KeyBlock> vectorOf(AttentionContext &c, const QueryBlock &queries, const KeyBlock &keys,
                                                Value vector, IndexRange range) {
  OpBuilder &b = c.b;
  Location loc = c.loc;
  int64_t laneCount = c.blocking.lanes;
  Value lane = arith::MulIOp::create(b, loc, vector, c.index(laneCount)), skipped = c.sub(range.low, keys.first);
  Value count = c.add(c.sub(range.high, range.low), c.index(1));
  OpFoldResult zero = b.getIndexAttr(0), width = b.getIndexAttr(laneCount);
  auto rows = [&](Value memref, Value first, Value number) {
    int64_t features = cast<MemRefType>(memref.getType()).getDimSize(1);
    return c.slice(memref, {first, zero}, {number, b.getIndexAttr(features)});
  };
  auto lanes = [&](Value memref) { // the last dimension counts queries
    SmallVector<OpFoldResult> sizes =
        getAsIndexOpFoldResult(b.getContext(), cast<MemRefType>(memref.getType()).getShape());
    SmallVector<OpFoldResult> offsets(sizes.size(), zero);
    offsets.back() = lane;
    sizes.back() = width;
    return c.slice(memref, offsets, sizes);
  };
  BlockState state = queries.state;
  for (Value *buffer : {&state.q, &state.o, &state.oTotal, &state.p, &state.max, &state.sum, &state.sumTotal,
                        &state.partial, &state.shift, &state.limit, &state.fill})
    *buffer = *buffer ? lanes(*buffer) : Value();
  for (PackedMatrix &matrix : state.matrices)
    matrix.block = c.slice(matrix.block, {skipped, lane}, {count, width});
  Value first = c.add(queries.first, lane), queriesHere = c.min(c.index(laneCount), c.sub(queries.count, lane));
  KeyBlock part{range.low, count};
  part.isNew = keys.isNew;
  part.keys = rows(keys.keys, skipped, count);
  part.valueRows = rows(keys.valueRows, skipped, count);
  part.values = part.valueRows;
  if (keys.values != keys.valueRows) // pairs
    part.values = rows(keys.values, arith::DivUIOp::create(b, loc, skipped, c.index(2)),
                       arith::CeilDivUIOp::create(b, loc, count, c.index(2)));
  return {{queries.at, queries.number, first, queriesHere, kNarrowRows, state, queries.next}, part};
}

void TransposedBlocks::emitVectors(const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict) {
  forRange(index(0), index(blocking.width / blocking.lanes), 1, [&](Value number) {
    IndexRange range = keysOf(*this, queries, keys, number);
    ifTrue(cmpi(arith::CmpIPredicate::sle, range.low, range.high), [&] {
      auto [vector, keysHere] = vectorOf(*this, queries, keys, number, range);
      emitScores(vector, keysHere, /*partial=*/true);
      emitOutput(vector, keysHere, verdict);
    });
  });
}
