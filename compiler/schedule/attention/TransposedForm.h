//===- TransposedForm.h - Attention with queries in the lanes --*- C++ -* -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   S^T[n][q] = sum_d K[n][d] Qt[d][q]           O^T[e][q] += sum_n V[n][e] P^T[n][q]
//
// W queries sit in the lanes; K and V are read element by element from where they lie. Maximum, sum and rescaling are
// one operation for all lanes. Its parts:
//
//   TransposedForm.cpp      how a block of queries begins and ends; scores, weights and values of a pair of blocks
//   TransposedVectors.cpp   the same for a partial block, one vector of queries at a time
//   TransposedMatrices.cpp  captured values of every pair
//   TransposedPairs.cpp     operands as pairs of bf16
//   AttentionPrefetch.cpp   prefetch of rows
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/AttentionScheduler.h"
#include "compiler/schedule/attention/Forms.h"
#include "dialects/Tile/TileOps.h"

namespace attnc::schedule {

// Rows of forms().
double transposedCycles(const AttentionShape &shape, int64_t queries, const Machine &machine);
void emitTransposedForm(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);

constexpr llvm::StringLiteral kPairsNeed = "q, k and v of bf16 with an even number of neighbouring features, no lse, "
                                           "no query or key region, an even number of "
                                           "rows, and a target with dot products of bf16";
bool takesPairs(attn::AttentionOp op, const Schedule &sizes, const Machine &machine);
double pairsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine);
void emitPairsForm(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);

class TransposedForm : public AttentionScheduler {
public:
  /// With `pairs`, contractions take pairs of bf16.
  TransposedForm(mlir::OpBuilder &builder, attn::AttentionOp op, Blocking blocking, bool pairs)
      : AttentionScheduler(builder, op, blocking), pairs(pairs) {
    findMatrices();
  }

protected:
  void allocate() override;
  BlockState stateOf(mlir::Value block) override;
  void emitStart(const QueryBlock &queries) override;
  void emitQueries(const QueryBlock &queries) override;
  KeyBlock emitKeys(const Head &at, mlir::Value first, mlir::Value count) override;
  void emitScores(const QueryBlock &queries, const KeyBlock &keys, bool partial) override;
  void emitAccumulate(const QueryBlock &queries, const KeyBlock &keys) override;
  void emitMaskedAccumulate(const QueryBlock &queries, const KeyBlock &keys) override;
  void emitRows(const QueryBlock &queries, mlir::Value out) override;
  void emitVisited(const QueryBlock &queries, const KeyBlock &keys, mlir::Value full, mlir::Value someMasked) override;
  bool prefetchesInTiles() const override { return true; }

private:
  /// Where tensors of another type are converted or packed; null where nothing is.
  struct Staging {
    mlir::Value keys, values, rows;
  };

  /// Row r of a register tile asks for row `first` + r of `rows`, at most `last`.
  struct RowRequest {
    mlir::Value rows, first, last;
    int64_t features;
  };

  std::pair<mlir::Value, mlir::Value> extentsOfO(const QueryBlock &queries) override;
  mlir::Value emitShiftRest(const BlockState &state, mlir::Value lane) override;
  bool foldsScale();
  Staging allocateStaging();
  mlir::Value usedLanes(const QueryBlock &queries);
  IndexRange keysOf(const QueryBlock &queries, const KeyBlock &keys, mlir::Value vector);
  mlir::Value isWorthNarrowing(const QueryBlock &queries, const KeyBlock &keys);
  void emitVectors(const QueryBlock &queries, const KeyBlock &keys, mlir::Value someMasked);
  std::pair<QueryBlock, KeyBlock> vectorOf(const QueryBlock &queries, const KeyBlock &keys, mlir::Value vector,
                                           IndexRange range);
  void findMatrices();
  bool readsOnlyMatrices();
  mlir::Value matrixRows(const QueryBlock &queries, mlir::memref::LoadOp element, mlir::Value key,
                         mlir::Value keysHere);
  void emitPrefetchMatrices(const QueryBlock &queries, const KeyBlock &keys, mlir::Value key);
  void emitMatrices(const QueryBlock &queries, const KeyBlock &keys);
  void addRequests(mlir::Value isNew, llvm::SmallVectorImpl<RowRequest> &requests, const RowRequest &own,
                   const RowRequest &other);
  llvm::SmallVector<RowRequest> requestsOfTile(const QueryBlock &queries, const KeyBlock &keys);
  void emitPrefetch(const QueryBlock &queries, const KeyBlock &keys, tile::ContractOp contract);
  mlir::Value bitsOf(mlir::Value narrow, bool high);
  mlir::Value emitPackValues(const KeyBlock &keys);
  mlir::Value loadWeight(const BlockState &state, mlir::Value key, mlir::Value lane);
  /// Of the operands of both contractions; null: what their memrefs hold.
  tile::EncodingAttr encoding() {
    return pairs ? tile::EncodingAttr::get(b.getContext(), 2, b.getBF16Type()) : tile::EncodingAttr();
  }

  bool pairs;
  Staging staging;
  BlockState itemState; ///< of all blocks of the item
};

} // namespace attnc::schedule
