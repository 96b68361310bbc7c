//===- Translate.cpp - attnc-translate --import-attn, --export-attn -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Translate.h"
#include "compiler/frontend/spec/Import.h"
#include "compiler/frontend/spec/printing/Print.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/CommandLine.h"

using namespace mlir;
using namespace attnc;

/// What IR at level attn consists of here; the pipeline's registration would
/// link every other room.
static void registerDialects(DialectRegistry &registry) {
  registry
      .insert<attn::AttnDialect, arith::ArithDialect, func::FuncDialect, math::MathDialect, tensor::TensorDialect>();
}

void attnc::spec::registerSpecTranslation() {
  static llvm::cl::opt<std::string> dims("attnc-dims", llvm::cl::desc("Extents for --import-attn: H=16,D=64"));
  TranslateToMLIRRegistration importer(
      "import-attn", "A .attn file to IR at level attn",
      [](llvm::SourceMgr &sources, MLIRContext *context) -> OwningOpRef<Operation *> {
        DimBindings bindings;
        if (llvm::Error error = dims.empty() ? llvm::Error::success() : parseDimBindings(dims, bindings)) {
          emitError(UnknownLoc::get(context)) << "--attnc-dims: " << llvm::toString(std::move(error));
          return {};
        }
        FailureOr<OwningOpRef<ModuleOp>> module = importSpec(sources, context, bindings);
        return succeeded(module) ? OwningOpRef<Operation *>(module->release()) : OwningOpRef<Operation *>();
      },
      registerDialects);
  TranslateFromMLIRRegistration exporter("export-attn", "IR at level attn to a .attn file", printSpec,
                                         registerDialects);
}
