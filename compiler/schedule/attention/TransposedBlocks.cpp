//===- TransposedBlocks.cpp - Queries in the lanes ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// P = 2^(t - m) by one contraction, Ot += V^T P by another.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/TransposedBlocks.h"
#include "compiler/schedule/attention/LongSums.h"
#include "compiler/schedule/attention/Values.h"
#include "dialects/Attn/ErrorBound.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <numbers>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

TransposedBlocks::TransposedBlocks(OpBuilder &builder, AttentionOp op, const Blocking &blocking, bool pairs)
    : AttentionContext(builder, op, blocking), pairs(pairs), matrices(findMatrices()) {}

void TransposedBlocks::emit() {
  auto walk = [&](const Item &item, IndexRange range) {
    walkKeys(
        *this, item, range, [&](Value first, Value count) { return emitKeys(item.at, first, count); },
        [&](const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict) {
          emitVisited(queries, keys, verdict);
        });
  };
  emitItems(*this, {[&] { return allocate(); }, [&](const QueryBlock &queries) { emitStart(queries); },
                    [&](const QueryBlock &queries) { emitQueries(queries); }, walk,
                    [&](const QueryBlock &queries, Value out) { emitRows(queries, out); },
                    /*prefetchesQueries=*/true});
}

//===----------------------------------------------------------------------===//
// Memory; how a block of queries begins and ends
//===----------------------------------------------------------------------===//

/// Scratch of all blocks of an item: a leading dimension counts them, but P is needed by one at a time.
BlockState TransposedBlocks::allocate() {
  int64_t width = blocking.width, number = blocking.blocks;
  Type operand = pairs ? Type(b.getI32Type()) : real;
  int64_t packed = pairs ? 2 : 1; // elements of an operand
  auto floats = [&](int64_t rows) { return scratchBuffer({number, rows, width}, real); };
  auto lanes = [&] { return scratchBuffer({number, width}, real); };
  BlockState all{/*transposed=*/true};
  all.q = scratchBuffer({number, op.getExtent('D') / packed, width}, operand);
  all.o = floats(op.getExtent('E'));
  all.p = scratchBuffer({blocking.keys / packed, width}, operand);
  all.max = lanes();
  all.sum = lanes();
  all.shift = lanes();
  all.limit = lanes();
  all.fill = scoreFill ? lanes() : Value();
  for (memref::LoadOp matrix : matrices)
    all.matrices.push_back({matrix, scratchBuffer({blocking.keys, width}, matrix.getType())});
  staging = allocateStaging();
  if (hasTotals(*this)) // rarely used: behind what is used all the time
    all.oTotal = floats(op.getExtent('E'));
  all.sumTotal = floats(1);
  all.partial = scratchBuffer({1, width}, real);
  return all;
}

TransposedBlocks::Staging TransposedBlocks::allocateStaging() {
  int64_t d = op.getExtent('D'), e = op.getExtent('E');
  auto staged = [&](const Rows &rows, int64_t features) {
    bool isNeeded = pairs ? rows.table && !arePagesWhole() : isStaged(rows);
    Type type = pairs ? elementOf(rows.memref) : real;
    return isNeeded ? scratchBuffer({blocking.keys, features}, type) : Value();
  };
  return {staged(k(), d), staged(v(), e), isTransformed(q()) ? scratchBuffer({blocking.width, d}, real) : Value(),
          pairs ? scratchBuffer({blocking.keys / 2, e}, b.getI32Type()) : Value()};
}

void TransposedBlocks::emitStart(const QueryBlock &queries) {
  const BlockState &state = queries.state;
  int64_t width = blocking.width;
  mapColumns(index(width), [&](Value lane) {
    store(none(), state.max, {lane});
    store(none(), state.limit, {lane});
    store(f(0.0), state.shift, {lane});
    store(f(0.0), state.sum, {lane});
  });
  forRange(index(0), extent('E'), 1, [&](Value feature) {
    mapColumns(usedLanes(queries), [&](Value lane) { store(f(0.0), state.o, {feature, lane}); });
  });
}

/// Qt = Q^T * scale; with pairs Qt[d/2][q] = {Q[q][d], Q[q][d+1]}.
void TransposedBlocks::emitQueries(const QueryBlock &queries) {
  Value rows = isTransformed(q()) ? emitStage(queries.at, q(), queries.first, queries.count, staging.rows)
                                  : rowsOf(queries.at, q(), queries.first, queries.count);
  Value columns = pairs ? index(op.getExtent('D') / 2) : extent('D');
  OpFoldResult zero = b.getIndexAttr(0), depth = getAsOpFoldResult(columns);
  Value used = slice(queries.state.q, {zero, zero}, {depth, usedLanes(queries)});
  auto scaled = [&](Value element, Value) {
    return pairs ? element : mulf(converted(element, real), f(op.getScaleValue()));
  };
  emitTranspose(rows, used, queries.count, columns, /*pad=*/true, scaled, encoding());
}

KeyBlock TransposedBlocks::emitKeys(const Head &at, Value first, Value count) {
  auto used = [&](const Rows &rows, Value buffer) {
    return buffer ? emitStage(at, rows, first, count, buffer) : blockRowsOf(at, rows, first, count);
  };
  KeyBlock block{first, count};
  block.keys = used(k(), staging.keys);
  block.valueRows = block.values = used(v(), staging.values);
  if (pairs)
    block.values = emitPackValues(block);
  return block;
}

/// Ot[e][q] * sum[q] -> O[q][e], in O's type.
void TransposedBlocks::emitRows(const QueryBlock &queries, Value out) {
  emitTranspose(queries.state.o, out, extent('E'), queries.count, /*pad=*/false, [&](Value element, Value lane) {
    return converted(mulf(element, load(queries.state.sum, {lane})), elementOf(out));
  });
}

//===----------------------------------------------------------------------===//
// A pair of blocks
//===----------------------------------------------------------------------===//

/// Sums of pairs of bf16 are of unscaled q. The scale is part of the step's unit where nothing else reads the score.
bool TransposedBlocks::foldsScale() {
  return pairs && op.getScore().empty() && op.getSink().empty() && op.getScaleValue() > 0;
}

/// P[n - n0][q] = e^(s' - m) for one block of keys. Every score is summed from 0, in the same order for all keys: what
/// is equal stays equal, whatever m is.
void TransposedBlocks::emitScores(const QueryBlock &queries, const KeyBlock &keys, bool partial) {
  const BlockState &state = queries.state;
  Value d = extent('D');
  // Captures end where the queries end; otherwise nothing outside of scratch is read by column.
  Value columns = readsOnlyMatrices() ? Value() : queries.count;
  auto contract = tile::ContractOp::create(b, loc, index(0), partial ? keys.count : index(blocking.keys), queries.first,
                                           columns, d, keys.keys, state.q, encoding(), encoding(),
                                           partial ? tile::Tail::Clamp : tile::Tail::Exact, queries.tileRows);
  emitPrefetch(queries, keys, contract);
  emitEpilogue(contract, [&](Value score, Value row, Value query, Value exists) {
    Value key = add(keys.first, row);
    if (pairs && !foldsScale())
      score = mulf(score, f(op.getScaleValue()));
    score = scoreOf(queries, keys, score, key, query, partial);
    if (partial && !op.getMask().empty())
      exists = arith::AndIOp::create(b, loc, exists, allowed(queries, key, query));
    emitSoftmax(state, partial ? select(exists, score, none()) : score);
  });
}

/// P, l and, where the maximum rises, O follow a score.
void TransposedBlocks::emitSoftmax(const BlockState &state, Value score) {
  double unit = std::numbers::log2e * (foldsScale() ? op.getScaleValue() : 1);
  SmallVector<Value> scaled{state.o, state.sumTotal};
  if (state.oTotal)
    scaled.insert(scaled.begin() + 1, state.oTotal);
  tile::SoftmaxStepOp::create(b, loc, score, state.max, state.shift, state.limit, state.sum, state.p, index(0), scaled,
                              encoding(), b.getF64FloatAttr(unit), b.getF64FloatAttr(attn::kRescaleThreshold));
}

/// Ot[e][q] += sum over the block of V[n][e] * P[n][q].
void TransposedBlocks::emitAccumulate(const QueryBlock &queries, const KeyBlock &keys) {
  auto map = AffineMap::getPermutationMap(ArrayRef<unsigned>{1, 0}, b.getContext());
  Value transposed = memref::TransposeOp::create(b, loc, keys.values, AffineMapAttr::get(map));
  auto contract = tile::ContractOp::create(b, loc, index(0), extent('E'), index(0), Value(), keys.count, transposed,
                                           queries.state.p, encoding(), encoding(), tile::Tail::Peel, queries.tileRows);
  addToOutput(*this, queries.state, contract);
}

/// The same, adding only keys that are allowed and have weight (A4). In the same order, so that rows that allow every
/// key get the same sums.
void TransposedBlocks::emitMaskedAccumulate(const QueryBlock &queries, const KeyBlock &keys) {
  const BlockState &state = queries.state;
  Value zero = index(0);
  forRange(zero, extent('E'), 1, [&](Value feature) {
    mapColumns(queries.count, [&](Value lane) { store(f(0.0), state.partial, {zero, lane}); });
    forRange(zero, keys.count, 1, [&](Value key) {
      Value v = converted(load(keys.valueRows, {key, feature}), real);
      mapColumns(queries.count, [&](Value lane) {
        Value p = loadWeight(state, key, lane), old = load(state.partial, {zero, lane});
        Value counts = cmpf(arith::CmpFPredicate::UNE, p, f(0.0));
        if (!op.getMask().empty())
          counts =
              arith::AndIOp::create(b, loc, counts, allowed(queries, add(keys.first, key), add(queries.first, lane)));
        Value sum = math::FmaOp::create(b, loc, p, v, old);
        store(select(counts, sum, old), state.partial, {zero, lane});
      });
    });
    mapColumns(queries.count, [&](Value lane) {
      Value sum = addf(load(state.o, {feature, lane}), load(state.partial, {zero, lane}));
      store(sum, state.o, {feature, lane});
    });
  });
}

void TransposedBlocks::emitOutput(const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict) {
  emitValues(
      *this, verdict, [&] { return hasNonFinite(*this, keys); }, [&] { emitAccumulate(queries, keys); },
      [&] { emitMaskedAccumulate(queries, keys); });
}

void TransposedBlocks::emitVisited(const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict) {
  auto whole = [&] {
    emitByVerdict(*this, verdict, blocking.oneBody, [&](bool partial) { emitScores(queries, keys, partial); });
    emitOutput(queries, keys, verdict);
  };
  emitMatrices(queries, keys);
  if (blocking.width == blocking.lanes || blocking.oneBody)
    return whole();
  ifElse(isWorthNarrowing(queries, keys), [&] { emitVectors(queries, keys, verdict); }, whole);
}
