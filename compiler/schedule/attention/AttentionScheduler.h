//===- AttentionScheduler.h - Emits one attention in tiles --*- C++ -* ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What all forms of the schedule share: items, the walk over the blocks of keys that the mask leaves, views, types,
// score and mask. A form (TransposedForm.h, RowForm.h) says where queries and keys lie and how a block is computed.
// AttentionToTile.cpp runs them on every attention of a module. The parts of this class:
//
//   AttentionToTile.cpp   items, the walk over key blocks
//   AttentionBlocks.cpp   views, score, mask, the search for NaN in V
//   AttentionPrefetch.cpp prefetch of rows
//   AttentionSums.cpp     sums over many keys
//   AttentionRows.cpp     conversion of types, transformed rows; how a block of queries ends
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/LayoutView.h"
#include "compiler/schedule/attention/RowTransform.h"
#include "compiler/schedule/masks/MaskPlan.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Attn/ErrorBound.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <numbers>

namespace attnc::schedule {

/// Block sizes of one schedule.
struct Blocking {
  int64_t width;     ///< W: queries per block, a multiple of the lanes
  int64_t keys;      ///< Nb: keys per block
  int64_t rows;      ///< R: rows of a register tile
  int64_t blocks;    ///< U: at most so many blocks of queries per item
  int64_t lanes;     ///< elements of a vector
  int64_t registers; ///< vector registers
  bool oneBody;      ///< the code of a partial block serves full ones too
};

/// Extent of a role, from the first operand that has it; 1 where none has.
mlir::Value extentOf(mlir::OpBuilder &builder, attn::AttentionOp op, char letter);

/// Emits the schedule of one attention op.
class AttentionScheduler : protected IndexMath {
public:
  AttentionScheduler(mlir::OpBuilder &builder, attn::AttentionOp op, Blocking blocking)
      : IndexMath{builder, op.getLoc()}, op(op), blocking(blocking), mask(op), real(op.getAccumulatorType()) {}
  virtual ~AttentionScheduler() = default;
  void emit();

protected:
  /// Scratch memory of a block of queries. Q and O lie as the form wants them; `max` is in units of a score. Long sums
  /// are carried to the totals from time to time (emitCarry): O and the sum of a row are o + oTotal and sum + sumTotal.
  struct Scratch {
    mlir::Value q, o, oTotal, p, max, sum, sumTotal; ///< oTotal is null where hasTotals() says no
    mlir::Value partial;                             ///< one row of O, of one block of keys
    mlir::Value shift, limit;                        ///< of tile.softmax_step; null in forms that have none
  };

  /// An element [.., i, .., j] of a captured tensor that the score reads, and where a block of it lies as [key][query].
  struct Matrix {
    mlir::memref::LoadOp element;
    mlir::Value block;
  };
  struct Items {
    mlir::Value count, pairs, perHead; ///< pairs of batch and head; items of one
    mlir::Value blocks, blocksPerItem; ///< blocks of queries of a head, and of an item, at most
  };

  /// Rows [first, last] of Q of a head that the next item will read, as a view [M][D] of all of them.
  struct NextQueries {
    mlir::Value rows, first, last;
  };

  // What a form says.
  /// Before the parallel loop: memory in the workspace.
  virtual void prepare() {}
  /// Scratch memory of all blocks of an item.
  virtual void allocate() = 0;
  /// Makes block `block` of the item the current one: its part of the scratch memory.
  virtual void selectBlock(mlir::Value block) = 0;
  /// A block of queries before its first keys: an empty softmax, O = 0.
  virtual void emitStart() = 0;
  /// The rows of O in scratch memory, and their elements, of the current block of queries.
  virtual std::pair<mlir::Value, mlir::Value> extentsOfO() = 0;
  /// Weights of a row are 2^(s' * log2(e) - shift): what rounding has left of max * log2(e) - shift.
  virtual mlir::Value emitShiftRest(mlir::Value lane) { return f(0.0); }
  /// Q * scale, where the contraction wants it.
  virtual void emitQueries() = 0;
  /// Makes the block of keys from n0 (`count` of them) the current one, for all blocks of queries of the item.
  virtual void setKeys() = 0;
  /// P of the current blocks; `partial` ones evaluate the mask and may have fewer keys than Nb.
  virtual void emitScores(bool partial) = 0;
  /// O += P V; the second adds only keys that are allowed and have weight.
  virtual void emitAccumulate() = 0;
  virtual void emitMaskedAccumulate() = 0;
  /// Writes O * sum, where `sum` already holds 1 / l.
  virtual void emitRows(mlir::Value out) = 0;
  /// One block of keys that the mask does not empty: `full` if it has Nb keys and the mask allows every pair,
  /// `someMasked` if it forbids a pair.
  virtual void emitVisited(mlir::Value full, mlir::Value someMasked);
  /// Register tiles prefetch the queries of the next item, from the second block of an item on.
  virtual bool prefetchesInTiles() const { return false; }
  /// All blocks of keys that the mask leaves to queries `range`.
  virtual void emitWalks(IndexRange range, mlir::Value first, mlir::Value count);

  // Small builders.
  mlir::Value flag(bool value) { return mlir::arith::ConstantIntOp::create(b, loc, value, 1); }
  mlir::Value f(double value) { return mlir::arith::ConstantOp::create(b, loc, b.getFloatAttr(real, value)); }
  mlir::Value load(mlir::Value memref, mlir::ValueRange at) { return mlir::memref::LoadOp::create(b, loc, memref, at); }
  void store(mlir::Value value, mlir::Value memref, mlir::ValueRange at) {
    mlir::memref::StoreOp::create(b, loc, value, memref, at);
  }
  mlir::Value scratchBuffer(llvm::ArrayRef<int64_t> shape, mlir::Type element) {
    return mlir::memref::AllocaOp::create(b, loc, mlir::MemRefType::get(shape, element), b.getI64IntegerAttr(64));
  }
  mlir::Value slice(mlir::Value memref, llvm::ArrayRef<mlir::OpFoldResult> offsets,
                    llvm::ArrayRef<mlir::OpFoldResult> sizes);
  mlir::Value blockOf(mlir::Value buffer, mlir::Value at);
  mlir::Value extent(char letter) { return extentOf(b, op, letter); }
  mlir::Value view(mlir::Value memref, mlir::StringRef layout, llvm::ArrayRef<LetterRange> ranges,
                   mlir::StringRef order);
  void mapColumns(mlir::Value end, llvm::function_ref<void(mlir::Value)> body);
  void forRange(mlir::Value begin, mlir::Value end, int64_t stride, llvm::function_ref<void(mlir::Value)> body);

  // The walk.
  void emitBegin();
  void forEachBlock(mlir::Value first, mlir::Value number, llvm::function_ref<void()> body);
  struct Place {
    mlir::Value pair, item; ///< batch * H + head; item of that head
  };
  Place placeOf(mlir::Value item);
  mlir::Value emitStep(mlir::Value pairs);
  mlir::Value setItem(mlir::Value item);
  void setNext(mlir::Value item);
  void emitPrefetchQueries(mlir::Value blocksHere);
  void prefetchRow(mlir::Value rows, mlir::Value row, int64_t features);
  void emitItem(mlir::Value item);
  void setKeyBlock(mlir::Value first);
  void emitKeyBlock();
  void emitValues(mlir::Value someMasked);
  void emitOutput();

  // Long sums (AttentionSums.cpp).
  void ifLong(llvm::function_ref<void()> body);
  void forEachOfO(llvm::function_ref<void(mlir::ValueRange)> body);
  void emitClearTotals();
  void emitCarry(mlir::Value sums, mlir::ValueRange at, mlir::Value totals, mlir::ValueRange totalAt);
  void emitCarrySums();
  bool hasTotals();
  void emitCarryBefore(mlir::Value key, mlir::Value first, mlir::Value number);
  void emitAddTotals();

  // Scores, types.
  mlir::Value scoreOf(mlir::Value acc, mlir::Value key, mlir::Value query);
  mlir::Value allowed(mlir::Value key, mlir::Value query);
  mlir::Value inlineRegion(mlir::Region &region, llvm::ArrayRef<mlir::Value> leading, mlir::Value key,
                           mlir::Value query);
  mlir::Value hasNonFinite();
  void addToOutput(tile::ContractOp contract);
  mlir::Value emitStage(mlir::Value memref, mlir::StringRef layout, char rows, mlir::Value first, mlir::Value number,
                        char feature, mlir::Value buffer);
  mlir::Value converted(mlir::Value value, mlir::Type type);
  static mlir::Type elementOf(mlir::Value memref) {
    return llvm::cast<mlir::MemRefType>(memref.getType()).getElementType();
  }
  /// Rows of `memref` are copied before they are used: in another type, or as a region makes them.
  bool isStaged(mlir::Value memref) { return elementOf(memref) != real || isTransformed(memref); }
  bool isTransformed(mlir::Value memref) {
    bool both = RowTransform::isPermuted(op);
    return (memref == op.getQ() && (both || !op.getQuery().empty())) ||
           (memref == op.getK() && (both || !op.getKey().empty()));
  }
  /// The softmax of a row at its end; the values gathered so far are still to be multiplied by `factor`.
  struct RowEnd {
    mlir::Value lse, sum, factor;
  };
  RowEnd emitRowEnd(mlir::Value lane);
  mlir::Value emitLse(mlir::Value lane, mlir::Value sum);

  attn::AttentionOp op;
  Blocking blocking;
  MaskPlan mask;
  mlir::Type real;                             ///< of all arithmetic (A8)
  mlir::Value batch, head, group, q0, queries; ///< of the current block; `queries` are real ones
  mlir::Value n0, count, valueRows;            ///< the current block of keys: its first, how many, and V's rows
  mlir::Value epoch;                           ///< of the last visited key (in memory): emitCarryBefore
  mlir::Value isVisited, isFirst; ///< some block of queries has visited it (in memory); the current one is the first
  mlir::Value m, n, step;         ///< M, N, queries of a block
  Scratch scratch;                ///< of the current block of queries
  mlir::Value block;              ///< the number of the current block of queries within its item
  NextQueries next;               ///< what the following item begins with
  Items items;
  llvm::SmallVector<Matrix> matrices; ///< that a form has found and packed
};

} // namespace attnc::schedule
