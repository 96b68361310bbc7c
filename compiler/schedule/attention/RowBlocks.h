//===- RowBlocks.h - Queries as rows of register tiles ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   S[q][n] = sum_d Q[q][d] Kt[d][n]             O[q][e] += sum_n P[q][n] V[n][e]
//
// Queries are the rows of a register tile, so a few of them leave no lane idle, and a bias [M, N] is read as it lies.
// For that Kt must be made: either each block of K is packed by transposing it, or `dots` takes the products of the
// rows of Q and K as they lie along the features, and sums the lanes. V is a panel where it lies.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Walk.h"

namespace attnc::schedule {

/// q[row][d] = Q * scale, of a block whose queries are rows.
void emitQueryRows(AttentionContext &c, const QueryBlock &queries);
/// out[row][e] = O * sum, where sum is 1 / l now.
void emitOutputRows(AttentionContext &c, const QueryBlock &queries, mlir::Value out);
/// Runs `body` on columns in panels of up to as many vectors as leave registers for R rows: its first column and its
/// width.
void forEachColumnPanel(AttentionContext &c, int64_t columns, llvm::function_ref<void(mlir::Value, int64_t)> body);

/// What forms with such blocks are put together from.
class RowBlocks : public AttentionContext {
public:
  /// With `dots`, K is not packed.
  RowBlocks(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking, bool dots);

  /// All items; `walk` says what is done with the keys.
  void emit(llvm::function_ref<void(const Item &item, IndexRange queries)> walk);

  /// With Kt of the block, packed, or with `dots` the rows of K where they are staged, else null.
  KeyBlock withPanel(const Head &at, KeyBlock keys);
  /// With V as panels, in place or staged.
  KeyBlock withValues(const Head &at, KeyBlock keys);
  /// scores[q][n - n0] = allowed ? s' : -inf.
  void emitScores(const QueryBlock &queries, const KeyBlock &keys, mlir::Value scores, bool partial);
  /// O += P V (Values.h).
  void emitOutput(const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict);

private:
  BlockState allocate();
  void emitStart(const QueryBlock &queries);
  void emitAccumulate(const QueryBlock &queries, const KeyBlock &keys);
  void emitMaskedAccumulate(const QueryBlock &queries, const KeyBlock &keys);
  mlir::Value panelOf(const Head &at, const KeyBlock &keys, mlir::Value first);
  bool readsInPlace(const Rows &rows);

  bool dots;
  int64_t panelKeys;                               ///< keys of a panel
  int64_t tileRows;                                ///< rows of a register tile of P V, and of Q K^T unless `dots`
  int64_t paddedE;                                 ///< features of V in whole vectors
  mlir::Value keyBuffer, panelBuffer, valueBuffer; ///< of an item, for staging; null where nothing is
};

} // namespace attnc::schedule
