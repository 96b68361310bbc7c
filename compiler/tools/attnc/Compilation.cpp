//===- Compilation.cpp - From a file to machine code, step by step --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Compilation.h"
#include "codegen/emit/Descriptor.h"
#include "codegen/emit/Translate.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/support/Suggest.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Source.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <fmt/format.h>

using namespace mlir;

namespace attnc::tool {

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

namespace {
struct StageRow {
  Stage stage;
  llvm::StringLiteral name, pipelineName;
};
} // namespace
constexpr StageRow kStages[] = {{Stage::attn, "attn", "attn"},
                                {Stage::fused, "fused", "fused"},
                                {Stage::tile, "tile", "tile"},
                                {Stage::llvmDialect, "llvm-dialect", "llvm"}};

std::optional<Stage> parseStage(llvm::StringRef name) {
  for (const StageRow &row : kStages)
    if (row.name == name)
      return row.stage;
  return std::nullopt;
}

llvm::StringRef stageName(Stage stage) { return kStages[static_cast<size_t>(stage)].name; }
static llvm::StringRef pipelineName(Stage stage) { return kStages[static_cast<size_t>(stage)].pipelineName; }
static Stage next(Stage stage) { return static_cast<Stage>(static_cast<int>(stage) + 1); }

//===----------------------------------------------------------------------===//
// Times
//===----------------------------------------------------------------------===//

static double milliseconds() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Compilation::StepTimer::StepTimer(Compilation &owner, llvm::StringRef name)
    : owner(owner), name(name), start(milliseconds()) {}

Compilation::StepTimer::~StepTimer() {
  double elapsed = milliseconds() - start;
  owner.times.emplace_back(name, elapsed);
  if (owner.asked.verbose)
    llvm::errs() << fmt::format("  {:<24} {:8.1f} ms\n", name, elapsed);
}

void Compilation::printTimeReport() const {
  double total = 0;
  for (const auto &[name, time] : times)
    total += time;
  llvm::errs() << "time report\n";
  for (const auto &[name, time] : times)
    llvm::errs() << fmt::format("  {:<24} {:8.1f} ms {:5.1f}%\n", name, time, 100 * time / std::max(total, 1e-9));
  llvm::errs() << fmt::format("  {:<24} {:8.1f} ms\n", "all steps", total);
}

void echoTargets(const CompileRequest &request) {
  for (const codegen::TargetInfo &target : request.targets)
    llvm::errs() << "target: " << target.name << " (" << codegen::describeTarget(target) << ")\n";
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Compilation::Compilation(CompileRequest request) : asked(std::move(request)) {
  session.diagnostics.showRemarks = asked.remarks;
  artefact = sourceStem(asked.file);
}

Compilation::~Compilation() {
  if (asked.timeReport)
    printTimeReport();
}

int Compilation::load() {
  if (!asked.from.empty()) {
    std::optional<Stage> from = parseStage(asked.from);
    if (!from) {
      llvm::SmallVector<llvm::StringRef> names;
      for (const StageRow &row : kStages)
        names.push_back(row.name);
      return usageError("", "unknown stage '" + asked.from + "' for --from" + didYouMean(asked.from, names) +
                                " (known: attn, fused, tile, llvm-dialect)");
    }
    current = *from;
  }
  return timed("import", [&]() -> int {
    ir = readSource(asked.file, !asked.from.empty(), asked.dims, session);
    if (!ir || failed(emit::recordEntries(*ir)))
      return kBadInput;
    auto entries = emit::readEntries(*ir);
    if (failed(entries))
      return kBadInput;
    entryInfos = std::move(*entries);
    return kOk;
  });
}

//===----------------------------------------------------------------------===//
// Lowering
//===----------------------------------------------------------------------===//

/// Writes the module as it was before the step that failed, and says how to see
/// the failure again.
int Compilation::reportBug(ModuleOp before, Stage from, llvm::StringRef during) {
  int descriptor;
  llvm::SmallString<128> path;
  error("internal error while lowering " + asked.file + " to '" + during + "'. This is our bug, not yours.");
  if (llvm::sys::fs::createTemporaryFile("attnc-" + stageName(from), "mlir", descriptor, path))
    return kOurBug;
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  before->print(stream, OpPrintingFlags().useLocalScope());
  note("please report it with the file " + path + " (attnc compile " + path + " --from=" + stageName(from) +
       " --emit=obj shows it again)");
  return kOurBug;
}

int Compilation::runStage(ModuleOp module, Stage from, Stage to, const codegen::TargetInfo &target) {
  OwningOpRef<ModuleOp> before = module.clone();
  PipelineOptions options;
  options.target = target;
  options.remarks = asked.remarks;
  bool ok = false;
  unsigned errors = session.diagnostics.errors;
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext recovery;
  bool survived =
      recovery.RunSafely([&] { ok = succeeded(runPipeline(module, pipelineName(from), pipelineName(to), options)); });
  llvm::CrashRecoveryContext::Disable();
  if (survived && ok)
    return kOk;
  // Up to tiles, our passes refuse in words what the user asked for and we cannot do; after that, it is our fault.
  if (survived && to <= Stage::tile && session.diagnostics.errors > errors)
    return kBadInput;
  return reportBug(*before, from, stageName(to));
}

int Compilation::lowerShared(Stage stage) {
  while (current < stage) {
    Stage to = next(current);
    if (int code = timed(stageName(to), [&] { return runStage(*ir, current, to, asked.targets.front()); }))
      return code;
    current = to;
  }
  return kOk;
}

int Compilation::lowerFor(const codegen::TargetInfo &target, Stage stage, OwningOpRef<ModuleOp> &result) {
  if (int code = lowerShared(std::min(stage, Stage::fused)))
    return code;
  result = ir->clone();
  std::string suffix = asked.targets.size() > 1 ? " " + target.name : "";
  for (Stage at = current; at < stage; at = next(at))
    if (int code = timed(stageName(next(at)).str() + suffix, [&] { return runStage(*result, at, next(at), target); }))
      return code;
  return kOk;
}

//===----------------------------------------------------------------------===//
// Machine code
//===----------------------------------------------------------------------===//

int Compilation::buildLlvm(std::unique_ptr<llvm::Module> &result) {
  if (!machine && !(machine = emit::createTargetMachine(*ir)))
    return kOurBug;
  std::vector<OwningOpRef<ModuleOp>> variants;
  for (const codegen::TargetInfo &target : asked.targets) {
    if (int code = lowerFor(target, Stage::llvmDialect, variants.emplace_back()))
      return code;
    emit::noteLayouts(*variants.back(), entryInfos);
  }
  result = emit::buildDescriptor(entryInfos, asked.targets, llvmContext);
  result->setTargetTriple(machine->getTargetTriple());
  result->setDataLayout(machine->createDataLayout());
  result->setSourceFileName(artefact);
  for (auto [target, lowered] : llvm::zip(asked.targets, variants)) {
    auto variant =
        timed("translate", [&] { return emit::translate(*lowered, entryInfos, target, *machine, llvmContext); });
    if (failed(variant))
      return reportBug(*lowered, Stage::llvmDialect, "llvm");
    timed("optimize", [&] { emit::optimize(**variant, *machine); });
    if (llvm::Linker::linkModules(*result, std::move(*variant)))
      return reportBug(*lowered, Stage::llvmDialect, "llvm");
  }
  return kOk;
}

int Compilation::buildCode(llvm::CodeGenFileType kind, llvm::SmallVector<char, 0> &result) {
  std::unique_ptr<llvm::Module> module;
  if (int code = buildLlvm(module))
    return code;
  auto code = timed("codegen", [&] { return emit::generate(*module, *machine, kind); });
  if (failed(code))
    return error("internal error: this LLVM cannot write object files"), kOurBug;
  result = std::move(*code);
  return kOk;
}

} // namespace attnc::tool
