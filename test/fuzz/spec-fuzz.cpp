//===- spec-fuzz.cpp - Any bytes as a .attn file --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// No file crashes the front end, and what it accepts prints as a file that means the same.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Import.h"
#include "compiler/frontend/spec/printing/Print.h"
#include "mlir/IR/MLIRContext.h"

using namespace mlir;
using namespace attnc;

static OwningOpRef<ModuleOp> import(MLIRContext &context, StringRef text) {
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, "fuzz.attn"), llvm::SMLoc());
  FailureOr<OwningOpRef<ModuleOp>> module = spec::importSpec(sources, &context);
  return succeeded(module) ? std::move(*module) : OwningOpRef<ModuleOp>();
}

static std::string printIR(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  return text;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ScopedDiagnosticHandler silence(&context, [](Diagnostic &) { return success(); });
  OwningOpRef<ModuleOp> module = import(context, StringRef(reinterpret_cast<const char *>(data), size));
  if (!module)
    return 0;
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (failed(spec::printSpec(*module, stream)))
    llvm::report_fatal_error("what was imported does not print");
  if (text.size() > 100000)
    return 0; // expansion may take the text beyond the limits of a file
  OwningOpRef<ModuleOp> again = import(context, text);
  if (!again)
    llvm::report_fatal_error(StringRef("what was printed does not import:\n" + text));
  if (printIR(*module) != printIR(*again))
    llvm::report_fatal_error(StringRef("another meaning after printing:\n" + text));
  return 0;
}
