//===- BlockWeights.h - Weights of four bits in blocks ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A matrix whose recipe says that column n is made of integers of four bits in blocks along k,
//
//   w[k, n] = (q[n, k / B, k mod B] - zero) * scale[n, k / B]         -8 <= q - zero < 8
//
// stays packed in the artefact, and is widened in the kernel: its panels are `<8 x si4, blocks of B>`.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Tile/TileOps.h"

namespace attnc::schedule {

struct BlockWeight {
  mlir::Operation *integers; ///< the weights op of q, i8 [columns, count, block]
  int64_t zero;
  mlir::Operation *scales; ///< the weights op of the scales, f32, read at n * ofColumn + b * ofBlock
  int64_t ofColumn, ofBlock;
  int64_t columns, count, block;
};

/// What the recipe of `source` says: a matrix whose rows (`sumFirst`) or columns are summed over. Nothing if it is none.
std::optional<BlockWeight> readBlockWeight(mlir::Operation *source, bool sumFirst);

/// The length of the blocks of a weight, or of all those of a stack; 0 if it is none.
int64_t blockOf(tile::WeightOp weight, bool sumFirst);

/// Panels of `width` columns, [panels, count * (block / 8 + 1), width], called `name`; declared behind `source`.
mlir::Operation *packBlocks(mlir::Operation *source, const BlockWeight &weight, int64_t width, llvm::StringRef name);

/// The first `blocks` blocks of part of a panel, [rows of words, columns], as floats [k, columns].
void widenBlocks(mlir::OpBuilder &b, mlir::Location loc, mlir::Value part, tile::EncodingAttr encoding,
                 mlir::Value floats, mlir::Value blocks);

} // namespace attnc::schedule
