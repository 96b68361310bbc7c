//===- TransposedBlocks.h - Queries in the lanes ----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   S^T[n][q] = sum_d K[n][d] Qt[d][q]           O^T[e][q] += sum_n V[n][e] P^T[n][q]
//
// W queries sit in the lanes; K and V are read element by element from where they lie. Maximum, sum and rescaling are
// one operation for all lanes. Its parts:
//
//   TransposedBlocks.cpp    how a block of queries begins and ends; scores, weights and values of a pair of blocks
//   TransposedVectors.cpp   the same for a partial block, one vector of queries at a time
//   TransposedMatrices.cpp  captured values of every pair
//   TransposedPairs.cpp     operands as pairs of bf16
//   TransposedPrefetch.cpp  prefetch of rows
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Walk.h"

namespace attnc::schedule {

class TransposedBlocks : public AttentionContext {
public:
  /// With `pairs`, contractions take pairs of bf16.
  TransposedBlocks(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking, bool pairs);

  /// All items.
  void emit();

private:
  /// Where rows of K, V and Q are staged, and pairs of V packed; null where nothing is.
  struct Staging {
    mlir::Value keys, values, rows, packed;
  };

  // A block of queries, or of keys.
  BlockState allocate();
  Staging allocateStaging();
  void emitStart(const QueryBlock &queries);
  void emitQueries(const QueryBlock &queries);
  KeyBlock emitKeys(const Head &at, mlir::Value first, mlir::Value count);
  void emitRows(const QueryBlock &queries, mlir::Value out);

  // A pair of blocks.
  void emitVisited(const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict);
  void emitScores(const QueryBlock &queries, const KeyBlock &keys, bool partial);
  void emitSoftmax(const BlockState &state, mlir::Value score);
  void emitOutput(const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict);
  void emitAccumulate(const QueryBlock &queries, const KeyBlock &keys);
  void emitMaskedAccumulate(const QueryBlock &queries, const KeyBlock &keys);
  bool foldsScale();

  // A partial block, by vectors (TransposedVectors.cpp).
  mlir::Value isWorthNarrowing(const QueryBlock &queries, const KeyBlock &keys);
  void emitVectors(const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict);

  // Captured matrices (TransposedMatrices.cpp).
  llvm::SmallVector<mlir::memref::LoadOp> findMatrices();
  bool readsOnlyMatrices();
  void emitMatrices(const QueryBlock &queries, const KeyBlock &keys);
  void emitPrefetchMatrices(const QueryBlock &queries, const KeyBlock &keys, mlir::Value key);

  // Prefetch (TransposedPrefetch.cpp).
  void emitPrefetch(const QueryBlock &queries, const KeyBlock &keys, tile::ContractOp contract);

  // Pairs (TransposedPairs.cpp).
  mlir::Value emitPackValues(const KeyBlock &keys);
  mlir::Value loadWeight(const BlockState &state, mlir::Value key, mlir::Value lane);
  /// Of the operands of both contractions; null: what their memrefs hold.
  tile::EncodingAttr encoding() {
    return pairs ? tile::EncodingAttr::get(b.getContext(), 2, b.getBF16Type()) : tile::EncodingAttr();
  }

  bool pairs;
  llvm::SmallVector<mlir::memref::LoadOp> matrices; ///< elements that are packed, block by block
  Staging staging;                                  ///< of an item
};

} // namespace attnc::schedule
