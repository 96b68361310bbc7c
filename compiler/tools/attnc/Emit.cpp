//===- Emit.cpp - The kinds of result, and writing them -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Emit.h"
#include "codegen/emit/Descriptor.h"
#include "codegen/emit/Header.h"
#include "codegen/emit/Link.h"
#include "compiler/frontend/spec/printing/Print.h"
#include "compiler/tools/attnc/Console.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Support/FileOutputBuffer.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace attnc::tool {

namespace path = llvm::sys::path;

namespace {
struct KindRow {
  EmitKind kind;
  llvm::StringLiteral name, extension;
  bool isText; // goes to standard output unless -o says otherwise
};
} // namespace
constexpr KindRow kKinds[] = {
    {EmitKind::program, "exe", "", false},        {EmitKind::shared, "shared", ".so", false},
    {EmitKind::archive, "static", ".a", false},   {EmitKind::object, "obj", ".o", false},
    {EmitKind::assembly, "asm", ".s", true},      {EmitKind::llvm, "llvm", ".ll", true},
    {EmitKind::bitcode, "bitcode", ".bc", false}, {EmitKind::llvmDialect, "llvm-dialect", ".mlir", true},
    {EmitKind::tile, "tile", ".mlir", true},      {EmitKind::fused, "fused", ".mlir", true},
    {EmitKind::attn, "attn", ".mlir", true},      {EmitKind::spec, "spec", ".attn", true},
    {EmitKind::header, "header", ".h", true}};

std::vector<llvm::StringRef> emitKindNames() {
  std::vector<llvm::StringRef> names;
  for (const KindRow &row : kKinds)
    names.push_back(row.name);
  return names;
}

static const KindRow &rowOf(EmitKind kind) {
  return *llvm::find_if(kKinds, [&](const KindRow &row) { return row.kind == kind; });
}

std::optional<EmitKind> parseEmitKind(llvm::StringRef name) {
  for (const KindRow &row : kKinds)
    if (row.name == name)
      return row.kind;
  return std::nullopt;
}

EmitKind emitKindOf(llvm::StringRef output) {
  llvm::StringRef extension = path::extension(output);
  if (extension != ".mlir" && !extension.empty())
    for (const KindRow &row : kKinds)
      if (row.extension == extension)
        return row.kind;
  return EmitKind::program;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

/// Writes `bytes` to `file` in one go: the old file stays if anything fails.
static int writeFile(llvm::StringRef file, llvm::StringRef bytes) {
  if (file == "-") {
    llvm::outs() << bytes;
    return kOk;
  }
  auto buffer = llvm::FileOutputBuffer::create(file, bytes.size());
  if (!buffer)
    return error("cannot write '" + file + "': " + llvm::toString(buffer.takeError()));
  llvm::copy(bytes, (*buffer)->getBufferStart());
  if (llvm::Error failure = (*buffer)->commit())
    return error("cannot write '" + file + "': " + llvm::toString(std::move(failure)));
  return kOk;
}

/// "libcausal.so" -> "causal", the name of headers and symbols.
static std::string artefactName(llvm::StringRef output) {
  llvm::StringRef stem = path::stem(output);
  stem.consume_front("lib");
  return stem.empty() ? "attnc" : stem.str();
}

static std::string defaultOutput(const KindRow &row, const std::string &stem) {
  if (row.isText)
    return "-";
  bool isLibrary = row.kind == EmitKind::shared || row.kind == EmitKind::archive;
  std::string name = (isLibrary ? "lib" + stem : stem) + row.extension.str();
  return llvm::sys::fs::is_directory(name) ? name + "-attention" : name; // beside the model's folder
}

/// The header and the example beside library `output`.
static int writeCompanions(Compilation &compilation, const std::string &output) {
  std::string name = artefactName(output);
  auto beside = [&](llvm::StringRef file) {
    llvm::SmallString<128> result(path::parent_path(output));
    path::append(result, file);
    return result.str().str();
  };
  std::string header = beside(name + ".h"), example = beside(name + "_example.c");
  int code = writeFile(header, emit::makeHeader(name, compilation.entries(), compilation.request().targets));
  if (!code)
    code = writeFile(example, emit::makeExample(name, compilation.entries().front(), path::filename(output)));
  if (!code)
    llvm::errs() << "wrote " << output << ", " << header << ", " << example << "\n";
  return code;
}

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

/// The IR at `stage`; below the point where targets part, one module for each
/// of them, separated as MLIR tools do.
static int emitIr(Compilation &compilation, Stage stage, const std::string &output) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (compilation.stage() > stage)
    return usageError("compile", "the file is past stage '" + stageName(stage) + "' already");
  if (stage <= Stage::fused) {
    if (int code = compilation.lowerShared(stage))
      return code;
    compilation.module().print(stream);
    return writeFile(output, text);
  }
  const std::vector<codegen::TargetInfo> &targets = compilation.request().targets;
  for (const codegen::TargetInfo &target : targets) {
    OwningOpRef<ModuleOp> lowered;
    if (int code = compilation.lowerFor(target, stage, lowered))
      return code;
    if (&target != &targets.front())
      stream << "// -----\n";
    if (targets.size() > 1)
      stream << "// " << target.name << "\n";
    lowered->print(stream);
  }
  return writeFile(output, text);
}

/// The module as .attn text.
static int emitSpec(Compilation &compilation, const std::string &output) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  return failed(spec::printSpec(compilation.module(), stream)) ? kBadInput : writeFile(output, text);
}

/// Whether there is one target, a GPU: then LLVM IR and assembly show what runs there. The host's half, which holds
/// that as a string, goes into objects, libraries and programs.
static bool isForGpuAlone(const Compilation &compilation) {
  const std::vector<codegen::TargetInfo> &targets = compilation.request().targets;
  return targets.size() == 1 && targets.front().isGpu();
}

static int emitLlvm(Compilation &compilation, bool isText, const std::string &output) {
  std::unique_ptr<llvm::Module> module;
  if (int code = isForGpuAlone(compilation) ? compilation.buildDevice(module, nullptr) : compilation.buildLlvm(module))
    return code;
  std::string bytes;
  llvm::raw_string_ostream stream(bytes);
  if (isText)
    module->print(stream, nullptr);
  else
    llvm::WriteBitcodeToFile(*module, stream);
  return writeFile(output, bytes);
}

static int emitPtx(Compilation &compilation, const std::string &output) {
  std::unique_ptr<llvm::Module> module;
  std::string ptx;
  if (int code = compilation.buildDevice(module, &ptx))
    return code;
  return writeFile(output, ptx);
}

/// Objects, assembly, archives, libraries and programs.
static int emitCode(Compilation &compilation, EmitKind kind, const std::string &output, const std::string &soname) {
  llvm::SmallVector<char, 0> code;
  auto type = kind == EmitKind::assembly ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  if (int failed = compilation.buildCode(type, code))
    return failed;
  if (kind == EmitKind::assembly || kind == EmitKind::object)
    return writeFile(output, llvm::StringRef(code.data(), code.size()));
  emit::LinkJob job{code, output, soname, emit::exportedSymbols(compilation.entries())};
  llvm::Error failure = compilation.timed("link", [&] {
    if (kind == EmitKind::program)
      return emit::linkProgram(job);
    return kind == EmitKind::shared ? emit::linkShared(job) : emit::writeStatic(job);
  });
  return failure ? error(std::move(failure)) : kOk;
}

int emitShared(Compilation &compilation, const std::string &output, const std::string &soname) {
  return emitCode(compilation, EmitKind::shared, output, soname);
}

int emitResult(Compilation &compilation, EmitKind kind, std::string output) {
  if (output.empty())
    output = defaultOutput(rowOf(kind), compilation.stem());
  switch (kind) {
  case EmitKind::spec:
    return emitSpec(compilation, output);
  case EmitKind::attn:
    return emitIr(compilation, Stage::attn, output);
  case EmitKind::fused:
    return emitIr(compilation, Stage::fused, output);
  case EmitKind::tile:
    return emitIr(compilation, Stage::tile, output);
  case EmitKind::llvmDialect:
    return emitIr(compilation, Stage::llvmDialect, output);
  case EmitKind::llvm:
  case EmitKind::bitcode:
    return emitLlvm(compilation, kind == EmitKind::llvm, output);
  case EmitKind::header: {
    if (int code = compilation.planWorkspaces())
      return code;
    std::string name = output == "-" ? compilation.stem() : artefactName(output);
    return writeFile(output, emit::makeHeader(name, compilation.entries(), compilation.request().targets));
  }
  case EmitKind::assembly:
    if (isForGpuAlone(compilation))
      return emitPtx(compilation, output);
    [[fallthrough]];
  case EmitKind::object:
    return emitCode(compilation, kind, output, "");
  case EmitKind::program:
    compilation.checkIndices();
    return emitCode(compilation, kind, output, "");
  case EmitKind::shared:
  case EmitKind::archive:
    if (int code = emitCode(compilation, kind, output, path::filename(output).str()))
      return code;
    return writeCompanions(compilation, output);
  }
  return kOurBug;
}

} // namespace attnc::tool
