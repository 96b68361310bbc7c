//===- ThreadCount.h - How many threads suit this process -------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

namespace attnc::rt {

inline constexpr int maxThreads = 1024;

/// CPUs that this process may run on (its affinity mask); at least 1.
int affinityCpus();

/// CPUs that the process's cgroup grants per period, rounded up, or 0 for no
/// limit: the least of the group and its parents, v2 (cpu.max) or v1
/// (cpu.cfs_quota_us). `procCgroup` is /proc/self/cgroup and `cgroupRoot` is
/// /sys/fs/cgroup, but for tests.
int cgroupCpus(const char *procCgroup, const char *cgroupRoot);

/// The leading positive number of a variable such as "4" or "4,2"; 0 if there
/// is none or `value` is null.
int threadsFromVariable(const char *value);

} // namespace attnc::rt
