//===- Compilation.cpp - From a file to machine code, step by step --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Compilation.h"
#include "codegen/emit/Names.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/support/Suggest.h"
#include "compiler/support/Unsupported.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Reproducer.h"
#include "compiler/tools/attnc/Source.h"
#include "compiler/tools/attnc/Tuned.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/raw_ostream.h"
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

void echoTargets(const CompileRequest &request) {
  for (const codegen::TargetInfo &target : request.targets)
    llvm::errs() << "target: " << target.name << " (" << codegen::describeTarget(target) << ")\n";
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Compilation::Compilation(CompileRequest request)
    : asked(std::move(request)), records(asked.targets.size()), progress(canShowProgress() && !asked.verbose) {
  session.diagnostics.showRemarks = asked.remarks;
  artefact = sourceStem(asked.file);
  if (asked.jobs)
    llvm::parallel::strategy = llvm::hardware_concurrency(asked.jobs); // of lld, and of who writes weights
}

Compilation::~Compilation() {
  if (asked.timeReport)
    times.print();
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
  ir = readSource(asked, session);
  if (!ir)
    return kBadInput;
  if (int code = checkStage())
    return code;
  return readEntries();
}

int Compilation::readEntriesAgain() {
  emit::forgetEntries(*ir);
  return readEntries();
}

int Compilation::readEntries() {
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

int Compilation::runSafely(ModuleOp module, Stage from, Stage to, llvm::function_ref<LogicalResult()> lower) {
  OwningOpRef<ModuleOp> before = module.clone();
  bool ok = false;
  bool survived = survives([&] { ok = succeeded(lower()); });
  if (survived && ok)
    return kOk;
  if (survived && isUnsupported(module))
    return kBadInput; // the pass has said what is not compiled yet
  reportBug(*before, from, stageName(to));
  if (!survived)
    giveUp("the compiler crashed");
  return kOurBug;
}

int Compilation::runStage(ModuleOp module, Stage from, Stage to, const codegen::TargetInfo &target) {
  PipelineOptions options;
  options.target = target;
  for (auto [other, sizes, found] : llvm::zip(asked.targets, asked.schedules, records))
    if (other.name == target.name) {
      options.schedule = sizes;
      options.records = found;
    }
  options.remarks = asked.remarks;
  options.computeType = asked.dtype;
  options.marks = asked.marks;
  return runSafely(module, from, to,
                   [&] { return runPipeline(module, pipelineName(from), pipelineName(to), options); });
}

/// `step`, and for which target, where there are several.
std::string Compilation::stepFor(const codegen::TargetInfo &target, llvm::StringRef step) const {
  return asked.targets.size() > 1 ? step.str() + " " + target.name : step.str();
}

void Compilation::expectSteps(Stage last, llvm::ArrayRef<llvm::StringRef> others) {
  llvm::SmallVector<llvm::StringRef> steps;
  for (Stage at = current; at < last; at = next(at))
    steps.push_back(stageName(next(at)));
  llvm::append_range(steps, others);
  progress.plan(steps);
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
  for (Stage at = current; at < stage; at = next(at)) {
    auto run = [&] { return runStage(*result, at, next(at), target); };
    if (int code = timed(stepFor(target, stageName(next(at))), run))
      return code;
  }
  return kOk;
}

} // namespace attnc::tool
