//===- OperatorPage.h - The operator table for people -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Error.h"
#include <string>

namespace attnc::onnx {

/// Every operator, the opsets it is read in, and its signatures: columns of text.
std::string operatorTable();
/// The same as a page: docs/operators.md.
std::string operatorPage();

/// What of the model at `path` is supported.
struct Coverage {
  std::string text; ///< a row for each of its operators: how often, in which opset, and what is wrong
  bool isWhole = false;
};
/// Nothing if the file cannot be read, which has been said. Only the operators themselves are looked at, with their
/// attributes and numbers of operands.
std::optional<Coverage> coverageOf(llvm::StringRef path, mlir::MLIRContext *context);

} // namespace attnc::onnx
