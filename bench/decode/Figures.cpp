//===- Figures.cpp - What the turns of a run say --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fractions are of the fastest read (by its median) in the same round, and medians of them are taken over the rounds:
// memory that other machines share is not the same from minute to minute.
//
//===----------------------------------------------------------------------===//

#include "bench/decode/Figures.h"
#include "bench/decode/Read.h"
#include <cinttypes>
#include <cstdio>
#include <fstream>

using namespace decode;

namespace {
struct Figures {
  double ofBest, low, high; // median and quartiles
  double ofPlain, ofPeak, overFirst, seconds;
};
} // namespace

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

/// A line of the table.
static void print(const Turn &turn, const Figures &f, bool isRead, int64_t bytes) {
  std::printf("%-28s %5.1f%% (%5.1f to %5.1f) %8.1f%% ", turn.name.c_str(), 100 * f.ofBest, 100 * f.low, 100 * f.high,
              100 * f.ofPlain);
  isRead ? std::printf("%9s ", "") : std::printf("%8.1f%% ", 100 * f.ofPeak);
  std::printf("%9.3f %8.1f ", 1e3 * f.seconds, static_cast<double>(bytes) / f.seconds * 1e-9);
  isRead ? std::printf("\n") : std::printf("%9.1e\n", turn.error);
}

/// An object of the JSON file.
static std::string describe(const Turn &turn, const Figures &f, bool isRead, int64_t bytes) {
  char line[512];
  std::snprintf(
      line, sizeof line,
      "{\"name\": \"%s\", \"read\": %s, \"of_best\": %.4f, \"low\": %.4f, \"high\": %.4f, \"of_plain\": %.4f, "
      "\"of_peak\": %.4f, \"over_first\": %.4f, \"seconds\": %.6g, \"bytes\": %" PRId64 "}",
      turn.name.c_str(), isRead ? "true" : "false", f.ofBest, f.low, f.high, f.ofPlain, f.ofPeak, f.overFirst,
      f.seconds, bytes);
  return line;
}

void decode::report(const Options &options, const std::vector<Turn> &turns, const std::vector<double> &peaks,
                    int64_t bytes) {
  double flops = options.problem.flops();
  std::string asked = settings(options);
  asked.replace(asked.rfind("layout="), 11, options.problem.tokensOutside ? "caches=BNGD" : "caches=BGND");
  std::printf("%s, %s pages, %d rounds: %.1f MB, %.0f Mflop; best: %s\n", asked.c_str(),
              options.pages == Pages::huge ? "huge" : "small", options.rounds, static_cast<double>(bytes) * 1e-6,
              flops * 1e-6, turns[fastestRead(turns)].name.c_str());
  std::printf("%-28s %20s %9s %9s %9s %8s %9s\n", "", "of the best read", "of plain", "of peak", "ms", "GB/s", "error");
  std::string objects;
  for (size_t i = 0; i < turns.size(); ++i) {
    Figures figures = figuresOf(turns[i], turns, peaks, flops);
    bool isRead = i < reads().size();
    print(turns[i], figures, isRead, bytes);
    objects += (i ? ",\n" : "") + describe(turns[i], figures, isRead, bytes);
  }
  if (!options.json.empty())
    std::ofstream(options.json) << "[\n" << objects << "\n]\n";
}
