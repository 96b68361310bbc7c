//===- UnfusedForm.cpp - Attention with all scores in memory --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %s = memref.alloc(B * H, M, N)
//   scf.forall (%item) {
//     S[q][..] = -inf;   over the blocks of keys that the mask leaves:  S[q][n] = allowed ? s' : -inf
//     for each query q:  m = max S[q][..];  S[q][n] = e^(S[q][n] - m);  l = sum S[q][..]
//     over the same blocks:  O += S V
//     O / l
//   }
//
// The softmax is the streaming one of RowForm, in one step: m starts at -inf and changes to a finite score only, and where
// there is none S - 0 is taken, so that no inf - inf occurs.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/UnfusedForm.h"
#include "compiler/schedule/attention/LayoutView.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// The rows, and four more passes over the scores.
double schedule::unfusedCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  return rowsCycles(shape, queries, machine) + 4.0 * static_cast<double>(queries) / static_cast<double>(machine.lanes);
}

void schedule::emitUnfusedForm(OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking) {
  UnfusedForm(builder, op, blocking).emit();
}

void UnfusedForm::prepare() {
  int64_t any = ShapedType::kDynamic;
  Value pairs = b.createOrFold<arith::MulIOp>(loc, extent('B'), extent('H'));
  scores = memref::AllocOp::create(b, loc, MemRefType::get({any, any, any}, real), ValueRange{pairs, m, n});
}

/// S of `queries` and `keys` keys from `key`.
Value UnfusedForm::scoresOf(const QueryBlock &queries, Value key, Value keys) {
  Value pair = add(arith::MulIOp::create(b, loc, queries.at.batch, index(op.getExtent('H'))), queries.at.query);
  OpFoldResult one = b.getIndexAttr(1);
  return subviewOfDims(b, loc, scores, {pair, queries.first, key},
                       {one, getAsOpFoldResult(queries.count), getAsOpFoldResult(keys)}, {1, 2});
}

void UnfusedForm::emitBlockOfScores(const QueryBlock &queries, const KeyBlock &keys, Value full) {
  Value block = scoresOf(queries, keys.first, keys.count);
  auto branch = scf::IfOp::create(b, loc, full, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  emitProducts(queries, keys, block, /*partial=*/false);
  b.setInsertionPointToStart(branch.elseBlock());
  emitProducts(queries, keys, block, /*partial=*/true);
}

/// One step of the streaming softmax over all keys, the sum carried from time to time.
void UnfusedForm::emitSoftmax(const QueryBlock &queries) {
  const BlockState &state = queries.state;
  Value all = scoresOf(queries, index(0), n);
  forRange(index(0), queries.count, 1, [&](Value row) {
    Value max = baseOf(emitMaximum(state, all, row, n).now); // the first: nothing to rescale
    forRange(index(0), n, attn::kEpochKeys, [&](Value first) {
      Value end = min(n, add(first, index(attn::kEpochKeys)));
      Value sum = emitWeights(all, row, first, end, max, f(0.0));
      store(arith::AddFOp::create(b, loc, load(state.sum, {row}), sum), state.sum, {row});
      emitCarry(state.sum, row, state.sumTotal, {index(0), row});
    });
  });
}

void UnfusedForm::emitWalks(const Item &item, IndexRange range) {
  forEachBlock(item, [&](const QueryBlock &queries) {
    Value all = scoresOf(queries, index(0), n);
    forRange(index(0), queries.count, 1, [&](Value row) {
      mapColumns(n, [&](Value key) { store(f(-std::numeric_limits<double>::infinity()), all, {row, key}); });
    });
  });
  auto keysWith = [&](Value first, Value count, auto emitPart) {
    KeyBlock keys{first, count, Value(), Value(), Value()};
    (this->*emitPart)(item.at, keys);
    return keys;
  };
  walkKeys(
      item, range, [&](Value first, Value count) { return keysWith(first, count, &UnfusedForm::emitPanel); },
      [&](const QueryBlock &queries, const KeyBlock &keys, Value full, Value) {
        emitBlockOfScores(queries, keys, full);
      });
  forEachBlock(item, [&](const QueryBlock &queries) { emitSoftmax(queries); });
  walkKeys(
      item, range, [&](Value first, Value count) { return keysWith(first, count, &UnfusedForm::emitValueRows); },
      [&](QueryBlock queries, const KeyBlock &keys, Value, Value someMasked) {
        queries.state.p = scoresOf(queries, keys.first, keys.count);
        emitValues(queries, keys, someMasked);
      });
}
