//===- Progress.h - What attnc is doing, on a terminal ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A line on stderr, redrawn while a step takes long and erased at its end:
//
//   [############                  ] 41% code, 3 s left
//
// Only on a terminal that can erase (not TERM=dumb), and only when the steps have taken 0.3 s. Ctrl-C leaves nothing of it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace attnc::tool {

/// Whether a line that changes can be shown on stderr.
bool canShowProgress();

/// "[############                  ]"
std::string progressBar(double done);

/// How far a compilation is. Steps weigh what they cost, in milliseconds of one variant, so that the line knows the time
/// left from the time gone.
class Progress {
public:
  explicit Progress(bool isShown);
  ~Progress();

  /// These steps are to come, and no others.
  void plan(llvm::ArrayRef<llvm::StringRef> steps);
  /// Between the two, the line may be seen.
  void begin(llvm::StringRef step);
  void end();
  /// `share` of the current step is done; any thread may say so.
  void advance(double share);
  /// Step `name`, which is to come, will cost that much and not what it does otherwise.
  void expect(llvm::StringRef name, double cost);
  /// Machine code is made once more, from here on.
  void restart();

private:
  using Clock = std::chrono::steady_clock;
  struct Step {
    std::string name;
    double cost;
  };
  double fraction() const;
  void run();

  bool isShown;
  std::condition_variable_any changed;
  std::vector<Step> toCome;
  Step current;         // none: without a name
  double share = 0;     // of the current step
  double spent = 0;     // what steps that have ended cost
  double mostShown = 0; // the bar never goes back
  Clock::time_point start;
  bool isOver = false;
  std::thread painter;
};

/// While it lives, nothing of the line is on the terminal: for whoever writes there.
class ProgressHidden {
public:
  ProgressHidden();
  /// Nor is it ever again: the process ends in the middle of a step.
  void forever();

private:
  std::unique_lock<std::recursive_mutex> lock;
};

} // namespace attnc::tool
