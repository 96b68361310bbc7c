//===- onnx-fuzz.cpp - Any bytes as an ONNX model -------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model gives a module that verifies and is lowered to tiles, or an error that says why not. Most inputs are models
// that differ from another in one thing they say (OnnxMutator.h); one in eight differs in bytes.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Import.h"
#include "compiler/frontend/onnx/OperatorPage.h"
#include "compiler/pipeline/Dialects.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/support/Unsupported.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "test/fuzz/OnnxMutator.h"
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

/// The first words of the table's rows.
static std::vector<std::string> operatorNames() {
  std::string table = attnc::onnx::operatorTable();
  llvm::SmallVector<StringRef> lines;
  StringRef(table).split(lines, '\n', -1, /*KeepEmpty=*/false);
  std::vector<std::string> names;
  for (StringRef line : lines)
    if (line.contains('('))
      names.push_back(line.split(' ').first.str());
  return names;
}

/// To level tile; what is not compiled yet is said.
static void lower(ModuleOp module) {
  PipelineOptions options;
  options.target = *codegen::parseTarget("x86-64-v3");
  if (failed(runPipeline(module, "attn", "tile", options)) && !isUnsupported(module))
    llvm::report_fatal_error("what was imported is not lowered");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string file = makeFolder() + "/model.onnx";
  std::error_code failed;
  llvm::raw_fd_ostream(file, failed) << StringRef(reinterpret_cast<const char *>(data), size);
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  bool hasError = false;
  ScopedDiagnosticHandler handler(
      &context, [&](Diagnostic &diagnostic) { hasError |= diagnostic.getSeverity() == DiagnosticSeverity::Error; });
  FailureOr<OwningOpRef<ModuleOp>> module = attnc::onnx::importModel(file, &context, {});
  if (succeeded(module) == hasError)
    llvm::report_fatal_error("an error exactly where it fails");
  if (mlir::failed(module))
    return 0;
  if (mlir::failed(verify(**module)))
    llvm::report_fatal_error("what was imported does not verify");
  lower(**module);
  return 0;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  static const std::vector<std::string> names = operatorNames();
  ::onnx::ModelProto model;
  if (seed % 8 == 0 || !model.ParseFromArray(data, static_cast<int>(size)) || !model.has_graph())
    return LLVMFuzzerMutate(data, size, maxSize);
  test::OnnxMutator mutator(seed, names);
  for (unsigned edits = 1 + seed % 3; edits; --edits)
    mutator.mutate(model);
  std::string bytes = model.SerializeAsString();
  if (bytes.empty() || bytes.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}
