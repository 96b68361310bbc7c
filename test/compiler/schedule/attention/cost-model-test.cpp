//===- cost-model-test.cpp - Which form of attention costs least ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/CostModel.h"
#include <gtest/gtest.h>

using namespace attnc;
using namespace attnc::schedule;

constexpr Machine kWide{16, 32, 48 << 10, 2 << 20}, kNarrow{8, 16, 32 << 10, 512 << 10};
constexpr AttentionShape kShape{64, 64, 64};

TEST(CostModel, OneQueryIsDotProducts) {
  for (const Machine &machine : {kWide, kNarrow})
    EXPECT_EQ(cheapestForm(kShape, 1, machine), Form::Dots);
}

TEST(CostModel, FullVectorsOfQueriesAreTransposed) {
  for (const Machine &machine : {kWide, kNarrow})
    for (int64_t vectors : {1, 2, 4})
      EXPECT_EQ(cheapestForm(kShape, vectors * machine.lanes, machine), Form::Transposed);
}

TEST(CostModel, MoreThanABlockOfQueriesIsAsABlock) {
  EXPECT_EQ(cheapestForm(kShape, int64_t(1) << 29, kWide), cheapestForm(kShape, 64, kWide));
  EXPECT_EQ(cheapestForm(kShape, 0, kWide), cheapestForm(kShape, 1, kWide));
}

// The branch at run time, made of the ranges, says what the comparison of costs says.
TEST(CostModel, RangesHoldExactlyTheQueriesThatPay) {
  for (const Machine &machine : {kWide, kNarrow})
    for (Form form : {Form::Rows, Form::Dots})
      for (int64_t features : {16, 64, 128, 512}) {
        AttentionShape shape{features, features, 64};
        auto ranges = queriesThatPay(form, shape, machine);
        for (int64_t queries = 1; queries <= 4 * machine.lanes; ++queries) {
          bool pays =
              cyclesPerKey(form, shape, queries, machine) < cyclesPerKey(Form::Transposed, shape, queries, machine);
          bool isInside =
              llvm::any_of(ranges, [&](QueryRange range) { return range.first <= queries && queries <= range.last; });
          EXPECT_EQ(isInside, pays) << queries << " queries of " << features << " features";
        }
        for (size_t at = 1; at < ranges.size(); ++at)
          EXPECT_GT(ranges[at].first, ranges[at - 1].last + 1) << "neighbours are one range";
      }
}

TEST(CostModel, UnfusedCostsMoreThanRows) {
  for (int64_t queries : {1, 7, 64})
    EXPECT_GT(cyclesPerKey(Form::Unfused, kShape, queries, kWide), cyclesPerKey(Form::Rows, kShape, queries, kWide));
}
