//===- Tune.cpp - attnc tune: the best block sizes by measurement ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every candidate is compiled, checked against the default's results, and timed
// in rounds, each of which times the default as well:
//
//   default, candidate | candidate, default | default, candidate | ...
//
// What is reported is the median of the rounds' ratios. Every round goes to the
// database at once, so that a search can be interrupted and goes on later.
//
//===----------------------------------------------------------------------===//

#include "compiler/pipeline/Pipeline.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Tuned.h"
#include "compiler/tools/attnc/inputs/MadeUp.h"
#include "compiler/tools/attnc/measure/Measure.h"
#include "compiler/tools/attnc/measure/Peak.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::tool {

namespace {
struct Flags : CompileFlags {
  Text inputs{"inputs", "FOLDER", "take every input from NAME.npy there; without, inputs are made up"};
  Text entry{"entry", "NAME", "which entry to measure; the first if not given"};
  Text database{"db", "FILE", "where measurements are kept (default: attnc/tuning.db in the user's cache folder)"};
  Number threads{"threads", "N", "threads to use; 0: as many as programs do", 0};
  Number budget{"budget", "S", "stop after this many seconds", 60};
  Switch again{"again", "measure again what the database knows already"};
  Switch json{"json", "print one JSON object"};
};

/// One search: what it measures, and where that goes.
class Tuning {
public:
  Tuning(Compilation &compilation, const emit::EntryInfo &entry, tuner::Database &database, tuner::Workload workload,
         const Tensors &inputs, double budget)
      : compilation(compilation), entry(entry), database(database), workload(std::move(workload)), inputs(inputs),
        budget(budget) {}

  /// Returns an exit code; `measured` comes with what is known.
  int search(tuner::Measurements &measured);
  int measuredNow() const { return compiled; }

private:
  llvm::Expected<tuner::Rounds> measure(const schedule::Schedule &candidate, int count);
  bool agrees(const schedule::Schedule &candidate, const Tensors &outputs);
  tuner::Rounds timeRounds(Callable &candidate, int count);
  double spent() const { return (wallSeconds() - begin) / budget; }

  Compilation &compilation;
  const emit::EntryInfo &entry;
  tuner::Database &database;
  tuner::Workload workload;
  const Tensors &inputs;
  double budget, begin = 0;
  Callable baseline;
  int calls = 1, compiled = 0;
  int failed = kOk; // the exit code of an error that is reported already
};
} // namespace

static Flags &flags() {
  static Flags *all = new Flags; // never destroyed: see Options.h
  return *all;
}

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

/// A candidate that computes something else is our bug, and must not win. Other block sizes add in another order.
bool Tuning::agrees(const schedule::Schedule &candidate, const Tensors &outputs) {
  for (auto [index, info] : llvm::enumerate(entry.outputs)) {
    Type type = elementTypeOf(info, compilation.module().getContext());
    attn::Comparison comparison =
        attn::compare(toReference(outputs[index], type), toReference(baseline.outputs[index], type));
    if (comparison.within(10 * defaultTolerance(entry, info)))
      continue;
    warning("the schedule " + spellSchedule(candidate) + " computes another '" + info.name +
            "' than the default; it is left out. This is our bug: please report it.");
    return false;
  }
  return true;
}

tuner::Rounds Tuning::timeRounds(Callable &candidate, int count) {
  tuner::Rounds rounds;
  for (int i = 0; i < count; ++i) {
    bool first = i % 2 == 0;
    double before = first ? timeCalls(baseline, inputs, calls) : 0;
    double seconds = timeCalls(candidate, inputs, calls);
    rounds.push_back({first ? before : timeCalls(baseline, inputs, calls), seconds});
  }
  return rounds;
}

llvm::Expected<tuner::Rounds> Tuning::measure(const schedule::Schedule &candidate, int count) {
  std::string name = spellSchedule(candidate);
  drawProgress(std::min(spent(), 0.99), fmt::format("{} measured: {}", compiled, name));
  Callable callable;
  compilation.setSchedule(0, candidate);
  failed = callable.prepare(compilation, entry, inputs, workload.threads);
  if (failed)
    return llvm::createStringError("cannot measure the schedule " + name);
  ++compiled;
  if (!agrees(candidate, callable.outputs))
    return tuner::Rounds();
  tuner::Rounds rounds = timeRounds(callable, count);
  if (llvm::Error problem = database.add(workload, name, rounds, compilation.request().file))
    return std::move(problem);
  return rounds;
}

int Tuning::search(tuner::Measurements &measured) {
  if (int code = compilation.lowerShared(Stage::fused))
    return code;
  const codegen::TargetInfo &target = compilation.request().targets.front();
  tuner::Space space = tuner::spaceOf(compilation.module(), machineOf(target));
  if (tuner::groupsOf(space).empty())
    return error("there is no attention and no matrix product in '" + compilation.request().file +
                 "': no block sizes to choose");
  if (int code = baseline.prepare(compilation, entry, inputs, workload.threads))
    return code;
  begin = wallSeconds();
  calls = warmUp(baseline, inputs, /*warm=*/0.05, /*round=*/0.01);
  tuner::SearchHooks hooks{[&](const schedule::Schedule &candidate, int count) { return measure(candidate, count); },
                           [&] { return spent(); }};
  llvm::Error problem = tuner::search(space, hooks, measured);
  drawProgress(1, "");
  if (!problem)
    return kOk;
  int code = error(std::move(problem));
  return failed ? failed : code;
}

//===----------------------------------------------------------------------===//
// Reporting
//===----------------------------------------------------------------------===//

namespace {
struct Row {
  std::string name;
  tuner::Summary summary;
};
} // namespace

/// Fastest first; those with enough rounds for a decision before the others.
static std::vector<Row> rowsOf(const tuner::Measurements &measured) {
  std::vector<Row> rows;
  for (const auto &entry : measured)
    if (!entry.second.empty())
      rows.push_back({entry.first().str(), tuner::summarize(entry.second)});
  llvm::sort(rows, [](const Row &a, const Row &b) {
    auto rank = [](const Row &row) { return std::pair(row.summary.rounds >= tuner::kFinalRounds, row.summary.speed); };
    return rank(a) > rank(b);
  });
  return rows;
}

static void printTable(const std::vector<Row> &rows, const tuner::Choice &choice, const std::string &database) {
  constexpr size_t shown = 10;
  llvm::outs() << fmt::format("{:<60} {:>10} {:>8} {:>15} {:>7}\n", "schedule", "ms a call", "speed", "half within",
                              "rounds");
  for (const Row &row : llvm::ArrayRef(rows).take_front(shown))
    llvm::outs() << fmt::format("{:<60} {:>10.4g} {:>8.3f} {:>15} {:>7}\n", row.name, row.summary.seconds * 1e3,
                                row.summary.speed, fmt::format("{:.3f}..{:.3f}", row.summary.low, row.summary.high),
                                row.summary.rounds);
  if (rows.size() > shown)
    llvm::outs() << fmt::format("... and {} more in {}\n", rows.size() - shown, database);
  if (choice.summary)
    llvm::outs() << fmt::format("best: {}, {}; --tuned compiles with it\n", spellSchedule(choice.sizes),
                                spellSpeed(choice.summary->speed));
  else
    llvm::outs() << "best: the default; nothing is faster beyond noise\n";
}

static void printJson(const Compilation &compilation, const tuner::Workload &workload, const std::vector<Row> &rows,
                      const tuner::Choice &choice, const std::string &database) {
  llvm::json::OStream json(llvm::outs(), 2);
  json.object([&] {
    json.attribute("file", compilation.request().file);
    json.attribute("target", workload.target);
    json.attribute("machine", workload.cpu);
    json.attribute("threads", workload.threads);
    json.attribute("dims", workload.dims);
    json.attribute("database", database);
    json.attribute("best", spellSchedule(choice.sizes));
    json.attribute("best_speed", choice.summary ? choice.summary->speed : 1.0);
    json.attribute("default_is_best", !choice.summary);
    json.attributeArray("measured", [&] {
      for (const Row &row : rows)
        json.object([&] {
          json.attribute("schedule", row.name);
          json.attribute("seconds", row.summary.seconds);
          json.attribute("default_seconds", row.summary.baseline);
          json.attribute("speed", row.summary.speed);
          json.attribute("quartiles", llvm::json::Array{row.summary.low, row.summary.high});
          json.attribute("rounds", row.summary.rounds);
        });
    });
  });
  llvm::outs() << "\n";
}

//===----------------------------------------------------------------------===//
// The verb
//===----------------------------------------------------------------------===//

namespace {
struct Settings {
  TensorFiles files;
  std::string entry, database;
  int threads, budget;
  bool again, json;
};
} // namespace

/// The extent of every symbol in a call with `inputs`.
static DimBindings extentsOf(const emit::EntryInfo &entry, const Tensors &inputs) {
  DimBindings dims;
  for (auto [info, tensor] : llvm::zip(entry.inputs, inputs))
    for (auto [index, dim] : llvm::enumerate(info.dims))
      if (dim.symbol >= 0 && index < static_cast<size_t>(tensor.rank))
        dims[entry.symbols[dim.symbol]] = tensor.shape[index];
  return dims;
}

static int tune(Compilation &compilation, const Settings &settings, const DimBindings &dims) {
  if (int code = compilation.load())
    return code;
  if (compilation.stage() > Stage::fused)
    return usageError("tune", "block sizes are chosen after level fused; the file is past it");
  echoTargets(compilation.request());
  const emit::EntryInfo *chosen = compilation.findEntry(settings.entry, "tune");
  if (!chosen)
    return kUsage;
  const emit::EntryInfo &entry = *chosen;
  std::optional<Tensors> inputs = readOrMakeInputs(entry, settings.files, dims, 1, compilation.functionOf(entry));
  if (!inputs)
    return kBadInput;
  auto database = tuner::Database::open(settings.database);
  if (!database)
    return error(database.takeError());
  tuner::Workload workload =
      workloadOf(tuner::programHash(compilation.module()), compilation.request().targets.front(), settings.threads);
  workload.dims = tuner::spellDims(extentsOf(entry, *inputs));
  if (&entry != &compilation.entries().front())
    workload.dims = "entry=" + entry.name + (workload.dims.empty() ? "" : "," + workload.dims);
  tuner::Measurements measured;
  if (!settings.again) {
    auto known = (*database)->measurements(workload);
    if (!known)
      return error(known.takeError());
    measured = std::move(*known);
    dropImpossible(measured, settings.database, compilation.request().targets.front());
  }
  size_t known = measured.size();
  Tuning tuning(compilation, entry, **database, workload, *inputs, settings.budget);
  if (int code = tuning.search(measured))
    return code;
  if (known)
    note(fmt::format("{} of {} candidates were measured before", known, measured.size()));
  auto choice = tuner::choose(measured);
  if (!choice)
    return error(choice.takeError());
  if (settings.json)
    printJson(compilation, workload, rowsOf(measured), *choice, settings.database);
  else
    printTable(rowsOf(measured), *choice, settings.database);
  return kOk;
}

static int run(llvm::ArrayRef<const char *> arguments) {
  std::vector<std::string> rest;
  if (std::optional<int> done = parse(tuneVerb, arguments, &rest))
    return *done;
  std::string file = flags().database;
  Settings settings{{flags().inputs, {}}, flags().entry,  file.empty() ? tuner::defaultDatabase() : file,
                    flags().threads,      flags().budget, flags().again,
                    flags().json};
  if (!readNames(rest, "tune", settings.files))
    return kUsage;
  if (settings.threads < 0 || settings.budget < 1)
    return usageError("tune", "--budget is at least 1, and --threads at least 0");
  settings.threads = threadsToUse(settings.threads);
  if (!flags().schedule.empty() || flags().tuned.getNumOccurrences())
    return usageError("tune", "tune chooses the schedule itself; --schedule and --tuned are for the other verbs");
  std::optional<CompileRequest> request = readRequest(flags(), "tune");
  if (!request)
    return kUsage;
  if (request->targets.size() > 1)
    return usageError("tune", "name one target: each is tuned by itself");
  DimBindings dims = request->dims;
  dropRunTimeDims(*request);
  Compilation compilation(std::move(*request));
  return tune(compilation, settings, dims);
}

const Verb tuneVerb{"tune",
                    "FILE --dims B=1,H=16,M=2048,N=2048,D=64 [--db FILE] [--budget SECONDS] [--json]",
                    "measure block sizes on this machine and remember the best",
                    R"(  attnc tune causal.attn --dims B=1,H=16,M=2048,N=2048,D=64
  attnc compile causal.attn --dims H=16,D=64 --tuned -o causal
)",
                    [] { flags(); },
                    run};

} // namespace attnc::tool
