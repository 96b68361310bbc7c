//===- Parallel.h - The same work on many things, by threads ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstddef>

namespace attnc {

/// Cores that this process may use.
unsigned usableCores();

/// Calls `body(i)` for i in [0, count), taken in that order by at most `threads` threads, of which the caller's is one;
/// returns when all are done.
void forEachInParallel(size_t count, unsigned threads, llvm::function_ref<void(size_t)> body);

} // namespace attnc
