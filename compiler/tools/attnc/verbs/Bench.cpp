//===- Bench.cpp - attnc bench: speed as a share of what is possible ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every round measures, one right after the other,
//
//   read bandwidth, FMA peak, the calls, FMA peak again
//
// and yields one share of the peak and one of the bandwidth. What is reported
// is the median of the rounds' shares: a neighbour that slows the machine for a
// while slows both sides of a share.
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/inputs/MadeUp.h"
#include "compiler/tools/attnc/measure/Flops.h"
#include "compiler/tools/attnc/measure/Measure.h"
#include "compiler/tools/attnc/measure/Peak.h"
#include "compiler/tuner/Rounds.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>

using namespace mlir;

namespace attnc::tool {

namespace {
struct Flags : MeasureFlags {
  Switch json{"json", "print one JSON object"};
};

/// What one round saw.
struct Round {
  double seconds, wall; // of one call, by the clock of Peak.h and by the wall
  double peakGflops, bandwidth;
};

struct Result {
  Work work;
  double bytes = 0; // of inputs, weights and outputs: what a call must move at least
  int64_t workspaceBytes = 0;
  int calls = 1; // per round
  std::vector<Round> rounds;

  double seconds() const;
  double gflops() const { return work.flops / seconds() * 1e-9; }
  double fractionOfPeak() const;
  double fractionOfBandwidth() const;
  double spread() const;
};
} // namespace

static Flags &flags() {
  static Flags *all = new Flags; // never destroyed: see Options.h
  return *all;
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

template <typename Value>
static double median(const std::vector<Round> &rounds, Value value, double q = 0.5) {
  std::vector<double> values;
  for (const Round &round : rounds)
    values.push_back(value(round));
  return tuner::quantile(std::move(values), q);
}

double Result::seconds() const {
  return median(rounds, [](const Round &round) { return round.seconds; });
}
double Result::fractionOfPeak() const {
  return median(rounds, [&](const Round &round) { return work.flops / round.seconds * 1e-9 / round.peakGflops; });
}
double Result::fractionOfBandwidth() const {
  return median(rounds, [&](const Round &round) { return bytes / round.seconds / round.bandwidth; });
}
/// Half of the rounds lie within this share of the median time.
double Result::spread() const {
  auto time = [](const Round &round) { return round.seconds; };
  return (median(rounds, time, 0.75) - median(rounds, time, 0.25)) / seconds();
}

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

namespace {
struct Setup {
  Callable &callable;
  const Tensors &inputs;
  int threads;
  bool isDefaultThreads;
  unsigned vectorBits; // of the code that is measured
  Arithmetic arithmetic;
  const emit::EntryInfo &entry;
  bool onGpu; // then the peaks of this CPU say nothing, and neither does the CPU time of a thread
};
} // namespace

static llvm::StringRef nameOf(Arithmetic arithmetic) {
  switch (arithmetic) {
  case Arithmetic::bf16Dots:
    return "bf16 dot";
  case Arithmetic::byteDots:
    return "int8 dot";
  case Arithmetic::f64:
    return "f64 FMA";
  case Arithmetic::f32:
    return "FMA";
  }
  llvm_unreachable("no arithmetic");
}

static Round measureRound(const Setup &setup, int calls, BandwidthMeter &memory) {
  Round round;
  if (!setup.onGpu)
    round.bandwidth = memory.measure(setup.threads);
  if (calls > 1)
    setup.callable.code.call(setup.inputs, setup.callable.outputs); // the bandwidth burst has emptied the caches
  double before = setup.onGpu ? 0 : measureFlops(setup.vectorBits, setup.arithmetic, setup.threads);
  double wall = wallSeconds();
  round.seconds = timeCalls(setup.callable, setup.inputs, calls);
  round.wall = (wallSeconds() - wall) / calls;
  double after = setup.onGpu ? 0 : measureFlops(setup.vectorBits, setup.arithmetic, setup.threads);
  round.peakGflops = (before + after) / 2;
  return round;
}

/// Warms up for 50 ms, makes rounds of at least 20 ms of calls, at least 5 of
/// them, until the time is over.
static void measure(const Setup &setup, double budget, Result &result) {
  result.calls = warmUp(setup.callable, setup.inputs, /*warm=*/0.05, /*round=*/0.02);
  BandwidthMeter memory(size_t(256) << 20);
  double begin = wallSeconds(), elapsed = 0;
  do {
    result.rounds.push_back(measureRound(setup, result.calls, memory));
    elapsed = wallSeconds() - begin;
    drawProgress(std::min(elapsed / budget, result.rounds.size() / 5.0),
                 fmt::format("{} rounds", result.rounds.size()));
  } while (result.rounds.size() < 5 || elapsed < budget);
}

static double bytesOf(const Tensors &tensors) {
  double bytes = 0;
  for (const NpyTensor &tensor : tensors)
    bytes += static_cast<double>(tensor.bytes);
  return bytes;
}

//===----------------------------------------------------------------------===//
// Reporting
//===----------------------------------------------------------------------===//

static void printJson(Compilation &compilation, const Setup &setup, const DimBindings &dims, const Result &result) {
  llvm::json::OStream json(llvm::outs(), 2);
  json.object([&] {
    json.attribute("file", compilation.request().file);
    json.attribute("entry", setup.entry.name);
    json.attribute("target", setup.callable.code.variant());
    json.attribute("machine", codegen::describeTarget(*codegen::parseTarget("host")));
    json.attribute("threads", setup.threads);
    json.attributeObject("dims", [&] {
      for (const std::string &symbol : setup.entry.symbols)
        if (auto it = dims.find(symbol); it != dims.end())
          json.attribute(symbol, it->second);
      for (const auto &[symbol, extent] : compilation.request().dims)
        json.attribute(symbol, extent);
    });
    json.attribute("seconds", result.seconds());
    json.attribute("wall_seconds", median(result.rounds, [](const Round &round) { return round.wall; }));
    json.attribute("clock", setup.threads == 1 && !setup.onGpu ? "thread cpu time" : "wall");
    json.attribute("flops", result.work.flops);
    json.attribute("gflops", result.gflops());
    json.attribute("bytes", result.bytes);
    json.attribute("weight_bytes", result.work.weightBytes);
    json.attribute("bytes_per_second", result.bytes / result.seconds());
    if (!setup.onGpu) {
      json.attribute("peak_gflops", median(result.rounds, [](const Round &round) { return round.peakGflops; }));
      json.attribute("peak_vector_bits", setup.vectorBits);
      json.attribute("peak_arithmetic", nameOf(setup.arithmetic));
      json.attribute("fraction_of_peak", result.fractionOfPeak());
      json.attribute("peak_bytes_per_second",
                     median(result.rounds, [](const Round &round) { return round.bandwidth; }));
      json.attribute("fraction_of_bandwidth", result.fractionOfBandwidth());
    }
    json.attribute("rounds", static_cast<int64_t>(result.rounds.size()));
    json.attribute("calls_per_round", result.calls);
    json.attribute("spread", result.spread());
    json.attribute("workspace_bytes", result.workspaceBytes);
  });
  llvm::outs() << "\n";
}

static void printTable(const Setup &setup, const Result &result) {
  double peak = median(result.rounds, [](const Round &round) { return round.peakGflops; });
  double bandwidth = median(result.rounds, [](const Round &round) { return round.bandwidth; });
  auto row = [](const char *name, const std::string &value) {
    llvm::outs() << fmt::format("{:<12} {}\n", name, value);
  };
  row("time", fmt::format("{:.4g} ms a call (half of {} rounds within {:.1f}%)", result.seconds() * 1e3,
                          result.rounds.size(), result.spread() * 100));
  if (setup.onGpu) {
    row("arithmetic", fmt::format("{:.1f} GFLOP/s, copies to the GPU and back included", result.gflops()));
    return;
  }
  row("arithmetic", fmt::format("{:.1f} GFLOP/s, {:.1f}% of the {}-bit {} peak of {:.1f}", result.gflops(),
                                result.fractionOfPeak() * 100, setup.vectorBits, nameOf(setup.arithmetic), peak));
  row("memory",
      fmt::format("{:.2f} GB/s, {:.1f}% of the read bandwidth of {:.2f}", result.bytes / result.seconds() * 1e-9,
                  result.fractionOfBandwidth() * 100, bandwidth * 1e-9));
  row("threads",
      std::to_string(setup.threads) + (setup.isDefaultThreads ? ", as programs use; --threads sets it" : ""));
  row("workspace", fmt::format("{} bytes", result.workspaceBytes));
}

static int report(Compilation &compilation, const Setup &setup, const DimBindings &dims, const Result &result,
                  bool json) {
  for (const std::string &gap : result.work.gaps)
    warning(gap);
  if (json)
    printJson(compilation, setup, dims, result);
  else
    printTable(setup, result);
  return kOk;
}

/// What the measured code should do at its best: dot products where every tensor of floats is bf16, or where there is none
/// and one of bytes.
static Arithmetic arithmeticOf(const emit::EntryInfo &entry, const codegen::TargetInfo &target) {
  auto isDouble = [](const auto &input) { return input.typeCode == kDLFloat && input.typeBits == 64; };
  auto isNoBf16 = [](const auto &input) { return input.typeCode == kDLFloat && !input.dims.empty(); };
  auto isBf16 = [](const auto &input) { return input.typeCode == kDLBfloat; };
  auto isByte = [](const auto &input) { return input.typeCode == kDLInt && input.typeBits == 8; };
  if (llvm::any_of(entry.inputs, isDouble))
    return Arithmetic::f64;
  if (llvm::any_of(entry.inputs, isNoBf16))
    return Arithmetic::f32;
  if (llvm::any_of(entry.inputs, isBf16))
    return target.hasDots(codegen::Element::bf16) ? Arithmetic::bf16Dots : Arithmetic::f32;
  bool takesBytes = llvm::any_of(entry.inputs, isByte) && target.hasDots(codegen::Element::si8);
  return takesBytes ? Arithmetic::byteDots : Arithmetic::f32;
}

static int run(llvm::ArrayRef<const char *> arguments) {
  TensorFiles files;
  std::vector<std::string> rest;
  if (std::optional<int> done = parse(benchVerb, arguments, &rest))
    return *done;
  files.inputs = flags().inputs;
  int threads = flags().threads, budget = flags().seconds;
  bool json = flags().json;
  std::string entryName = flags().entry;
  if (!readNames(rest, "bench", files))
    return kUsage;
  if (threads < 0 || budget < 1)
    return usageError("bench", "--seconds is at least 1, and --threads at least 0");
  bool isDefaultThreads = threads == 0;
  threads = threadsToUse(threads);
  std::optional<CompileRequest> request = readRequest(flags(), "bench");
  if (!request)
    return kUsage;
  DimBindings dims = request->dims;
  request->threads = threads;
  dropRunTimeDims(*request);
  Compilation compilation(std::move(*request));
  if (int code = compilation.load())
    return code;
  echoTargets(compilation.request());
  const emit::EntryInfo *chosen = compilation.findEntry(entryName, "bench");
  if (!chosen)
    return kUsage;
  const emit::EntryInfo &entry = *chosen;
  std::optional<Tensors> inputs = readOrMakeInputs(entry, files, dims, 1, compilation.functionOf(entry));
  if (!inputs)
    return kBadInput;

  Callable callable;
  Result result;
  if (int code = callable.prepare(compilation, entry, *inputs, threads))
    return code;
  result.workspaceBytes = callable.workspaceBytes;
  result.bytes = bytesOf(*inputs) + bytesOf(callable.outputs);
  if (compilation.functionOf(entry))
    result.work = compilation.timed("count", [&] {
      OwningOpRef<ModuleOp> whole = withoutCalls(compilation.module());
      return WorkCounter(whole->lookupSymbol<func::FuncOp>(entry.symbol), *inputs).count();
    });
  else
    result.work.gaps.push_back("the file is past level fused: arithmetic and weights are not counted");
  result.bytes += result.work.weightBytes;
  codegen::TargetInfo target = callable.code.target(compilation.request().targets);
  Setup setup{callable,
              *inputs,
              threads,
              isDefaultThreads,
              target.vectorBits,
              arithmeticOf(entry, target),
              entry,
              callable.code.isOnGpu()};
  measure(setup, budget, result);
  return report(compilation, setup, dims, result, json);
}

const Verb benchVerb{"bench",
                     "FILE --dims B=1,H=16,M=2048,N=2048,D=64 [--threads N] [--json]",
                     "measure: time, share of the FMA peak and of the read bandwidth",
                     R"(  attnc bench causal.attn --dims B=1,H=16,M=2048,N=2048,D=64 --threads 1 --json
  attnc bench layer.onnx --inputs in --target=x86-64-v3
)",
                     [] { flags(); },
                     run};

} // namespace attnc::tool
