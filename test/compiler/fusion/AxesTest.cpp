//===- AxesTest.cpp - Splitting and merging axes --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Axes.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace attnc::fusion;

namespace {
constexpr int64_t kAny = ShapedType::kDynamic;

/// One axis per extent; 1 has none.
DimIndex create(AxisSpace &axes, std::initializer_list<int64_t> extents) {
  DimIndex dim;
  for (int64_t extent : extents)
    llvm::append_range(dim, axes.createAxis(extent));
  return dim;
}

SmallVector<int64_t> extents(const AxisSpace &axes, const DimIndex &dim) {
  return llvm::map_to_vector(axes.resolve(dim), [&](Axis axis) { return axes.extent(axis); });
}

/// The extents that a dimension indexed both ways has afterwards; empty if that is refused.
SmallVector<int64_t> unify(std::initializer_list<int64_t> first, std::initializer_list<int64_t> second) {
  AxisSpace axes;
  DimIndex a = create(axes, first), b = create(axes, second);
  if (failed(axes.unify(a, b))) {
    EXPECT_EQ(extents(axes, a), SmallVector<int64_t>(first)) << "a failure changes nothing";
    EXPECT_EQ(extents(axes, b), SmallVector<int64_t>(second));
    return {};
  }
  EXPECT_EQ(axes.resolve(a), axes.resolve(b));
  return extents(axes, a);
}

using Extents = SmallVector<int64_t>;
} // namespace

TEST(Axes, OneAxisTakesThePiecesOfTheOther) {
  EXPECT_EQ(unify({32}, {4, 8}), Extents({4, 8}));
  EXPECT_EQ(unify({kAny, 8}, {kAny}), Extents({kAny, 8}));
  EXPECT_EQ(unify({32}, {32}), Extents({32}));
}

TEST(Axes, StaticExtentsAreRefined) {
  EXPECT_EQ(unify({16, 2, 32}, {16, 8, 8}), Extents({16, 2, 4, 8}));
  EXPECT_EQ(unify({2, 6}, {6, 2}), Extents({2, 3, 2}));
  EXPECT_EQ(unify({kAny, 6}, {kAny, 2}), Extents({kAny, 3, 2}));
}

TEST(Axes, AnExtentThatIsKnownOnOneSideIsKnown) { EXPECT_EQ(unify({kAny}, {16}), Extents({16})); }

TEST(Axes, WhatIsNotProvedIsRefused) {
  EXPECT_EQ(unify({3, 4}, {4, 3}), Extents());             // no common refinement
  EXPECT_EQ(unify({kAny, 4}, {4, kAny}), Extents());       // 4 need not divide the dynamic one
  EXPECT_EQ(unify({kAny, kAny}, {kAny, kAny}), Extents()); // [b, s] or [s, b]?
  EXPECT_EQ(unify({12}, {5, 2}), Extents());
  EXPECT_EQ(unify({12}, {}), Extents());
}

TEST(Axes, EmptyDimensions) {
  EXPECT_EQ(unify({0}, {4, 0}), Extents({4, 0}));
  EXPECT_EQ(unify({4, 0}, {0, 4}), Extents());
}

TEST(Axes, AnAxisCannotContainItself) {
  AxisSpace axes;
  DimIndex g = create(axes, {kAny}), h = create(axes, {kAny});
  EXPECT_TRUE(failed(axes.unify(h, {g.front(), h.front()})));
}

TEST(Axes, LaterSplitsReachEarlierMerges) {
  AxisSpace axes;
  DimIndex a = create(axes, {32}), b = create(axes, {32}), pieces = create(axes, {4, 8});
  ASSERT_TRUE(succeeded(axes.unify(a, b)));
  ASSERT_TRUE(succeeded(axes.unify(b, pieces)));
  EXPECT_EQ(axes.resolve(a), axes.resolve(pieces));
}
