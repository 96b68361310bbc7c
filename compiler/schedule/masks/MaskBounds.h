//===- MaskBounds.h - What a mask says about a whole block ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A mask predicate is evaluated on intervals instead of points: with i in
// [i0, i1] and j in [j0, j1], `j <= i + N - M` is certainly true when
// j1 <= i0 + N - M and certainly false when j0 > i1 + N - M. The evaluation is
// emitted as a few scalar operations per block of keys, symbolic in all lengths. Captured ids and flags of the keys or
// queries of a block are read for their minimum and maximum: a block without a common document is empty.
//
// Sound for every predicate: what it does not understand may be true and may be
// false. Exact on blocks for comparisons of affine expressions.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Tile/TileOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Region.h"

namespace attnc::schedule {

/// Inclusive bounds of an index.
struct IndexRange {
  mlir::Value low, high;
};

/// i1 values: some element of the block is allowed; some is not. A block is empty when `!someAllowed`, full when
/// `!someMasked`.
struct BlockTruth {
  mlir::Value someAllowed, someMasked;
};

/// Emits the evaluation of `mask` (one block, yields i1) for all `ranges` of its index arguments. Other arguments and
/// values from above are uniform; `uniform` maps the region's arguments to their values.
BlockTruth emitBlockTruth(mlir::OpBuilder &builder, mlir::Location loc, mlir::Region &mask,
                          const llvm::DenseMap<mlir::Value, IndexRange> &ranges, const mlir::IRMapping &uniform);

/// `index` moved to the nearest element of dimension `dim` of `buffer`, a tensor or memref.
mlir::Value emitWithinBuffer(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value index, mlir::Value buffer,
                             unsigned dim);

/// Two integers or flags as a tile.reduce of `kind` (min, max, and, or) combines them.
mlir::Value emitCombined(mlir::OpBuilder &builder, mlir::Location loc, tile::ReductionKind kind, mlir::Value lhs,
                         mlir::Value rhs);

} // namespace attnc::schedule
