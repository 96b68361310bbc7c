//===- Split.h - One module in parts that compile alone ---------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parallel bodies are most of an artefact's code, and only the launchers know them. Each goes into a module of its own, as
// do other long functions, which is lowered, optimised and turned into an object file beside the others:
//
//   module { func @f          { call @f__launch }                     module { func @f__parallel(...) { ... } }
//            func @f__launch    // launches @f__parallel         ->   module { func @f { ... }
//            func @f__parallel { ... } }                                       func @f__launch
//                                                                              func private @f__parallel(...) }
//
// What goes where depends on the module alone, so that results do not depend on the number of threads.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringSet.h"
#include <vector>

namespace attnc::emit {

/// About how much code `op` becomes, in operations.
size_t estimateSize(mlir::Operation *op);

/// Moves functions of some length out of `module`, which is outlined or in the LLVM dialect, but for those called one of
/// `stay`. The last part holds all that has not left. What one part defines and another one uses is added to `shared`.
std::vector<mlir::OwningOpRef<mlir::ModuleOp>> splitModule(mlir::OwningOpRef<mlir::ModuleOp> module,
                                                           const llvm::StringSet<> &stay, llvm::StringSet<> &shared);

} // namespace attnc::emit
