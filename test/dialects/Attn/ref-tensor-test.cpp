//===- ref-tensor-test.cpp - Bytes, rounding and comparison ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/RefTensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace attnc::attn;

namespace {
class RefTensors : public testing::Test {
protected:
  MLIRContext context{MLIRContext::Threading::DISABLED};
  Builder b{&context};

  RefTensor make(Type type, std::vector<double> values) {
    RefTensor tensor(type, {static_cast<int64_t>(values.size())});
    tensor.floats = std::move(values);
    return tensor;
  }
  /// Through bytes of `type` and back.
  RefTensor throughBytes(const RefTensor &tensor) {
    return *fromBytes(tensor.elementType, tensor.shape, toBytes(tensor));
  }
};
} // namespace

TEST_F(RefTensors, floatsRoundToNearestEven) {
  // 1 + 2^-8 lies half way between two bf16 numbers, 1 + 3 * 2^-8 as well; 65520 is the first that f16 rounds to inf.
  RefTensor bf16 = throughBytes(make(b.getBF16Type(), {1 + 1.0 / 256, 1 + 3.0 / 256, -0.0, INFINITY}));
  EXPECT_EQ(bf16.floats, (std::vector<double>{1, 1 + 1.0 / 64, -0.0, INFINITY}));
  EXPECT_TRUE(std::signbit(bf16.floats[2]));
  RefTensor f16 = throughBytes(make(b.getF16Type(), {65519, 65520, 1e-8, 6e-8}));
  EXPECT_EQ(f16.floats, (std::vector<double>{65504, INFINITY, 0, std::ldexp(1.0, -24)}));
  RefTensor f32 = throughBytes(make(b.getF32Type(), {0.1, 1e39, 1e-46}));
  EXPECT_EQ(f32.floats, (std::vector<double>{0.1f, INFINITY, 0}));
  EXPECT_TRUE(std::isnan(throughBytes(make(b.getF16Type(), {NAN})).floats[0]));
}

TEST_F(RefTensors, roundingOnceNotTwice) {
  // Through f32 this would become the tie 1 + 2^-11 and then even 1; rounded once it is above the tie.
  double value = 1 + std::ldexp(1.0, -11) + std::ldexp(1.0, -40);
  EXPECT_EQ(roundTo(b.getF16Type(), value), 1 + std::ldexp(1.0, -10));
}

TEST_F(RefTensors, integersKeepTheirSign) {
  std::vector<char> bytes{'\xff', '\x7f', '\x80', 1};
  EXPECT_EQ(fromBytes(b.getI8Type(), {4}, bytes)->ints, (std::vector<int64_t>{-1, 127, -128, 1}));
  EXPECT_EQ(fromBytes(b.getI16Type(), {2}, bytes)->ints, (std::vector<int64_t>{32767, 384}));
  EXPECT_EQ(fromBytes(b.getI1Type(), {2, 2}, bytes)->ints, (std::vector<int64_t>{1, 1, 1, 1}));
  RefTensor wide(b.getI64Type(), {1});
  wide.ints = {INT64_MIN};
  EXPECT_EQ(throughBytes(wide).ints[0], INT64_MIN);
}

TEST_F(RefTensors, refusesWhatDoesNotFit) {
  std::vector<char> bytes(8);
  EXPECT_TRUE(succeeded(fromBytes(b.getF32Type(), {2}, bytes)));
  EXPECT_TRUE(failed(fromBytes(b.getF32Type(), {3}, bytes)));
  EXPECT_TRUE(failed(fromBytes(b.getF32Type(), {-2}, bytes)));
  EXPECT_TRUE(failed(fromBytes(ComplexType::get(b.getF32Type()), {1}, bytes)));
  EXPECT_TRUE(succeeded(fromBytes(b.getF32Type(), {0, 7}, {})));
}

TEST_F(RefTensors, sizesAreChecked) {
  EXPECT_EQ(sizeOf({}), 1);
  EXPECT_EQ(sizeOf({2, 3}), 6);
  EXPECT_EQ(sizeOf({int64_t(1) << 62, 0}), 0);
  EXPECT_EQ(sizeOf({int64_t(1) << 40}), int64_t(1) << 40);
  EXPECT_EQ(sizeOf({int64_t(1) << 32, int64_t(1) << 32}), std::nullopt);
  EXPECT_EQ(sizeOf({-1}), std::nullopt);
}

TEST_F(RefTensors, comparesRelativeToTheLargest) {
  RefTensor reference = make(b.getF32Type(), {100, 0, 1}), got = make(b.getF32Type(), {100, 1e-4, 1});
  Comparison comparison = compare(got, reference);
  EXPECT_DOUBLE_EQ(comparison.maxAbsolute, 1e-4);
  EXPECT_DOUBLE_EQ(comparison.maxRelative, 1e-6);
  EXPECT_EQ(comparison.worst, 1);
  EXPECT_TRUE(comparison.within(1e-6));
  EXPECT_FALSE(comparison.within(9e-7));
  // Below 1 the error is absolute.
  EXPECT_DOUBLE_EQ(compare(make(b.getF32Type(), {0.25}), make(b.getF32Type(), {0.125})).maxRelative, 0.125);
}

TEST_F(RefTensors, countsUlpsOfTheType) {
  EXPECT_EQ(compare(make(b.getF32Type(), {1 + std::ldexp(1.0, -23)}), make(b.getF32Type(), {1})).maxUlps, 1);
  EXPECT_EQ(compare(make(b.getBF16Type(), {2 + std::ldexp(1.0, -6)}), make(b.getBF16Type(), {2})).maxUlps, 1);
  EXPECT_EQ(compare(make(b.getF32Type(), {std::ldexp(1.0, -149)}), make(b.getF32Type(), {0})).maxUlps, 1);
}

TEST_F(RefTensors, nanAndInfinityMatchInPlace) {
  auto mismatches = [&](double got, double reference) {
    return compare(make(b.getF32Type(), {got}), make(b.getF32Type(), {reference})).mismatches;
  };
  EXPECT_EQ(mismatches(NAN, NAN), 0);
  EXPECT_EQ(mismatches(NAN, 1), 1);
  EXPECT_EQ(mismatches(1, NAN), 1);
  EXPECT_EQ(mismatches(INFINITY, INFINITY), 0);
  EXPECT_EQ(mismatches(INFINITY, -INFINITY), 1);
  EXPECT_EQ(mismatches(INFINITY, 3e38), 1);
  EXPECT_EQ(mismatches(INFINITY, 1e39), 0) << "the reference overflows f32";
  EXPECT_FALSE(compare(make(b.getF32Type(), {NAN}), make(b.getF32Type(), {1})).within(INFINITY));
}

TEST_F(RefTensors, integersAreEqualOrNot) {
  RefTensor a(b.getI64Type(), {3}), c(b.getI64Type(), {3});
  a.ints = {1, 2, 3};
  c.ints = {1, 5, 3};
  EXPECT_TRUE(compare(a, a).within(0));
  EXPECT_FALSE(compare(a, c).within(1e9));
  EXPECT_EQ(describe(compare(a, c), a, c), "1 of 3 places do not match, the first at [1]: got 2, the reference is 5");
}

TEST_F(RefTensors, shapesMustAgree) {
  RefTensor a(b.getF32Type(), {2, 3}), c(b.getF32Type(), {3, 2});
  EXPECT_FALSE(compare(a, c).within(1));
  EXPECT_EQ(describe(compare(a, c), a, c), "got tensor<2x3xf32>, the reference is tensor<3x2xf32>");
}

TEST_F(RefTensors, prints) {
  RefTensor tensor(b.getF32Type(), {2, 2});
  tensor.floats = {1, -0.5, -NAN, 1.0 / 3};
  std::string text;
  llvm::raw_string_ostream stream(text);
  print(stream, tensor);
  EXPECT_EQ(text, "tensor<2x2xf32> [[1, -0.5], [nan, 0.333333]]");
  text.clear();
  print(stream, RefTensor(b.getI32Type(), {int64_t(1) << 60, 0}));
  EXPECT_EQ(text, "tensor<1152921504606846976x0xi32> []");
}
