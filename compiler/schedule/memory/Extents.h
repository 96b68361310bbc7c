//===- Extents.h - Extents as functions of argument extents -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace attnc::schedule {

/// Rewrites every `tensor.dim` in `module` as far upstream as it goes: through
/// the op that made the tensor to the extents of its operands, and among
/// function arguments whose `attnc.dims` name the same symbol to the first of
/// them. Ops that become dead are erased.
llvm::LogicalResult resolveExtents(mlir::ModuleOp module);

/// The extent of dimension `dim` of a result of `call`, from an operand whose dimension has the same name in the function
/// that is called; null if there is none.
mlir::Value extentOfResult(mlir::OpBuilder &builder, mlir::func::CallOp call, unsigned result, int64_t dim);

} // namespace attnc::schedule
