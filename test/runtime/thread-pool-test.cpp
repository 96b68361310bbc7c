//===- thread-pool-test.cpp - Fork and join -------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Also built with the thread sanitizer, as thread-pool-tsan-test.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/ThreadPool.h"

#include "gtest/gtest.h"

#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace attnc::rt;

namespace {

struct Pool {
  ThreadPool *pool;
  explicit Pool(int threads) : pool(ThreadPool::create(threads)) {}
  ~Pool() { pool->destroy(); }
  ThreadPool *operator->() { return pool; }

  template <typename Body>
  void forEach(int64_t count, Body body, int limit = 0) {
    pool->parallelFor(
        count, limit, [](void *data, int64_t begin, int64_t end) { (*static_cast<Body *>(data))(begin, end); }, &body);
  }
};

class EveryThreadCount : public testing::TestWithParam<int> {};

TEST_P(EveryThreadCount, RunsEveryIndexOnce) {
  Pool pool(GetParam());
  EXPECT_EQ(pool->size(), GetParam());
  for (int64_t count : {0, 1, 2, 3, 7, 64, 1000, 100'000}) {
    std::vector<int> visits(static_cast<size_t>(count)); // no atomics: disjoint
    pool.forEach(count, [&](int64_t begin, int64_t end) {
      ASSERT_LT(begin, end);
      for (int64_t i = begin; i < end; ++i)
        ++visits[static_cast<size_t>(i)];
    });
    EXPECT_EQ(visits, std::vector<int>(static_cast<size_t>(count), 1));
  }
}

TEST_P(EveryThreadCount, RunsManyShortLoops) {
  Pool pool(GetParam());
  int64_t loops = GetParam() > 2 ? 2000 : 20'000;
  std::vector<int64_t> sums(16);
  for (int64_t loop = 0; loop < loops; ++loop)
    pool.forEach(16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        sums[static_cast<size_t>(i)] += loop;
    });
  for (int64_t sum : sums)
    EXPECT_EQ(sum, loops * (loops - 1) / 2);
}

INSTANTIATE_TEST_SUITE_P(Threads, EveryThreadCount, testing::Values(1, 2, 3, 4, 8));

TEST(ThreadPool, WakesSleepers) {
  Pool pool(4);
  for (int i = 0; i < 20; ++i) {
    usleep(1000); // far longer than the workers spin
    std::atomic<int64_t> sum{0};
    pool.forEach(100, [&](int64_t begin, int64_t end) { sum += end - begin; });
    EXPECT_EQ(sum, 100);
  }
}

TEST(ThreadPool, UsesItsThreads) {
  Pool pool(3);
  // Each range waits until all three threads have one.
  std::atomic<int> arrived{0};
  std::vector<std::thread::id> who(3);
  pool.forEach(3, [&](int64_t begin, int64_t end) {
    ASSERT_EQ(end, begin + 1);
    who[static_cast<size_t>(begin)] = std::this_thread::get_id();
    for (++arrived; arrived < 3;)
      std::this_thread::yield();
  });
  EXPECT_EQ(std::set<std::thread::id>(who.begin(), who.end()).size(), 3u);
}

TEST(ThreadPool, CallerWaitsForSlowWorkers) {
  Pool pool(2);
  for (int i = 0; i < 5; ++i) {
    std::atomic<bool> workerIsIn{false};
    int finished = 0;
    auto caller = std::this_thread::get_id();
    pool.forEach(2, [&](int64_t, int64_t) {
      if (std::this_thread::get_id() == caller) {
        while (!workerIsIn)
          std::this_thread::yield();
        return;
      }
      workerIsIn = true;
      usleep(2000); // the caller stops spinning and sleeps
      ++finished;
    });
    EXPECT_EQ(finished, 1);
  }
}

TEST(ThreadPool, RespectsTheLimit) {
  Pool pool(8);
  for (int limit : {1, 2, 3}) {
    std::atomic<int> inside{0}, most{0};
    pool.forEach(
        500,
        [&](int64_t, int64_t) {
          int now = ++inside;
          for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);)
            ;
          std::this_thread::yield();
          --inside;
        },
        limit);
    EXPECT_LE(most, limit);
  }
}

TEST(ThreadPool, HandsOutRangesInOrder) {
  Pool pool(2);
  std::atomic<bool> ordered{true};
  pool.forEach(10'000, [&](int64_t begin, int64_t) {
    thread_local int64_t last;
    ordered = ordered && (begin == 0 || last <= begin);
    last = begin;
  });
  EXPECT_TRUE(ordered);
}

TEST(ThreadPool, NestedLoopsRunOnTheirThread) {
  Pool pool(4);
  std::vector<int> visits(20 * 30);
  pool.forEach(20, [&](int64_t begin, int64_t end) {
    auto outer = std::this_thread::get_id();
    for (int64_t i = begin; i < end; ++i)
      pool.forEach(30, [&](int64_t first, int64_t last) {
        EXPECT_EQ(std::this_thread::get_id(), outer);
        for (int64_t j = first; j < last; ++j)
          ++visits[static_cast<size_t>(i * 30 + j)];
      });
  });
  EXPECT_EQ(visits, std::vector<int>(20 * 30, 1));
}

TEST(ThreadPool, ConcurrentCallersBothFinish) {
  Pool pool(3);
  auto work = [&](int64_t &total) {
    for (int i = 0; i < 500; ++i) {
      std::atomic<int64_t> sum{0};
      pool.forEach(50, [&](int64_t begin, int64_t end) { sum += end - begin; });
      total += sum;
    }
  };
  int64_t a = 0, b = 0;
  std::thread other([&] { work(a); });
  work(b);
  other.join();
  EXPECT_EQ(a, 25'000);
  EXPECT_EQ(b, 25'000);
}

TEST(ThreadPool, SurvivesOversubscription) {
  Pool pool(32);
  for (int i = 0; i < 200; ++i) {
    std::atomic<int64_t> sum{0};
    pool.forEach(64, [&](int64_t begin, int64_t end) { sum += end - begin; });
    ASSERT_EQ(sum, 64);
  }
}

TEST(ThreadPool, IsMadeAndEndedOften) {
  for (int i = 0; i < 100; ++i) {
    Pool pool(1 + i % 4);
    std::atomic<int64_t> sum{0};
    if (i % 2)
      pool.forEach(8, [&](int64_t begin, int64_t end) { sum += end - begin; });
    EXPECT_EQ(sum, i % 2 * 8);
  }
}

TEST(ThreadPool, HasLargeStacks) {
  Pool pool(2);
  std::atomic<int> arrived{0};
  pool.forEach(2, [&](int64_t, int64_t) {
    volatile char tile[1 << 20];
    for (size_t i = 0; i < sizeof tile; i += 4096)
      tile[i] = 1;
    for (++arrived; arrived < 2;)
      std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 2);
}

#if !__has_feature(thread_sanitizer)
TEST(ThreadPool, WorksInAForkedChild) {
  Pool pool(4);
  pid_t child = fork();
  if (child == 0) {
    int64_t sum = 0; // no atomics: only this thread is there
    pool.forEach(64, [&](int64_t begin, int64_t end) { sum += end - begin; });
    pool->destroy();
    _exit(sum == 64 ? 0 : 1);
  }
  int status;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
#endif

} // namespace
