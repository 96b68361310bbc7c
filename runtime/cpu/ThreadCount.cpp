//===- ThreadCount.cpp - How many threads suit this process ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In a container the machine's CPU count is the wrong number: threads beyond
// the quota are stopped in the middle of a parallel loop and everybody waits.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/ThreadCount.h"
#include "runtime/cpu/Text.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

using namespace attnc::rt;

int attnc::rt::affinityCpus() {
  // The kernel refuses a mask smaller than its own; 8192 is its largest.
  unsigned long mask[8192 / (8 * sizeof(unsigned long))] = {};
  auto *set = reinterpret_cast<cpu_set_t *>(mask);
  if (sched_getaffinity(0, sizeof mask, set) != 0)
    return 1;
  int count = CPU_COUNT_S(sizeof mask, set);
  return count > 0 ? count : 1;
}

/// Reads a small file whole, as a text that ends in 0.
static bool readSmallFile(const char *path, char *buffer, size_t capacity) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  size_t length = 0;
  while (length < capacity - 1) {
    ssize_t got = read(file, buffer + length, capacity - 1 - length);
    if (got <= 0)
      break;
    length += static_cast<size_t>(got);
  }
  close(file);
  buffer[length] = 0;
  return true;
}

/// ceil(quota / period), or 0 where that is no limit ("max", -1, nonsense).
static int cpusOfQuota(const char *quotaText, const char *periodText) {
  long long quota = strtoll(quotaText, nullptr, 10);
  long long period = strtoll(periodText, nullptr, 10);
  if (quota <= 0 || period <= 0)
    return 0;
  long long cpus = quota / period + (quota % period != 0);
  return cpus < maxThreads ? static_cast<int>(cpus) : maxThreads;
}

/// The quota of the one group at `folder`, in either version's files.
static int quotaOfGroup(const char *folder) {
  char first[64], second[64];
  TextBuffer<1024> path;
  path.add("%s/cpu.max", folder); // "max 100000" or "150000 100000"
  if (readSmallFile(path.c_str(), first, sizeof first)) {
    const char *space = strchr(first, ' ');
    return space ? cpusOfQuota(first, space) : 0;
  }
  path.clear();
  path.add("%s/cpu.cfs_quota_us", folder);
  if (!readSmallFile(path.c_str(), first, sizeof first))
    return 0;
  path.clear();
  path.add("%s/cpu.cfs_period_us", folder);
  return readSmallFile(path.c_str(), second, sizeof second) ? cpusOfQuota(first, second) : 0;
}

static int smallerLimit(int a, int b) {
  if (!a || !b)
    return a + b;
  return a < b ? a : b;
}

/// The least quota from `group` up to the root of `hierarchy`. In a container
/// the group's path may be the host's and not exist here: then only the root
/// answers, which is the container's own group.
static int quotaUpwards(const char *hierarchy, char *group) {
  int limit = 0;
  for (;;) {
    TextBuffer<1024> folder;
    folder.add("%s%s", hierarchy, group);
    limit = smallerLimit(limit, quotaOfGroup(folder.c_str()));
    char *slash = strrchr(group, '/');
    if (!slash)
      return limit;
    *slash = 0;
  }
}

/// One line of /proc/self/cgroup: "0::/user.slice" (v2) or
/// "4:cpu,cpuacct:/docker/1f" (v1, mounted by either name).
static int quotaOfLine(char *line, const char *root) {
  char *controllers = strchr(line, ':');
  char *group = controllers ? strchr(controllers + 1, ':') : nullptr;
  if (!group)
    return 0;
  *group++ = 0;
  ++controllers;
  if (!*controllers)
    return quotaUpwards(root, group);
  bool isCpu = false;
  for (const char *at = controllers; at; at = strchr(at, ',')) {
    at += *at == ',';
    isCpu |= strncmp(at, "cpu", 3) == 0 && (!at[3] || at[3] == ',');
  }
  if (!isCpu)
    return 0;
  TextBuffer<512> combined, plain;
  combined.add("%s/%s", root, controllers);
  plain.add("%s/cpu", root);
  bool hasCombined = access(combined.c_str(), F_OK) == 0;
  return quotaUpwards((hasCombined ? combined : plain).c_str(), group);
}

int attnc::rt::cgroupCpus(const char *procCgroup, const char *cgroupRoot) {
  char text[4096];
  if (!readSmallFile(procCgroup, text, sizeof text))
    return 0;
  int limit = 0;
  for (char *line = text; line && *line;) {
    char *end = strchr(line, '\n');
    if (end)
      *end = 0;
    limit = smallerLimit(limit, quotaOfLine(line, cgroupRoot));
    line = end ? end + 1 : nullptr;
  }
  return limit;
}

int attnc::rt::threadsFromVariable(const char *value) {
  if (!value)
    return 0;
  char *end;
  long count = strtol(value, &end, 10);
  if (end == value || count <= 0 || (*end && *end != ',' && *end != ' '))
    return 0;
  return count < maxThreads ? static_cast<int>(count) : maxThreads;
}

int32_t attnc_default_threads(void) {
  if (int wanted = threadsFromVariable(getenv("ATTNC_NUM_THREADS")))
    return wanted;
  if (int wanted = threadsFromVariable(getenv("OMP_NUM_THREADS")))
    return wanted;
  int quota = cgroupCpus("/proc/self/cgroup", "/sys/fs/cgroup");
  int cpus = smallerLimit(affinityCpus(), quota);
  return cpus < maxThreads ? cpus : maxThreads;
}
