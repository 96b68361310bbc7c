//===- Shapes.h - Types, roles and extents of an attention ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/syntax/AST.h"
#include "compiler/frontend/spec/syntax/Diagnostics.h"
#include "compiler/support/DimBindings.h"
#include "compiler/support/Limits.h"
#include "mlir/IR/BuiltinTypes.h"

namespace attnc::spec {

/// The most dimensions a tensor may have.
inline constexpr size_t kMaxRank = 8;

/// A parameter or result with every extent resolved.
struct TensorInfo {
  const Parameter *parameter = nullptr;
  mlir::RankedTensorType type;            // rank 0 for a scalar
  llvm::SmallVector<std::string> symbols; // per dimension: "B", or "16" when fixed
  std::string layout;                     // q, k, v, their tables and the output only: roles in memory order, "BMHD"

  int64_t extentOf(char letter) const; // kDynamic if run-time, 1 if absent
};

/// All shapes of one attention.
struct Shapes {
  llvm::SmallVector<TensorInfo> params; // in the order of the file
  llvm::SmallVector<TensorInfo> results;
  unsigned q = 0, k = 0, v = 0;           // positions in params
  std::optional<unsigned> kTable, vTable; // the same, where k and v lie in pages
  std::string querySymbol;                // what q calls its M: "M", "N" or ""
  llvm::StringMap<int64_t> extents;       // dimension name -> extent; kDynamic for run-time ones

  const TensorInfo &getOutput() const { return results[0]; }
  bool hasLse() const { return results.size() == 2; }
  bool isPaged() const { return kTable.has_value(); }
  bool isTable(size_t position) const { return position == kTable || position == vTable; }
};

/// Finds the roles and fixes the extents of `attention`. Reports every mistake
/// and returns nothing if there is one.
std::optional<Shapes> resolveShapes(const Attention &attention, const DimBindings &bindings, Diagnostics &diagnostics);

/// Shapes for an attention whose own are wrong: good enough to check the types of its expressions, so that the user
/// sees those errors in the same run. Element types that do not exist are null.
Shapes guessShapes(const Attention &attention, mlir::MLIRContext *context);

/// Tells the user about bound dimensions that no attention of the file has.
void checkBindings(const File &file, const DimBindings &bindings, Diagnostics &diagnostics);

} // namespace attnc::spec
