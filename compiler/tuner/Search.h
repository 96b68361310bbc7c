//===- Search.h - Which candidates to measure, and how often ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tuner/Rounds.h"
#include "compiler/tuner/Space.h"
#include "llvm/ADT/StringMap.h"
#include <functional>
#include <optional>

namespace attnc::tuner {

/// Rounds by candidate, spelled as by spellSchedule.
using Measurements = llvm::StringMap<Rounds>;

/// Removes candidates that no search could have measured on `machine`; says of each why.
std::vector<std::string> dropImpossible(Measurements &measured, const schedule::Machine &machine);

/// The candidate that is faster than the default beyond noise, and fastest of those with at least kFinalRounds rounds.
struct Choice {
  schedule::Schedule sizes; ///< nothing forced: the default is best
  std::optional<Summary> summary;
};
llvm::Expected<Choice> choose(const Measurements &measured);

/// How a search reaches the outside.
struct SearchHooks {
  /// Measures a candidate for some rounds. Empty rounds: this candidate is out. An error ends the search.
  std::function<llvm::Expected<Rounds>(const schedule::Schedule &candidate, int rounds)> measure;
  /// The share of the time that is over, from 0. From 1 on the search ends.
  std::function<double()> spent;
};

/// Group after group: every candidate gets a first look while three quarters of the group's time last, the best three
/// then as many rounds as a decision needs, and the winner is where the next group starts. Candidates in `measured`
/// with enough rounds are not measured again; new rounds are added to it. However short the time, and slow the machine,
/// one candidate gets its first look.
llvm::Error search(const Space &space, const SearchHooks &hooks, Measurements &measured);

} // namespace attnc::tuner
