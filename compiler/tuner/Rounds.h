//===- Rounds.h - Measurements of a candidate beside the default *- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On a shared machine a time alone says little. So a candidate is timed right
// beside the default, again and again, and judged by the share of the two in
// each round: a neighbour slows both sides of a share.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <vector>

namespace attnc::tuner {

/// The time of one call, in seconds, of the default and of the candidate right after (or before) it.
struct Round {
  double baseline, seconds;
  double speed() const { return baseline / seconds; }
};
using Rounds = std::vector<Round>;

/// The value below which the share `q` of `values` lies, interpolated. `values` is not empty.
double quantile(std::vector<double> values, double q);

/// What the rounds say: medians, and the quartiles of the speed.
struct Summary {
  double seconds, baseline;
  double speed, low, high; ///< baseline / seconds; half of the rounds lie within [low, high]
  int rounds;
  /// Faster than the default beyond noise: by 1% or more in the median, and in three quarters of the rounds.
  bool isFaster() const { return speed >= 1.01 && low > 1; }
};
/// `rounds` is not empty.
Summary summarize(const Rounds &rounds);

/// Rounds for a first look at a candidate, and before anything is decided by it.
constexpr int kScreenRounds = 3, kFinalRounds = 11;

} // namespace attnc::tuner
