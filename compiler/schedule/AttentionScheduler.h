//===- AttentionScheduler.h - Emits one attention in tiles --*- C++ -* --===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The program that it emits stands in AttentionToTile.cpp, which runs it on every attention of a module. Its parts:
//
//   AttentionToTile.cpp   items, the walk over key blocks
//   AttentionRows.cpp     how a block of queries begins and ends; scratch memory, conversion of types
//   AttentionBlocks.cpp   scores, weights and values of one block of keys
//   AttentionVectors.cpp  the same for a partial block, one vector of queries at a time
//   AttentionPairs.cpp    operands as pairs of bf16
//   AttentionMatrices.cpp captured matrices with a value for every pair of query and key
//   RowTransform.h        rows of q and k as their regions make them
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/LayoutView.h"
#include "compiler/schedule/MaskPlan.h"
#include "compiler/schedule/RowTransform.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Attn/ErrorBound.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <numbers>

namespace attnc::schedule {

/// Block sizes of one schedule.
struct Blocking {
  int64_t width;  ///< W: queries per block, a multiple of the lanes
  int64_t keys;   ///< Nb: keys per block
  int64_t rows;   ///< R: rows of a register tile
  int64_t blocks; ///< U: at most so many blocks of queries per item
  int64_t lanes;  ///< queries of a vector
};

/// Emits the schedule of one attention op.
class AttentionScheduler {
public:
  AttentionScheduler(mlir::OpBuilder &builder, attn::AttentionOp op, Blocking blocking, bool pairs)
      : b(builder), op(op), loc(op.getLoc()), blocking(blocking), mask(op), real(op.getAccumulatorType()), pairs(pairs),
        isSum(attn::isSumWithScore(op)), scale(op.getScaleValue() * (isSum ? std::numbers::log2e : 1.0)),
        tileRows(blocking.rows) {
    findMatrices();
  }
  void emit();

private:
  struct Scratch {
    mlir::Value qt, ot, p, max, sum, pending;
  };
  /// An element [.., i, .., j] of a captured tensor that the score reads, and where a block of it lies as [key][query].
  struct Matrix {
    mlir::memref::LoadOp element;
    mlir::Value block;
  };
  /// Where tensors of another type are converted or packed; null where nothing is.
  struct Staging {
    mlir::Value keys, values, rows, columns;
  };

  // Small builders.
  mlir::Value index(int64_t value) { return mlir::arith::ConstantIndexOp::create(b, loc, value); }
  mlir::Value f(double value) { return mlir::arith::ConstantOp::create(b, loc, b.getFloatAttr(real, value)); }
  mlir::Value add(mlir::Value lhs, mlir::Value rhs) { return b.createOrFold<mlir::arith::AddIOp>(loc, lhs, rhs); }
  mlir::Value sub(mlir::Value lhs, mlir::Value rhs) { return b.createOrFold<mlir::arith::SubIOp>(loc, lhs, rhs); }
  mlir::Value min(mlir::Value lhs, mlir::Value rhs) { return b.createOrFold<mlir::arith::MinSIOp>(loc, lhs, rhs); }
  mlir::Value load(mlir::Value memref, mlir::ValueRange at) { return mlir::memref::LoadOp::create(b, loc, memref, at); }
  void store(mlir::Value value, mlir::Value memref, mlir::ValueRange at) {
    mlir::memref::StoreOp::create(b, loc, value, memref, at);
  }
  mlir::Value scratchBuffer(llvm::ArrayRef<int64_t> shape, mlir::Type element) {
    return mlir::memref::AllocaOp::create(b, loc, mlir::MemRefType::get(shape, element), b.getI64IntegerAttr(64));
  }
  mlir::Value extent(char letter);
  mlir::Value view(mlir::Value memref, mlir::StringRef layout, llvm::ArrayRef<LetterRange> ranges,
                   mlir::StringRef order);
  void mapColumns(mlir::Value end, llvm::function_ref<void(mlir::Value)> body);

  Scratch allocateScratch();
  Staging allocateStaging();
  Scratch scratchOf(mlir::Value block);
  void forEachBlock(mlir::Value first, mlir::Value count, llvm::function_ref<void()> body);
  void emitStart();
  mlir::Value setItem(mlir::Value item, mlir::Value itemsPerHead, mlir::Value blocksPerItem);
  void emitPrefetchQueries(mlir::Value item, mlir::Value items, mlir::Value itemsPerHead, mlir::Value blocksPerItem);
  void emitItem(mlir::Value item, mlir::Value items, mlir::Value blocks, mlir::Value blocksPerItem);
  void setKeyBlock(mlir::Value first);
  void emitKeyBlock();
  IndexRange keysOf(mlir::Value vector);
  mlir::Value isWorthNarrowing();
  void emitVectors();
  void setVector(mlir::Value vector, IndexRange range);
  void emitScores(bool partial);
  mlir::Value scoreOf(mlir::Value acc, mlir::Value row, mlir::Value col);
  mlir::Value allowed(mlir::Value row, mlir::Value col);
  mlir::Value inlineRegion(mlir::Region &region, llvm::ArrayRef<mlir::Value> leading, mlir::Value row, mlir::Value col);
  void findMatrices();
  bool readsOnlyMatrices();
  mlir::Value matrixRows(mlir::memref::LoadOp element, mlir::Value key, mlir::Value keysHere);
  void emitPrefetchMatrices(mlir::Value key);
  void emitMatrices();
  void emitValues(mlir::Value partial);
  void emitAccumulate();
  void emitMaskedAccumulate();
  void emitPrefetch(mlir::Value memref, mlir::StringRef layout, char feature, mlir::Value row, int64_t ahead);
  mlir::Value emitStage(mlir::Value memref, mlir::StringRef layout, char rows, mlir::Value first, mlir::Value count,
                        char feature, mlir::Value buffer);
  void emitQueries();
  mlir::Value hasNonFinite();
  mlir::Value bitsOf(mlir::Value narrow, bool high);
  mlir::Value emitPackValues();
  void emitPackQueries();
  mlir::Value loadWeight(mlir::Value key, mlir::Value lane);
  mlir::Value converted(mlir::Value value, mlir::Type type);
  static mlir::Type elementOf(mlir::Value memref) {
    return llvm::cast<mlir::MemRefType>(memref.getType()).getElementType();
  }
  /// Rows of `memref` are copied before they are used: in another type, or as a region makes them.
  bool isStaged(mlir::Value memref) {
    bool both = RowTransform::isPermuted(op);
    return elementOf(memref) != real || (memref == op.getQ() && (both || !op.getQuery().empty())) ||
           (memref == op.getK() && (both || !op.getKey().empty()));
  }
  /// The softmax of a row at its end; the values gathered so far are still to be multiplied by `factor`.
  struct RowEnd {
    mlir::Value max, sum, factor;
  };
  RowEnd emitRowEnd(mlir::Value lane);
  void emitOutput();

  mlir::OpBuilder &b;
  attn::AttentionOp op;
  mlir::Location loc;
  Blocking blocking;
  MaskPlan mask;
  mlir::Type real;                             ///< of all arithmetic (A8)
  bool pairs;                                  ///< contractions of pairs of bf16
  bool isSum;                                  ///< the score is s or s + ...: the maximum can be subtracted from s
  double scale;                                ///< of a raw score, in log2 units if isSum
  mlir::Value batch, head, group, q0, queries; ///< of the current block; `queries` are real ones
  mlir::Value n0, count, keys, values,
      valueRows;    ///< the current block of keys: its first, how many, and their rows, widened
  mlir::Value m, n; ///< M, N
  Scratch scratch;  ///< of the current block of queries
  Staging staging;
  llvm::SmallVector<Matrix> matrices;
  int64_t tileRows;    ///< rows of a register tile
  Scratch itemScratch; ///< of all blocks of the item
};

} // namespace attnc::schedule
