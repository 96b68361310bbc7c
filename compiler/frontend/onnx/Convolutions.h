//===- Convolutions.h - Sums over windows, for other operators --*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Windows.h"

namespace attnc::onnx {

/// A weight [O, C / groups, window..] and what else a convolution is made of.
struct Convolution {
  Tensor *weight;
  int64_t groups;
  Windows windows;
};

/// What the attributes of a node say of x and a weight.
mlir::FailureOr<Convolution> readConvolution(NodeContext &ctx, Tensor *x, Tensor *weight);

/// The convolution of x, padded with 0; null if it cannot be, which has been said.
Tensor *convolved(NodeContext &ctx, Tensor *x, const Convolution &conv);

/// The same of what its windows hold already, [N, C, positions.., window..].
Tensor *contractedWindows(NodeContext &ctx, Tensor *view, const Convolution &conv);

/// `sum` plus a number for each of its channels (dim 1). Null likewise.
Tensor *addPerChannel(NodeContext &ctx, Tensor *sum, Tensor *bias);

} // namespace attnc::onnx
