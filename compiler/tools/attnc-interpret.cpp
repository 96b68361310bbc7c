//===- attnc-interpret.cpp - Runs functions on the reference --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs every public function without arguments and prints its results, so that
// a test holds input and expected value in one file:
//
//   func.func @one_key() -> tensor<1x1x1x2xf32> { ... }
//   // CHECK: @one_key: tensor<1x1x1x2xf32> [[[[3, 4]]]]
//
//===----------------------------------------------------------------------===//

#include "compiler/pipeline/Dialects.h"
#include "compiler/support/Tool.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/ToolUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

static LogicalResult runFunctions(ModuleOp module, raw_ostream &os) {
  bool ok = true;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.getNumArguments() != 0 || function.isPrivate())
      continue;
    auto results = attnc::attn::interpret(function, {});
    ok &= succeeded(results);
    if (failed(results))
      continue;
    os << "@" << function.getSymName() << ":";
    llvm::interleave(*results, os, [&](const attnc::attn::RefTensor &result) { print(os << " ", result); }, ",");
    os << "\n";
  }
  return success(ok);
}

static LogicalResult processBuffer(std::unique_ptr<llvm::MemoryBuffer> buffer, bool verifyDiagnostics,
                                   DialectRegistry &registry, raw_ostream &os) {
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(buffer), SMLoc());
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  auto run = [&]() -> LogicalResult {
    OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
    return success(module && succeeded(runFunctions(*module, os)));
  };
  if (!verifyDiagnostics) {
    SourceMgrDiagnosticHandler handler(*sources, &context);
    return run();
  }
  context.printOpOnDiagnostic(false);
  SourceMgrDiagnosticVerifierHandler handler(*sources, &context);
  (void)run(); // what went wrong must be what the file expects
  return handler.verify();
}

int main(int argc, char **argv) {
  llvm::InitLLVM initialised(argc, argv);
  attnc::setUpTool("attnc-interpret");
  llvm::cl::opt<std::string> input(llvm::cl::Positional, llvm::cl::init("-"), llvm::cl::desc("<file.mlir>"));
  llvm::cl::opt<bool> split("split-input-file", llvm::cl::desc("Treat the parts between // ----- as files"));
  llvm::cl::opt<bool> verify("verify-diagnostics", llvm::cl::desc("Check the errors against expected-error comments"));
  llvm::cl::ParseCommandLineOptions(argc, argv, "runs every function without arguments on the f64 reference\n");

  DialectRegistry registry;
  attnc::registerDialects(registry);
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(input, &message);
  if (!file) {
    llvm::errs() << "error: " << message << "\n";
    return 1;
  }
  auto process = [&](std::unique_ptr<llvm::MemoryBuffer> buffer, raw_ostream &os) {
    return processBuffer(std::move(buffer), verify, registry, os);
  };
  return failed(splitAndProcessBuffer(std::move(file), process, llvm::outs(), split ? kDefaultSplitMarker : ""));
}
