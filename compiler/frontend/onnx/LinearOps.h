//===- LinearOps.h - Sums of products, for other operators ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Ops.h"

namespace attnc::onnx {

/// A B as MatMul has it, over leading dims that are broadcast. Integers are summed in `sums` (null: their own type).
mlir::FailureOr<Tensor *> matMul(NodeContext &ctx, Tensor *a, Tensor *b, mlir::Type sums = {});

/// (values - zero) * scale of both sides, multiplied as bytes: a float32.
mlir::FailureOr<Tensor *> multiplyQuantized(NodeContext &ctx, const Quantized &a, const Quantized &b);

/// The same of two tensors that DequantizeLinear made, in integers: sum (a - za) sa (b - zb) sb is sa sb times a sum of
/// products of bytes, for which some targets have an instruction. Where it is not, or a sum could wrap around, and where
/// only b is such a tensor, and a weight: of whole floats. Null elsewhere.
mlir::FailureOr<Tensor *> matMulQuantized(NodeContext &ctx, Tensor *a, Tensor *b);

} // namespace attnc::onnx
