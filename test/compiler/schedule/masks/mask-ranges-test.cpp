//===- mask-ranges-test.cpp - How large integers may be -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/IntegerRanges.h"
#include "compiler/schedule/masks/MaskRanges.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace attnc::schedule;

namespace {
class Ranges : public testing::Test {
protected:
  Ranges() { context.loadDialect<arith::ArithDialect>(); }

  /// Of `op` on x in [0, 100] and the constant `c`, both i64.
  template <typename Op>
  std::pair<int64_t, int64_t> rangeOf(int64_t c) {
    Block block;
    Value x = block.addArgument(b.getI64Type(), loc);
    b.setInsertionPointToStart(&block);
    Value constant = arith::ConstantIntOp::create(b, loc, c, 64);
    auto op = Op::create(b, loc, x, constant);
    IntegerRanges ranges;
    ranges.set(x, ConstantIntRanges::fromSigned(APInt(64, 0), APInt(64, 100)));
    ranges.infer(*op);
    ConstantIntRanges range = ranges.of(op.getResult());
    return {range.smin().getSExtValue(), range.smax().getSExtValue()};
  }

  MLIRContext context;
  OpBuilder b{&context};
  Location loc{b.getUnknownLoc()};
};
} // namespace

TEST_F(Ranges, FollowArithmetic) {
  EXPECT_EQ(rangeOf<arith::AddIOp>(1), std::pair(int64_t(1), int64_t(101)));
  EXPECT_EQ(rangeOf<arith::SubIOp>(7), std::pair(int64_t(-7), int64_t(93)));
  EXPECT_EQ(rangeOf<arith::MulIOp>(-3), std::pair(int64_t(-300), int64_t(0)));
}

TEST_F(Ranges, WhatMayWrapMayBeAnything) {
  EXPECT_EQ(rangeOf<arith::MulIOp>(INT64_MAX), std::pair(INT64_MIN, INT64_MAX));
}

TEST_F(Ranges, WhatIsUnknownIsWhatItsTypeHolds) {
  Block block;
  Value x = block.addArgument(b.getI8Type(), loc);
  EXPECT_EQ(IntegerRanges().of(x), ConstantIntRanges::maxRange(8));
}

TEST_F(Ranges, OfExpressionsHoldTheirValues) {
  AffineExpr i = getAffineDimExpr(0, &context), w = getAffineSymbolExpr(0, &context);
  AffineRanges ranges;
  ranges.addSymbol({3, 5});
  std::optional<Span> sum = ranges.of(i + w * 2);
  ASSERT_TRUE(sum);
  EXPECT_LE(sum->low, -1 + 3 * 2);
  EXPECT_GE(sum->high, kPositions.high + 5 * 2);
  std::optional<Span> rest = ranges.of((i + w) % 8);
  ASSERT_TRUE(rest);
  EXPECT_LE(rest->low, 0);
  EXPECT_GE(rest->high, 7);
  EXPECT_LT(rest->high, 64);
}

// 64 bits would not hold it, or a part of it that the rest takes back.
TEST_F(Ranges, SayWhatMustNotBeComputed) {
  AffineExpr i = getAffineDimExpr(0, &context), j = getAffineDimExpr(1, &context);
  AffineRanges ranges;
  EXPECT_TRUE(ranges.fits(i * 1000 - j));
  EXPECT_FALSE(ranges.fits(i * (int64_t(1) << 30)));
  EXPECT_FALSE(ranges.fits((i * (int64_t(1) << 30) + j).floorDiv(7)));
  EXPECT_FALSE(ranges.fits(getAffineConstantExpr(INT64_MAX, &context)));
}
