//===- Reshapes.h - Reshapes that tear positions ----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Value.h"

namespace attnc::lint {

/// Whether one of the views that make `tensor` is a reshape from (S, H*D) to (H, S, D), or back, without a transpose.
/// The number of positions S must be an extent that is not known; with known ones, axes show the same.
bool movesPositions(mlir::Value tensor);

/// The tensor that views and broadcasts show.
mlir::Value behindViews(mlir::Value tensor);
/// The tensors that `tensor` is a concatenation of, behind views, in order; none if it is no concatenation.
llvm::SmallVector<mlir::Value> concatenated(mlir::Value tensor);

} // namespace attnc::lint
