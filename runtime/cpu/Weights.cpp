//===- Weights.cpp - Weights in a file beside the code --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The file is mapped once for the process and stays so: kernels read it in place, and processes share its pages.
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/Weights.h"
#include "runtime/cpu/Options.h"
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace attnc::rt;

/// The path of the program or library that holds `entry`. The loader knows a program by what it was called, from a
/// folder that may have been left since; the kernel knows better.
static bool findObject(const attnc_entry &entry, char *path) {
  Dl_info object, program;
  if (!dladdr(&entry, &object))
    return false;
  const void *start = reinterpret_cast<const void *>(getauxval(AT_ENTRY));
  bool isProgram = dladdr(start, &program) && program.dli_fbase == object.dli_fbase;
  return realpath(isProgram ? "/proc/self/exe" : object.dli_fname, path) != nullptr;
}

/// FOLDER/NAME, beside the file that holds `entry`.
static bool pathBeside(const attnc_entry &entry, char *path) {
  if (!findObject(entry, path))
    return false;
  char *end = strrchr(path, '/') + 1;
  size_t length = strlen(entry.weights->file);
  if (length >= static_cast<size_t>(path + PATH_MAX - end))
    return false;
  memcpy(end, entry.weights->file, length + 1);
  return true;
}

/// Whether the open file holds just these weights.
static bool belongs(int file, const attnc_entry &entry, const char *path, Text &why) {
  const attnc_weights &weights = *entry.weights;
  attnc_weights_head head;
  struct stat info;
  ssize_t got = pread(file, &head, sizeof head, 0);
  if (fstat(file, &info) != 0 || got != sizeof head || memcmp(head.magic, ATTNC_WEIGHTS_MAGIC, sizeof head.magic) != 0)
    why.add("'%s': %s holds no weights of attnc", entry.name, path);
  else if (head.size != weights.size || head.hash[0] != weights.hash[0] || head.hash[1] != weights.hash[1])
    why.add("'%s': the weights in %s are not those that this code was compiled with; take the file that was written "
            "beside it",
            entry.name, path);
  else if (static_cast<uint64_t>(info.st_size) != ATTNC_WEIGHTS_START + weights.size)
    why.add("'%s': %s has %lld bytes, its weights need %llu; was it truncated?", entry.name, path,
            static_cast<long long>(info.st_size), static_cast<unsigned long long>(ATTNC_WEIGHTS_START + weights.size));
  else
    return true;
  return false;
}

/// Maps the open file; whoever is first decides where.
static bool mapFile(int file, const attnc_entry &entry, const char *path, Text &why) {
  const attnc_weights &weights = *entry.weights;
  void *memory = mmap(nullptr, weights.size, PROT_READ, MAP_PRIVATE, file, ATTNC_WEIGHTS_START);
  if (memory == MAP_FAILED) {
    why.add("'%s': cannot map %s: %s", entry.name, path, strerror(errno));
    return false;
  }
  const void *nothing = nullptr, *mapped = memory;
  if (!__atomic_compare_exchange(weights.address, &nothing, &mapped, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    munmap(memory, weights.size); // another thread has been faster
  return true;
}

attnc_status attnc::rt::loadWeights(const attnc_entry &entry, const char *path, Text &why) {
  int before = errno; // no part of the interface
  char beside[PATH_MAX];
  if (!path && !pathBeside(entry, beside)) {
    why.add("'%s': cannot tell in which folder '%s' lies; give its path to attnc_load_weights", entry.name,
            entry.weights->file);
    return ATTNC_INVALID_ARGUMENT;
  }
  path = path ? path : beside;
  int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  bool ok = file >= 0;
  if (!ok)
    why.add("'%s': cannot open its weights, %s: %s", entry.name, path, strerror(errno));
  ok = ok && belongs(file, entry, path, why) && mapFile(file, entry, path, why);
  if (file >= 0)
    close(file);
  errno = before;
  return ok ? ATTNC_OK : ATTNC_INVALID_ARGUMENT;
}

attnc_status attnc_load_weights(const attnc_entry *entry, const char *path, const attnc_options *given) {
  Options options(given);
  if (options.status != ATTNC_OK)
    return options.status;
  if (!entry) {
    options.why.add("the entry is NULL");
    return ATTNC_INVALID_ARGUMENT;
  }
  return lacksWeights(*entry) ? loadWeights(*entry, path, options.why) : ATTNC_OK;
}
