//===- Profile.cpp - attnc profile: where the time of a call goes ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/NumberOps.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/OutputFiles.h"
#include "compiler/tools/attnc/inputs/MadeUp.h"
#include "compiler/tools/attnc/measure/ProfileReport.h"

using namespace mlir;

namespace attnc::tool {

namespace {
struct Flags : MeasureFlags {
  Text format{"format", "FORMAT", "table, json, or trace for chrome://tracing and Perfetto", "table"};
  Switch json{"json", "the same as --format=json"};
  Switch each{"each", "in the table: equal ops of layers one by one"};
  Text output{"o", "FILE", "where to write; '-' is standard output", "-"};
};

struct Settings {
  TensorFiles files;
  DimBindings dims;
  std::string entry, format, output;
  int threads, seconds;
  bool isEach;
};
} // namespace

static Flags &flags() {
  static Flags *all = new Flags; // never destroyed: see Options.h
  return *all;
}

static int report(const Settings &settings, const ProfileSubject &subject, const Profile &profile, ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (settings.format == "json")
    printProfileJson(out, subject, profile);
  else if (settings.format == "trace")
    printProfileTrace(out, subject, profile, module);
  else
    printProfileTable(out, subject, profile, settings.isEach);
  return writeOutput(settings.output, text);
}

/// What the call's extents are, by name.
static DimBindings dimsOf(const emit::EntryInfo &entry, const Tensors &inputs) {
  DimBindings dims;
  for (auto [info, tensor] : llvm::zip(entry.inputs, inputs))
    for (auto [d, dim] : llvm::enumerate(info.dims))
      if (dim.symbol >= 0)
        dims.try_emplace(entry.symbols[dim.symbol], tensor.shape[d]);
  return dims;
}

static int profile(Compilation &compilation, const Settings &settings) {
  if (int code = compilation.load())
    return code;
  if (compilation.stage() > Stage::scheduled)
    return usageError("profile", "the ops of a file past level scheduled are loops already; this one is at level " +
                                     stageName(compilation.stage()));
  const emit::EntryInfo *entry = compilation.findEntry(settings.entry, "profile");
  if (!entry)
    return kUsage;
  echoTargets(compilation.request());
  std::optional<Tensors> inputs =
      readOrMakeInputs(*entry, settings.files, settings.dims, 1, compilation.functionOf(*entry));
  if (!inputs)
    return kBadInput;
  if (int code = compilation.lowerShared(std::max(compilation.stage(), Stage::fused)))
    return code;
  schedule::numberOps(compilation.module());
  Callable callable;
  if (int code = callable.load(compilation, *entry, *inputs, settings.threads))
    return code;
  ProfileSubject subject{compilation.request().file, entry->name, callable.code.variant(), settings.threads,
                         dimsOf(*entry, *inputs)};
  codegen::TargetInfo target = callable.code.target(compilation.request().targets);
  ProfiledCode code{compilation.module(), entry->symbol, compilation.joinedOps(target.name), target, callable};
  std::optional<Profile> result = profileCalls(code, *inputs, settings.seconds);
  return result ? report(settings, subject, *result, compilation.module()) : kBadInput;
}

static int run(llvm::ArrayRef<const char *> arguments) {
  std::vector<std::string> rest;
  if (std::optional<int> done = parse(profileVerb, arguments, &rest))
    return *done;
  Settings settings{{flags().inputs, {}}, {},
                    flags().entry,        flags().json ? "json" : flags().format.getValue(),
                    flags().output,       flags().threads,
                    flags().seconds,      flags().each};
  if (!readNames(rest, "profile", settings.files))
    return kUsage;
  if (settings.threads < 0 || settings.seconds < 1)
    return usageError("profile", "--seconds is at least 1, and --threads at least 0");
  if (settings.format != "table" && settings.format != "json" && settings.format != "trace")
    return usageError("profile", "--format is table, json or trace, not '" + settings.format + "'");
  if (flags().json && flags().format.getNumOccurrences() && flags().format != "json")
    return usageError("profile", "--json and --format=" + flags().format + " ask for different things; give one");
  settings.threads = threadsToUse(settings.threads);
  std::optional<CompileRequest> request = readRequest(flags(), "profile");
  if (!request)
    return kUsage;
  if (llvm::any_of(request->targets, [](const codegen::TargetInfo &target) { return target.isGpu(); }))
    return usageError("profile", "times are taken on a CPU; for a GPU there are NVIDIA's own profilers");
  if (int code = checkOutput(settings.output))
    return code;
  settings.dims = request->dims;
  request->threads = settings.threads;
  request->values = settings.files;
  request->marks = true;
  dropRunTimeDims(*request);
  Compilation compilation(std::move(*request));
  return profile(compilation, settings);
}

const Verb profileVerb{"profile",
                       "FILE --dims B=1,S=128 [--threads N] [--format=table|json|trace] [-o FILE]",
                       "show where the time of a call goes: every op beside what the machine can do",
                       R"(  attnc profile model.onnx --dims B=1,S=128
  attnc profile model.onnx --inputs in --format=trace -o model.trace.json
)",
                       [] { flags(); },
                       run};

} // namespace attnc::tool
