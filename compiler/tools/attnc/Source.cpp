//===- Source.cpp - Reading what the user has described -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Source.h"
#include "compiler/frontend/huggingface/Import.h"
#include "compiler/frontend/spec/Import.h"
#include "compiler/support/InputFiles.h"
#include "compiler/support/ReadPlainFile.h"
#include "compiler/support/Suggest.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/OnnxSource.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace attnc::tool {

namespace path = llvm::sys::path;

constexpr int kMaxNesting = 256;
static constexpr char kKnown[] = "attnc reads .attn, .onnx and .mlir files, and folders with a config.json";

std::string sourceStem(llvm::StringRef file) {
  llvm::SmallString<128> real;
  if (llvm::sys::fs::is_directory(file) && !llvm::sys::fs::real_path(file, real))
    return path::filename(real).str(); // "llama-3.2", also for "llama-3.2/" and "."
  return file == "-" ? "attnc" : path::stem(file).str();
}

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

/// Far above what anyone writes (the language has a limit of its own), and what a module with its weights takes.
constexpr uint64_t kMaxSpecBytes = uint64_t(16) << 20, kMaxIrBytes = uint64_t(8) << 30;

static std::unique_ptr<llvm::MemoryBuffer> readText(llvm::StringRef file, bool isIr) {
  uint64_t maxBytes = isIr ? kMaxIrBytes : kMaxSpecBytes;
  auto buffer = file == "-" ? readStandardInput(maxBytes) : readPlainFile(file, maxBytes, /*isText=*/true);
  if (buffer)
    return std::move(*buffer);
  error("cannot read '" + file + "': " + llvm::toString(buffer.takeError()) +
        (llvm::sys::fs::exists(file) ? "" : suggestFile(file)));
  return nullptr;
}

/// Passes over strings and comments of a .mlir file from `at`; false where neither begins there.
static bool skipText(llvm::StringRef text, size_t &at) {
  if (text.substr(at).starts_with("//")) {
    at = std::min(text.find('\n', at), text.size());
    return true;
  }
  if (text[at] != '"')
    return false;
  for (++at; at < text.size() && text[at] != '"' && text[at] != '\n'; ++at)
    at += text[at] == '\\';
  ++at;
  return true;
}

/// MLIR's parser descends into brackets by calling itself, and so do passes into regions: a file of 20,000 brackets
/// would overflow the stack. Returns the line where they nest too deeply, or 0.
static unsigned findDeepNesting(llvm::StringRef text) {
  unsigned line = 1;
  int depth = 0, signs = 0;
  for (size_t at = 0; at < text.size();) {
    if (skipText(text, at))
      continue;
    char c = text[at++], next = at < text.size() ? text[at] : 0;
    line += c == '\n';
    signs = c == '-' ? signs + 1 : llvm::isSpace(c) ? signs : 0; // each negates what follows
    if (llvm::StringRef("{[(<").contains(c))
      ++depth;
    bool isArrow = c == '>' && (next == '=' || text.substr(at - 2, 2) == "->");
    if (llvm::StringRef("}])>").contains(c) && !isArrow)
      depth = std::max(depth - 1, 0);
    if (depth > kMaxNesting || signs > kMaxNesting)
      return line;
  }
  return 0;
}

/// Whether MLIR's parser is safe with `text`; else an error, which is reported.
static bool checkIr(llvm::StringRef file, llvm::StringRef text) {
  if (text.starts_with("ML\xefR")) {
    error("'" + file + "' is MLIR bytecode; attnc reads MLIR as text");
    return false;
  }
  unsigned line = findDeepNesting(text);
  if (line)
    error(file + ":" + llvm::Twine(line) + ": brackets nest deeper than " + llvm::Twine(kMaxNesting));
  return !line;
}

static OwningOpRef<ModuleOp> readText(llvm::StringRef file, bool isIr, const DimBindings &dims, Session &session) {
  std::unique_ptr<llvm::MemoryBuffer> text = readText(file, isIr);
  if (!text || (isIr && !checkIr(file, text->getBuffer())))
    return nullptr;
  session.sources.AddNewSourceBuffer(std::move(text), llvm::SMLoc());
  if (isIr)
    return parseSourceFile<ModuleOp>(session.sources, &session.context);
  FailureOr<OwningOpRef<ModuleOp>> module = spec::importSpec(session.sources, &session.context, dims);
  return failed(module) ? nullptr : std::move(*module);
}

/// The attention of a Hugging Face model.
static OwningOpRef<ModuleOp> readFolder(llvm::StringRef folder, const DimBindings &dims, Session &session) {
  if (!hf::isModelDirectory(folder)) {
    error("'" + folder + "' is a folder without config.json; " + kKnown);
    return nullptr;
  }
  FailureOr<OwningOpRef<ModuleOp>> module = hf::importDirectory(folder, &session.context, dims);
  return failed(module) ? nullptr : std::move(*module);
}

OwningOpRef<ModuleOp> readSource(const CompileRequest &request, Session &session) {
  llvm::StringRef file = request.file;
  const DimBindings &dims = request.dims;
  bool isIr = !request.from.empty();
  rememberInput(file);
  if (llvm::sys::fs::is_directory(file))
    return readFolder(file, dims, session);
  llvm::StringRef extension = path::extension(file);
  if (file == "-" || isIr || extension == ".attn" || extension == ".mlir")
    return readText(file, isIr || extension == ".mlir", dims, session);
  if (extension == ".onnx") {
    if (!llvm::sys::fs::exists(file)) {
      error("cannot read '" + file + "': no such file" + suggestFile(file));
      return nullptr;
    }
    return readOnnx(request, session);
  }
  error("cannot tell what '" + file + "' is: " + kKnown + suggestFile(file));
  return nullptr;
}

} // namespace attnc::tool
