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

/// Memory of a block of queries: its running state. Q and O lie as the form wants them; `max` is in units of a score.
/// Long sums are carried to the totals from time to time (emitCarry): O and the sum of a row are o + oTotal and
/// sum + sumTotal.
struct BlockState {
  mlir::Value q, o, oTotal, p, max, sum, sumTotal; ///< oTotal is null where hasTotals() says no
  mlir::Value partial;                             ///< one row of O, of one block of keys
  mlir::Value shift = {}, limit = {};              ///< of tile.softmax_step; null in forms that have none
  llvm::SmallVector<mlir::Value> matrices =
      {}; ///< blocks [key][query] of the captured tensors AttentionScheduler::matrices
};

/// Batch, query head and key head of an item.
struct Head {
  mlir::Value batch, query, key;
};

/// A block of queries: its number within the item, its first query, and how many.
struct QueryBlock {
  Head at;
  mlir::Value number, first, count;
  int64_t tileRows; ///< of a register tile
  BlockState state;
};

/// A block of keys: its first key, and how many.
struct KeyBlock {
  mlir::Value first, count;
  mlir::Value keys, values; ///< rows of K and V as the form multiplies them: in place, widened or packed
  mlir::Value valueRows;    ///< rows of V, element by element
  mlir::Value isNew = {};   ///< no block of queries of the item has visited it before
};

/// What is done with a pair of blocks that the mask leaves: `full` if there are Nb keys and every pair is allowed,
/// `someMasked` if one is forbidden.
using Visit =
    llvm::function_ref<void(const QueryBlock &queries, const KeyBlock &keys, mlir::Value full, mlir::Value someMasked)>;

/// Emits the schedule of one attention op. What a function works on is passed to it: blocks are values, and a part of
/// one (a vector of queries, the keys left to it) is another.
class AttentionScheduler : protected IndexMath {
public:
  AttentionScheduler(mlir::OpBuilder &builder, attn::AttentionOp op, Blocking blocking)
      : IndexMath{builder, op.getLoc()}, op(op), blocking(blocking), mask(op), real(op.getAccumulatorType()) {}
  virtual ~AttentionScheduler() = default;
  void emit();

protected:
  struct Items {
    mlir::Value count, pairs, perHead; ///< pairs of batch and head; items of one
    mlir::Value blocks, blocksPerItem; ///< blocks of queries of a head, and of an item, at most
  };

  /// The blocks of queries of an item: the first, and how many.
  struct Item {
    Head at;
    mlir::Value first, blocks;
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
  /// Its part that belongs to block `block` of the item.
  virtual BlockState stateOf(mlir::Value block) = 0;
  /// A block of queries before its first keys: an empty softmax, O = 0.
  virtual void emitStart(const QueryBlock &queries) = 0;
  /// The rows of O in scratch memory, and their elements.
  virtual std::pair<mlir::Value, mlir::Value> extentsOfO(const QueryBlock &queries) = 0;
  /// Weights of a row are 2^(s' * log2(e) - shift): what rounding has left of max * log2(e) - shift.
  virtual mlir::Value emitShiftRest(const BlockState &state, mlir::Value lane) { return f(0.0); }
  /// Q * scale, where the contraction wants it.
  virtual void emitQueries(const QueryBlock &queries) = 0;
  /// `count` keys from `first`, for all blocks of queries of an item.
  virtual KeyBlock emitKeys(const Head &at, mlir::Value first, mlir::Value count) = 0;
  /// P of the blocks; `partial` ones evaluate the mask and may have fewer keys than Nb.
  virtual void emitScores(const QueryBlock &queries, const KeyBlock &keys, bool partial) = 0;
  /// O += P V; the second adds only keys that are allowed and have weight.
  virtual void emitAccumulate(const QueryBlock &queries, const KeyBlock &keys) = 0;
  virtual void emitMaskedAccumulate(const QueryBlock &queries, const KeyBlock &keys) = 0;
  /// Writes O * sum, where `sum` already holds 1 / l.
  virtual void emitRows(const QueryBlock &queries, mlir::Value out) = 0;
  /// A pair of blocks (Visit).
  virtual void emitVisited(const QueryBlock &queries, const KeyBlock &keys, mlir::Value full, mlir::Value someMasked);
  /// Register tiles prefetch the queries of the next item, from the second block of an item on.
  virtual bool prefetchesInTiles() const { return false; }
  /// All blocks of keys that the mask leaves to queries `range` of an item.
  virtual void emitWalks(const Item &item, IndexRange range);

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
  mlir::Value view(const Head &at, mlir::Value memref, mlir::StringRef layout, llvm::ArrayRef<LetterRange> ranges,
                   mlir::StringRef order);
  void mapColumns(mlir::Value end, llvm::function_ref<void(mlir::Value)> body);
  void forRange(mlir::Value begin, mlir::Value end, int64_t stride, llvm::function_ref<void(mlir::Value)> body);

  // The walk.
  void emitBegin(const QueryBlock &queries);
  void forEachBlock(const Item &item, llvm::function_ref<void(const QueryBlock &)> body);
  struct Place {
    mlir::Value pair, item; ///< batch * H + head; item of that head
  };
  Place placeOf(mlir::Value item);
  mlir::Value emitStep(mlir::Value pairs);
  std::pair<Head, mlir::Value> headOf(mlir::Value item);
  NextQueries nextOf(mlir::Value item);
  void emitPrefetchQueries(mlir::Value blocksHere);
  void prefetchRow(mlir::Value rows, mlir::Value row, int64_t features);
  void emitItem(mlir::Value item);
  void walkKeys(const Item &item, IndexRange range,
                llvm::function_ref<KeyBlock(mlir::Value first, mlir::Value count)> keysAt, Visit visit);
  void emitPair(const QueryBlock &queries, KeyBlock keys, Visit visit);
  void emitValues(const QueryBlock &queries, const KeyBlock &keys, mlir::Value someMasked);
  void emitOutput(const QueryBlock &queries);

  // Long sums (AttentionSums.cpp).
  void ifLong(llvm::function_ref<void()> body);
  void forEachOfO(const QueryBlock &queries, llvm::function_ref<void(mlir::ValueRange)> body);
  void emitClearTotals(const QueryBlock &queries);
  void emitCarry(mlir::Value sums, mlir::ValueRange at, mlir::Value totals, mlir::ValueRange totalAt);
  void emitCarrySums(const BlockState &state);
  bool hasTotals();
  void emitCarryBefore(mlir::Value key, const Item &item);
  void emitAddTotals(const QueryBlock &queries);

  // Scores, types.
  mlir::Value scoreOf(const QueryBlock &queries, const KeyBlock &keys, mlir::Value acc, mlir::Value key,
                      mlir::Value query);
  mlir::Value allowed(const QueryBlock &queries, mlir::Value key, mlir::Value query);
  mlir::Value inlineRegion(mlir::Region &region, llvm::ArrayRef<mlir::Value> leading, const Head &at, mlir::Value key,
                           mlir::Value query, llvm::ArrayRef<mlir::Value> elements = {});
  mlir::Value hasNonFinite(const KeyBlock &keys);
  void addToOutput(const BlockState &state, tile::ContractOp contract);
  mlir::Value emitStage(const Head &at, mlir::Value memref, mlir::StringRef layout, char rows, mlir::Value first,
                        mlir::Value number, char feature, mlir::Value buffer);
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
  RowEnd emitRowEnd(const QueryBlock &queries, mlir::Value lane);
  mlir::Value emitLse(const BlockState &state, mlir::Value lane, mlir::Value sum);

  attn::AttentionOp op;
  Blocking blocking;
  MaskPlan mask;
  mlir::Type real;        ///< of all arithmetic (A8)
  mlir::Value m, n, step; ///< M, N, queries of a block
  Items items;
  mlir::Value isVisited; ///< of an item, in memory: some block of queries has visited the keys
  mlir::Value epoch;     ///< of an item, in memory: that of the last visited key (emitCarryBefore)
  NextQueries next;      ///< what the following item begins with
  /// Elements [.., i, .., j] of captured tensors that the score reads and a form packs (BlockState::matrices).
  llvm::SmallVector<mlir::memref::LoadOp> matrices;
};

} // namespace attnc::schedule
