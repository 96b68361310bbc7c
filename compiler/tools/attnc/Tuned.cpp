//===- Tuned.cpp - Schedules from the tuning database ---------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A record holds for one program, machine and call. What is compiled serves
// calls of many extents, so of several records that fit the extents the user
// has named, the newest is taken.
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Tuned.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/support/InputFiles.h"
#include "compiler/tools/attnc/Console.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include <fmt/format.h>

namespace attnc::tool {

tuner::Workload workloadOf(std::string program, const codegen::TargetInfo &target, int threads) {
  tuner::Workload workload;
  workload.program = std::move(program);
  workload.target = fmt::format("{} {} {} {}", target.name, target.cpu, target.tune, target.features);
  workload.cpu = codegen::describeTarget(*codegen::parseTarget("host"));
  workload.compiler = "attnc " ATTNC_VERSION " (LLVM " LLVM_VERSION_STRING ")";
  workload.threads = threads;
  return workload;
}

std::string spellSpeed(double speed) { return fmt::format("{:.1f}% faster than the default", (speed - 1) * 100); }

/// The program as tune sees it, which leaves to each call whatever extents it can. Nothing after an error.
static std::optional<std::string> hashOf(Compilation &compilation) {
  CompileRequest open = compilation.request();
  dropRunTimeDims(open);
  if (open.dims.size() == compilation.request().dims.size())
    return tuner::programHash(compilation.module());
  open.tuned.reset();
  open.timeReport = open.verbose = false;
  Compilation again(std::move(open));
  if (again.load())
    return std::nullopt;
  return tuner::programHash(again.module());
}

/// A database is a file like any other, and its schedules may be anything.
void dropImpossible(tuner::Measurements &measured, llvm::StringRef database, const codegen::TargetInfo &target) {
  for (std::string &reason : tuner::dropImpossible(measured, machineOf(target)))
    warning("a schedule in '" + database + "' is left out: it " + reason);
}

/// Of `workload`'s records the newest that fits: the schedule, and a line about it.
static llvm::Expected<schedule::Schedule> lookUp(tuner::Database &database, const tuner::Workload &workload,
                                                 const CompileRequest &request, const codegen::TargetInfo &target) {
  auto known = database.find(workload, request.callDims);
  if (!known)
    return known.takeError();
  if (known->empty()) {
    note("nothing is tuned for this program on this machine in '" + *request.tuned + "'; " + target.name +
         " gets the default schedule ('attnc tune' finds a better one)");
    return schedule::Schedule();
  }
  auto measured = database.measurements(known->front());
  if (!measured)
    return measured.takeError();
  dropImpossible(*measured, *request.tuned, target);
  auto choice = tuner::choose(*measured);
  if (!choice)
    return choice.takeError();
  std::string found = choice->summary ? spellSchedule(choice->sizes) + " (" + spellSpeed(choice->summary->speed) + ")"
                                      : "the default, than which nothing was faster";
  note(fmt::format("schedule for {}: {}, measured with {} on {} thread{}; from '{}'", target.name, found,
                   known->front().dims.empty() ? "its fixed extents" : known->front().dims, known->front().threads,
                   known->front().threads == 1 ? "" : "s", *request.tuned));
  return choice->sizes;
}

int useTunedSchedules(Compilation &compilation) {
  const CompileRequest &request = compilation.request();
  if (compilation.stage() > Stage::fused)
    return usageError("", "--tuned chooses block sizes; a file past level fused has them already");
  if (!llvm::sys::fs::exists(*request.tuned) && *request.tuned != tuner::defaultDatabase())
    return error("there is no tuning database '" + *request.tuned + "': 'attnc tune --db " + *request.tuned +
                 "' makes one");
  if (!llvm::sys::fs::exists(*request.tuned)) {
    note("there is no tuning database '" + *request.tuned + "' yet; using the default schedule");
    return kOk;
  }
  rememberInput(*request.tuned);
  auto database = tuner::Database::open(*request.tuned);
  if (!database)
    return error(database.takeError());
  std::optional<std::string> program = hashOf(compilation);
  if (!program)
    return kBadInput;
  for (auto [index, target] : llvm::enumerate(request.targets)) {
    auto sizes = lookUp(**database, workloadOf(*program, target, request.threads), request, target);
    if (!sizes)
      return error(sizes.takeError());
    compilation.setSchedule(index, *sizes);
  }
  return kOk;
}

} // namespace attnc::tool
