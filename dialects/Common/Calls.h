//===- Calls.h - Who calls a function ---------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers of a model are private functions that entries call (compiler/fusion/OutlineLayers.cpp). Other private functions
// are called by none: the plan of an entry, and after OutlineParallel the bodies of parallel loops.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"

namespace attnc {

/// The functions with a body that something in `module` calls, each with its calls; callees before their callers.
using CalledFunctions = llvm::MapVector<mlir::func::FuncOp, llvm::SmallVector<mlir::func::CallOp>>;

CalledFunctions findCalledFunctions(mlir::ModuleOp module);

} // namespace attnc
