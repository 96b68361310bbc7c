//===- huggingface-fuzz.cpp - Any bytes as a config.json ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A configuration gives attention that prints as .attn text, or an error that says why not.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/huggingface/Import.h"
#include "compiler/frontend/spec/printing/Print.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace attnc;

/// A folder of this process for its config.json.
static std::string makeFolder() {
  llvm::SmallString<128> folder;
  if (llvm::sys::fs::createUniqueDirectory("huggingface-fuzz", folder))
    llvm::report_fatal_error("no temporary folder");
  return folder.str().str();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string folder = makeFolder();
  std::error_code failed;
  llvm::raw_fd_ostream(folder + "/config.json", failed) << StringRef(reinterpret_cast<const char *>(data), size);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  bool hasError = false;
  ScopedDiagnosticHandler handler(
      &context, [&](Diagnostic &diagnostic) { hasError |= diagnostic.getSeverity() == DiagnosticSeverity::Error; });
  FailureOr<OwningOpRef<ModuleOp>> module = hf::importDirectory(folder, &context, {});
  if (succeeded(module) == hasError)
    llvm::report_fatal_error("an error exactly where it fails");
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (succeeded(module) && mlir::failed(spec::printSpec(**module, stream)))
    llvm::report_fatal_error("what was imported does not print");
  return 0;
}
