//===- Probes.h - Values inside a program as outputs ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   func.func @model(%x) -> (tensor<4xf32>) {             func.func @model(%x) -> (tensor<4xf32>, tensor<4xf32>) {
//     %0 = attn.contract ...                       ->       %0 = attn.contract ...
//     %1 = linalg.exp ins(%0)                               %1 = linalg.exp ins(%0)
//     return %1                                             return %1, %0
//
// At level fused, so that what is seen is what the fused program computes.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <vector>

namespace attnc::tool {

/// A value that an op computes, and the number of the result that it is.
struct Probe {
  mlir::OpResult value;
  unsigned result;
};

/// Makes every tensor that an op of `function` computes a result, and says which it is, in the order of the program. Views,
/// fills and constants are left out, what is only written in part, and types that no caller knows.
std::vector<Probe> addProbes(mlir::func::FuncOp function);

} // namespace attnc::tool
