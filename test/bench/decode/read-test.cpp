//===- read-test.cpp - References read each byte of their ranges once -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bench/decode/Read.h"
#include "gmock/gmock.h"
#include <cstring>

using namespace decode;

static uint32_t sumOfWords(Range range) {
  uint32_t sum = 0, word;
  for (int64_t at = 0; at < range.bytes; at += sizeof word) {
    std::memcpy(&word, range.begin + at, sizeof word);
    sum += word;
  }
  return sum;
}

static Problem makeProblem(bool tokensOutside) {
  Problem problem;
  problem.B = 3, problem.H = 4, problem.G = 2, problem.N = 77, problem.D = 16;
  problem.tokensOutside = tokensOutside;
  return problem;
}

TEST(Read, ReadsEachLineOnce) {
  Memory memory = allocate(1 << 16, Pages::small);
  fill(memory.get(), 1 << 14, Type::f32, 1);
  for (const Read &read : reads())
    for (int64_t lines : {0, 1, 7, 8, 9, 31, 64, 1000}) {
      Range range{memory.get() + 128, lines * 64};
      EXPECT_EQ(read.read(range), sumOfWords(range)) << read.name << ", " << lines << " lines";
    }
}

TEST(Read, SharesAreEqualAndReadAsAWhole) {
  for (bool tokensOutside : {false, true}) {
    Problem problem = makeProblem(tokensOutside);
    problem.lengths = {77, 1, 40};
    Tensors tensors(problem, Pages::small);
    Ranges ranges = rangesOf(problem, tensors);
    uint32_t expected = 0;
    for (Range range : ranges)
      expected += sumOfWords(range);
    for (int threads : {1, 2, 3, 7}) {
      std::vector<Ranges> parts = shares(ranges, threads);
      for (const Ranges &part : parts)
        EXPECT_NEAR(bytesOf(part), bytesOf(ranges) / threads, 64 * threads);
      for (const Read &read : reads())
        EXPECT_EQ(readShares(read, parts, nullptr), expected) << read.name << ", " << threads << " threads";
    }
  }
}

TEST(Read, RangesAreWhatIsSeen) {
  Problem problem = makeProblem(false);
  Tensors tensors(problem, Pages::small);
  EXPECT_EQ(rangesOf(problem, tensors).size(), 1u); // k and v as one
  EXPECT_EQ(bytesOf(rangesOf(problem, tensors)), 2 * problem.cacheElements() * 4);
  problem.window = 10;
  EXPECT_EQ(rangesOf(problem, tensors).size(), 12u); // of each sequence, head, k and v
  EXPECT_EQ(bytesOf(rangesOf(problem, tensors)), 12 * 10 * 16 * 4);
  problem = makeProblem(true);
  problem.lengths = {5, 77, 1};
  EXPECT_EQ(bytesOf(rangesOf(problem, tensors)), 2 * (5 + 77 + 1) * 2 * 16 * 4);
}
