//===- Site.h - One softmax between two products ----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/fusion/AttentionMatch.h"
#include "compiler/fusion/AxisRole.h"
#include "compiler/lint/Extents.h"
#include "compiler/lint/MaskShape.h"
#include "dialects/Attn/AttnOps.h"

namespace attnc::lint {

/// One attention, or a softmax that is none, of a module. All attentions look alike here, whether they were written as
/// `.attn`, as an operator, or as a graph.
struct Site {
  mlir::func::FuncOp function;
  mlir::Operation *op; ///< `attn.attention` or `linalg.softmax`

  /// What it is. `Softmax`: no attention, for the reason in `mismatch`.
  enum Kind { Attention, HeadMixture, Channels, Softmax } kind = Attention;
  fusion::Mismatch mismatch{};
  std::unique_ptr<fusion::AttentionMatch> match; ///< of a graph's attention

  Extent batch, heads, groups, queries, keys, features;
  mlir::Value q, k, v, result; ///< as far as views were followed

  /// The scalar code from q k^T to what p v reads, in a block with the arguments of a score: s b h i j M N. It names
  /// tensors of the function.
  std::unique_ptr<mlir::Block> code;
  double scale = 1.0;      ///< of the product, all factors together
  double outerScale = 1.0; ///< the part of it that q and k were multiplied by
  mlir::Value score;       ///< s itself where nothing is added
  mlir::Value mask;        ///< i1, true where a key counts; null if every key does
  mlir::Value p, weight;   ///< of a graph: the softmax's result, and what is made of it
  MaskShape shape;

  bool isAttention() const { return kind != Softmax; }
  attn::AttentionOp attention() const { return llvm::dyn_cast<attn::AttentionOp>(op); }
  mlir::Value argument(unsigned index) const { return code->getArgument(index); }
  bool isWritten() const; ///< in the language, where what a mask says is chosen
  /// There may be more keys than queries.
  bool mayDiffer() const { return queries != keys || !keys.isNamed(); }
  bool hasScore() const { return score != argument(0); }
};

/// The sites of `module`, in order. The module is simplified as fusion does first, and must not be compiled afterwards.
mlir::FailureOr<std::vector<Site>> findSites(mlir::ModuleOp module);

} // namespace attnc::lint
