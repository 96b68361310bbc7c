//===- Context.h - What all of an attention is emitted with -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The values that functions are passed (a head, a block of queries with its running state, a block of keys), and an
// AttentionContext: the op, its sizes, the builder. It holds what is the same for all blocks and keeps no current one,
// so that a part of a block (a vector of queries, the keys left to it) is a block like any other.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/LayoutView.h"
#include "compiler/schedule/masks/MaskPlan.h"
#include "compiler/schedule/masks/ScoreFill.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Alignment.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"

namespace attnc::schedule {

/// Block sizes of one schedule.
struct Blocking {
  int64_t width;              ///< W: queries per block, a multiple of the lanes
  int64_t keys;               ///< Nb: keys per block
  int64_t rows;               ///< R: rows of a register tile
  int64_t blocks;             ///< U: at most so many blocks of queries per item
  int64_t lanes;              ///< elements of a vector
  int64_t registers;          ///< vector registers
  bool oneBody;               ///< the code of a partial block serves full ones too
  bool prefetchesFar = false; ///< early and repeatedly, not once and shortly before
};

/// Extent of a role, from the first operand that has it; 1 where none has.
mlir::Value extentOf(mlir::OpBuilder &builder, attn::AttentionOp op, char letter);

/// Elements [.., i, .., j] of a captured tensor that the score reads, and where a block of them lies, [key][query].
struct PackedMatrix {
  mlir::memref::LoadOp element;
  mlir::Value block;
};

/// Memory of a block of queries: its running state, `max` in units of a score. Long sums are carried to the totals from
/// time to time (LongSums.h): O and the sum of a row are o + oTotal and sum + sumTotal.
struct BlockState {
  bool transposed = false; ///< O lies [feature][query], else [query][feature]
  mlir::Value q = {}, o = {}, p = {}, max = {}, sum = {};
  mlir::Value oTotal = {}, sumTotal = {}; ///< oTotal is null where hasTotals() says no
  mlir::Value partial = {};               ///< one row of O, of one block of keys
  mlir::Value shift = {}, limit = {};     ///< of tile.softmax_step; null in forms that have none
  mlir::Value fill = {};                  ///< what is added to a score's fill (FilledRows.h); null where it has none
  llvm::SmallVector<PackedMatrix> matrices = {};
};

/// Batch, query head and key head of an item, and the first and last of its pages that are read: those with the keys that
/// the mask leaves to it. Null where K and V are in no pages.
struct Head {
  mlir::Value batch, query, key;
  mlir::Value firstPage = {}, lastPage = {};
};

/// Rows [first, last] of Q of a head that the next item will read, as a view [M][D] of all of them.
struct NextQueries {
  mlir::Value rows, first, last;
};

/// A block of queries: its number within the item, its first query, and how many.
struct QueryBlock {
  Head at;
  mlir::Value number, first, count;
  int64_t tileRows; ///< of a register tile
  BlockState state;
  NextQueries next = {}; ///< after the item; null while its blocks begin
};

/// A block of keys: its first key, and how many.
struct KeyBlock {
  mlir::Value first, count;
  mlir::Value keys = {}, values = {}; ///< rows of K and V as the form multiplies them: in place, widened or packed
  mlir::Value valueRows = {};         ///< rows of V, element by element
  mlir::Value isNew = {};             ///< no block of queries of the item has visited it before
};

/// Q, K, V or O: its rows are counted by one letter, what lies in a row by another. Rows in pages have a table of these.
struct Rows {
  mlir::Value memref;
  llvm::StringRef layout;
  char row, feature;
  mlir::Value table = {};
  llvm::StringRef tableLayout = {};
};

/// How many items there are, and of what size (Walk.h).
struct Items {
  mlir::Value step;                  ///< queries of a block
  mlir::Value count, pairs, perHead; ///< pairs of batch and head; items of one
  mlir::Value blocks, blocksPerItem; ///< blocks of queries of a head, and of an item, at most
};

/// The op, its sizes, and small builders.
struct AttentionContext : IndexMath {
  /// Emits M, N and the number of items where `builder` stands. A form that does not walk again where a fill counts
  /// (FilledRows.h) does not take fills of the score as a mask.
  AttentionContext(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking, bool fillsAsMask = true);

  mlir::Value flag(bool value) { return mlir::arith::ConstantIntOp::create(b, loc, value, 1); }
  mlir::Value f(double value) { return mlir::arith::ConstantOp::create(b, loc, b.getFloatAttr(real, value)); }
  /// The maximum of no scores, and the score of a forbidden pair.
  mlir::Value none() { return f(-std::numeric_limits<double>::infinity()); }
  mlir::Value load(mlir::Value memref, mlir::ValueRange at) { return mlir::memref::LoadOp::create(b, loc, memref, at); }
  void store(mlir::Value value, mlir::Value memref, mlir::ValueRange at) {
    mlir::memref::StoreOp::create(b, loc, value, memref, at);
  }
  mlir::Value addf(mlir::Value l, mlir::Value r) { return mlir::arith::AddFOp::create(b, loc, l, r); }
  mlir::Value subf(mlir::Value l, mlir::Value r) { return mlir::arith::SubFOp::create(b, loc, l, r); }
  mlir::Value mulf(mlir::Value l, mlir::Value r) { return mlir::arith::MulFOp::create(b, loc, l, r); }
  mlir::Value cmpf(mlir::arith::CmpFPredicate predicate, mlir::Value l, mlir::Value r) {
    return mlir::arith::CmpFOp::create(b, loc, predicate, l, r);
  }
  mlir::Value cmpi(mlir::arith::CmpIPredicate predicate, mlir::Value l, mlir::Value r) {
    return mlir::arith::CmpIOp::create(b, loc, predicate, l, r);
  }
  mlir::Value select(mlir::Value condition, mlir::Value yes, mlir::Value no) {
    return mlir::arith::SelectOp::create(b, loc, condition, yes, no);
  }
  mlir::Value scratchBuffer(llvm::ArrayRef<int64_t> shape, mlir::Type element) {
    return mlir::memref::AllocaOp::create(b, loc, mlir::MemRefType::get(shape, element),
                                          b.getI64IntegerAttr(kAlignment));
  }
  mlir::Value slice(mlir::Value memref, llvm::ArrayRef<mlir::OpFoldResult> offsets,
                    llvm::ArrayRef<mlir::OpFoldResult> sizes);
  /// buffer[at]: a leading dimension counts the blocks of queries of an item. Null where `buffer` is.
  mlir::Value partOf(mlir::Value buffer, mlir::Value at);
  mlir::Value extent(char letter) { return extentOf(b, op, letter); }
  /// The sub-block of `memref` given by `ranges`, other letters fixed at `at`.
  mlir::Value view(const Head &at, mlir::Value memref, mlir::StringRef layout, llvm::ArrayRef<LetterRange> ranges,
                   mlir::StringRef order);
  void ifTrue(mlir::Value condition, llvm::function_ref<void()> body);
  void ifElse(mlir::Value condition, llvm::function_ref<void()> body, llvm::function_ref<void()> otherwise);
  void mapColumns(mlir::Value end, llvm::function_ref<void(mlir::Value)> body);
  void forRange(mlir::Value begin, mlir::Value end, int64_t stride, llvm::function_ref<void(mlir::Value)> body);
  /// memref[0 .. rows)[0 .. columns) = value
  void fill(mlir::Value memref, mlir::Value rows, mlir::Value columns, double value);
  /// What is done with the sums of a register tile: an element, its row and column, and whether it is one.
  void
  emitEpilogue(tile::ContractOp contract,
               llvm::function_ref<void(mlir::Value acc, mlir::Value row, mlir::Value column, mlir::Value exists)> body);
  /// `to` = the transposed of `rows` x `columns` elements of `from`, each as `body` makes it; with `pad`, 0 beyond.
  void emitTranspose(mlir::Value from, mlir::Value to, mlir::Value rows, mlir::Value columns, bool pad,
                     llvm::function_ref<mlir::Value(mlir::Value element, mlir::Value column)> body,
                     tile::EncodingAttr encoding = {});
  /// `value`, of any float type, as a `type`.
  mlir::Value converted(mlir::Value value, mlir::Type type);
  static mlir::Type elementOf(mlir::Value memref) {
    return llvm::cast<mlir::MemRefType>(memref.getType()).getElementType();
  }
  /// Lanes of the vectors that hold queries, where queries are in the lanes.
  mlir::Value usedLanes(const QueryBlock &queries);

  Rows q() { return {op.getQ(), op.getQLayout(), 'M', 'D'}; }
  Rows k() { return {op.getK(), op.getKLayout(), 'N', 'D', op.getKTable(), op.getKTableLayout().value_or("")}; }
  Rows v() { return {op.getV(), op.getVLayout(), 'N', 'E', op.getVTable(), op.getVTableLayout().value_or("")}; }
  Rows o() { return {op.getInits()[0], op.getOLayout(), 'M', 'E'}; }
  /// `count` rows from `first`, as [row][feature]. Not of rows in pages.
  mlir::Value rowsOf(const Head &at, const Rows &of, mlir::Value first, mlir::Value count);
  /// Page `page` of the sequence, as [P][feature]: key j is row j % P of page j / P. A page outside of those that the item
  /// reads is the nearest that it does (`at` is the one that Walk has made).
  mlir::Value pageOf(const Head &at, const Rows &of, mlir::Value page);
  /// Every block of keys lies within a page.
  bool arePagesWhole() { return op.isPaged() && op.getExtent('P') % blocking.keys == 0; }
  /// `count` rows of a block of K or V from `first`, in place; where they lie in pages, these are whole.
  mlir::Value blockRowsOf(const Head &at, const Rows &of, mlir::Value first, mlir::Value count);
  /// The rows are copied before they are used: in another type, as a region makes them, or out of several pages.
  bool isStaged(const Rows &rows) {
    return (rows.table && !arePagesWhole()) || elementOf(rows.memref) != real || isTransformed(rows);
  }
  bool isTransformed(const Rows &rows);
  /// Copies `count` rows from `first` into `buffer`, in its type, and transformed where a region says so.
  mlir::Value emitStage(const Head &at, const Rows &of, mlir::Value first, mlir::Value count, mlir::Value buffer);

  /// Prefetches every cache line of a row of `rows`, whose `features` elements are neighbours; of a long row the first
  /// page, since hardware follows neighbours: code must not grow with the heads.
  void prefetchRow(mlir::Value rows, mlir::Value row, int64_t features);

  /// s' (A2) of the raw score `acc`; where the pair is not `partial`, its key is not filled.
  mlir::Value scoreOf(const QueryBlock &queries, const KeyBlock &keys, mlir::Value acc, mlir::Value key,
                      mlir::Value query, bool partial);
  mlir::Value allowed(const QueryBlock &queries, mlir::Value key, mlir::Value query);
  /// A10, of a query.
  mlir::Value sinkOf(const QueryBlock &queries, mlir::Value query);

  attn::AttentionOp op;
  Blocking blocking;
  ScoreFill scoreFill;
  MaskPlan mask;   ///< forbids what the score fills too
  mlir::Type real; ///< of all arithmetic (A8)
  mlir::Value m, n;
  Items items;

private:
  void emitStagedRow(const Head &at, const Rows &of, mlir::Value source, mlir::Value sourceRow, mlir::Value buffer,
                     mlir::Value row, mlir::Value position);
  void emitPrefetchStaged(const Head &at, const Rows &of, mlir::Value position);
  mlir::Value inlineRegion(mlir::Region &region, llvm::ArrayRef<mlir::Value> leading, const Head &at, mlir::Value key,
                           mlir::Value query, mlir::IRMapping mapping = {},
                           llvm::function_ref<mlir::Value(mlir::Operation &, mlir::IRMapping &)> replace = nullptr);
};

} // namespace attnc::schedule
