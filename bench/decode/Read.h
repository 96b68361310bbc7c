//===- Read.h - Reading memory as fast as it comes --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a decode step is compared with: reads of the bytes that it needs, each byte once. How fast memory is depends on
// how it is asked: several places of a range read in lock step, and prefetches into L2, are up to 40% faster than one
// stream of loads. So there are several reads, and the fastest is the reference.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "attnc/attnc.h"
#include "bench/decode/Memory.h"

namespace decode {

struct Range {
  const char *begin;
  int64_t bytes;
};
using Ranges = std::vector<Range>;

/// What of k and v some query sees; stretches that touch are one range.
Ranges rangesOf(const Problem &problem, const Tensors &tensors);
int64_t bytesOf(const Ranges &ranges);

struct Read {
  const char *name;
  uint32_t (*read)(Range range); // whole lines of 64 bytes; the sum of their words
};
/// The first is the plain one: a single stream of loads.
const std::vector<Read> &reads();

/// The ranges in one equal part for each thread.
std::vector<Ranges> shares(const Ranges &ranges, int threads);
/// Each share by any thread; the sum of all words.
uint32_t readShares(const Read &read, const std::vector<Ranges> &shares, attnc_context *context);

} // namespace decode
