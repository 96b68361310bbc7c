//===- thread-count-test.cpp - How many threads suit this process ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/ThreadCount.h"

#include "attnc/attnc.h"
#include "gtest/gtest.h"

#include <filesystem>
#include <fstream>
#include <sched.h>
#include <stdlib.h>

using namespace attnc::rt;

namespace {

/// A made-up /proc/self/cgroup and /sys/fs/cgroup.
struct Cgroup : testing::Test {
  std::filesystem::path root;
  Cgroup() {
    char name[] = "/tmp/attnc-cgroup-XXXXXX";
    root = mkdtemp(name);
  }
  ~Cgroup() override { std::filesystem::remove_all(root); }

  void write(const char *file, const char *text) {
    std::filesystem::create_directories((root / file).parent_path());
    std::ofstream(root / file) << text;
  }
  int cpus() { return cgroupCpus((root / "proc").c_str(), (root / "sys").c_str()); }
};

TEST_F(Cgroup, Version2) {
  write("proc", "0::/a/b\n");
  EXPECT_EQ(cpus(), 0) << "no file, no limit";
  write("sys/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(cpus(), 0);
  write("sys/a/b/cpu.max", "250000 100000\n");
  EXPECT_EQ(cpus(), 3) << "rounded up";
  write("sys/a/cpu.max", "150000 100000\n");
  EXPECT_EQ(cpus(), 2) << "the parent's limit is less";
  write("sys/cpu.max", "50000 100000\n");
  EXPECT_EQ(cpus(), 1) << "and the root's still less";
}

TEST_F(Cgroup, Version1) {
  write("proc", "5:memory:/x\n4:cpu,cpuacct:/docker/1f\n1:cpuset:/\n");
  write("sys/cpu,cpuacct/docker/1f/cpu.cfs_quota_us", "-1\n");
  write("sys/cpu,cpuacct/docker/1f/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpus(), 0) << "-1 is no limit";
  write("sys/cpu,cpuacct/docker/1f/cpu.cfs_quota_us", "400000\n");
  EXPECT_EQ(cpus(), 4);
}

TEST_F(Cgroup, Version1InsideAContainer) {
  // The path is the host's and does not exist here; the root is our own group.
  write("proc", "4:cpu,cpuacct:/docker/1f\n");
  write("sys/cpu/cpu.cfs_quota_us", "200000\n");
  write("sys/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpus(), 2);
}

TEST_F(Cgroup, PassesOverNonsense) {
  EXPECT_EQ(cpus(), 0) << "no /proc";
  for (const char *text : {"", ":", "::", "0::", "rubbish\n\n0:cpu", "0::a"}) {
    write("proc", text);
    EXPECT_EQ(cpus(), 0) << text;
  }
  write("proc", "0::/\n");
  for (const char *text : {"", "100000", "max", "0 0", "5 0", "x y", "-1 7"}) {
    write("sys/cpu.max", text);
    EXPECT_EQ(cpus(), 0) << text;
  }
  write("sys/cpu.max", "9000000000000000000 1\n");
  EXPECT_EQ(cpus(), maxThreads);
}

TEST(ThreadCount, OfVariables) {
  EXPECT_EQ(threadsFromVariable("4"), 4);
  EXPECT_EQ(threadsFromVariable("4,2"), 4) << "OpenMP's nested form";
  EXPECT_EQ(threadsFromVariable("99999999"), maxThreads);
  for (const char *text : {"", "0", "-3", "four", "4x"})
    EXPECT_EQ(threadsFromVariable(text), 0) << text;
  EXPECT_EQ(threadsFromVariable(nullptr), 0);
}

TEST(ThreadCount, Default) {
  unsetenv("OMP_NUM_THREADS");
  setenv("ATTNC_NUM_THREADS", "3", 1);
  EXPECT_EQ(attnc_default_threads(), 3);
  setenv("OMP_NUM_THREADS", "5", 1);
  EXPECT_EQ(attnc_default_threads(), 3);
  setenv("ATTNC_NUM_THREADS", "many", 1);
  EXPECT_EQ(attnc_default_threads(), 5);
  unsetenv("ATTNC_NUM_THREADS");
  unsetenv("OMP_NUM_THREADS");
  EXPECT_GE(attnc_default_threads(), 1);
  EXPECT_LE(attnc_default_threads(), affinityCpus());
}

TEST(ThreadCount, FollowsAffinity) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
      break;
    }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(affinityCpus(), 1);
  EXPECT_EQ(attnc_default_threads(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(Context, ChecksItsArguments) {
  attnc_context *context;
  for (int threads : {-1, 1025}) {
    EXPECT_EQ(attnc_context_create(threads, &context), ATTNC_INVALID_ARGUMENT);
    EXPECT_EQ(context, nullptr);
  }
  EXPECT_EQ(attnc_context_create(0, &context), ATTNC_OK);
  EXPECT_EQ(attnc_context_threads(context), attnc_default_threads());
  attnc_context_destroy(context);
  attnc_context_destroy(nullptr);
  EXPECT_EQ(attnc_context_threads(nullptr), 1);
}

TEST(Context, IsWhatKernelsMayBeGiven) {
  attnc_body add = [](void *data, int64_t begin, int64_t end) {
    __atomic_fetch_add(static_cast<int64_t *>(data), end - begin, __ATOMIC_RELAXED);
  };
  int64_t sum = 0;
  attnc_rt_parallel_for(nullptr, 10, add, &sum);
  attnc_rt_parallel_for(nullptr, 0, add, &sum);
  attnc_rt_parallel_for(nullptr, -5, add, &sum);
  EXPECT_EQ(sum, 10);
  attnc_context *context;
  ASSERT_EQ(attnc_context_create(2, &context), ATTNC_OK);
  attnc_rt_parallel_for(context, 1000, add, &sum);
  EXPECT_EQ(sum, 1010);
  attnc_context_destroy(context);
}

} // namespace
