//===- Session.h - The IR context and the diagnostics of a run --*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/SourceMgr.h"
#include <set>

namespace attnc::tool {

/// Prints diagnostics the way compilers do: with the line and a caret where the
/// location is in a text the user wrote, as `layer.onnx: node 'attn_3'
/// (Softmax): error: ...` where it has no text.
class DiagnosticPrinter : public mlir::SourceMgrDiagnosticHandler {
public:
  DiagnosticPrinter(llvm::SourceMgr &sources, mlir::MLIRContext *context);

  bool showRemarks = false;
  unsigned errors = 0;

private:
  void print(mlir::Diagnostic &diagnostic);
  bool printNamed(mlir::Diagnostic &diagnostic);
  bool isNew(const mlir::Diagnostic &warning);

  std::set<std::pair<const void *, std::string>> warnings; // printed so far, by location
};

/// One context with all our dialects, which several threads may use. Passes start none: parts of a module are compiled at
/// the same time instead, where a crash can be reported.
struct Session {
  Session();
  ~Session();
  llvm::SourceMgr sources;
  std::unique_ptr<llvm::ThreadPoolInterface> noThreads; // runs at once what it is given
  mlir::MLIRContext context;
  DiagnosticPrinter diagnostics;
  std::vector<std::string> fixedInputs; // of the model that was read: their values are in the module
};

} // namespace attnc::tool
