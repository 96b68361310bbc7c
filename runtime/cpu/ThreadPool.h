//===- ThreadPool.h - Fork and join on a few threads ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One parallel loop at a time, run by its caller and whichever workers come:
//
//   caller                               worker
//   ------                               ------
//   write the job, gate = seats          see seats > 0 (spinning, or woken)
//   take ranges until none is left       take a seat: seats - 1, inside + 1
//   close the gate: seats = 0            take ranges until none is left
//   wait until inside == 0               inside - 1
//
// The caller waits only for workers that are inside. One that the system has
// not scheduled yet finds the gate closed and never delays anybody; with no
// worker at all (a forked child) the caller does everything.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "attnc/attnc.h"
#include "runtime/cpu/ThreadCount.h"

#include <atomic>
#include <pthread.h>

namespace attnc::rt {

class ThreadPool {
public:
  /// Starts up to `threads` - 1 workers; null if there is no memory.
  static ThreadPool *create(int threads);

  /// Ends the workers and frees the pool. No loop may be running.
  void destroy();

  /// Threads of a loop, the caller included.
  int size() const { return workers + 1; }

  /// Runs body over [0, count) on at most `limit` threads (0: all). While
  /// another loop runs, which includes a call from inside a body, the calling
  /// thread does it alone.
  void parallelFor(int64_t count, int limit, attnc_body body, void *data);

private:
  struct Job {
    attnc_body body;
    void *data;
    int64_t count, chunk;
  };

  ThreadPool() = default;
  void start(int threads);
  static void *workerMain(void *pool);
  uint32_t waitForGate();
  bool enter(uint32_t seen);
  void leave();
  void open(const Job &next, int seats);
  void close();
  void takeRanges();

  // On their own cache lines: the gate and the next index are written often.
  alignas(64) std::atomic<uint32_t> gate{0}; // stop bit | seats << 16 | inside
  std::atomic<uint32_t> sleepers{0};         // workers waiting on the gate
  alignas(64) std::atomic<int64_t> nextIndex{0};
  alignas(64) Job job{};
  std::atomic<bool> busy{false};         // a loop is running
  std::atomic<bool> callerSleeps{false}; // close() waits on `departures`
  std::atomic<uint32_t> departures{0};

  int workers = 0;
  int64_t spinNanoseconds = 0;
  pid_t process = 0;
  pthread_t threads[maxThreads];
};

} // namespace attnc::rt
