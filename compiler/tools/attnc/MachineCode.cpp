//===- MachineCode.cpp - From the IR to machine code ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The second half of Compilation.
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Descriptor.h"
#include "codegen/emit/Ptx.h"
#include "codegen/emit/Translate.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/tools/attnc/Compilation.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Reproducer.h"
#include "dialects/Tile/TileOps.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/raw_ostream.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::tool {

//===----------------------------------------------------------------------===//
// What all kinds of code have in common
//===----------------------------------------------------------------------===//

int Compilation::readWorkspaces(ModuleOp lowered) {
  auto planned = emit::readEntries(lowered);
  if (failed(planned))
    return kBadInput;
  for (auto [entry, other] : llvm::zip(entryInfos, *planned)) {
    for (auto [output, otherOutput] : llvm::zip(entry.outputs, other.outputs)) // what the code of every target can do
      if (bool isFirst = !entry.workspace; isFirst || output.extends != otherOutput.extends)
        output.extends = isFirst ? otherOutput.extends : -1;
    if (!entry.workspace)
      entry.workspace = other.workspace;
    else if (other.workspace)
      entry.workspace->merge(*other.workspace);
    if (asked.verbose && other.workspace)
      for (const std::string &line : other.workspace->plan)
        llvm::errs() << fmt::format("  workspace of {}: {}\n", entry.name, line);
  }
  return kOk;
}

void Compilation::readJoined(ModuleOp lowered, const std::string &target) {
  joined[target].clear();
  if (auto groups = lowered->getAttrOfType<ArrayAttr>(tile::MarkOp::getJoinedAttrName()))
    for (auto numbers : groups.getAsRange<DenseI64ArrayAttr>())
      joined[target].emplace_back(numbers.asArrayRef());
  lowered->removeAttr(tile::MarkOp::getJoinedAttrName());
}

int Compilation::planWorkspaces() {
  for (const codegen::TargetInfo &target : asked.targets) {
    OwningOpRef<ModuleOp> lowered;
    if (int code = lowerFor(target, Stage::tile, lowered))
      return code;
    if (int code = readWorkspaces(*lowered))
      return code;
  }
  return kOk;
}

/// The descriptor's module; null, after an error, if this LLVM has no code generator.
std::unique_ptr<llvm::Module> Compilation::makeDescriptor() {
  if (!machine && !(machine = emit::createTargetMachine(*ir)))
    return nullptr;
  std::unique_ptr<llvm::Module> module = emit::buildDescriptor(entryInfos, asked.targets, llvmContext);
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  module->setSourceFileName(artefact);
  return module;
}

int Compilation::placeWeights(llvm::Module &descriptor, PlaceWeights place) {
  if (table.empty())
    return kOk;
  if (place)
    return place(descriptor);
  emit::placeInside(descriptor, table);
  return kOk;
}

/// A bug after the module at `stage` has been changed: its input can be made again.
int Compilation::reportLost(const codegen::TargetInfo &target, Stage stage, bool survived) {
  OwningOpRef<ModuleOp> lowered;
  if (!lowerFor(target, stage, lowered))
    reportBug(*lowered, stage, "obj");
  if (!survived)
    giveUp("the compiler crashed");
  return kOurBug;
}

//===----------------------------------------------------------------------===//
// LLVM IR and assembly
//===----------------------------------------------------------------------===//

/// Carries out `step`, which makes `kind` of `lowered` and says whether it could.
int Compilation::makeFrom(ModuleOp lowered, llvm::StringRef kind, llvm::function_ref<bool()> step) {
  bool ok = false;
  bool survived = survives([&] { ok = step(); });
  if (survived && ok)
    return kOk;
  reportBug(lowered, Stage::llvmDialect, kind);
  if (!survived)
    giveUp("the compiler crashed");
  return kOurBug;
}

int Compilation::buildVariant(const codegen::TargetInfo &target, llvm::Module &into) {
  OwningOpRef<ModuleOp> lowered;
  if (int code = lowerFor(target, Stage::llvmDialect, lowered))
    return code;
  if (int code = readWorkspaces(*lowered))
    return code;
  FailureOr<emit::WeightOffsets> offsets = table.take(*lowered);
  if (failed(offsets))
    return kBadInput;
  return makeFrom(*lowered, "llvm", [&] {
    auto variant = timed("translate", [&] {
      return emit::translate(*lowered, entryInfos, /*shared=*/{}, target, *machine, llvmContext);
    });
    if (failed(variant))
      return false;
    emit::bindWeights(**variant, *offsets);
    timed("optimize", [&] { emit::optimize(**variant, *machine); });
    return !llvm::Linker::linkModules(into, std::move(*variant));
  });
}

int Compilation::buildLlvm(std::unique_ptr<llvm::Module> &result, PlaceWeights place) {
  expectSteps(Stage::llvmDialect, {"translate", "optimize"});
  return linkVariants(result, place);
}

int Compilation::linkVariants(std::unique_ptr<llvm::Module> &result, PlaceWeights place) {
  if (!(result = makeDescriptor()))
    return kOurBug;
  table = {};
  for (const codegen::TargetInfo &target : asked.targets)
    if (int code = buildVariant(target, *result))
      return code;
  if (int code = placeWeights(*result, place))
    return code;
  emit::hideShared(*result);
  return kOk;
}

int Compilation::buildDevice(std::unique_ptr<llvm::Module> &module, std::string *ptx) {
  const codegen::TargetInfo &target = asked.targets.front();
  OwningOpRef<ModuleOp> lowered;
  if (int code = lowerFor(target, Stage::llvmDialect, lowered))
    return code;
  return makeFrom(*lowered, "ptx", [&] {
    auto device = timed("translate", [&] { return emit::translateDevice(*lowered, target, llvmContext); });
    if (failed(device))
      return false;
    module = std::move(*device);
    if (!ptx)
      return true;
    auto text = timed("codegen", [&] { return emit::generatePtx(*lowered, *module, target); });
    if (succeeded(text))
      *ptx = std::move(*text);
    return succeeded(text);
  });
}

int Compilation::buildAssembly(emit::Bytes &result, PlaceWeights place) {
  expectSteps(Stage::llvmDialect, {"translate", "optimize", "codegen"});
  std::unique_ptr<llvm::Module> module;
  if (int code = linkVariants(module, place))
    return code;
  std::string messages;
  llvmContext.setDiagnosticHandlerCallBack(keepError, &messages);
  FailureOr<emit::Bytes> code = failure();
  auto generate = [&] { code = emit::generate(*module, *machine, asked.targets, llvm::CodeGenFileType::AssemblyFile); };
  bool survived = survives([&] { timed("codegen", generate); });
  if (!messages.empty())
    error(llvm::StringRef(messages).trim());
  if (!survived || failed(code) || !messages.empty())
    return reportLost(asked.targets.front(), Stage::llvmDialect, survived);
  result = std::move(*code);
  return kOk;
}

//===----------------------------------------------------------------------===//
// Objects
//===----------------------------------------------------------------------===//

/// The names that the runtime, and not another part, calls.
static llvm::StringSet<> kernelNames(llvm::ArrayRef<emit::EntryInfo> entries) {
  llvm::StringSet<> names;
  for (const emit::EntryInfo &entry : entries)
    for (const char *end : {"", "__run", "__plan"})
      names.insert(entry.symbol + end);
  return names;
}

/// Adds the parts of the module for the target of `variant`. A GPU's launchers and kernels stay together.
int Compilation::splitFor(Variant &variant, std::vector<Part> &parts) {
  const codegen::TargetInfo &target = *variant.target;
  Stage stage = std::max(current, Stage::tile);
  OwningOpRef<ModuleOp> lowered;
  if (int code = lowerFor(target, stage, lowered))
    return code;
  if (int code = readWorkspaces(*lowered))
    return code;
  readJoined(*lowered, target.name);
  if (stage == Stage::tile) {
    auto outline = [&] { return outlineBodies(*lowered, target); };
    auto step = [&] { return runSafely(*lowered, Stage::tile, Stage::llvmDialect, outline); };
    if (int code = timed(stepFor(target, "outline"), step))
      return code;
  }
  FailureOr<emit::WeightOffsets> offsets = table.take(*lowered);
  if (failed(offsets))
    return kBadInput;
  variant.weights = std::move(*offsets);
  std::vector<OwningOpRef<ModuleOp>> modules;
  if (target.isGpu())
    modules.push_back(std::move(lowered));
  else if (!survives([&] { modules = emit::splitModule(std::move(lowered), kernelNames(entryInfos), variant.shared); }))
    return reportLost(target, stage, /*survived=*/false);
  for (OwningOpRef<ModuleOp> &module : modules)
    parts.emplace_back(&variant, std::move(module));
  parts.back().hasEntries = true;
  return kOk;
}

/// The two steps that take long, in milliseconds, as measured: 0.15 an operation and one a megabyte.
void Compilation::expectCosts(llvm::ArrayRef<Part> parts) {
  double size = 0;
  for (const Part &part : parts)
    size += static_cast<double>(emit::estimateSize(ModuleOp(*part.module)));
  progress.expect("code", 0.15 * size);
  progress.expect("write", 1e-6 * static_cast<double>(table.bytes()));
}

int Compilation::buildObjects(std::vector<emit::Bytes> &objects, PlaceWeights place) {
  if (machine) // the tuner builds many times
    progress.restart();
  std::vector<Variant> variants;
  for (const codegen::TargetInfo &target : asked.targets)
    variants.emplace_back(&target);
  table = {};
  std::vector<Part> parts;
  for (Variant &variant : variants)
    if (int code = splitFor(variant, parts))
      return code;
  expectCosts(parts);
  std::unique_ptr<llvm::Module> descriptor = makeDescriptor();
  if (!descriptor)
    return kOurBug;
  if (int code = placeWeights(*descriptor, place))
    return code;
  parts.emplace_back(std::move(descriptor));
  PartContext common{artefact, entryInfos, /*isLowered=*/current > Stage::tile, *ir};
  timed("code", [&] { compileParts(parts, common, asked.jobs, [&](double share) { advance(share); }); });
  for (Part &part : parts) {
    times.addInner(part.times);
    if (int code = reportPart(part))
      return code;
    objects.push_back(std::move(part.object));
  }
  if (asked.verbose)
    times.printInner();
  return kOk;
}

/// What a part that failed has not said itself.
int Compilation::reportPart(const Part &part) {
  if (!part.messages.empty())
    error(llvm::StringRef(part.messages).trim());
  switch (part.outcome) {
  case Part::Outcome::Done:
    return kOk;
  case Part::Outcome::Unsupported:
    return kBadInput;
  case Part::Outcome::Failed:
  case Part::Outcome::Crashed:
    const codegen::TargetInfo &target = part.variant ? *part.variant->target : asked.targets.front();
    return reportLost(target, std::max(current, Stage::tile), part.outcome == Part::Outcome::Failed);
  }
  return kOurBug;
}

} // namespace attnc::tool
