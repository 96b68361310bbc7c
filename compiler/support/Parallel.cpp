//===- Parallel.cpp - The same work on many things, by threads ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/Parallel.h"
#include "llvm/Support/Threading.h"
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

unsigned attnc::usableCores() { return llvm::hardware_concurrency().compute_thread_count(); }

void attnc::forEachInParallel(size_t count, unsigned threads, llvm::function_ref<void(size_t)> body) {
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < count;)
      body(i);
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min<size_t>(threads, count); ++i)
    others.emplace_back(work);
  work();
  for (std::thread &other : others)
    other.join();
}
