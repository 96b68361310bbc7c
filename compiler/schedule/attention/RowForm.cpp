//===- RowForm.cpp - Attention with keys, then features in the lanes ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One block of queries and one of keys, Nb = 64, W' = 64 keys of a panel (16 with dots), E = 80:
//
//   %kt = tile.transpose K[n0 ..]                                                    // not with dots
//   tile.contract rows(queries) cols(W' keys) k(D) lhs(Q * scale) rhs(%kt) epilogue { P[q][n] = allowed ? s' : -inf }
//   P, m, l, O := streaming softmax of the rows of P                                 // RowSoftmax.h
//   tile.contract rows(queries) cols(64 features) k(count) lhs(P) rhs(V[n0 ..][0 .. 64])  epilogue { O += .. }
//   tile.contract rows(queries) cols(16 features) k(count) lhs(P) rhs(V[n0 ..][64 .. 80]) epilogue { O += .. }
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/RowForm.h"
#include "compiler/schedule/attention/RowBlocks.h"
#include "compiler/schedule/attention/RowSoftmax.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// The softmax of a row: 9 are measured on Zen 4 (AVX-512), 60 for a row of a block is the latency of two sums of lanes
/// that neighbouring rows hide in part.
static double softmaxCycles(const AttentionShape &shape, double lanes) {
  return 9 / lanes + 60.0 / static_cast<double>(shape.keys);
}

/// Features of V in whole vectors, which lie in the lanes.
static double paddedFeatures(const AttentionShape &shape, const Machine &machine) {
  return static_cast<double>(llvm::alignTo(shape.featuresV, machine.lanes));
}

/// Tiles of 4 rows; 10, measured on Zen 4: a vector through the packing.
double schedule::rowsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  double lanes = machine.lanes, d = shape.featuresQK, q = queries, e = paddedFeatures(shape, machine);
  return llvm::alignTo(queries, 4) * d / lanes + q * (e / lanes + softmaxCycles(shape, lanes)) + 10 * d / lanes;
}

/// Whole vectors of D and E; 45, counted instructions: sums of the lanes of L vectors; 5/4: loads and broadcasts beside
/// P V.
double schedule::dotsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  double lanes = machine.lanes, q = queries, e = paddedFeatures(shape, machine);
  return q * (llvm::alignTo(shape.featuresQK, machine.lanes) / lanes + 45 / lanes + 1.25 * e / lanes +
              softmaxCycles(shape, lanes));
}

static void emitForm(OpBuilder &builder, AttentionOp op, const Blocking &blocking, bool dots) {
  RowBlocks rows(builder, op, blocking, dots);
  // Dot products are a second form beside the transposed one, for few queries: not worth a second copy without mask.
  bool oneBody = blocking.oneBody || dots;
  rows.emit([&](const Item &item, IndexRange range) {
    auto keysAt = [&](Value first, Value count) {
      return rows.withValues(item.at, rows.withPanel(item.at, {first, count}));
    };
    walkKeys(rows, item, range, keysAt, [&](const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict) {
      Value p = queries.state.p;
      emitByVerdict(rows, verdict, oneBody, [&](bool partial) {
        rows.emitScores(queries, keys, p, partial);
        emitRowSoftmax(rows, queries, p, partial ? keys.count : rows.index(blocking.keys), /*areAll=*/false);
      });
      rows.emitOutput(queries, keys, verdict);
    });
  });
}

void schedule::emitRowsForm(OpBuilder &builder, AttentionOp op, const Blocking &blocking) {
  emitForm(builder, op, blocking, /*dots=*/false);
}

void schedule::emitDotsForm(OpBuilder &builder, AttentionOp op, const Blocking &blocking) {
  emitForm(builder, op, blocking, /*dots=*/true);
}
