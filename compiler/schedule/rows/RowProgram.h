//===- RowProgram.h - How one linalg op is walked ---------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row program is a `linalg.generic` on memrefs with a decision for each of
// its loops:
//
//   outer   parallel loops that run over rows; one row per iteration
//   inner   loops inside a row, one after the other
//   lane    the loop whose iterations sit in vector lanes, if any
//
// For `y[i, j] = x[i, j] * s[i]`: outer = {i}, lane = j. For `s[i] += x[i, j]`:
// outer = {i}, lane = j, lanes are reduced. For `c[i, j] += a[i, k] * b[k, j]`:
// outer = {i}, inner = {k}, lane = j.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace attnc::schedule {

/// An extent, comparable: a constant (`base` is null), dimension `dim` of
/// `base`, or the index `base` (dim = -1).
struct Extent {
  mlir::Value base;
  int64_t dim = 0;
  bool operator==(const Extent &) const = default;
  bool isStatic() const { return !base; }
};

/// The extent of dimension `dim` of `memref`, seen through allocations and
/// views up to an argument or a constant. Arguments whose `attnc.dims` name the
/// same symbol have the same extent.
Extent extentOf(mlir::Value memref, int64_t dim);

struct RowProgram {
  mlir::linalg::GenericOp op;
  llvm::SmallVector<unsigned> outer;
  llvm::SmallVector<unsigned> inner;
  std::optional<unsigned> lane;
  /// When the lane loop is a reduction: the op of the body that combines, and
  /// how.
  mlir::Operation *combiner = nullptr;
  tile::ReductionKind kind = tile::ReductionKind::Add;

  mlir::Location location() const { return mlir::linalg::GenericOp(op).getLoc(); }
  /// The first operand dimension that has the extent of `loop`.
  std::pair<mlir::Value, int64_t> source(unsigned loop) const;
  /// The static extent of `loop`, or ShapedType::kDynamic.
  int64_t extent(unsigned loop) const;
  /// True if some operand says that `loop` has extent `extent`.
  bool hasExtent(unsigned loop, Extent extent) const;
  /// Every name that the operands give to the extent of `loop`.
  llvm::SmallVector<Extent> extents(unsigned loop) const;
  /// Scalar operations per element, at least 1.
  int64_t workPerElement() const;
};

/// Chooses outer, inner and lane for `op`. Never fails: an op that nothing can
/// be said about has no lane.
RowProgram planRows(mlir::linalg::GenericOp op);

/// As above, with the first `outer` loops outside, all of them parallel; none
/// if that leaves lanes worse off.
std::optional<RowProgram> planRows(mlir::linalg::GenericOp op, unsigned outer);

} // namespace attnc::schedule
