//===- Times.h - How long each step took ------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace attnc::tool {

/// Milliseconds by the clock on the wall, and of processors: of all threads of the process, or of the calling one.
struct Clock {
  enum Kind { Process, Thread };
  static Clock now(Kind kind);
  double wall = 0, cpu = 0;
};

/// Times of steps, in the order in which they ended.
class Times {
public:
  struct Step {
    std::string name;
    Clock time;
    bool isInner; ///< part of a step that threads share: its time is a processor's
  };

  explicit Times(Clock::Kind kind = Clock::Process) : kind(kind) {}

  /// Runs `body` as step `name`.
  template <typename Body>
  auto timed(llvm::StringRef name, Body body) {
    Timer timer{*this, name.str(), Clock::now(kind)};
    return body();
  }

  /// Adds the steps of `inner`, each to the one of its name, as parts of the step that ended last.
  void addInner(const Times &inner);
  const std::vector<Step> &steps() const { return all; }

  /// The table of --time-report.
  void print() const;
  /// The parts of the step that ended last.
  void printInner() const;
  /// One row of the table, with the share of `total` if that is given.
  static void printStep(const Step &step, double total = 0);

private:
  struct Timer {
    ~Timer() {
      Clock end = Clock::now(times.kind);
      times.all.push_back({std::move(name), {end.wall - start.wall, end.cpu - start.cpu}, /*isInner=*/false});
    }
    Times &times;
    std::string name;
    Clock start;
  };

  llvm::ArrayRef<Step> lastInner() const;

  Clock::Kind kind;
  std::vector<Step> all;
};

} // namespace attnc::tool
