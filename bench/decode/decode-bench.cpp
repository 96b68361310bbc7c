//===- decode-bench.cpp - A decode step beside a read of its bytes --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   decode-bench [NAME=]LIBRARY... [OPTION...]      see kUsage in Options.cpp
//
// Reads, libraries and peers take turns. Before each turn the caches are flushed by a read of other memory, so that what
// one leaves behind is no gift to the next.
//
//===----------------------------------------------------------------------===//

#include "bench/decode/Figures.h"
#include "bench/decode/Library.h"
#include "bench/decode/Peer.h"
#include "bench/decode/Read.h"
#include "compiler/tools/attnc/measure/Peak.h"
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <unistd.h>

using namespace decode;

/// One thread by the CPU time that it had: what a neighbour takes of it is not counted.
static double timed(int threads, const std::function<void()> &call) {
  double start = attnc::tool::clockSeconds(threads);
  call();
  return attnc::tool::clockSeconds(threads) - start;
}

/// How far a result may be off, relative to the largest element of a row.
static double tolerance(Type type) { return type == Type::f32 ? 1e-4 : type == Type::f16 ? 5e-3 : 3e-2; }
/// ggml sums P V in f16 where V is f16, and is off by up to 6e-2 at 32768 keys.
static double peerTolerance(Type type) { return type == Type::f32 ? 1e-3 : 2e-1; }

static void requireRight(const std::string &name, double error, Type type) {
  if (error <= tolerance(type))
    return;
  std::fprintf(stderr, "decode-bench: error: %s is off by %.2g of the largest element\n", name.c_str(), error);
  std::exit(3);
}

static void writeInputs(const std::string &folder, const Problem &problem, const Tensors &tensors) {
  auto write = [&](const char *name, const char *data, int64_t elements) {
    std::ofstream(folder + "/" + name, std::ios::binary).write(data, elements * problem.elementBytes());
  };
  write("q.bin", tensors.q.get(), problem.queryElements());
  write("k.bin", tensors.k, problem.cacheElements());
  write("v.bin", tensors.v, problem.cacheElements());
}

/// Peers that can do the problem and are right; their results are f32.
static void addPeers(const Options &options, const Tensors &tensors, std::vector<Turn> &turns) {
  if (options.peers.empty())
    return;
  writeInputs(options.inputs, options.problem, tensors);
  for (const Named &peer : options.peers) {
    std::string output = options.inputs + "/o.bin";
    auto worker = std::make_shared<Peer>(peer.text + " " + settings(options) + " " + options.inputs + " " + output);
    if (!worker->works()) {
      std::printf("%s is left out: %s\n", peer.name.c_str(), worker->said().c_str());
      continue;
    }
    std::ifstream file(output, std::ios::binary);
    std::string result((std::istreambuf_iterator<char>(file)), {});
    bool whole = result.size() == static_cast<size_t>(options.problem.queryElements() * 4);
    double error = whole ? largestError(options.problem, tensors, result.data(), Type::f32) : INFINITY;
    if (!(error <= peerTolerance(options.problem.type))) {
      std::printf("%s is left out: it is off by %.2g of the largest element\n", peer.name.c_str(), error);
      continue;
    }
    turns.push_back({peer.name, [worker, threads = options.threads] { return worker->time(threads); }, {}, error});
  }
}

static void addLibraries(const std::vector<Named> &libraries, bool seenOnly, const Options &options,
                         const Tensors &tensors, std::vector<Turn> &turns) {
  const Problem &problem = options.problem;
  for (const Named &each : libraries) {
    auto library = std::make_shared<Library>(each.text, problem, tensors, options.threads, seenOnly);
    std::memset(tensors.result.get(), 0xff, problem.queryElements() * problem.elementBytes()); // NaN
    library->call();
    double error = largestError(problem, tensors, tensors.result.get(), problem.type);
    requireRight(each.name, error, problem.type);
    turns.push_back({each.name,
                     [library, threads = options.threads] { return timed(threads, [&] { library->call(); }); },
                     {},
                     error});
  }
}

namespace {
/// Other memory, read by all threads. Afterwards threads have time to fall asleep, so that every turn has to wake them.
struct Flush {
  static constexpr int64_t kBytes = 96 << 20;
  Memory memory = allocate(kBytes, Pages::huge);
  std::vector<Ranges> parts;
  attnc_context *context;

  Flush(int threads, attnc_context *context) : context(context) {
    std::memset(memory.get(), 1, kBytes);
    parts = shares({{memory.get(), kBytes}}, threads);
  }
  void operator()() const {
    readShares(reads()[2], parts, context);
    usleep(100);
  }
};
} // namespace

/// The peak of each round, in flop/s.
static std::vector<double> takeTurns(const Options &options, std::vector<Turn> &turns, const Flush &flush) {
  __builtin_cpu_init();
  unsigned bits = __builtin_cpu_supports("avx512f") ? 512 : __builtin_cpu_supports("avx2") ? 256 : 128;
  bool dots = options.problem.type == Type::bf16 && __builtin_cpu_supports("avx512bf16");
  auto arithmetic = dots ? attnc::tool::Arithmetic::bf16Dots : attnc::tool::Arithmetic::f32;
  std::vector<double> peaks;
  for (int round = 0; round < options.rounds; ++round) {
    for (Turn &turn : turns) {
      flush();
      turn.seconds.push_back(turn.time());
    }
    peaks.push_back(1e9 * attnc::tool::measureFlops(bits, arithmetic, options.threads));
  }
  return peaks;
}

int main(int argc, char **argv) {
  Options options = readOptions(argc, argv);
  attnc_context *context;
  if (attnc_context_create(options.threads, &context) != ATTNC_OK)
    misused("no " + std::to_string(options.threads) + " threads");
  Tensors tensors(options.problem, options.pages);
  Ranges ranges = rangesOf(options.problem, tensors);
  std::vector<Ranges> parts = shares(ranges, options.threads);
  std::vector<Turn> turns;
  for (const Read &read : reads())
    turns.push_back({read.name, [&] { return timed(options.threads, [&] { readShares(read, parts, context); }); }, {}});
  addLibraries(options.libraries, /*seenOnly=*/false, options, tensors, turns);
  addLibraries(options.plains, /*seenOnly=*/true, options, tensors, turns);
  addPeers(options, tensors, turns);
  std::vector<double> peaks = takeTurns(options, turns, Flush(options.threads, context));
  report(options, turns, peaks, bytesOf(ranges));
  turns.clear(); // workers end with their input
  attnc_context_destroy(context);
}
