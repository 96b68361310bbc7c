//===- QuantizedOps.h - Rounding, for other operators -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Ops.h"

namespace attnc::onnx {

/// round(x) + zero, held in `type` (8 or 16 bits, with or without a sign), to nearest, ties to even; `zero` is an int32.
mlir::Value quantize(mlir::OpBuilder &b, mlir::Location l, mlir::Value x, mlir::Value zero, mlir::Type type);

/// Is there one element?
bool isOne(const Tensor *tensor);

/// Rows of the table that addQuantizedOps adds with its own.
void addQuantizeLinearOps(OpTable &table);

} // namespace attnc::onnx
