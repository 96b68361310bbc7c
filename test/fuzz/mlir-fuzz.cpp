//===- mlir-fuzz.cpp - Any bytes as IR ------------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text is a module of our dialects, or an error that says why not. What is a module prints, and the text is the same
// module; its entries can be read, or an error says why not.
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Entry.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace attnc;

static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  return text;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // Not linalg: MLIR's parser of linalg.transpose dereferences null where the text ends in its permutation. The compiler
  // survives that with a message.
  static const DialectRegistry *const registry = [] {
    auto *all = new DialectRegistry;
    all->insert<attn::AttnDialect, tile::TileDialect, arith::ArithDialect, func::FuncDialect, math::MathDialect,
                memref::MemRefDialect, scf::SCFDialect, tensor::TensorDialect>();
    return all;
  }();
  static MLIRContext context(*registry, MLIRContext::Threading::DISABLED);
  bool hasError = false;
  ScopedDiagnosticHandler handler(
      &context, [&](Diagnostic &diagnostic) { hasError |= diagnostic.getSeverity() == DiagnosticSeverity::Error; });
  std::string input(reinterpret_cast<const char *>(data), size); // MLIR's lexer wants a null behind it
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(input, &context);
  if (!module && !hasError)
    llvm::report_fatal_error("no error where it fails");
  if (!module)
    return 0;
  std::string text = print(*module);
  OwningOpRef<ModuleOp> again = parseSourceString<ModuleOp>(text, &context);
  if (!again || print(*again) != text)
    llvm::report_fatal_error(StringRef("another module after printing:\n" + text));
  hasError = false;
  bool isRead = succeeded(emit::recordEntries(*module)) && succeeded(emit::readEntries(*module));
  if (isRead == hasError)
    llvm::report_fatal_error("an error exactly where entries are wrong");
  return 0;
}
