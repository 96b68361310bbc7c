//===- WeightsOps.h - The weights of a model --------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops are described in WeightsOps.td.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Weights/Recipe.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"

#include "dialects/Weights/WeightsDialect.h.inc"

#define GET_OP_CLASSES
#include "dialects/Weights/WeightsOps.h.inc"

namespace attnc::weights {

/// The tensor type that a weights op names; null for other ops, and for stacks, which name several.
mlir::RankedTensorType typeOf(mlir::Operation *op);

/// The weights op called `name` in the module around `user`; null, after an error at `user`, if there is none.
mlir::Operation *lookup(mlir::Operation *user, mlir::FlatSymbolRefAttr name);

/// The stack called `name`; null, after an error at `user`, if there is none.
StackOp lookupStack(mlir::Operation *user, mlir::FlatSymbolRefAttr name);

/// How the tensor of a weights op is made, or all those of a stack. Fails, with an error at the op, where a file is missing or too short.
mlir::FailureOr<RecipePtr> recipeOf(mlir::Operation *op);

/// Names of the tensors that a weights op is made of.
llvm::SmallVector<mlir::FlatSymbolRefAttr> sourcesOf(mlir::Operation *op);

/// Erases the weights ops of `module` that nothing uses.
void eraseUnused(mlir::ModuleOp module);

} // namespace attnc::weights
