//===- RowForm.h - Attention with keys or features in lanes -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   S[q][n] = sum_d Q[q][d] Kt[d][n]             O[q][e] = 2^(m_old - m) O[q][e] + sum_n P[q][n] V[n][e]
//
// Queries are the rows of a register tile, so a few of them leave no lane idle, and a bias [M, N] is read as it lies.
// For that Kt must be made: either `rows` packs each block of K by transposing it, or `dots` takes the products of
// the rows of Q and K as they lie along the features, and sums the lanes. V is a panel where it lies.
//
// Each row has a maximum and a sum; they are those of one row program per row and block of keys.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/AttentionScheduler.h"
#include "compiler/schedule/attention/Forms.h"

namespace attnc::schedule {

// Rows of forms().
double rowsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine);
void emitRowsForm(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);
double dotsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine);
void emitDotsForm(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);

class RowForm : public AttentionScheduler {
public:
  /// With `dots`, K is not packed.
  RowForm(mlir::OpBuilder &builder, attn::AttentionOp op, Blocking blocking, bool dots);

protected:
  void allocate() override;
  BlockState stateOf(mlir::Value block) override;
  void emitStart(const QueryBlock &queries) override;
  std::pair<mlir::Value, mlir::Value> extentsOfO(const QueryBlock &queries) override;
  void emitQueries(const QueryBlock &queries) override;
  KeyBlock emitKeys(const Head &at, mlir::Value first, mlir::Value count) override;
  void emitScores(const QueryBlock &queries, const KeyBlock &keys, bool partial) override;
  void emitAccumulate(const QueryBlock &queries, const KeyBlock &keys) override;
  void emitMaskedAccumulate(const QueryBlock &queries, const KeyBlock &keys) override;
  void emitRows(const QueryBlock &queries, mlir::Value out) override;
  void emitVisited(const QueryBlock &queries, const KeyBlock &keys, mlir::Value full, mlir::Value someMasked) override;

  /// The parts of emitKeys: Kt, packed, or with `dots` the rows of K where they are staged, else null; V as panels, in
  /// place or staged.
  void emitPanel(const Head &at, KeyBlock &keys);
  void emitValueRows(const Head &at, KeyBlock &keys);
  /// scores[q][n - n0] = allowed ? s' : -inf.
  void emitProducts(const QueryBlock &queries, const KeyBlock &keys, mlir::Value scores, bool partial);
  /// The maximum of a row before and after some scores; whether something was added up that must follow it.
  struct RowMaximum {
    mlir::Value old, now, scales;
  };

  // The streaming softmax of a row: its maximum after some more scores, then their weights.
  RowMaximum emitMaximum(const BlockState &state, mlir::Value scores, mlir::Value row, mlir::Value end);
  mlir::Value baseOf(mlir::Value max);
  mlir::Value emitWeights(mlir::Value scores, mlir::Value row, mlir::Value begin, mlir::Value end, mlir::Value max,
                          mlir::Value sum);

private:
  void emitSoftmax(const QueryBlock &queries, const KeyBlock &keys, bool partial);
  mlir::Value emitWeight(mlir::Value score, mlir::Value max);
  mlir::Value reduceKeys(tile::ReductionKind kind, mlir::Value begin, mlir::Value end, mlir::Value init,
                         llvm::function_ref<mlir::Value(mlir::Value key)> body);
  void emitRescale(const BlockState &state, mlir::Value row, const RowMaximum &max);
  mlir::Value panelOf(const Head &at, const KeyBlock &keys, mlir::Value first);
  void clear(mlir::Value buffer);
  bool readsInPlace(mlir::Value memref, mlir::StringRef layout, char feature);
  void forEachPanel(llvm::function_ref<void(mlir::Value, int64_t)> body);

  bool dots;
  int64_t panelKeys;                               ///< keys of a panel
  int64_t tileRows;                                ///< rows of a register tile of P V, and of Q K^T unless `dots`
  int64_t paddedE;                                 ///< features of V in whole vectors
  mlir::Value keyBuffer, panelBuffer, valueBuffer; ///< staging; null where nothing is
  BlockState itemState;                            ///< of all blocks of the item
};

} // namespace attnc::schedule
