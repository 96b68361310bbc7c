//===- Compilation.cpp - From a file to machine code, step by step --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Compilation.h"
#include "codegen/emit/Descriptor.h"
#include "codegen/emit/Names.h"
#include "codegen/emit/Ptx.h"
#include "codegen/emit/Translate.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/support/Suggest.h"
#include "compiler/support/Unsupported.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Reproducer.h"
#include "compiler/tools/attnc/Source.h"
#include "compiler/tools/attnc/Tuned.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cstdlib>
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
                                {Stage::scheduled, "scheduled", "scheduled"},
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

constexpr llvm::StringLiteral kStageAttribute = "attnc.stage";

void recordStage(ModuleOp module, Stage stage) {
  module->setAttr(kStageAttribute, StringAttr::get(module.getContext(), stageName(stage)));
}

/// The stage that `module` is at: as recorded, or what its ops show. Nothing for attn and fused, which look alike.
static std::optional<Stage> stageOf(ModuleOp module) {
  if (auto recorded = module->getAttrOfType<StringAttr>(kStageAttribute))
    return parseStage(recorded.getValue());
  std::optional<Stage> stage;
  module.walk([&](Operation *op) {
    llvm::StringRef dialect = op->getName().getDialectNamespace();
    if (dialect == "tile")
      stage = Stage::tile;
    if (isa<LLVM::LLVMFuncOp>(op))
      stage = Stage::llvmDialect;
    return stage ? WalkResult::interrupt() : WalkResult::advance();
  });
  return stage;
}

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

Compilation::Compilation(CompileRequest request) : asked(std::move(request)), records(asked.targets.size()) {
  session.diagnostics.showRemarks = asked.remarks;
  artefact = sourceStem(asked.file);
}

Compilation::~Compilation() {
  if (asked.timeReport)
    printTimeReport();
}

/// Runs `body`; false if it crashed, which is always our bug.
static bool survives(llvm::function_ref<void()> body) {
  llvm::CrashRecoveryContext::Enable();
  bool survived = llvm::CrashRecoveryContext().RunSafely(body);
  llvm::CrashRecoveryContext::Disable();
  return survived;
}

/// Ends the process after a crash: what is in memory can no longer be trusted, destructors included.
[[noreturn]] static void giveUp(const llvm::Twine &message) {
  error(message);
  llvm::outs().flush();
  std::_Exit(kOurBug);
}

int Compilation::load() {
  if (!asked.from.empty()) {
    std::optional<Stage> from = parseStage(asked.from);
    if (!from) {
      llvm::SmallVector<llvm::StringRef> names;
      for (const StageRow &row : kStages)
        names.push_back(row.name);
      return usageError("", "unknown stage '" + asked.from + "' for --from" + didYouMean(asked.from, names) +
                                " (known: attn, fused, scheduled, tile, llvm-dialect)");
    }
    current = *from;
  }
  int failed = timed("import", [&] {
    int code = kOk;
    if (!survives([&] { code = import(); }))
      giveUp("internal error while reading '" + asked.file +
             "'. This is our bug, not yours: please report it with the file.");
    return code;
  });
  if (!failed && asked.tuned && current > Stage::fused)
    return usageError("", "--tuned chooses block sizes; a file past level fused has them already");
  return failed;
}

/// Whether the file is at the stage that --from says, or which one it is at where nobody says. The reference and every
/// pass believe it.
int Compilation::checkStage() {
  std::optional<Stage> found = stageOf(*ir);
  (*ir)->removeAttr(kStageAttribute);
  if (asked.from.empty())
    current = found.value_or(current);
  if (!found || *found == current)
    return kOk;
  return error("'" + asked.file + "' is at level " + stageName(*found) + ", not " + asked.from +
               ": give --from=" + stageName(*found));
}

int Compilation::import() {
  ir = readSource(asked.file, !asked.from.empty(), asked.dims, session);
  if (!ir)
    return kBadInput;
  if (int code = checkStage())
    return code;
  if (failed(emit::recordEntries(*ir)))
    return kBadInput;
  auto entries = emit::readEntries(*ir);
  if (failed(entries))
    return kBadInput;
  entryInfos = std::move(*entries);
  bool hasGpu = llvm::any_of(asked.targets, [](const codegen::TargetInfo &target) { return target.isGpu(); });
  for (emit::EntryInfo &entry : entryInfos)
    for (emit::TensorInfo &tensor : entry.inputs) {
      tensor.isChecked = asked.checks;
      if (hasGpu && tensor.isUpdated)
        return error(fmt::format("'{}' updates '{}' in place, which code for GPUs does not do yet; compile for a CPU",
                                 entry.name, tensor.name));
    }
  return kOk;
}

void Compilation::checkIndices() {
  for (emit::EntryInfo &entry : entryInfos)
    for (emit::TensorInfo &tensor : entry.inputs)
      tensor.isChecked |= tensor.indexed && !tensor.isSorted;
}

const emit::EntryInfo *Compilation::findEntry(llvm::StringRef name, llvm::StringRef verb) const {
  llvm::SmallVector<llvm::StringRef> names;
  for (const emit::EntryInfo &entry : entryInfos) {
    if (name.empty() || name == entry.name)
      return &entry;
    names.push_back(entry.name);
  }
  usageError(verb, "'" + asked.file + "' has no entry '" + name + "'" + didYouMean(name, names) +
                       " (it has: " + llvm::join(names, ", ") + ")");
  return nullptr;
}

void Compilation::nameEntries(llvm::StringRef name) {
  emit::EntryNames names;
  for (emit::EntryInfo &entry : entryInfos) {
    entry.name = names.pick(entryInfos.size() == 1 ? name.str() : name.str() + "_" + entry.name);
    entry.called.clear();
  }
}

func::FuncOp Compilation::functionOf(const emit::EntryInfo &entry) {
  return current <= Stage::scheduled ? ir->lookupSymbol<func::FuncOp>(entry.symbol) : nullptr;
}

//===----------------------------------------------------------------------===//
// Lowering
//===----------------------------------------------------------------------===//

/// Writes the module as it was before the step that failed, without its weights, and says how to see the failure again.
int Compilation::reportBug(ModuleOp before, Stage from, llvm::StringRef during) {
  error("internal error while lowering " + asked.file + " to '" + during + "'. This is our bug, not yours.");
  auto path = writeReproducer(before, stageName(from));
  if (!path)
    note("no file that shows it again: " + llvm::toString(path.takeError()));
  else
    note("please report it with the file " + *path + ", which holds no weights (attnc compile " + *path +
         " --from=" + stageName(from) + " --emit=obj shows it again)");
  return kOurBug;
}

int Compilation::runStage(ModuleOp module, Stage from, Stage to, const codegen::TargetInfo &target) {
  OwningOpRef<ModuleOp> before = module.clone();
  PipelineOptions options;
  options.target = target;
  for (auto [other, sizes, found] : llvm::zip(asked.targets, asked.schedules, records))
    if (other.name == target.name) {
      options.schedule = sizes;
      options.records = found;
    }
  options.remarks = asked.remarks;
  bool ok = false;
  bool survived = survives([&] { ok = succeeded(runPipeline(module, pipelineName(from), pipelineName(to), options)); });
  if (survived && ok)
    return kOk;
  if (survived && isUnsupported(module))
    return kBadInput; // the pass has said what is not compiled yet
  reportBug(*before, from, stageName(to));
  if (!survived)
    giveUp("the compiler crashed");
  return kOurBug;
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

/// Once, when the ops are there that the records are of.
int Compilation::useRecords() {
  if (!asked.tuned || std::exchange(hasLookedUp, true))
    return kOk;
  return useTunedSchedules(*this);
}

int Compilation::lowerFor(const codegen::TargetInfo &target, Stage stage, OwningOpRef<ModuleOp> &result) {
  if (int code = lowerShared(std::min(stage, Stage::fused)))
    return code;
  if (int code = stage > Stage::fused ? useRecords() : kOk)
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

/// LLVM reports what it cannot do in many ways; this one would end the process with a bare message.
static void reportLlvm(const llvm::DiagnosticInfo *diagnostic, void *failed) {
  if (diagnostic->getSeverity() != llvm::DS_Error)
    return;
  llvm::raw_ostream &stream = llvm::WithColor::error(llvm::errs(), "attnc");
  llvm::DiagnosticPrinterRawOStream printer(stream);
  diagnostic->print(printer);
  stream << "\n";
  *static_cast<bool *>(failed) = true;
}

int Compilation::readWorkspaces(ModuleOp lowered) {
  auto planned = emit::readEntries(lowered);
  if (failed(planned))
    return kBadInput;
  for (auto [entry, other] : llvm::zip(entryInfos, *planned)) {
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

int Compilation::buildVariant(const codegen::TargetInfo &target, llvm::Module &into) {
  OwningOpRef<ModuleOp> lowered;
  if (int code = lowerFor(target, Stage::llvmDialect, lowered))
    return code;
  if (int code = readWorkspaces(*lowered))
    return code;
  if (failed(table.take(*lowered)))
    return kBadInput;
  bool ok = false;
  bool survived = survives([&] {
    auto variant =
        timed("translate", [&] { return emit::translate(*lowered, entryInfos, target, *machine, llvmContext); });
    if (failed(variant))
      return;
    table.bind(**variant);
    timed("optimize", [&] { emit::optimize(**variant, *machine); });
    ok = !llvm::Linker::linkModules(into, std::move(*variant));
  });
  if (survived && ok)
    return kOk;
  reportBug(*lowered, Stage::llvmDialect, "llvm");
  if (!survived)
    giveUp("the compiler crashed");
  return kOurBug;
}

int Compilation::buildLlvm(std::unique_ptr<llvm::Module> &result, PlaceWeights place) {
  if (!machine && !(machine = emit::createTargetMachine(*ir)))
    return kOurBug;
  result = emit::buildDescriptor(entryInfos, asked.targets, llvmContext);
  result->setTargetTriple(machine->getTargetTriple());
  result->setDataLayout(machine->createDataLayout());
  result->setSourceFileName(artefact);
  table = {};
  for (const codegen::TargetInfo &target : asked.targets)
    if (int code = buildVariant(target, *result))
      return code;
  if (!table.empty()) {
    if (place) {
      if (int code = place(*result))
        return code;
    } else {
      emit::placeInside(*result, table);
    }
  }
  emit::hideKernels(*result);
  return kOk;
}

int Compilation::buildDevice(std::unique_ptr<llvm::Module> &module, std::string *ptx) {
  const codegen::TargetInfo &target = asked.targets.front();
  OwningOpRef<ModuleOp> lowered;
  if (int code = lowerFor(target, Stage::llvmDialect, lowered))
    return code;
  bool ok = false;
  bool survived = survives([&] {
    auto device = timed("translate", [&] { return emit::translateDevice(*lowered, target, llvmContext); });
    if (failed(device))
      return;
    module = std::move(*device);
    if (!ptx) {
      ok = true;
      return;
    }
    auto text = timed("codegen", [&] { return emit::generatePtx(*lowered, *module, target); });
    if ((ok = succeeded(text)))
      *ptx = std::move(*text);
  });
  if (survived && ok)
    return kOk;
  reportBug(*lowered, Stage::llvmDialect, "ptx");
  if (!survived)
    giveUp("the compiler crashed");
  return kOurBug;
}

int Compilation::buildCode(llvm::CodeGenFileType kind, llvm::SmallVector<char, 0> &result, PlaceWeights place) {
  std::unique_ptr<llvm::Module> module;
  if (int code = buildLlvm(module, place))
    return code;
  bool refused = false;
  llvmContext.setDiagnosticHandlerCallBack(reportLlvm, &refused);
  FailureOr<llvm::SmallVector<char, 0>> code = failure();
  bool survived =
      survives([&] { timed("codegen", [&] { code = emit::generate(*module, *machine, asked.targets, kind); }); });
  if (survived && succeeded(code) && !refused) {
    result = std::move(*code);
    return kOk;
  }
  OwningOpRef<ModuleOp> lowered; // codegen changes LLVM's module, but its input can be made again
  if (!lowerFor(asked.targets.front(), Stage::llvmDialect, lowered))
    reportBug(*lowered, Stage::llvmDialect, "obj");
  if (!survived)
    giveUp("the compiler crashed");
  return kOurBug;
}

} // namespace attnc::tool
