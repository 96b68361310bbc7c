//===- Times.cpp - How long each step took --------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Times.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <ctime>
#include <fmt/format.h>

namespace attnc::tool {

static double read(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * 1e3 + time.tv_nsec * 1e-6;
}

Clock Clock::now(Kind kind) {
  return {read(CLOCK_MONOTONIC), read(kind == Process ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID)};
}

llvm::ArrayRef<Times::Step> Times::lastInner() const {
  auto isInner = [](const Step &step) { return step.isInner; };
  return llvm::ArrayRef(all).take_back(llvm::find_if_not(llvm::reverse(all), isInner) - all.rbegin());
}

void Times::addInner(const Times &inner) {
  for (const Step &step : inner.all) {
    size_t first = all.size() - lastInner().size();
    auto same =
        std::find_if(all.begin() + first, all.end(), [&](const Step &known) { return known.name == step.name; });
    if (same == all.end())
      same = all.insert(same, {step.name, {}, /*isInner=*/true});
    same->time.wall += step.time.wall;
    same->time.cpu += step.time.cpu;
  }
}

void Times::printInner() const {
  for (const Step &step : lastInner())
    printStep(step);
}

void Times::printStep(const Step &step, double total) {
  std::string wall = step.isInner ? std::string(11, ' ') : fmt::format("{:8.1f} ms", step.time.wall);
  std::string share = step.isInner || total == 0 ? "" : fmt::format(" {:5.1f}%", 100 * step.time.wall / total);
  llvm::errs() << fmt::format("  {:<24} {} {:8.1f} ms{}\n", (step.isInner ? "  " : "") + step.name, wall, step.time.cpu,
                              share);
}

void Times::print() const {
  Step sum{"all steps", {}, false};
  for (const Step &step : all)
    if (!step.isInner) {
      sum.time.wall += step.time.wall;
      sum.time.cpu += step.time.cpu;
    }
  llvm::errs() << fmt::format("{:<26} {:>11} {:>11}\n", "time report", "wall", "CPU");
  for (const Step &step : all)
    printStep(step, sum.time.wall);
  printStep(sum);
}

} // namespace attnc::tool
