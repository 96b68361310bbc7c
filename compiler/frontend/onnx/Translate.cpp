//===- Translate.cpp - attnc-translate --import-onnx ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Translate.h"
#include "compiler/frontend/onnx/Import.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace attnc;

void attnc::onnx::registerOnnxTranslation() {
  static llvm::cl::opt<std::string> dims("onnx-dims", llvm::cl::desc("Extents for --import-onnx: batch=2,seq=16"));
  static TranslateToMLIRRegistration registration(
      "import-onnx", "An ONNX model (a file, not standard input) to IR at level attn",
      [](llvm::SourceMgr &sources, MLIRContext *context) -> OwningOpRef<Operation *> {
        DimBindings bindings;
        if (llvm::Error error = dims.empty() ? llvm::Error::success() : parseDimBindings(dims, bindings)) {
          emitError(UnknownLoc::get(context)) << "--onnx-dims: " << llvm::toString(std::move(error));
          return {};
        }
        // The path, not the buffer: external data lies beside the file.
        StringRef path = sources.getMemoryBuffer(sources.getMainFileID())->getBufferIdentifier();
        FailureOr<OwningOpRef<ModuleOp>> module = importModel(path, context, bindings);
        return failed(module) ? OwningOpRef<Operation *>() : OwningOpRef<Operation *>(module->release());
      });
}
