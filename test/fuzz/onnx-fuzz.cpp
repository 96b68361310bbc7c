//===- onnx-fuzz.cpp - Any bytes as an ONNX model -------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model gives a module that verifies, or an error that says why not.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace attnc;

/// A folder of this process for its model.
static std::string makeFolder() {
  llvm::SmallString<128> folder;
  if (llvm::sys::fs::createUniqueDirectory("onnx-fuzz", folder))
    llvm::report_fatal_error("no temporary folder");
  return folder.str().str();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string file = makeFolder() + "/model.onnx";
  std::error_code failed;
  llvm::raw_fd_ostream(file, failed) << StringRef(reinterpret_cast<const char *>(data), size);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  bool hasError = false;
  ScopedDiagnosticHandler handler(
      &context, [&](Diagnostic &diagnostic) { hasError |= diagnostic.getSeverity() == DiagnosticSeverity::Error; });
  FailureOr<OwningOpRef<ModuleOp>> module = onnx::importModel(file, &context, {});
  if (succeeded(module) == hasError)
    llvm::report_fatal_error("an error exactly where it fails");
  if (succeeded(module) && mlir::failed(verify(**module)))
    llvm::report_fatal_error("what was imported does not verify");
  return 0;
}
