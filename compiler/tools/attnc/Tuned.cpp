//===- Tuned.cpp - Schedules from the tuning database ---------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A record holds for one op, machine and size. What is compiled serves calls of
// many extents, so of several records that fit the extents the user has named,
// the newest is taken.
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Tuned.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/support/InputFiles.h"
#include "compiler/tools/attnc/Console.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include <fmt/format.h>
#include <map>

using namespace mlir;

namespace attnc::tool {

tuner::Workload workloadOf(tuner::OpKey op, const codegen::TargetInfo &target, int threads) {
  tuner::Workload workload;
  workload.op = std::move(op);
  workload.target = fmt::format("{} {} {} {}", target.name, target.cpu, target.tune, target.features);
  workload.cpu = codegen::describeTarget(*codegen::parseTarget("host"));
  workload.compiler = "attnc " ATTNC_VERSION " (LLVM " LLVM_VERSION_STRING ")";
  workload.threads = threads;
  return workload;
}

llvm::Expected<std::unique_ptr<tuner::Database>> openDatabase(const std::string &path) {
  auto database = tuner::Database::open(path);
  if (database && (*database)->isOld())
    note("the records of '" + path +
         "' hold for whole programs, as an older attnc filed them; they are kept, in tables of "
         "their own, and not used: 'attnc tune' measures by the op");
  return database;
}

std::string spellSpeed(double speed) { return fmt::format("{:.1f}% faster than the default", (speed - 1) * 100); }

static std::vector<tuner::OpKey> keysOf(ModuleOp module) {
  std::vector<tuner::OpKey> keys;
  for (const tuner::ScheduledOp &op : tuner::scheduledOps(module))
    keys.push_back(op.key);
  return keys;
}

/// What is compiled leaves extents to each call; a second module, in which they are bound, tells what they are in this
/// one.
std::optional<std::vector<tuner::OpKey>> keysInCall(Compilation &compilation, const DimBindings &dims) {
  if (compilation.lowerShared(Stage::fused))
    return std::nullopt;
  std::vector<tuner::OpKey> keys = keysOf(compilation.module());
  CompileRequest bound = compilation.request();
  for (const auto &[symbol, extent] : dims)
    bound.dims[symbol] = extent;
  if (bound.dims.size() == compilation.request().dims.size() || !bound.from.empty() || bound.file == "-")
    return keys;
  bound.tuned.reset();
  bound.timeReport = bound.verbose = bound.remarks = false;
  Compilation again(std::move(bound));
  if (again.load() || again.lowerShared(Stage::fused))
    return std::nullopt;
  std::vector<tuner::OpKey> known = keysOf(again.module());
  auto isSame = [](const tuner::OpKey &a, const tuner::OpKey &b) { return a.hash == b.hash; };
  return llvm::equal(keys, known, isSame) ? known : keys;
}

/// A database is a file like any other, and its schedules may be anything.
void dropImpossible(tuner::Measurements &measured, llvm::StringRef database, const codegen::TargetInfo &target) {
  for (std::string &reason : tuner::dropImpossible(measured, machineOf(target)))
    warning("a schedule in '" + database + "' is left out: it " + reason);
}

namespace {
/// The best schedule of an op; and what it was measured with, if anything was.
struct Record {
  schedule::Schedule sizes;
  std::string found;
};
} // namespace

/// Of `workload`'s records the newest that fits.
static llvm::Expected<Record> lookUp(tuner::Database &database, const tuner::Workload &workload, llvm::StringRef path,
                                     const codegen::TargetInfo &target) {
  auto known = database.find(workload);
  if (!known || known->empty())
    return known ? llvm::Expected<Record>(Record()) : known.takeError();
  auto measured = database.measurements(known->front());
  if (!measured)
    return measured.takeError();
  dropImpossible(*measured, path, target);
  auto choice = tuner::choose(*measured);
  if (!choice)
    return choice.takeError();
  std::string best = choice->summary ? spellSchedule(choice->sizes) + " (" + spellSpeed(choice->summary->speed) + ")"
                                     : "the default, than which nothing was faster";
  return Record{choice->sizes,
                fmt::format("{}, measured with {} on {} thread{}", best,
                            known->front().op.extents.empty() ? "its fixed extents" : known->front().op.extents,
                            known->front().threads, known->front().threads == 1 ? "" : "s")};
}

/// The schedules of all ops for one target. Equal ops have one record.
static int useTunedSchedules(Compilation &compilation, size_t index, tuner::Database &database,
                             llvm::ArrayRef<tuner::OpKey> keys) {
  const CompileRequest &request = compilation.request();
  const codegen::TargetInfo &target = request.targets[index];
  std::map<std::pair<std::string, std::string>, Record> records;
  std::vector<schedule::Schedule> schedules;
  size_t unknown = 0;
  for (const tuner::OpKey &key : keys) {
    auto [it, isNew] = records.try_emplace({key.hash, key.extents});
    if (isNew) {
      auto record = lookUp(database, workloadOf(key, target, request.threads), *request.tuned, target);
      if (!record)
        return error(record.takeError());
      it->second = std::move(*record);
      if (!it->second.found.empty())
        note("schedule for " + target.name + ": " + it->second.found + "; from '" + *request.tuned + "'");
    }
    unknown += it->second.found.empty();
    schedules.push_back(it->second.sizes);
  }
  if (unknown)
    note(fmt::format(
        "nothing is tuned for {} on this machine in '{}'; {} gets the default schedule for {} ('attnc tune' "
        "finds a better one)",
        unknown == keys.size() ? "this program" : fmt::format("{} of {} ops", unknown, keys.size()), *request.tuned,
        target.name, unknown == keys.size() ? "it" : "them"));
  compilation.setRecords(index, std::move(schedules));
  return kOk;
}

int useTunedSchedules(Compilation &compilation) {
  const CompileRequest &request = compilation.request();
  if (!llvm::sys::fs::exists(*request.tuned) && *request.tuned != tuner::defaultDatabase())
    return error("there is no tuning database '" + *request.tuned + "': 'attnc tune --db " + *request.tuned +
                 "' makes one");
  if (!llvm::sys::fs::exists(*request.tuned)) {
    note("there is no tuning database '" + *request.tuned + "' yet; using the default schedule");
    return kOk;
  }
  rememberInput(*request.tuned);
  auto database = openDatabase(*request.tuned);
  if (!database)
    return error(database.takeError());
  std::optional<std::vector<tuner::OpKey>> keys = keysInCall(compilation, request.callDims);
  if (!keys)
    return kBadInput;
  for (size_t index = 0; index < request.targets.size(); ++index)
    if (int code = useTunedSchedules(compilation, index, **database, *keys))
      return code;
  return kOk;
}

} // namespace attnc::tool
