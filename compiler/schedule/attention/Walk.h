//===- Walk.h - Blocks of queries and keys, in order ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   scf.forall (%item) {
//     allocate
//     for each block of queries:  start, queries                                        // O = 0, Q * scale
//     walk:  for each block of keys that the mask leaves, for each block of queries:  what a form does with a pair
//     for each block of queries:  finish                                                // O / l
//   }
//
// A form says what stands for these names, and walks as often as it likes. The U blocks of an item share one walk over
// K and V: what the first block brings into the cache the others find there. Where K and V have rows of 4 KB (heads
// inside rows), they would fall out of the cache between two walks. Under a score with a finite fill an item may start,
// and walk, twice (FilledRows.h).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Context.h"

namespace attnc::schedule {

/// Some blocks of queries of a head: the first, and how many.
struct Item {
  Head at;
  mlir::Value first, blocks;
  BlockState state = {};      ///< of all of its blocks, which a leading dimension counts
  mlir::Value isVisited = {}; ///< in memory: some block of queries has visited the keys
  mlir::Value epoch = {};     ///< in memory: that of the last visited key (emitCarryBefore)
  NextQueries next = {};      ///< what the following item begins with
};

/// What a form does with an item.
struct ItemSteps {
  llvm::function_ref<BlockState()> allocate;                                    ///< memory of all of its blocks
  llvm::function_ref<void(const QueryBlock &queries)> start;                    ///< an empty softmax, O = 0
  llvm::function_ref<void(const QueryBlock &queries)> queries;                  ///< Q * scale, as contractions want it
  llvm::function_ref<void(const Item &item, IndexRange queries)> walk;          ///< all keys
  llvm::function_ref<void(const QueryBlock &queries, mlir::Value rows)> finish; ///< O * sum, where sum is 1 / l now
  bool prefetchesQueries; ///< of the next item, from the second block of queries on
};

/// Items of an attention that is emitted where the builder stands.
Items planItems(AttentionContext &c);
void emitItems(AttentionContext &c, const ItemSteps &steps);

/// Of K and V in pages: gives `at` the pages of the keys that the mask leaves to `queries` of the head. Whether there are
/// any: where not, no page may be read. After MaskPlan::emitHead.
mlir::Value emitFindPages(AttentionContext &c, Head &at, IndexRange queries);

/// Runs `body` for the blocks of queries of an item.
void forEachBlock(AttentionContext &c, const Item &item, llvm::function_ref<void(const QueryBlock &)> body);

/// What the mask says about a pair of blocks that it leaves: `full` if there are Nb keys and every pair is allowed,
/// `someMasked` if one is forbidden.
struct Verdict {
  mlir::Value full, someMasked;
};

/// What is done with a pair of blocks.
using Visit = llvm::function_ref<void(const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict)>;

/// The blocks of keys that the mask leaves to queries `range`, each with every block of queries of the item, unless the
/// mask empties the pair.
void walkKeys(AttentionContext &c, const Item &item, IndexRange range,
              llvm::function_ref<KeyBlock(mlir::Value first, mlir::Value count)> keysAt, Visit visit);

/// Runs `body` twice, for full blocks and for partial ones, which evaluate the mask and may have fewer keys than Nb;
/// with `oneBody` once, as if all were partial.
void emitByVerdict(AttentionContext &c, const Verdict &verdict, bool oneBody, llvm::function_ref<void(bool)> body);

} // namespace attnc::schedule
