//===- Interpreter.h - The executable meaning of attn modules ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The oracle of every test. Floats are computed in f64 whatever their type, and not rounded in between: `arith.truncf`
// is the identity, a constant keeps the value it is stored with. The exception are floats that an integer or a boolean
// comes out of (Decisions.h): each is rounded to its type, so that the decision is the one of compiled code. Integers
// wrap exactly at their width.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Attn/ErrorBound.h"
#include "dialects/Attn/RefTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <functional>

namespace attnc::attn {

/// Runs `function` on `inputs` in f64 arithmetic; emits a diagnostic and fails
/// on an op it does not know, a shape that does not fit, an index out of bounds
/// or an integer division by zero. `function` holds tensors and scalars (no
/// memrefs); a scalar argument or result is a rank-0 tensor here. Elements that
/// nothing wrote (`tensor.empty`) are NaN, or a conspicuous integer.
///
/// With `bounds`, how far compiled code may be off is computed too.
mlir::FailureOr<std::vector<RefTensor>> interpret(mlir::func::FuncOp function, llvm::ArrayRef<RefTensor> inputs,
                                                  ErrorBounds *bounds = nullptr);

/// The same with each tensor rounded to its element type once it is computed: how far that moves the results says how
/// sensitive a graph is to rounding.
mlir::FailureOr<std::vector<RefTensor>> interpretRounded(mlir::func::FuncOp function, llvm::ArrayRef<RefTensor> inputs);

/// Is shown each tensor that the body of the function computes, outside of its calls, and may put another in its place:
/// what follows is computed from that.
using TensorVisitor = std::function<void(mlir::Value result, RefTensor &tensor)>;

/// The same with `visit` between the ops. With a `disturbance` each sum, product and function is off by so much,
/// relatively and as if by chance, except in attentions: what rounding does to the results, made larger.
mlir::FailureOr<std::vector<RefTensor>> interpretVisiting(mlir::func::FuncOp function, llvm::ArrayRef<RefTensor> inputs,
                                                          const TensorVisitor &visit, ErrorBounds *bounds = nullptr,
                                                          double disturbance = 0);

} // namespace attnc::attn
