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
// The softmax is the streaming one (RowSoftmax.h), in one step.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/UnfusedForm.h"
#include "compiler/schedule/attention/RowBlocks.h"
#include "compiler/schedule/attention/RowForm.h"
#include "compiler/schedule/attention/RowSoftmax.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// The rows, and four more passes over the scores.
double schedule::unfusedCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  return rowsCycles(shape, queries, machine) + 4.0 * static_cast<double>(queries) / static_cast<double>(machine.lanes);
}

/// S of all heads.
static Value emitAllScores(AttentionContext &c) {
  int64_t any = ShapedType::kDynamic;
  return memref::AllocOp::create(c.b, c.loc, MemRefType::get({any, any, any}, c.real),
                                 ValueRange{c.items.pairs, c.m, c.n});
}

/// Those of `queries` and `count` keys from `key`.
static Value scoresOf(AttentionContext &c, Value scores, const QueryBlock &queries, Value key, Value count) {
  Value head = arith::MulIOp::create(c.b, c.loc, queries.at.batch, c.index(c.op.getExtent('H')));
  Value pair = c.add(head, queries.at.query);
  return subviewOfDims(c.b, c.loc, scores, {pair, queries.first, key},
                       {c.b.getIndexAttr(1), getAsOpFoldResult(queries.count), getAsOpFoldResult(count)}, {1, 2});
}

void schedule::emitUnfusedForm(OpBuilder &builder, AttentionOp op, const Blocking &blocking) {
  RowBlocks rows(builder, op, blocking, /*dots=*/false);
  Value scores = emitAllScores(rows);
  auto allOf = [&](const QueryBlock &queries) { return scoresOf(rows, scores, queries, rows.index(0), rows.n); };
  auto partOf = [&](const QueryBlock &queries, const KeyBlock &keys) {
    return scoresOf(rows, scores, queries, keys.first, keys.count);
  };
  rows.emit([&](const Item &item, IndexRange range) {
    forEachBlock(rows, item, [&](const QueryBlock &queries) { // of pairs that no walk visits
      rows.fill(allOf(queries), queries.count, rows.n, -std::numeric_limits<double>::infinity());
    });
    auto panel = [&](Value first, Value count) { return rows.withPanel(item.at, {first, count}); };
    walkKeys(rows, item, range, panel, [&](const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict) {
      Value part = partOf(queries, keys);
      emitByVerdict(rows, verdict, /*oneBody=*/false,
                    [&](bool partial) { rows.emitScores(queries, keys, part, partial); });
    });
    forEachBlock(rows, item, [&](const QueryBlock &queries) {
      emitRowSoftmax(rows, queries, allOf(queries), rows.n, /*areAll=*/true);
    });
    auto values = [&](Value first, Value count) { return rows.withValues(item.at, {first, count}); };
    walkKeys(rows, item, range, values, [&](QueryBlock queries, const KeyBlock &keys, const Verdict &verdict) {
      queries.state.p = partOf(queries, keys);
      rows.emitOutput(queries, keys, verdict);
    });
  });
}
