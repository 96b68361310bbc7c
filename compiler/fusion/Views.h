//===- Views.h - Reading tensors through ops that move elements -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/fusion/Axes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>

namespace attnc::fusion {

/// One element of a tensor: `tensor[index]`.
struct Access {
  mlir::Value tensor;
  Index index;
};

/// The index of operand `map` for loops indexed by `loops`; nullopt unless
/// every result of `map` is a loop or 0.
std::optional<Index> indexThrough(mlir::AffineMap map, const Index &loops);
/// The loop indices of `op` when its first result is read at `index`; nullopt
/// unless the result's map is a permutation of all loops.
std::optional<Index> loopsOf(mlir::linalg::LinalgOp op, const Index &index);

/// Loops all parallel, tensors, one result, written at a permutation of the
/// loops.
bool isPointwise(mlir::Operation *op);
/// The operand of a pointwise op that is copied to the result unchanged, or
/// null.
mlir::OpOperand *getCopiedOperand(mlir::linalg::LinalgOp op);
/// The same but allowing one conversion between float types in between.
mlir::OpOperand *getConvertedOperand(mlir::linalg::LinalgOp op);

/// True if the result of `op` shows elements of its only tensor operand at
/// other places: cast, transpose, expand_shape, collapse_shape; also broadcasts
/// when `broadcasts` is set.
bool isView(mlir::Operation *op, bool broadcasts);

/// Rewrites `access` to read the source of the view that makes `access.tensor`;
/// false (and `access` unchanged) if it is made by no view, or if the axes do
/// not split as the view asks.
bool followView(AxisSpace &axes, Access &access, bool broadcasts);
/// The same, as far as it goes.
void followViews(AxisSpace &axes, Access &access, bool broadcasts);

/// The other direction: if `user` is a view of `access.tensor` (not a broadcast), rewrites `access` to the view's
/// result.
bool followViewForwards(AxisSpace &axes, Access &access, mlir::Operation *user);

/// Reshapes `tensor`, of which the dimensions are indexed by `have`, such that
/// they are indexed by `want`. Both must list the same axes in the same order.
/// Null, with nothing left behind that is used, if an extent is unknown.
mlir::Value regroup(mlir::OpBuilder &builder, mlir::Location loc, const AxisSpace &axes, mlir::Value tensor,
                    const Index &have, const Index &want);

} // namespace attnc::fusion
