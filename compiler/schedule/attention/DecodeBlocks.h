//===- DecodeBlocks.h - The query heads of a group as rows ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   row f Mb + i of a block: query i of query head f of a kv head               (F heads, Mb queries)
//
//   S[row][p] = sum_d Q[row][d] K[key(p)][d]             O[row][e] += sum_p P[row][p] V[key(p)][e]
//
// All query heads of a kv head, and their few queries, share one read of K and V. Keys come as streams (KeyStreams.h);
// p is the position of one in its chunk. An item has one kv head, or all of them where the heads of a key are neighbours.
// Where the mask differs from head to head, a block has one query head (F = 1).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/KeyStreams.h"
#include "compiler/schedule/attention/Walk.h"

namespace attnc::schedule {

/// Queries of a block: as many where M is not known.
inline constexpr int64_t kMostQueries = 16;

/// How much a block and an item hold; all of it is known when compiling.
struct DecodeShape {
  int64_t heads;   ///< F: query heads of a block
  int64_t groups;  ///< kv heads, and so blocks, of an item
  int64_t queries; ///< Mb, at most
  int64_t rows() const { return heads * queries; }
};
DecodeShape decodeShapeOf(attn::AttentionOp op, int64_t lanes);

/// Blocks of queries of an item: those of its kv heads, one behind the other.
struct DecodeItem {
  Head at;                  ///< of the first block: its first query head
  mlir::Value first, count; ///< queries: Mb of them
  BlockState state = {};
  mlir::Value weights = {}; ///< P [groups][rows][positions]
};

class DecodeBlocks : public AttentionContext {
public:
  DecodeBlocks(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);

  /// Scratch of an item, with an empty softmax.
  void allocate(DecodeItem &item);
  /// Q * scale.
  void emitQueries(const DecodeItem &item);
  /// What the keys [first, first + count) add to all blocks of the item.
  void emitVisited(const DecodeItem &item, mlir::Value first, mlir::Value count, const Verdict &verdict);

  /// The block of kv head `group` of the item; of it, what belongs to query head `head`.
  QueryBlock blockOf(const DecodeItem &item, mlir::Value group);
  QueryBlock headOf(const DecodeItem &item, const QueryBlock &block, mlir::Value head);
  void forEachGroup(llvm::function_ref<void(mlir::Value)> body) { forRange(index(0), index(shape.groups), 1, body); }
  void forEachHead(llvm::function_ref<void(mlir::Value)> body) { forRange(index(0), index(shape.heads), 1, body); }

  DecodeShape shape;
  int64_t paddedE, dotRows, panelLanes;

private:
  mlir::Value weightsOf(const DecodeItem &item, mlir::Value group) { return partOf(item.weights, group); }
  void emitStaging(const DecodeItem &item, mlir::Value first, mlir::Value count);
  void emitScores(const DecodeItem &item, KeyStreams &keys, bool partial);
  void emitNoScores(const QueryBlock &block, mlir::Value begin, mlir::Value end);
  void emitScoresOf(const DecodeItem &item, KeyStreams &keys, const KeyStreams::Panel &panel, bool partial);
  void addAsRead(const QueryBlock &block, mlir::Value begin, mlir::Value end, KeyStreams &keys,
                 const KeyStreams::Panel &panel, mlir::Value values);
  void addInTiles(const QueryBlock &block, mlir::Value begin, mlir::Value end, const KeyStreams::Panel &panel,
                  mlir::Value values);
  void emitAccumulate(const DecodeItem &item, KeyStreams &keys);
  void emitCarry(const DecodeItem &item);
  void emitMaskedAccumulate(const DecodeItem &item, KeyStreams &keys);
  mlir::Value hasNonFinite(const DecodeItem &item, mlir::Value first, mlir::Value count);
  void addPrefetch(tile::ContractOp contract, KeyStreams &keys, const KeyStreams::Panel &panel, const Rows &of,
                   mlir::Value lane, mlir::Value column);
  void forEachRowTile(const DecodeItem &item, int64_t tileRows,
                      llvm::function_ref<void(mlir::Value begin, mlir::Value end, bool isFirst)> body);
  QueryBlock rowOf(const DecodeItem &item, const QueryBlock &block, mlir::Value row, mlir::Value &query);

  mlir::Value keyBuffer, valueBuffer; ///< staged rows of a chunk; null where they are read in place
};

} // namespace attnc::schedule
