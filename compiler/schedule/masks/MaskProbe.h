//===- MaskProbe.h - What a mask says and how it is solved ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function whose mask is of interest becomes one that answers questions about it, for the reference interpreter:
//
//   func @causal(%q, %k, %v) -> %o        ->   func @probe(%q, %k, %v) -> (%allowed, %someAllowed, %someMasked,
//   %walked)
//     attn.attention ... mask { j <= i }         linalg.generic { j <= i }
//                                                linalg.generic { what the lowering would emit for a block }
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attnc::schedule {

/// What to ask of a mask.
struct MaskQuestion {
  int64_t batch = 0, head = 0;          ///< of which square
  int64_t blockRows = 1, blockCols = 1; ///< queries and keys of a block
  bool pairs = true;                    ///< ask for every single pair too
};

/// Results of the function that `emitMaskProbe` makes; all are i1.
enum MaskAnswer : unsigned {
  kAllowed,     ///< [M, N]: the mask itself; [0, 0] when not asked for
  kSomeAllowed, ///< [blocks of queries, blocks of keys]: the block is not empty, as MaskPlan decides
  kSomeMasked,  ///< ... is not full
  kWalked,      ///< ... lies where the loop over keys goes
};

/// Adds a function `name` beside the one that holds `op`, which is directly in the body of a function at level attn,
/// with the same arguments.
mlir::func::FuncOp emitMaskProbe(attn::AttentionOp op, llvm::StringRef name, const MaskQuestion &question);

} // namespace attnc::schedule
