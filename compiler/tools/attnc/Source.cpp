//===- Source.cpp - Reading what the user has described -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Source.h"
#include "compiler/frontend/onnx/Import.h"
#include "compiler/frontend/spec/Import.h"
#include "compiler/support/Suggest.h"
#include "compiler/tools/attnc/Console.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace attnc::tool {

namespace path = llvm::sys::path;

std::string sourceStem(llvm::StringRef file) { return file == "-" ? "attnc" : path::stem(file).str(); }

/// The files beside `file` that attnc could have read, for did-you-mean.
static std::string suggestFile(llvm::StringRef file) {
  std::vector<std::string> names;
  llvm::StringRef folder = path::parent_path(file);
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(folder.empty() ? "." : folder, error), end; !error && it != end;
       it.increment(error)) {
    llvm::StringRef extension = path::extension(it->path());
    if (extension == ".attn" || extension == ".onnx" || extension == ".mlir")
      names.push_back(path::filename(it->path()).str());
  }
  return didYouMean(path::filename(file), llvm::SmallVector<llvm::StringRef>(names.begin(), names.end()));
}

static std::unique_ptr<llvm::MemoryBuffer> readText(llvm::StringRef file) {
  if (llvm::sys::fs::is_directory(file)) {
    error("'" + file + "' is a folder; attnc reads .attn, .onnx and .mlir files");
    return nullptr;
  }
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(file, /*IsText=*/true);
  if (buffer)
    return std::move(*buffer);
  error("cannot read '" + file + "': " + buffer.getError().message() + suggestFile(file));
  return nullptr;
}

static OwningOpRef<ModuleOp> readText(llvm::StringRef file, bool isIr, const DimBindings &dims, Session &session) {
  std::unique_ptr<llvm::MemoryBuffer> text = readText(file);
  if (!text)
    return nullptr;
  session.sources.AddNewSourceBuffer(std::move(text), llvm::SMLoc());
  if (isIr)
    return parseSourceFile<ModuleOp>(session.sources, &session.context);
  FailureOr<OwningOpRef<ModuleOp>> module = spec::importSpec(session.sources, &session.context, dims);
  return failed(module) ? nullptr : std::move(*module);
}

OwningOpRef<ModuleOp> readSource(llvm::StringRef file, bool isIr, const DimBindings &dims, Session &session) {
  llvm::StringRef extension = path::extension(file);
  if (file == "-" || isIr || extension == ".attn" || extension == ".mlir")
    return readText(file, isIr || extension == ".mlir", dims, session);
  if (extension == ".onnx") {
    if (!llvm::sys::fs::exists(file)) {
      error("cannot read '" + file + "': no such file" + suggestFile(file));
      return nullptr;
    }
    FailureOr<OwningOpRef<ModuleOp>> module = onnx::importModel(file, &session.context, dims);
    return failed(module) ? nullptr : std::move(*module);
  }
  error("cannot tell what '" + file + "' is: attnc reads .attn, .onnx and .mlir files" + suggestFile(file));
  return nullptr;
}

} // namespace attnc::tool
