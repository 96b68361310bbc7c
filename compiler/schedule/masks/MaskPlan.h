//===- MaskPlan.h - Which key blocks a block of queries visits --*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A mask becomes loop bounds. Each conjunction of its formula gives one interval of keys for a range of queries; the
// walk over key blocks jumps from interval to interval, and each visited block is judged exactly: empty, full, partial.
//
//   causal and window(w):    for n = max(0, i0 - w + 1) to i1 + 1
//   longformer(w, g):        n = next(n) over [i0 - w, i1 + w], [0, g - 1], and everything when i0 < g
//
// Where captured ids are declared `sorted`, the ends of an interval are found by binary search:
//
//   doc[j] == doc[i]:        for n = first j with doc[j] >= doc[i0] to first j with doc[j] > doc[i1]
//
// Conditions without a closed form (captured ids, remainders) are evaluated on intervals, block by block.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/masks/MaskSolver.h"
#include "dialects/Attn/AttnOps.h"

namespace attnc::schedule {

class MaskPlan {
public:
  /// Reads `op`'s mask; one without a mask allows everything.
  explicit MaskPlan(attn::AttentionOp op);

  /// Emits what is the same for all blocks of a head. `leading` are the values of the region's arguments before the
  /// captures: b, h, null, null, M, N. Where `isTrusted` is there and false, every block is partial.
  void emitHead(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<mlir::Value> leading,
                mlir::Value isTrusted = {});

  /// What the mask says about a block.
  BlockTruth emitTruth(mlir::OpBuilder &builder, mlir::Location loc, IndexRange queries, IndexRange keys);

  /// Intervals that together hold every key below `n` that some query of `queries` may meet; with `dim` = kQueryDim the
  /// transposed question, queries below `n` that may meet a range of keys.
  llvm::SmallVector<IndexRange> emitRanges(mlir::OpBuilder &builder, mlir::Location loc, unsigned dim,
                                           IndexRange others, mlir::Value n);

  /// One interval around the keys among `keys` that some query of `queries` may meet; empty (low > high) where there
  /// are none.
  IndexRange emitKeyHull(mlir::OpBuilder &builder, mlir::Location loc, IndexRange queries, IndexRange keys);

  bool hasMask() { return !op.getMask().empty(); }

  /// The bounds of keys say something: neither absent nor evaluated.
  bool isClosedForm() { return hasMask() && closedForm; }

  /// The bounds are found by binary search.
  bool isSearched() { return hasMask() && !formula.searched.empty(); }

  /// Runs `body` for the first keys of blocks of `step` keys, in increasing order, so that every allowed pair of
  /// `queries` and a key below `n` lies in one of the blocks.
  void emitWalk(mlir::OpBuilder &builder, mlir::Location loc, IndexRange queries, mlir::Value n, int64_t step,
                llvm::function_ref<void(mlir::Value)> body);

  /// Later queries visit more keys, as under a causal mask: some bound above grows with the query, none below does.
  bool growsWithQueries();

  /// The mask can never be true: a mistake, surely.
  bool isNever() { return hasMask() && formula.allowed.empty() && formula.wild.empty(); }

  /// What was proved of `subject`, or which operation was opaque, for --remarks.
  void remark(const llvm::Twine &subject = "mask");

private:
  mlir::Value boundsHold(mlir::OpBuilder &builder, mlir::Location loc);
  llvm::SmallVector<IndexRange> rangesWithin(mlir::OpBuilder &builder, mlir::Location loc, unsigned dim,
                                             IndexRange others, IndexRange whole);

  attn::AttentionOp op;
  MaskFormula formula;
  bool closedForm = false; ///< the formula alone tells empty, full and partial blocks apart
  mlir::IRMapping uniform;
  SymbolValues symbols;
  mlir::Value isTrusted; ///< i1: the mask is asked; null where it always is
};

} // namespace attnc::schedule
