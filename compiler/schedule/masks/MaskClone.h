//===- MaskClone.h - The ops of a mask's value, emitted again ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Region.h"

namespace attnc::schedule {

/// Clones `op` and folds the clone; its results go into `mapping`. Its operands come from there, or are `operands`.
void cloneFolded(mlir::OpBuilder &builder, mlir::Operation &op, mlir::IRMapping &mapping,
                 llvm::ArrayRef<mlir::Value> operands = {});

/// Clones what computes `value` inside of `mask` and is not in `mapping` yet, in its order: a chain of thousands needs no
/// recursion. `operandsOf` may give an operation other operands than those in `mapping`.
mlir::Value cloneNeeded(mlir::OpBuilder &builder, mlir::Value value, mlir::IRMapping &mapping, mlir::Region &mask,
                        llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Operation &)> operandsOf = nullptr);

} // namespace attnc::schedule
