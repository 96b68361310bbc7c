//===- Axes.h - Loops of the mathematics behind tensor dims -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An axis is a loop of the mathematics (batch, head, query, key, feature),
// whatever tensors happen to store. A dimension of a tensor is indexed by a
// row-major combination of axes: the dimension B*H of nn.MultiheadAttention by
// [b, h], the columns of a projection by [h, d], a dimension of extent 1 by [].
//
// Axes start as one per dimension and are refined while they are followed
// through the program: reading `collapse_shape [[0, 1]]` at axis x splits x
// into the two axes of the collapsed dimensions, and reading one tensor from
// two places makes their axes one.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

namespace attnc::fusion {

using Axis = unsigned;
/// What indexes one dimension: axes, major first; empty is the constant index
/// 0.
using DimIndex = llvm::SmallVector<Axis, 2>;
/// What indexes a tensor, one entry per dimension.
using Index = llvm::SmallVector<DimIndex, 4>;

class AxisSpace {
public:
  /// An index with an axis of its own for every dimension of extent other
  /// than 1. With `measure`, the extents of dynamic dimensions are read from
  /// `tensor` when they are needed.
  Index createIndex(mlir::Value tensor, bool measure = true);

  /// One axis of `extent` (ShapedType::kDynamic if unknown), measured as
  /// dimension `dim` of `source` if that is given.
  DimIndex createAxis(int64_t extent, mlir::Value source = {}, int64_t dim = 0);

  /// `dim` in terms of the axes that are left after all splits and merges so
  /// far.
  DimIndex resolve(llvm::ArrayRef<Axis> dim) const;
  Index resolve(const Index &index) const;

  /// Makes the two combinations, which index one dimension, one: splits and merges axes. Fails and changes nothing if
  /// the extents do not prove how: [4, ?] and [?, 4], or [?, ?] twice with extents that may be exchanged.
  mlir::LogicalResult unify(llvm::ArrayRef<Axis> a, llvm::ArrayRef<Axis> b);

  /// The static extent, or kDynamic. `axis` must be resolved.
  int64_t extent(Axis axis) const { return axes[axis].extent; }
  /// Product of the extents of a resolved combination, kDynamic if one is
  /// dynamic.
  int64_t extent(llvm::ArrayRef<Axis> dim) const;

  /// The dimension that the extent of the resolved `axis` is read from, or that extent; null if nothing tells it.
  std::pair<mlir::Value, int64_t> source(Axis axis) const { return axes[axis].source; }

  /// Reads the extent of the resolved `axis` from dimension `dim` of `source`
  /// from now on.
  void measure(Axis axis, mlir::Value source, int64_t dim) { axes[axis].source = {source, dim}; }
  /// The extent of the resolved `axis` is the index `extent`; used where no
  /// dimension was told.
  void know(Axis axis, mlir::Value extent) {
    if (!axes[axis].source.first)
      axes[axis].source = {extent, 0};
  }
  /// The extent of a resolved combination, as an attribute or as IR at
  /// `builder`; null if nothing tells it.
  mlir::OpFoldResult materializeExtent(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<Axis> dim) const;

private:
  struct Info {
    int64_t extent;
    std::pair<mlir::Value, int64_t> source; ///< dimension that has this extent, or an index value, if any
    bool replaced = false;
    DimIndex pieces; ///< what it was replaced by
  };
  void replace(Axis axis, llvm::ArrayRef<Axis> pieces);
  mlir::LogicalResult merge(Axis a, Axis b);
  /// Replaces the static `axis` by [rest, minor].
  void splitMinor(Axis axis, int64_t minor);
  mlir::LogicalResult unifyResolved(DimIndex a, DimIndex b);
  bool haveSameExtent(Axis a, Axis b) const;

  llvm::SmallVector<Info> axes;
};

/// Something that stands for the extent of dimension `dim` of `tensor` such
/// that equal keys mean equal extents: the symbol of an argument's dimension
/// (attribute `attnc.dims`), or the value or dimension that it comes from.
const void *extentKey(mlir::Value tensor, int64_t dim);

} // namespace attnc::fusion
