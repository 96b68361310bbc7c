//===- PrintExpressions.h - A region's operations as text -------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Block.h"
#include "mlir/IR/Value.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <string>
#include <vector>

namespace attnc::spec {

/// `let NAME = TEXT` of a value that several others use.
struct LetText {
  std::string name, text;
};

struct StatementText {
  std::vector<LetText> lets;
  std::string expr;
};

/// The value that the block yields as an expression with the fewest
/// parentheses. `names` holds what the block's arguments are called, "" for one
/// that cannot be named; `newName` gives a fresh name for a let. Fails with an
/// error at an operation that the language has no word for.
mlir::FailureOr<StatementText> printStatement(mlir::Block &block, mlir::ArrayRef<std::string> names,
                                              llvm::function_ref<std::string()> newName);

} // namespace attnc::spec
