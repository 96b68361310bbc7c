//===- decode-bench.cpp - A decode step beside a read of its bytes --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   decode-bench [NAME=]LIBRARY... [OPTION...]      see kUsage
//
// Reads, libraries and peers take turns. Before each turn the caches are flushed by a read of other memory, so that what
// one leaves behind is no gift to the next. Fractions are of the fastest read (by its median) in the same round, and
// medians of them are taken over the rounds: memory that other machines share is not the same from minute to minute.
//
//===----------------------------------------------------------------------===//

#include "bench/decode/Library.h"
#include "bench/decode/Peer.h"
#include "bench/decode/Read.h"
#include "compiler/tools/attnc/measure/Peak.h"
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <unistd.h>

using namespace decode;

static constexpr char kUsage[] = R"(usage: decode-bench [NAME=]LIBRARY... [OPTION...]
  --shape B=1,H=32,G=8,M=1,N=8192,D=128  what is left out is as here
  --dtype f32|bf16|f16                   of q, k, v and the result (f32)
  --layout BGND|BNGD                     of the caches; q is BHMD or BMHD with it (BGND)
  --window W        the last W keys are seen
  --tree            the M queries are drafts in a tree
  --ragged          lengths from 1 to N, the same in every run
  --plain [NAME=]LIBRARY   a library that gets the keys that are seen and no others
  --peer NAME=COMMAND      a worker of bench/peers/Worker.h; --inputs FOLDER, where it finds q.bin, k.bin and v.bin
  --threads T, --rounds R  (1, 15)
  --pages small|huge       of q, k, v (small)
  --json FILE              the figures once more
)";

namespace {
struct Named {
  std::string name, text;
};

struct Options {
  Problem problem;
  std::vector<Named> libraries, plains, peers;
  std::string inputs, json;
  int threads = 1, rounds = 15;
  Pages pages = Pages::small;
};

/// What takes turns.
struct Turn {
  std::string name;
  std::function<double()> time; // seconds
  std::vector<double> seconds;
  double error = -1; // of the result; none where it is negative
};

struct Figures {
  double ofBest, low, high; // median and quartiles
  double ofPlain, ofPeak, overFirst, seconds;
};
} // namespace

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

[[noreturn]] static void misused(const std::string &why) {
  std::fprintf(stderr, "decode-bench: error: %s\n%s", why.c_str(), kUsage);
  std::exit(2);
}

static int64_t number(const std::string &text, int64_t least) {
  char *end;
  long long value = std::strtoll(text.c_str(), &end, 10);
  if (end == text.c_str() || *end || value < least || value > ATTNC_MAX_EXTENT)
    misused("'" + text + "' is no number of at least " + std::to_string(least));
  return value;
}

static Named named(const std::string &text) {
  size_t sign = text.find('=');
  if (sign != std::string::npos)
    return {text.substr(0, sign), text.substr(sign + 1)};
  size_t begin = text.rfind('/') + 1, end = text.rfind('.'); // npos + 1 is 0
  return {text.substr(begin, end == std::string::npos || end < begin ? end : end - begin), text};
}

static void readShape(const std::string &text, Problem &problem) {
  const std::pair<char, int64_t *> extents[] = {{'B', &problem.B}, {'H', &problem.H}, {'G', &problem.G},
                                                {'M', &problem.M}, {'N', &problem.N}, {'D', &problem.D}};
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(',', at), text.size());
    std::string part = text.substr(at, end - at);
    auto *it = std::find_if(std::begin(extents), std::end(extents),
                            [&](const auto &extent) { return extent.first == part[0] && part[1] == '='; });
    if (it == std::end(extents))
      misused("'" + part + "' in --shape is none of B=, H=, G=, M=, N= and D=");
    *it->second = number(part.substr(2), 1);
    at = end + 1;
  }
  if (problem.H % problem.G || problem.M > problem.N)
    misused("--shape needs a multiple of G as H, and no more queries than keys");
}

template <typename Value>
static Value oneOf(const std::string &text, std::initializer_list<std::pair<const char *, Value>> values) {
  for (const auto &[name, value] : values)
    if (text == name)
      return value;
  misused("'" + text + "' is not known here");
}

/// Options without a value: true if `name` was one.
static bool readFlag(const std::string &name, Options &options, bool &ragged) {
  if (name == "--tree")
    options.problem.tree = true;
  else if (name == "--ragged")
    ragged = true;
  else
    return false;
  return true;
}

static void readValue(const std::string &name, const std::string &value, Options &options) {
  Problem &problem = options.problem;
  if (name == "--shape")
    readShape(value, problem);
  else if (name == "--dtype")
    problem.type = oneOf<Type>(value, {{"f32", Type::f32}, {"bf16", Type::bf16}, {"f16", Type::f16}});
  else if (name == "--layout")
    problem.tokensOutside = oneOf<bool>(value, {{"BGND", false}, {"BNGD", true}});
  else if (name == "--window")
    problem.window = number(value, 1);
  else if (name == "--plain")
    options.plains.push_back(named(value));
  else if (name == "--peer")
    options.peers.push_back(named(value));
  else if (name == "--inputs")
    options.inputs = value;
  else if (name == "--threads")
    options.threads = static_cast<int>(number(value, 1));
  else if (name == "--rounds")
    options.rounds = static_cast<int>(number(value, 1));
  else if (name == "--pages")
    options.pages = oneOf<Pages>(value, {{"small", Pages::small}, {"huge", Pages::huge}});
  else if (name == "--json")
    options.json = value;
  else
    misused("unknown option " + name);
}

/// From 1 to N, both of them included where there are two sequences or more.
static std::vector<int64_t> raggedLengths(int64_t sequences, int64_t most) {
  std::minstd_rand random(3);
  std::vector<int64_t> lengths;
  for (int64_t b = 0; b < sequences; ++b)
    lengths.push_back(b == 0 ? most : b == 1 ? 1 : 1 + static_cast<int64_t>(random()) % most);
  return lengths;
}

static Options readOptions(int argc, char **argv) {
  Options options;
  bool ragged = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument.rfind("--", 0))
      options.libraries.push_back(named(argument));
    else if (size_t sign = argument.find('='); sign != std::string::npos)
      readValue(argument.substr(0, sign), argument.substr(sign + 1), options);
    else if (!readFlag(argument, options, ragged)) {
      if (i + 1 == argc)
        misused(argument + " needs a value");
      readValue(argument, argv[++i], options);
    }
  }
  if (ragged)
    options.problem.lengths = raggedLengths(options.problem.B, options.problem.N);
  return options;
}

//===----------------------------------------------------------------------===//
// Turns
//===----------------------------------------------------------------------===//

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

static std::string settings(const Options &options) {
  const Problem &p = options.problem;
  const char *types[] = {"f32", "bf16", "f16"};
  char text[256];
  std::snprintf(text, sizeof text,
                "B=%" PRId64 ",H=%" PRId64 ",G=%" PRId64 ",M=%" PRId64 ",N=%" PRId64 ",D=%" PRId64 ",window=%" PRId64
                ",dtype=%s,layout=%s,threads=%d",
                p.B, p.H, p.G, p.M, p.N, p.D, p.window, types[static_cast<int>(p.type)],
                p.tokensOutside ? "BMHD" : "BHMD", options.threads);
  return text;
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

//===----------------------------------------------------------------------===//
// Figures
//===----------------------------------------------------------------------===//

static double quantile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1) + 0.5)];
}
static double median(const std::vector<double> &values) { return quantile(values, 0.5); }

static std::vector<double> ratios(const std::vector<double> &above, const std::vector<double> &below) {
  std::vector<double> result;
  for (size_t i = 0; i < above.size(); ++i)
    result.push_back(above[i] / below[i]);
  return result;
}

static size_t fastestRead(const std::vector<Turn> &turns) {
  size_t best = 0;
  for (size_t i = 1; i < reads().size(); ++i)
    if (median(turns[i].seconds) < median(turns[best].seconds))
      best = i;
  return best;
}

static Figures figuresOf(const Turn &turn, const std::vector<Turn> &turns, const std::vector<double> &peaks,
                         double flops) {
  std::vector<double> ofBest = ratios(turns[fastestRead(turns)].seconds, turn.seconds);
  std::vector<double> peakSeconds;
  for (double peak : peaks)
    peakSeconds.push_back(flops / peak);
  size_t first = std::min(reads().size(), turns.size() - 1);
  return {median(ofBest),
          quantile(ofBest, 0.25),
          quantile(ofBest, 0.75),
          median(ratios(turns[0].seconds, turn.seconds)),
          median(ratios(peakSeconds, turn.seconds)),
          median(ratios(turn.seconds, turns[first].seconds)),
          median(turn.seconds)};
}

static void report(const Options &options, const std::vector<Turn> &turns, const std::vector<double> &peaks,
                   int64_t bytes) {
  double flops = options.problem.flops();
  std::printf("%s, %s pages, %d rounds: %.1f MB, %.0f Mflop; best: %s\n", settings(options).c_str(),
              options.pages == Pages::huge ? "huge" : "small", options.rounds, static_cast<double>(bytes) * 1e-6,
              flops * 1e-6, turns[fastestRead(turns)].name.c_str());
  std::printf("%-28s %20s %9s %9s %9s %8s %9s\n", "", "of the best read", "of plain", "of peak", "ms", "GB/s", "error");
  std::ofstream json;
  if (!options.json.empty())
    json.open(options.json);
  json << "[\n";
  for (size_t i = 0; i < turns.size(); ++i) {
    const Turn &turn = turns[i];
    Figures f = figuresOf(turn, turns, peaks, flops);
    bool isRead = i < reads().size();
    std::printf("%-28s %5.1f%% (%5.1f to %5.1f) %8.1f%% ", turn.name.c_str(), 100 * f.ofBest, 100 * f.low, 100 * f.high,
                100 * f.ofPlain);
    isRead ? std::printf("%9s ", "") : std::printf("%8.1f%% ", 100 * f.ofPeak);
    std::printf("%9.3f %8.1f ", 1e3 * f.seconds, static_cast<double>(bytes) / f.seconds * 1e-9);
    isRead ? std::printf("\n") : std::printf("%9.1e\n", turn.error);
    char line[512];
    std::snprintf(line, sizeof line,
                  "%s{\"name\": \"%s\", \"read\": %s, \"of_best\": %.4f, \"low\": %.4f, \"high\": %.4f, \"of_plain\": "
                  "%.4f, \"of_peak\": %.4f, \"over_first\": %.4f, \"seconds\": %.6g, \"bytes\": %" PRId64 "}",
                  i ? ",\n" : "", turn.name.c_str(), isRead ? "true" : "false", f.ofBest, f.low, f.high, f.ofPlain,
                  f.ofPeak, f.overFirst, f.seconds, bytes);
    json << line;
  }
  json << "\n]\n";
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
