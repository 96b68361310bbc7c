//===- ThreadPool.cpp - Fork and join on a few threads --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/ThreadPool.h"

#include <linux/futex.h>
#include <new>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

using namespace attnc::rt;

static constexpr uint32_t stopBit = 1u << 31;
static constexpr uint32_t oneSeat = 1u << 16;
static constexpr uint32_t insideMask = oneSeat - 1;
static constexpr uint32_t seatMask = stopBit - oneSeat;

// Long enough to bridge the gap between two kernels of a model, short enough
// not to be noticed when the process goes idle.
static constexpr int64_t spinTime = 40'000; // ns

// From here on a spinning thread lets others have its CPU: on a busy machine the
// one it waits for may be queued behind it.
static constexpr int64_t politeTime = 5'000; // ns

// Kernels keep tiles on the stack.
static constexpr size_t stackBytes = 8 << 20;

// Ranges per thread: small enough that a causal mask's uneven items even out.
static constexpr int64_t rangesPerThread = 16;

static void futexWait(std::atomic<uint32_t> &word, uint32_t expected) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

static void futexWake(std::atomic<uint32_t> &word, int count) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

static int64_t nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

static void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

/// Polls `done` for `limit` nanoseconds; false if it never held.
template <typename Condition>
static bool spinUntil(int64_t limit, Condition done) {
  if (done())
    return true;
  if (limit == 0)
    return false;
  for (int64_t start = nanoseconds();;) {
    for (int i = 0; i < 16; ++i) {
      relax();
      if (done())
        return true;
    }
    int64_t spent = nanoseconds() - start;
    if (spent >= limit)
      return false;
    if (spent >= politeTime)
      sched_yield();
  }
}

//===----------------------------------------------------------------------===//
// Start and end
//===----------------------------------------------------------------------===//

ThreadPool *ThreadPool::create(int threads) {
  void *memory = aligned_alloc(alignof(ThreadPool), sizeof(ThreadPool));
  if (!memory)
    return nullptr;
  auto *pool = new (memory) ThreadPool;
  pool->start(threads < maxThreads ? threads : maxThreads);
  return pool;
}

void ThreadPool::start(int wanted) {
  process = getpid();
  // With more threads than CPUs, one that spins keeps another from working.
  spinNanoseconds = wanted <= affinityCpus() ? spinTime : 0;
  // The host's signal handlers shall not run on our threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stackBytes);
  while (workers < wanted - 1 && pthread_create(&threads[workers], &attributes, workerMain, this) == 0)
    ++workers;
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void ThreadPool::destroy() {
  gate.store(stopBit);
  futexWake(gate, maxThreads);
  // A forked child has no threads to wait for.
  for (int i = 0; i < workers && process == getpid(); ++i)
    pthread_join(threads[i], nullptr);
  this->~ThreadPool();
  free(this);
}

//===----------------------------------------------------------------------===//
// Workers
//===----------------------------------------------------------------------===//

void *ThreadPool::workerMain(void *argument) {
  auto *pool = static_cast<ThreadPool *>(argument);
  for (;;) {
    uint32_t seen = pool->waitForGate();
    if (seen & stopBit)
      return nullptr;
    if (pool->enter(seen)) {
      pool->takeRanges();
      pool->leave();
    }
  }
}

/// Spins, then sleeps, until the gate has a seat or the pool ends.
uint32_t ThreadPool::waitForGate() {
  uint32_t seen;
  auto open = [&] {
    seen = gate.load(std::memory_order_relaxed);
    return (seen & (seatMask | stopBit)) != 0;
  };
  if (spinUntil(spinNanoseconds, open))
    return seen;
  // open() looks at `sleepers` after it has written the gate, and the kernel at
  // the gate after `sleepers` was written here: one of the two sees the other.
  sleepers.fetch_add(1);
  while (!open())
    futexWait(gate, seen);
  sleepers.fetch_sub(1);
  return seen;
}

/// Takes a seat unless somebody was faster. That the gate may have been closed
/// and opened again since `seen` was read does no harm: an equal value has the
/// same seats, and the job is read afterwards.
bool ThreadPool::enter(uint32_t seen) {
  return gate.compare_exchange_strong(seen, seen - oneSeat + 1, std::memory_order_acquire, std::memory_order_relaxed);
}

void ThreadPool::leave() {
  uint32_t before = gate.fetch_sub(1);
  if (before == 1 && callerSleeps.load()) {
    departures.fetch_add(1);
    futexWake(departures, 1);
  }
}

void ThreadPool::takeRanges() {
  Job current = job;
  for (;;) {
    int64_t begin = nextIndex.fetch_add(current.chunk, std::memory_order_relaxed);
    if (begin >= current.count)
      return;
    int64_t left = current.count - begin;
    int64_t length = left < current.chunk ? left : current.chunk;
    current.body(current.data, begin, begin + length);
  }
}

//===----------------------------------------------------------------------===//
// The caller
//===----------------------------------------------------------------------===//

void ThreadPool::open(const Job &next, int seats) {
  job = next;
  nextIndex.store(0, std::memory_order_relaxed);
  gate.store(static_cast<uint32_t>(seats) * oneSeat);
  if (sleepers.load() != 0)
    futexWake(gate, seats);
}

void ThreadPool::close() {
  gate.fetch_and(insideMask);
  auto empty = [&] { return gate.load() == 0; };
  if (spinUntil(spinNanoseconds, empty))
    return;
  callerSleeps.store(true);
  for (;;) {
    uint32_t seen = departures.load();
    if (empty())
      break;
    futexWait(departures, seen);
  }
  callerSleeps.store(false);
}

static int64_t smallest(int64_t a, int64_t b) { return a < b ? a : b; }

void ThreadPool::parallelFor(int64_t count, int limit, attnc_body body, void *data) {
  if (count <= 0)
    return;
  int64_t parties = limit > 0 ? smallest(limit, size()) : size();
  parties = smallest(parties, count);
  if (parties == 1 || busy.exchange(true, std::memory_order_acquire))
    return body(data, 0, count);
  int64_t chunk = count / (parties * rangesPerThread);
  open({body, data, count, chunk > 1 ? chunk : 1}, static_cast<int>(parties) - 1);
  takeRanges();
  close();
  busy.store(false, std::memory_order_release);
}
