//===- F64Functions.h - Functions of f64 as arithmetic ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Builders.h"

namespace attnc::codegen {

/// The function that `op` of the math dialect names, of `operands` of f64, scalars or vectors: exp, exp2, expm1, log,
/// log2, log10, log1p, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh, erf, cbrt, rsqrt, powf.
/// A few ulps off at most (powf: 1e-13), for every argument; NaN where libm gives NaN. Null for any other op.
///
/// `fromF32` says that the operands have been of f32: they are below 2^128, which makes sin and cos shorter.
mlir::Value emitF64Function(mlir::OpBuilder &builder, mlir::Operation *op, mlir::ValueRange operands, bool fromF32);

/// sin or cos of f32, at most two ulps off for every argument.
mlir::Value emitF32Circular(mlir::OpBuilder &builder, mlir::Operation *op);

} // namespace attnc::codegen
