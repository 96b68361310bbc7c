//===- Rounds.cpp - Measurements of a candidate beside the default --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tuner/Rounds.h"
#include <algorithm>
#include <cstddef>

using namespace attnc::tuner;

double attnc::tuner::quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  double place = q * static_cast<double>(values.size() - 1);
  size_t below = static_cast<size_t>(place);
  double part = place - static_cast<double>(below);
  return values[below] + part * (values[std::min(below + 1, values.size() - 1)] - values[below]);
}

Summary attnc::tuner::summarize(const Rounds &rounds) {
  std::vector<double> seconds, baseline, speed;
  for (const Round &round : rounds) {
    seconds.push_back(round.seconds);
    baseline.push_back(round.baseline);
    speed.push_back(round.speed());
  }
  return {quantile(seconds, 0.5), quantile(baseline, 0.5), quantile(speed, 0.5),
          quantile(speed, 0.25),  quantile(speed, 0.75),   static_cast<int>(rounds.size())};
}
