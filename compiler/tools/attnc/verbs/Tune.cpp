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
// Ops are tuned one after the other, equal ones together: a candidate changes
// the schedule of one op, and the whole program is timed.
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

/// Equal ops of a program, and what is known of them.
struct OpGroup {
  tuner::ScheduledOp op;      ///< one of them
  std::vector<size_t> places; ///< among the ops that have a schedule
  tuner::Measurements measured = {};
  size_t knownBefore = 0;
};

/// One search for each group of ops: what it measures, and where that goes.
class Tuning {
public:
  Tuning(Compilation &compilation, const emit::EntryInfo &entry, tuner::Database &database, const Tensors &inputs,
         int threads, double budget, size_t ops)
      : compilation(compilation), entry(entry), database(database), inputs(inputs), threads(threads), budget(budget),
        ops(ops) {}

  /// Returns an exit code; each group's `measured` comes with what is known.
  int search(std::vector<OpGroup> &groups);

private:
  int search(OpGroup &group, double begin, double end);
  llvm::Expected<tuner::Rounds> measure(const OpGroup &group, const schedule::Schedule &candidate, int count);
  bool agrees(const schedule::Schedule &candidate, const Tensors &outputs);
  tuner::Rounds timeRounds(Callable &candidate, int count);
  const codegen::TargetInfo &target() const { return compilation.request().targets.front(); }
  double spent() const { return (wallSeconds() - start) / budget; }

  Compilation &compilation;
  const emit::EntryInfo &entry;
  tuner::Database &database;
  const Tensors &inputs;
  int threads;
  double budget, start = 0;
  size_t ops; ///< of the program that have a schedule
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

llvm::Expected<tuner::Rounds> Tuning::measure(const OpGroup &group, const schedule::Schedule &candidate, int count) {
  std::string name = spellSchedule(candidate);
  drawProgress(std::min(spent(), 0.99), fmt::format("{} measured: {}", compiled, name));
  Callable callable;
  std::vector<schedule::Schedule> schedules(ops);
  for (size_t place : group.places)
    schedules[place] = candidate;
  compilation.setRecords(0, std::move(schedules));
  failed = callable.prepare(compilation, entry, inputs, threads);
  if (failed)
    return llvm::createStringError("cannot measure the schedule " + name);
  ++compiled;
  if (!agrees(candidate, callable.outputs))
    return tuner::Rounds();
  tuner::Rounds rounds = timeRounds(callable, count);
  if (llvm::Error problem =
          database.add(workloadOf(group.op.key, target(), threads), name, rounds, compilation.request().file))
    return std::move(problem);
  return rounds;
}

/// Searches while the share of the time that is over goes from `begin` to `end`.
int Tuning::search(OpGroup &group, double begin, double end) {
  tuner::Space space = tuner::spaceOf(group.op.op, machineOf(target()));
  tuner::SearchHooks hooks{
      [&](const schedule::Schedule &candidate, int count) { return measure(group, candidate, count); },
      [&] { return (spent() - begin) / (end - begin); }};
  llvm::Error problem = tuner::search(space, hooks, group.measured);
  if (!problem)
    return kOk;
  drawProgress(1, "");
  int code = error(std::move(problem));
  return failed ? failed : code;
}

int Tuning::search(std::vector<OpGroup> &groups) {
  if (int code = baseline.prepare(compilation, entry, inputs, threads))
    return code;
  start = wallSeconds();
  calls = warmUp(baseline, inputs, /*warm=*/0.05, /*round=*/0.01);
  double share = 1.0 / static_cast<double>(groups.size());
  for (auto [index, group] : llvm::enumerate(groups))
    if (int code = search(group, share * static_cast<double>(index), share * static_cast<double>(index + 1)))
      return code;
  drawProgress(1, "");
  return kOk;
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

static void printTables(llvm::ArrayRef<OpGroup> groups, llvm::ArrayRef<tuner::Choice> choices,
                        const std::string &database) {
  for (auto [group, choice] : llvm::zip(groups, choices)) {
    llvm::outs() << fmt::format("{} op{}: {}\n", group.places.size(), group.places.size() == 1 ? "" : "s",
                                describeOp(group.op));
    printTable(rowsOf(group.measured), choice, database);
  }
}

static void printGroup(llvm::json::OStream &json, const OpGroup &group, const tuner::Choice &choice) {
  json.attribute("op", group.op.op->getName().getStringRef());
  json.attribute("hash", group.op.key.hash);
  json.attribute("extents", group.op.key.extents);
  json.attribute("count", static_cast<int64_t>(group.places.size()));
  json.attribute("best", spellSchedule(choice.sizes));
  json.attribute("best_speed", choice.summary ? choice.summary->speed : 1.0);
  json.attribute("default_is_best", !choice.summary);
  json.attributeArray("measured", [&] {
    for (const Row &row : rowsOf(group.measured))
      json.object([&] {
        json.attribute("schedule", row.name);
        json.attribute("seconds", row.summary.seconds);
        json.attribute("default_seconds", row.summary.baseline);
        json.attribute("speed", row.summary.speed);
        json.attribute("quartiles", llvm::json::Array{row.summary.low, row.summary.high});
        json.attribute("rounds", row.summary.rounds);
      });
  });
}

static void printJson(const CompileRequest &request, int threads, const DimBindings &dims,
                      llvm::ArrayRef<OpGroup> groups, llvm::ArrayRef<tuner::Choice> choices,
                      const std::string &database) {
  tuner::Workload workload = workloadOf({}, request.targets.front(), threads);
  llvm::json::OStream json(llvm::outs(), 2);
  json.object([&] {
    json.attribute("file", request.file);
    json.attribute("target", workload.target);
    json.attribute("machine", workload.cpu);
    json.attribute("threads", threads);
    json.attribute("dims", tuner::spellDims(dims));
    json.attribute("database", database);
    json.attributeArray("ops", [&] {
      for (auto [group, choice] : llvm::zip(groups, choices))
        json.object([&] { printGroup(json, group, choice); });
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

/// The ops that a call of `entry` runs, equal ones together, as large as they are with `dims`.
static std::optional<std::vector<OpGroup>> groupsOf(Compilation &compilation, const emit::EntryInfo &entry,
                                                    const DimBindings &dims) {
  std::optional<std::vector<tuner::OpKey>> keys = keysInCall(compilation, dims);
  if (!keys)
    return std::nullopt;
  std::vector<OpGroup> groups;
  for (auto [place, op] : llvm::enumerate(tuner::scheduledOps(compilation.module()))) {
    auto function = op.op->getParentOfType<func::FuncOp>();
    if (function.isPublic() && function.getSymName() != entry.symbol)
      continue;
    op.key = (*keys)[place];
    auto same = llvm::find_if(groups, [&](const OpGroup &group) { return group.op.key == op.key; });
    if (same == groups.end())
      groups.push_back({op, {place}});
    else
      same->places.push_back(place);
  }
  return groups;
}

/// Reads what the database knows of every group.
static int readKnown(tuner::Database &database, const Settings &settings, const codegen::TargetInfo &target,
                     std::vector<OpGroup> &groups) {
  for (OpGroup &group : groups) {
    auto known = database.measurements(workloadOf(group.op.key, target, settings.threads));
    if (!known)
      return error(known.takeError());
    group.measured = std::move(*known);
    dropImpossible(group.measured, settings.database, target);
    group.knownBefore = group.measured.size();
  }
  return kOk;
}

static int report(const Compilation &compilation, const Settings &settings, const DimBindings &dims,
                  llvm::ArrayRef<OpGroup> groups) {
  std::vector<tuner::Choice> choices;
  size_t known = 0, measured = 0;
  for (const OpGroup &group : groups) {
    auto choice = tuner::choose(group.measured);
    if (!choice)
      return error(choice.takeError());
    choices.push_back(std::move(*choice));
    known += group.knownBefore;
    measured += group.measured.size();
  }
  if (known)
    note(fmt::format("{} of {} candidates were measured before", known, measured));
  if (settings.json)
    printJson(compilation.request(), settings.threads, dims, groups, choices, settings.database);
  else
    printTables(groups, choices, settings.database);
  return kOk;
}

static int tune(Compilation &compilation, const Settings &settings, const DimBindings &dims) {
  if (int code = compilation.load())
    return code;
  if (compilation.stage() > Stage::fused)
    return usageError("tune", "block sizes are chosen after level fused; the file is past it");
  const CompileRequest &request = compilation.request();
  echoTargets(request);
  const emit::EntryInfo *entry = compilation.findEntry(settings.entry, "tune");
  if (!entry)
    return kUsage;
  std::optional<Tensors> inputs = readOrMakeInputs(*entry, settings.files, dims, 1, compilation.functionOf(*entry));
  if (!inputs)
    return kBadInput;
  auto database = openDatabase(settings.database);
  if (!database)
    return error(database.takeError());
  DimBindings extents = extentsOf(*entry, *inputs);
  std::optional<std::vector<OpGroup>> groups = groupsOf(compilation, *entry, extents);
  if (!groups)
    return kBadInput;
  if (groups->empty())
    return error("there is no attention and no matrix product in '" + request.file + "': no block sizes to choose");
  if (int code = settings.again ? kOk : readKnown(**database, settings, request.targets.front(), *groups))
    return code;
  size_t ops = tuner::scheduledOps(compilation.module()).size();
  Tuning tuning(compilation, *entry, **database, *inputs, settings.threads, settings.budget, ops);
  if (int code = tuning.search(*groups))
    return code;
  return report(compilation, settings, extents, *groups);
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
