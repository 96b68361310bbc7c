//===- TransposedVectors.cpp - Partial blocks, by vectors of queries ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of TransposedForm. A 64 x 64 block on the diagonal of a causal mask is half empty. Each vector of 16 queries
// alone visits 16, 32, 48, 64 of its keys:
//
//     x                        computed: 10 of 16 squares instead of all
//     x x
//     x x x                    in register tiles of 8 rows and one vector instead of 4 and four, which load more for
//     x x x x                  each multiplication; so only where at least a quarter of the block falls away
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/TransposedForm.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// Rows of a register tile of one vector: 8 chains of multiply-adds, and no more rows at 4 KB than an L1 set has ways.
constexpr int64_t kNarrowRows = 8;

/// The keys of a block that the mask leaves to one vector of queries, as whole pairs (of bf16: no pair may
/// hold a V that was not searched for NaN); empty (low > high) for queries beyond the last.
IndexRange TransposedForm::keysOf(const QueryBlock &queries, const KeyBlock &keys, Value vector) {
  Value first = add(queries.first, arith::MulIOp::create(b, loc, vector, index(blocking.lanes)));
  Value last = min(add(first, index(blocking.lanes - 1)), sub(add(queries.first, queries.count), index(1)));
  IndexRange hull = mask.emitKeyHull(b, loc, {first, last}, {keys.first, sub(add(keys.first, keys.count), index(1))});
  Value skipped = b.createOrFold<arith::MaxSIOp>(loc, index(0), sub(hull.low, keys.first));
  skipped = b.createOrFold<arith::AndIOp>(loc, skipped, index(-2));
  Value odd = b.createOrFold<arith::OrIOp>(loc, sub(hull.high, keys.first), index(1)); // -1 stays below every key
  Value high = min(add(keys.first, odd), sub(add(keys.first, keys.count), index(1)));
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, first, last);
  return {add(keys.first, skipped), b.createOrFold<arith::SelectOp>(loc, exists, high, index(-1))};
}

/// The vectors need at most three quarters of the block together: then narrower tiles, which load more per
/// multiplication, pay.
Value TransposedForm::isWorthNarrowing(const QueryBlock &queries, const KeyBlock &keys) {
  if (!mask.isClosedForm()) // only a block with fewer queries than W
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, queries.count, index(blocking.width * 3 / 4));
  int64_t vectors = blocking.width / blocking.lanes;
  auto neededWith = [&](Value vector, Value before) {
    IndexRange range = keysOf(queries, keys, vector);
    Value keysHere = add(sub(range.high, range.low), index(1));
    return add(before, b.createOrFold<arith::MaxSIOp>(loc, index(0), keysHere));
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
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, arith::MulIOp::create(b, loc, needed, index(4)),
                               budget);
}

/// One vector of a block of queries, and those of its keys that are in `range`.
std::pair<QueryBlock, KeyBlock> TransposedForm::vectorOf(const QueryBlock &queries, const KeyBlock &keys, Value vector,
                                                         IndexRange range) {
  Value lane = arith::MulIOp::create(b, loc, vector, index(blocking.lanes)), skipped = sub(range.low, keys.first);
  Value count = add(sub(range.high, range.low), index(1));
  auto rowsOf = [&](Value memref) { return cast<MemRefType>(memref.getType()).getDimSize(0); };
  OpFoldResult zero = b.getIndexAttr(0), width = b.getIndexAttr(blocking.lanes);
  auto columns = [&](Value memref) {
    return memref ? slice(memref, {zero, lane}, {b.getIndexAttr(rowsOf(memref)), width}) : Value();
  };
  auto rows = [&](Value memref, Value first, Value number) {
    int64_t features = cast<MemRefType>(memref.getType()).getDimSize(1);
    return slice(memref, {first, zero}, {number, b.getIndexAttr(features)});
  };
  auto lanes = [&](Value memref) { return slice(memref, {lane}, {width}); };
  const BlockState &all = queries.state;
  BlockState state{columns(all.q), columns(all.o),        columns(all.oTotal),  columns(all.p),   lanes(all.max),
                   lanes(all.sum), columns(all.sumTotal), columns(all.partial), lanes(all.shift), lanes(all.limit)};
  for (Value block : all.matrices)
    state.matrices.push_back(slice(block, {skipped, lane}, {count, width}));
  Value first = add(queries.first, lane), queriesHere = min(index(blocking.lanes), sub(queries.count, lane));
  KeyBlock part{range.low, count, Value(), Value(), Value(), keys.isNew};
  part.keys = rows(keys.keys, skipped, count);
  part.valueRows = rows(keys.valueRows, skipped, count);
  part.values = part.valueRows;
  if (keys.values != keys.valueRows) // pairs
    part.values = rows(keys.values, arith::DivUIOp::create(b, loc, skipped, index(2)),
                       arith::CeilDivUIOp::create(b, loc, count, index(2)));
  return {{queries.at, queries.number, first, queriesHere, kNarrowRows, state}, part};
}

void TransposedForm::emitVectors(const QueryBlock &queries, const KeyBlock &keys, Value someMasked) {
  auto loop = scf::ForOp::create(b, loc, index(0), index(blocking.width / blocking.lanes), index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  IndexRange range = keysOf(queries, keys, loop.getInductionVar());
  Value any = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, range.low, range.high);
  b.setInsertionPointToStart(scf::IfOp::create(b, loc, any, /*withElseRegion=*/false).thenBlock());
  auto [vector, keysHere] = vectorOf(queries, keys, loop.getInductionVar(), range);
  emitScores(vector, keysHere, /*partial=*/true);
  emitValues(vector, keysHere, someMasked);
}

void TransposedForm::emitVisited(const QueryBlock &queries, const KeyBlock &keys, Value full, Value someMasked) {
  OpBuilder::InsertionGuard guard(b);
  emitMatrices(queries, keys);
  if (blocking.width > blocking.lanes && !blocking.oneBody) {
    auto narrow = scf::IfOp::create(b, loc, isWorthNarrowing(queries, keys), /*withElseRegion=*/true);
    b.setInsertionPointToStart(narrow.thenBlock());
    emitVectors(queries, keys, someMasked);
    b.setInsertionPointToStart(narrow.elseBlock());
  }
  AttentionScheduler::emitVisited(queries, keys, full, someMasked);
}
