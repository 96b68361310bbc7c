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

static const Form &form(llvm::StringRef name) { return *findForm(name); }

/// Of those for floats.
static llvm::StringRef cheapest(int64_t queries, const Machine &machine) {
  return cheapestForm({&form("transposed"), &form("dots"), &form("rows")}, kShape, queries, machine)->name;
}

TEST(CostModel, OneQueryIsDotProducts) {
  for (const Machine &machine : {kWide, kNarrow})
    EXPECT_EQ(cheapest(1, machine), "dots");
}

TEST(CostModel, FullVectorsOfQueriesAreTransposed) {
  for (const Machine &machine : {kWide, kNarrow})
    for (int64_t vectors : {1, 2, 4})
      EXPECT_EQ(cheapest(vectors * machine.lanes, machine), "transposed");
}

TEST(CostModel, MoreThanABlockOfQueriesIsAsABlock) {
  EXPECT_EQ(cheapest(int64_t(1) << 29, kWide), cheapest(64, kWide));
  EXPECT_EQ(cheapest(0, kWide), cheapest(1, kWide));
}

// The branch at run time, made of the ranges, says what the comparison of costs says.
TEST(CostModel, RangesHoldExactlyTheQueriesThatPay) {
  const Form &other = form("transposed");
  for (const Machine &machine : {kWide, kNarrow})
    for (const Form *few : {&form("rows"), &form("dots")})
      for (int64_t features : {16, 64, 128, 512}) {
        AttentionShape shape{features, features, 64};
        auto ranges = queriesThatPay(*few, other, shape, machine);
        for (int64_t queries = 1; queries <= 4 * machine.lanes; ++queries) {
          bool pays = few->cyclesPerKey(shape, queries, machine) < other.cyclesPerKey(shape, queries, machine);
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
    EXPECT_GT(form("unfused").cyclesPerKey(kShape, queries, kWide), form("rows").cyclesPerKey(kShape, queries, kWide));
}

TEST(CostModel, PairsCostLessThanFloats) {
  EXPECT_LT(form("pairs").cyclesPerKey(kShape, 64, kWide), form("transposed").cyclesPerKey(kShape, 64, kWide));
}
