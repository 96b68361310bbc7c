//===- SumLimitsTest.cpp - What sums of extents are at most ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/SumLimits.h"
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

using namespace attnc::onnx;

TEST(SumLimits, BoundTheirParts) {
  SumLimits limits;
  EXPECT_FALSE(limits.largest("past"));
  EXPECT_TRUE(limits.add({{"past", "seq"}, 12}));
  EXPECT_EQ(limits.largest("past"), 12);
  EXPECT_FALSE(limits.add({{"past"}, 12})) << "that is known";
  EXPECT_TRUE(limits.add({{"past"}, 8}));
  EXPECT_EQ(limits.largest({{"past", 2}, {"seq", 1}}), 20);
  EXPECT_FALSE(limits.largest({{"seq", 1}, {"other", 1}}));
  EXPECT_EQ(limits.largest(std::map<std::string, int64_t>()), 0);
  EXPECT_FALSE(limits.add({{}, 3}));
}

TEST(SumLimits, AreFew) {
  SumLimits limits;
  for (int i = 0; i < 1000; ++i)
    limits.add({{"n" + std::to_string(i)}, 7});
  EXPECT_EQ(limits.largest("n0"), 7);
  EXPECT_FALSE(limits.largest("n999"));
}

// Never less than what some extents that keep to the facts come to.
RC_GTEST_PROP(SumLimits, HoldForAllExtents, ()) {
  const std::string names[] = {"a", "b", "c"};
  SumLimits limits;
  std::vector<std::pair<unsigned, int64_t>> facts; // a bit for each name
  for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
    auto bits = *rc::gen::inRange(1u, 8u);
    int64_t most = *rc::gen::inRange(0, 7);
    SumLimit limit{{}, most};
    for (unsigned n = 0; n < 3; ++n)
      if (bits >> n & 1)
        limit.names.push_back(names[n]);
    limits.add(limit);
    facts.emplace_back(bits, most);
  }
  int64_t factors[3];
  std::map<std::string, int64_t> sum;
  for (unsigned n = 0; n < 3; ++n)
    if ((factors[n] = *rc::gen::inRange(0, 4)))
      sum[names[n]] = factors[n];
  std::optional<int64_t> largest = limits.largest(sum);
  int64_t extents[3];
  for (extents[0] = 0; extents[0] < 9; ++extents[0])
    for (extents[1] = 0; extents[1] < 9; ++extents[1])
      for (extents[2] = 0; extents[2] < 9; ++extents[2]) {
        bool keeps = std::all_of(facts.begin(), facts.end(), [&](auto &fact) {
          int64_t total = 0;
          for (unsigned n = 0; n < 3; ++n)
            total += fact.first >> n & 1 ? extents[n] : 0;
          return total <= fact.second;
        });
        int64_t value = factors[0] * extents[0] + factors[1] * extents[1] + factors[2] * extents[2];
        RC_ASSERT(!keeps || !largest || value <= *largest);
      }
}
