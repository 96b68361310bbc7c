//===- Read.cpp - Reading memory as fast as it comes ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bench/decode/Read.h"
#include <atomic>

using namespace decode;

static constexpr int64_t kLine = 64;
using Line = uint32_t __attribute__((vector_size(kLine), aligned(4), may_alias));

static Line load(const char *from) { return *reinterpret_cast<const Line *>(from); }

/// `Streams` parts of the range in lock step, eight lines in flight; each part asks for its line `Ahead` bytes further
/// on (0: it does not ask).
template <int Streams, int64_t Ahead>
static uint32_t readStreams(Range range) {
  constexpr int kLines = 8 / Streams;
  int64_t part = range.bytes / Streams / (kLines * kLine) * (kLines * kLine);
  Line sums[8] = {};
  for (int64_t at = 0; at < part; at += kLines * kLine)
#pragma unroll
    for (int stream = 0; stream < Streams; ++stream)
#pragma unroll
      for (int line = 0; line < kLines; ++line) {
        const char *from = range.begin + stream * part + at + line * kLine;
        if (Ahead)
          __builtin_prefetch(from + Ahead, 0, 2); // prefetcht1
        sums[stream * kLines + line] += load(from);
      }
  for (int64_t at = Streams * part; at + kLine <= range.bytes; at += kLine)
    sums[0] += load(range.begin + at);
  Line total = sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
  uint32_t sum = 0;
  for (size_t word = 0; word < kLine / sizeof sum; ++word)
    sum += total[word];
  return sum;
}

const std::vector<Read> &decode::reads() {
  static const std::vector<Read> table = {{"plain read", readStreams<1, 0>},
                                          {"read, T1 at 8 KB", readStreams<1, 8192>},
                                          {"read, 4 streams, T1 at 2 KB", readStreams<4, 2048>},
                                          {"read, 8 streams, T1 at 4 KB", readStreams<8, 4096>}};
  return table;
}

Ranges decode::rangesOf(const Problem &problem, const Tensors &tensors) {
  Ranges ranges;
  auto add = [&](const char *begin, int64_t bytes) {
    if (!ranges.empty() && ranges.back().begin + ranges.back().bytes == begin)
      ranges.back().bytes += bytes;
    else
      ranges.push_back({begin, bytes});
  };
  int64_t size = problem.elementBytes();
  for (const char *tensor : {tensors.k, tensors.v})
    for (int64_t b = 0; b < problem.B; ++b) {
      int64_t first = problem.firstKey(), keys = problem.endKey(b) - first;
      if (problem.tokensOutside)
        add(tensor + problem.key(b, 0, first) * size, keys * problem.G * problem.D * size);
      else
        for (int64_t g = 0; g < problem.G; ++g)
          add(tensor + problem.key(b, g, first) * size, keys * problem.D * size);
    }
  return ranges;
}

int64_t decode::bytesOf(const Ranges &ranges) {
  int64_t bytes = 0;
  for (Range range : ranges)
    bytes += range.bytes;
  return bytes;
}

std::vector<Ranges> decode::shares(const Ranges &ranges, int threads) {
  std::vector<Ranges> parts(threads);
  int64_t whole = bytesOf(ranges), done = 0;
  size_t thread = 0;
  for (Range range : ranges)
    while (range.bytes > 0) {
      int64_t end = whole * static_cast<int64_t>(thread + 1) / threads / kLine * kLine; // of this thread's part
      bool last = thread + 1 == parts.size();
      int64_t bytes = last ? range.bytes : std::min(range.bytes, end - done);
      if (bytes > 0)
        parts[thread].push_back({range.begin, bytes});
      range.begin += bytes, range.bytes -= bytes, done += bytes;
      thread += !last && done >= end;
    }
  return parts;
}

uint32_t decode::readShares(const Read &read, const std::vector<Ranges> &shares, attnc_context *context) {
  struct Task {
    const Read &read;
    const std::vector<Ranges> &shares;
    std::atomic<uint32_t> sum{0};
  } task{read, shares};
  attnc_rt_parallel_for(
      context, static_cast<int64_t>(shares.size()),
      [](void *data, int64_t begin, int64_t end) {
        auto &task = *static_cast<Task *>(data);
        uint32_t sum = 0;
        for (int64_t share = begin; share < end; ++share)
          for (Range range : task.shares[share])
            sum += task.read.read(range);
        task.sum += sum;
      },
      &task);
  return task.sum;
}
