//===- Windows.h - How convolutions and pools walk over a tensor -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dims 0 and 1 of their operand are batch and channels; windows move along the others, which are called spatial. Along each
// lie, with span = (size - 1) * dilation + 1,
//
//   (extent + before + after - span) / stride + 1
//
// positions, rounded down, or none where that is negative.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Ops.h"

namespace attnc::onnx {

struct Windows {
  llvm::SmallVector<int64_t> sizes, strides, dilations;
  SymList before, after; ///< pads, at least 0

  size_t rank() const { return sizes.size(); }
  int64_t span(size_t i) const { return (sizes[i] - 1) * dilations[i] + 1; }
  /// Elements of a window.
  int64_t taps() const;
  /// Where tap number `tap` lies in a window, by spatial dim, in steps of the dilation.
  llvm::SmallVector<int64_t> tap(int64_t tap) const;
};

/// The attributes of a node that say so: strides, dilations, pads and auto_pad, for windows of `sizes` over `x`.
mlir::FailureOr<Windows> readWindows(NodeContext &ctx, Tensor *x, llvm::ArrayRef<int64_t> sizes);

/// Positions along spatial dim `i` of a tensor that is padded to `extent`.
Sym positions(Extents &symbols, const Windows &windows, size_t i, const Sym &extent);

/// `x` with its pads, which are `fill`.
Tensor *padSpatial(NodeContext &ctx, Tensor *x, const Windows &windows, mlir::TypedAttr fill);

/// [N, C, positions.., window..]: a view of the padded `x`, or, where windows of one stride lie side by side, a reshape.
Tensor *viewWindows(NodeContext &ctx, Tensor *padded, const Windows &windows);

/// [N, C, positions..]: element `tap` of each window of the padded `x`.
Tensor *viewTap(NodeContext &ctx, Tensor *padded, const Windows &windows, llvm::ArrayRef<int64_t> tap);

} // namespace attnc::onnx
