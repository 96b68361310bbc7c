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
  void selectBlock(mlir::Value block) override;
  void emitStart() override;
  std::pair<mlir::Value, mlir::Value> extentsOfO() override;
  void emitQueries() override;
  void setKeys() override;
  void emitScores(bool partial) override;
  void emitAccumulate() override;
  void emitMaskedAccumulate() override;
  void emitRows(mlir::Value out) override;
  void emitVisited(mlir::Value full, mlir::Value someMasked) override;

  /// The parts of setKeys: Kt; V.
  void setPanel();
  void setValues();
  /// scores[q][n - n0] = allowed ? s' : -inf.
  void emitProducts(mlir::Value scores, bool partial);
  mlir::Value emitWeight(mlir::Value score, mlir::Value max);

private:
  void emitSoftmax(bool partial);
  mlir::Value emitMaximum(mlir::Value row, mlir::Value end);
  void scaleSums(mlir::Value row, mlir::Value factor);
  mlir::Value panelOf(mlir::Value first);
  void clear(mlir::Value buffer);
  bool readsInPlace(mlir::Value memref, mlir::StringRef layout, char feature);
  void forEachPanel(llvm::function_ref<void(mlir::Value, int64_t)> body);

  bool dots;
  int64_t panelKeys;  ///< keys of a panel
  int64_t tileRows;   ///< rows of a register tile of P V, and of Q K^T unless `dots`
  int64_t paddedE;    ///< features of V in whole vectors
  mlir::Value panel;  ///< Kt, packed; with `dots` the rows of K where they are staged, else null
  mlir::Value values; ///< V's rows as panels: in place or staged
  mlir::Value keyBuffer, panelBuffer, valueBuffer; ///< staging; null where nothing is
  Scratch itemScratch;                             ///< of all blocks of the item
};

} // namespace attnc::schedule
