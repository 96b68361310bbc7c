//===- Modules.h - Any module against the interpreter -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/OwningOpRef.h"
#include "test/numerics/Compiled.h"
#include "llvm/ADT/StringMap.h"

namespace attnc::numerics {

/// The target under test, from ATTNC_TEST_TARGET: one program serves every target. "host" by default.
std::string testTarget();

/// max|got - f64| / max(1, max|f64|) that a result of this element type may have; 0 for integers.
double limitFor(mlir::Type elementType);

/// The extents of the symbols in `attnc.dims`.
using Extents = llvm::StringMap<int64_t>;
std::string nameOf(const Extents &extents);

/// One module, compiled, and its first function on the interpreter.
class Checked {
public:
  /// Takes over a module at level attn. `isCompiled` says whether that worked; diagnostics are on stderr.
  explicit Checked(mlir::OwningOpRef<mlir::ModuleOp> module);
  bool isCompiled() const { return compiled != nullptr; }
  bool isRunnable() const { return compiled->isRunnable(); }

  /// Random inputs: floats in [-2, 2], integers in [0, 4), booleans.
  std::vector<attn::RefTensor> makeInputs(const Extents &extents, unsigned seed);
  /// Runs both; returns what differs, or "" if nothing does.
  std::string compare(llvm::ArrayRef<attn::RefTensor> inputs);

  std::unique_ptr<Compiled> compiled;

private:
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace attnc::numerics
