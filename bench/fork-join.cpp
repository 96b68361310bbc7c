//===- fork-join.cpp - What an empty parallel loop costs ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   fork-join [THREADS] [PAUSE_US]
//
// Prints percentiles of the time from the call of a parallel loop with one item
// per thread to its return: of an empty loop, which the caller may finish
// before anybody comes, and of one whose items wait until all threads have met.
// PAUSE_US is slept before each loop: with more than the 40 us that threads
// spin, they are asleep and must be woken.
//
//===----------------------------------------------------------------------===//
#include "attnc/attnc.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <unistd.h>
#include <vector>

namespace {
struct Meeting {
  std::atomic<int> arrived{0};
  int expected;
};
} // namespace

static void doNothing(void *, int64_t, int64_t) {}

static void meet(void *data, int64_t, int64_t) {
  auto *meeting = static_cast<Meeting *>(data);
  ++meeting->arrived;
  // Yielding at once would measure the scheduler; never, with more threads than
  // CPUs, its time slice.
  for (int spins = 0; meeting->arrived.load() < meeting->expected; ++spins)
    spins < 1000 ? __builtin_ia32_pause() : static_cast<void>(sched_yield());
}

static double secondsOfLoop(attnc_context *context, int items, attnc_body body) {
  Meeting meeting;
  meeting.expected = items;
  auto start = std::chrono::steady_clock::now();
  attnc_rt_parallel_for(context, items, body, &meeting);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

static void measure(const char *name, attnc_context *context, int pause, attnc_body body) {
  int items = attnc_context_threads(context);
  std::vector<double> times;
  for (int i = 0; i < (pause ? 2000 : 20'000); ++i) {
    if (pause)
      usleep(static_cast<useconds_t>(pause));
    times.push_back(secondsOfLoop(context, items, body));
  }
  std::sort(times.begin(), times.end());
  auto microseconds = [&](double fraction) {
    auto last = static_cast<double>(times.size() - 1);
    return times[static_cast<size_t>(fraction * last)] * 1e6;
  };
  printf("%-7s %d threads, pause %d us: p50 %.2f us, p90 %.2f us, p99 %.2f "
         "us\n",
         name, items, pause, microseconds(0.5), microseconds(0.9), microseconds(0.99));
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 0;
  int pause = argc > 2 ? atoi(argv[2]) : 0;
  attnc_context *context;
  if (attnc_context_create(threads, &context) != ATTNC_OK) {
    fprintf(stderr, "usage: fork-join [THREADS] [PAUSE_US]\n");
    return 2;
  }
  measure("empty", context, pause, doNothing);
  measure("meeting", context, pause, meet);
  attnc_context_destroy(context);
}
