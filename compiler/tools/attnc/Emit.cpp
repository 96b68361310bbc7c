//===- Emit.cpp - The kinds of result, and writing them -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Emit.h"
#include "codegen/emit/Descriptor.h"
#include "codegen/emit/Header.h"
#include "codegen/emit/WeightsSection.h"
#include "compiler/frontend/spec/printing/Print.h"
#include "compiler/support/InputFiles.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/OutputFiles.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeWriter.h"
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
    {EmitKind::tile, "tile", ".mlir", true},      {EmitKind::scheduled, "scheduled", ".mlir", true},
    {EmitKind::fused, "fused", ".mlir", true},    {EmitKind::attn, "attn", ".mlir", true},
    {EmitKind::spec, "spec", ".attn", true},      {EmitKind::header, "header", ".h", true}};

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

/// "lib/libcausal.so.1" -> "causal", the name of headers and symbols.
static std::string artefactName(llvm::StringRef output) {
  llvm::StringRef file = path::filename(output);
  size_t extension = file.find(".so");
  llvm::StringRef stem = extension == llvm::StringRef::npos ? path::stem(file) : file.take_front(extension);
  stem.consume_front("lib");
  return stem.empty() ? "attnc" : stem.str();
}

std::string defaultOutput(EmitKind kind, const std::string &stem) {
  const KindRow &row = rowOf(kind);
  if (row.isText)
    return "-";
  bool isLibrary = kind == EmitKind::shared || kind == EmitKind::archive;
  std::string name = (isLibrary ? "lib" + stem : stem) + row.extension.str();
  return llvm::sys::fs::is_directory(name) ? name + "-attention" : name; // beside the model's folder
}

/// The header and the example beside library `output`, or nothing for other kinds.
static std::vector<std::string> companions(EmitKind kind, llvm::StringRef output) {
  if (kind != EmitKind::shared && kind != EmitKind::archive)
    return {};
  std::vector<std::string> files;
  for (const char *end : {".h", "_example.c"}) {
    llvm::SmallString<128> file(path::parent_path(output));
    path::append(file, artefactName(output) + end);
    files.push_back(file.str().str());
  }
  return files;
}

/// Before anything is computed: no file of the result may be an input or another file of the result.
static int checkOutputs(EmitKind kind, const std::string &output) {
  if (int code = checkOutput(output))
    return code;
  for (const std::string &file : companions(kind, output)) {
    if (path::filename(file) == path::filename(output))
      return error("cannot write '" + output + "': '" + file + "' comes beside it; give another name with -o");
    if (int code = checkOutput(file))
      return code;
  }
  return kOk;
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
  compilation.expectSteps(stage);
  if (stage <= Stage::fused) {
    if (int code = compilation.lowerShared(stage))
      return code;
    recordStage(compilation.module(), stage);
    compilation.module().print(stream);
    return writeOutput(output, text);
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
    recordStage(*lowered, stage);
    lowered->print(stream);
  }
  return writeOutput(output, text);
}

/// The module as .attn text.
static int emitSpec(Compilation &compilation, const std::string &output) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  return failed(spec::printSpec(compilation.module(), stream)) ? kBadInput : writeOutput(output, text);
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
  return writeOutput(output, bytes);
}

static int emitPtx(Compilation &compilation, const std::string &output) {
  std::unique_ptr<llvm::Module> module;
  std::string ptx;
  if (int code = compilation.buildDevice(module, &ptx))
    return code;
  return writeOutput(output, ptx);
}

static llvm::StringRef textOf(const emit::Bytes &bytes) { return {bytes.data(), bytes.size()}; }

/// Weights whose place in an artefact is beyond what offsets of 32 bits reach.
constexpr uint64_t kMaxWeightsInside = uint64_t(2) << 30;

/// Makes room for the weights at the end of `bytes`.
static llvm::Error openSection(EmitKind kind, const Compilation &compilation, emit::Bytes &bytes) {
  if (compilation.weights().empty())
    return llvm::Error::success();
  return kind == EmitKind::archive ? emit::openWeightsSectionOfArchive(bytes) : emit::openWeightsSection(bytes);
}

/// An error where weights would be written that no file holds.
static int checkKnown(const Compilation &compilation) {
  std::string unknown = compilation.weights().firstUnknown();
  return unknown.empty() ? kOk
                         : error("the numbers of weight @" + unknown + " are in no file: name one in its weights.data");
}

/// lib/libbert.so -> lib/bert.weights
static std::string weightsPath(llvm::StringRef output) {
  llvm::SmallString<128> file(path::parent_path(output));
  path::append(file, artefactName(output) + ".weights");
  return file.str().str();
}

/// An object, an archive, a library called `soname` or a program.
static llvm::Expected<emit::Bytes> link(Compilation &compilation, EmitKind kind, llvm::ArrayRef<emit::Bytes> objects,
                                        llvm::StringRef soname) {
  emit::LinkJob job{objects, artefactName(soname), soname.str(), emit::exportedSymbols(compilation.entries())};
  return compilation.timed("link", [&] {
    if (kind == EmitKind::program)
      return emit::linkProgram(job);
    if (kind == EmitKind::object)
      return emit::linkObject(job);
    return kind == EmitKind::shared ? emit::linkShared(job) : emit::linkStatic(job);
  });
}

namespace {
/// A result and what comes beside it.
struct Result {
  OutputFiles files;
  std::vector<std::string> beside;
  bool separateWeights;
};
} // namespace

/// Says in the descriptor's `module` where the weights lie, and writes them where that is beside `output`.
static int placeWeights(Compilation &compilation, const std::string &output, Result &result, llvm::Module &module) {
  const emit::WeightTable &weights = compilation.weights();
  result.separateWeights |= weights.bytes() > kMaxWeightsInside;
  // Unknown ones are an error further on: code can be generated, which a reproducer is there for.
  if (!result.separateWeights || !weights.firstUnknown().empty()) {
    emit::placeInside(module, weights);
    return kOk;
  }
  std::string file = weightsPath(output);
  emit::WeightsHash hash;
  auto advance = [&](double share) { compilation.advance(share); };
  auto write = [&] { return result.files.addWeights(file, weights, hash, advance); };
  if (int failed = compilation.timed("write weights", write))
    return failed;
  result.beside.push_back(file);
  emit::placeBeside(module, weights, path::filename(file), hash);
  return kOk;
}

/// Assembly, without a file of weights.
static int emitAssembly(Compilation &compilation, const std::string &output, bool separateWeights) {
  emit::Bytes text;
  Result result{{}, {}, separateWeights};
  auto place = [&](llvm::Module &module) { return placeWeights(compilation, output, result, module); };
  int failed = compilation.buildAssembly(text, place);
  return failed ? failed : writeOutput(output, textOf(text));
}

/// Objects, archives, libraries and programs.
static int emitCode(Compilation &compilation, EmitKind kind, const std::string &output, bool separateWeights) {
  Result result{{}, companions(kind, output), separateWeights};
  auto place = [&](llvm::Module &module) { return placeWeights(compilation, output, result, module); };
  std::vector<emit::Bytes> objects;
  if (int failed = compilation.buildObjects(objects, place))
    return failed;
  if (int failed = checkKnown(compilation))
    return failed;
  auto code = link(compilation, kind, objects, path::filename(output));
  if (!code)
    return error(code.takeError());
  auto &[files, beside, isSeparate] = result;
  if (llvm::Error failed = isSeparate ? llvm::Error::success() : openSection(kind, compilation, *code))
    return error(std::move(failed));
  std::string name = artefactName(output);
  bool isProgram = kind == EmitKind::program || kind == EmitKind::shared;
  bool isLibrary = kind == EmitKind::shared || kind == EmitKind::archive;
  auto advance = [&](double share) { compilation.advance(share); };
  int failed = compilation.timed("write", [&] {
    return files.add(output, textOf(*code), isProgram, isSeparate ? nullptr : &compilation.weights(), advance);
  });
  if (!failed && isLibrary)
    failed = files.add(beside[0], emit::makeHeader(name, compilation.entries(), compilation.request().targets));
  if (!failed && isLibrary)
    failed = files.add(beside[1], emit::makeExample(name, compilation.entries().front(), path::filename(output)));
  if (!failed)
    failed = files.commit();
  if (!failed && !beside.empty())
    llvm::errs() << "wrote " << output << ", " << llvm::join(beside, ", ") << "\n";
  return failed;
}

int buildShared(Compilation &compilation, emit::Bytes &library) {
  std::vector<emit::Bytes> objects;
  if (int failed = compilation.buildObjects(objects))
    return failed;
  auto linked = link(compilation, EmitKind::shared, objects, "");
  if (!linked)
    return error(linked.takeError());
  if (int failed = checkKnown(compilation))
    return failed;
  if (llvm::Error failed = openSection(EmitKind::shared, compilation, *linked))
    return error(std::move(failed));
  library = std::move(*linked);
  return kOk;
}

/// Whether the result has symbols that other code is linked with.
static bool hasSymbols(EmitKind kind) { return kind >= EmitKind::llvm && kind <= EmitKind::shared; }

/// The archives that `kind` is linked with are inputs as well.
static void rememberRuntime(EmitKind kind) {
  if (kind == EmitKind::program)
    rememberInput(emit::runtimeLibraryDirectory() + "/libattnc_main.a");
  if (kind >= EmitKind::archive)
    rememberInput(emit::runtimeLibraryDirectory() + "/libattnc_rt.a");
}

int emitResult(Compilation &compilation, EmitKind kind, const std::string &output, llvm::StringRef name,
               bool separateWeights) {
  rememberRuntime(kind);
  if (int code = checkOutputs(kind, output))
    return code;
  // A function has the name of the file that holds it: two files made from two models called model.onnx then fit into
  // one program. Several keep their own.
  if (!name.empty() || (hasSymbols(kind) && output != "-" && compilation.entries().size() == 1))
    compilation.nameEntries(name.empty() ? artefactName(output) : name);
  switch (kind) {
  case EmitKind::spec:
    return emitSpec(compilation, output);
  case EmitKind::attn:
    return emitIr(compilation, Stage::attn, output);
  case EmitKind::fused:
    return emitIr(compilation, Stage::fused, output);
  case EmitKind::scheduled:
    return emitIr(compilation, Stage::scheduled, output);
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
    std::string artefact = output == "-" ? compilation.stem() : artefactName(output);
    return writeOutput(output, emit::makeHeader(artefact, compilation.entries(), compilation.request().targets));
  }
  case EmitKind::assembly:
    if (isForGpuAlone(compilation))
      return emitPtx(compilation, output);
    return emitAssembly(compilation, output, separateWeights);
  case EmitKind::program:
    compilation.checkIndices();
    return emitCode(compilation, kind, output, separateWeights);
  case EmitKind::object:
  case EmitKind::shared:
  case EmitKind::archive:
    return emitCode(compilation, kind, output, separateWeights);
  }
  return kOurBug;
}

} // namespace attnc::tool
