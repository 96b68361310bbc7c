//===- Unsupported.h - What users may want and we cannot do -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Diagnostics.h"

namespace mlir {
class ModuleOp;
class Operation;
} // namespace mlir

namespace attnc {

/// An error at `op` that says what is not compiled yet and what to do instead. It marks the module, so that a driver
/// tells the user's request (exit 1) from a pass that failed by our fault (exit 70).
mlir::InFlightDiagnostic emitUnsupported(mlir::Operation *op);

/// Whether `emitUnsupported` was called on something in `module`.
bool isUnsupported(mlir::ModuleOp module);

} // namespace attnc
