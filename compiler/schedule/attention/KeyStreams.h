//===- KeyStreams.h - A chunk of keys as distant streams --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of K or V that lie side by side, read side by side, defeat hardware prefetchers: they follow few streams of
// distant addresses (four adjacent rows of 512 bytes: a third of a plain read). So the keys of a chunk are S = 4
// streams, which are read in step; attention does not care about the order of keys. A panel has a key for each of L
// lanes, a multiple of S:
//
//   lane l of panel i:   stream l mod S, its key (L / S) i + l div S           position of a key in the chunk: L i + l
//
// The keys that fill no panel, fewer than L, are a last panel of their own, as they follow one another.
//
// Where the kv heads of a key are neighbours in memory, an item has all of them, and panels are counted head by head:
// panel t is that of head t mod G at i = t div G. So every stream runs through memory in order.
//
// Software prefetches are dropped where the queue is full: every line is asked for three times, at three distances.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Context.h"

namespace attnc::schedule {

/// The keys of a chunk, `count` of them from `first` on, of `groups` kv heads from `at` on.
class KeyStreams {
public:
  static constexpr int64_t kStreams = 4;

  KeyStreams(AttentionContext &c, const Head &at, int64_t groups, int64_t lanes, mlir::Value first, mlir::Value count);

  /// A panel of a kv head: `keys` of its lanes have one.
  struct Panel {
    mlir::Value number, group, place; ///< t, t mod G, i
    mlir::Value keys;
    mlir::Value start, stream, next; ///< lane l has key start + (l mod S) stream + (l div S) next of the chunk
  };
  /// Runs `body` for every panel. Where the count is known and fills panels, all are whole.
  void forEachPanel(llvm::function_ref<void(const Panel &)> body);
  /// The same in runs of so many keys; `before` is emitted before each.
  void forEachPanelOfRuns(int64_t keys, llvm::function_ref<void()> before,
                          llvm::function_ref<void(const Panel &)> body);

  /// Positions of a chunk, whole panels.
  mlir::Value positions() { return c.mul(panels, c.index(lanes)); }
  /// The key of a lane.
  mlir::Value keyOf(const Panel &panel, mlir::Value lane);
  /// Rows [L / S][S][features] of a panel, of K or V; `staged` are rows [keys][features] that were copied.
  mlir::Value rowsOf(const Rows &of, const Panel &panel, mlir::Value staged = {});

  /// What is `distance` panels behind `panel` in memory that is read: in `of`, then in `then` (of the keys `keysAhead`
  /// further on). Null where the two differ in type.
  mlir::Value rowsAhead(const Rows &of, const Rows &then, int64_t keysAhead, const Panel &panel, int64_t distance);

  mlir::Value first, count;

private:
  bool areWhole();
  Panel panelAt(mlir::Value number, bool isWhole);
  mlir::Value rowsAt(const Rows &of, const Panel &panel, mlir::Value from);

  AttentionContext &c;
  Head at;
  int64_t groups, lanes;
  mlir::Value whole, panels; ///< of a kv head: panels that are whole; all
};

} // namespace attnc::schedule
