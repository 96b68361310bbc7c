//===- merge-test.cpp - attnc_merge ---------------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Tensors.h"
#include "runtime/cpu/Exponential.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>
#include <memory>
#include <random>
#include <rapidcheck/gtest.h>

using namespace attnc::test;
using testing::HasSubstr;

static constexpr float inf = INFINITY;

namespace {
/// Results and parts of one shape, right in everything unless a test changes it.
template <typename Value = float, typename Result = float>
struct Merging {
  Tensor<Result> o;
  Tensor<float> lse;
  std::vector<std::unique_ptr<Tensor<Value>>> partO;
  std::vector<std::unique_ptr<Tensor<float>>> partLse;
  std::vector<attnc_part> parts;
  attnc_options options = attnc_options_init();
  char why[512] = "untouched";

  Merging(std::vector<int64_t> shape, int numParts, DLDataType type = f32, DLDataType resultType = f32)
      : o(resultType, shape), lse(f32, std::vector<int64_t>(shape.begin(), shape.end() - 1)) {
    for (int p = 0; p < numParts; ++p) {
      partO.push_back(std::make_unique<Tensor<Value>>(type, shape));
      partLse.push_back(std::make_unique<Tensor<float>>(f32, lse.shape));
      parts.push_back({*partO[p], *partLse[p]});
    }
    options.message = why;
    options.message_capacity = sizeof why;
  }
  attnc_status merge() { return attnc_merge(parts.data(), static_cast<int>(parts.size()), o, lse, &options); }
};

/// One row of an attention in f64: keys are a score and a value each.
struct Row {
  std::vector<double> o;
  double lse;
};
Row attend(const std::vector<double> &scores, const std::vector<std::vector<double>> &values, size_t begin, size_t end,
           size_t features) {
  double max = -inf, sum = 0;
  for (size_t j = begin; j < end; ++j)
    max = std::max(max, scores[j]);
  Row row{std::vector<double>(features), -inf};
  for (size_t j = begin; j < end && max > -inf; ++j) {
    double weight = std::exp(scores[j] - max);
    sum += weight;
    for (size_t e = 0; e < features; ++e)
      row.o[e] += weight * values[j][e];
  }
  for (double &value : row.o)
    value = sum > 0 ? value / sum : 0;
  row.lse = sum > 0 ? max + std::log(sum) : -inf;
  return row;
}
} // namespace

// Keys that are split at random places, attended apart and merged, are attended as a whole.
RC_GTEST_PROP(Merge, OfSplitKeysIsTheWhole, ()) {
  auto numParts = *rc::gen::inRange(1, 6);
  auto rows = *rc::gen::inRange<int64_t>(1, 20);
  auto features = *rc::gen::inRange<int64_t>(0, 70);
  auto numKeys = *rc::gen::inRange<size_t>(0, 12);
  std::mt19937 random(*rc::gen::arbitrary<uint32_t>());
  std::normal_distribution<double> normal;
  Merging call({rows, features}, numParts);
  std::vector<Row> whole;
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<double> scores;
    std::vector<std::vector<double>> values(numKeys, std::vector<double>(features));
    std::vector<size_t> cuts{0, numKeys};
    for (size_t j = 0; j < numKeys; ++j)
      scores.push_back(random() % 4 == 0 ? -inf : 20 * normal(random));
    for (auto &value : values)
      for (double &element : value)
        element = normal(random);
    for (int p = 1; p < numParts; ++p)
      cuts.push_back(random() % (numKeys + 1));
    std::sort(cuts.begin(), cuts.end());
    for (int p = 0; p < numParts; ++p) {
      Row part = attend(scores, values, cuts[p], cuts[p + 1], features);
      call.partLse[p]->values[r] = static_cast<float>(part.lse);
      for (int64_t e = 0; e < features; ++e) // what a part without keys holds is not read
        call.partO[p]->values[r * features + e] = part.lse == -inf ? NAN : static_cast<float>(part.o[e]);
    }
    whole.push_back(attend(scores, values, 0, numKeys, features));
  }
  RC_ASSERT(call.merge() == ATTNC_OK);
  for (int64_t r = 0; r < rows; ++r) {
    if (whole[r].lse == -inf)
      RC_ASSERT(call.lse.values[r] == -inf);
    else // the parts' lse are rounded, which moves it and each weight by as much
      RC_ASSERT(std::abs(call.lse.values[r] - whole[r].lse) <= 0x1p-23 * (1 + std::abs(whole[r].lse)));
    for (int64_t e = 0; e < features; ++e)
      RC_ASSERT(std::abs(call.o.values[r * features + e] - whole[r].o[e]) <= 6 * 0x1p-22 * 80);
  }
}

// Layouts do not change a bit, nor do threads: [B][M][H][E] as [B][H][M][E], the lse of one part transposed.
TEST(Merge, ReadsAndWritesAnyStrides) {
  Merging plain({2, 3, 5, 40}, 2), strided({2, 3, 5, 40}, 2);
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t h = 0; h < 3; ++h)
      for (int64_t m = 0; m < 5; ++m) {
        int64_t row = (b * 3 + h) * 5 + m, moved = (b * 5 + m) * 3 + h;
        for (int p = 0; p < 2; ++p) {
          plain.partLse[p]->values[row] = strided.partLse[p]->values[p ? moved : row] = static_cast<float>(row % 7 - p);
          for (int64_t e = 0; e < 40; ++e)
            plain.partO[p]->values[row * 40 + e] = strided.partO[p]->values[moved * 40 + e] =
                static_cast<float>((row * 31 + e * 7 + p) % 101);
        }
      }
  for (auto &o : strided.partO)
    o->setStrides({600, 40, 120, 1});
  strided.partLse[1]->setStrides({15, 1, 3});
  strided.o.setStrides({600, 40, 120, 1});
  strided.lse.setStrides({15, 1, 3});
  attnc_context *context;
  ASSERT_EQ(attnc_context_create(3, &context), ATTNC_OK);
  strided.options.context = context;
  ASSERT_EQ(plain.merge(), ATTNC_OK) << plain.why;
  ASSERT_EQ(strided.merge(), ATTNC_OK) << strided.why;
  attnc_context_destroy(context);
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t h = 0; h < 3; ++h)
      for (int64_t m = 0; m < 5; ++m) {
        int64_t row = (b * 3 + h) * 5 + m, moved = (b * 5 + m) * 3 + h;
        EXPECT_EQ(plain.lse.values[row], strided.lse.values[moved]);
        for (int64_t e = 0; e < 40; ++e)
          EXPECT_EQ(plain.o.values[row * 40 + e], strided.o.values[moved * 40 + e]);
      }
}

TEST(Merge, SharesManyRowsOutAmongThreads) {
  Merging call({5000, 8}, 3);
  for (auto &o : call.partO)
    for (size_t i = 0; i < o->values.size(); ++i)
      o->values[i] = static_cast<float>(i);
  attnc_context *context;
  ASSERT_EQ(attnc_context_create(4, &context), ATTNC_OK);
  call.options.context = context;
  ASSERT_EQ(call.merge(), ATTNC_OK) << call.why;
  attnc_context_destroy(context);
  for (size_t i = 0; i < call.o.values.size(); ++i)
    ASSERT_NEAR(call.o.values[i], static_cast<float>(i), 0x1p-22 * static_cast<double>(i));
}

TEST(Merge, OfOnePartIsThatPart) {
  for (int numParts : {1, 3}) {
    Merging call({1, 35}, numParts);
    for (auto &lse : call.partLse)
      lse->values[0] = -inf;
    call.partLse.back()->values[0] = -1234.5f;
    for (int e = 0; e < 35; ++e)
      call.partO.back()->values[e] = e == 34 ? -0.0f : 1.0f / static_cast<float>(e - 10.5);
    ASSERT_EQ(call.merge(), ATTNC_OK);
    EXPECT_EQ(call.lse.values[0], -1234.5f);
    EXPECT_EQ(memcmp(call.o.values.data(), call.partO.back()->values.data(), 35 * 4), 0);
  }
}

TEST(Merge, RowsWithoutKeysAreZero) {
  for (int numParts : {0, 2}) {
    Merging call({3, 33}, numParts);
    for (auto &lse : call.partLse)
      lse->values = {-inf, -inf, -inf};
    for (auto &o : call.partO)
      std::fill(o->values.begin(), o->values.end(), NAN);
    std::fill(call.o.values.begin(), call.o.values.end(), NAN);
    ASSERT_EQ(call.merge(), ATTNC_OK);
    EXPECT_THAT(call.lse.values, testing::Each(-inf));
    EXPECT_THAT(call.o.values, testing::Each(0.0f));
  }
}

// attention_a6
TEST(Merge, NaNAndInfinityStayInTheirRow) {
  Merging call({4, 2}, 2);
  call.partLse[0]->values = {0, NAN, 0, -inf};
  call.partLse[1]->values = {0, 0, inf, 0};
  ASSERT_EQ(call.merge(), ATTNC_OK);
  for (int r = 0; r < 4; ++r) {
    bool isBad = r == 1 || r == 2;
    EXPECT_EQ(std::isnan(call.lse.values[r]), isBad) << r;
    for (int e = 0; e < 2; ++e)
      EXPECT_EQ(std::isnan(call.o.values[r * 2 + e]), isBad) << r;
  }
}

TEST(Merge, ReplacesAPart) {
  Merging call({9, 64}, 2);
  for (int p = 0; p < 2; ++p)
    for (size_t i = 0; i < 9 * 64; ++i)
      call.partO[p]->values[i] = static_cast<float>(i % 13) - static_cast<float>(p);
  ASSERT_EQ(call.merge(), ATTNC_OK);
  ASSERT_EQ(attnc_merge(call.parts.data(), 2, *call.partO[1], *call.partLse[0], &call.options), ATTNC_OK) << call.why;
  EXPECT_EQ(call.partO[1]->values, call.o.values);
  EXPECT_EQ(call.partLse[0]->values, call.lse.values);
  EXPECT_EQ(attnc_merge(call.parts.data(), 2, call.o, nullptr, &call.options), ATTNC_OK) << call.why;
}

TEST(Merge, OfDoublesIsInDoubles) {
  Merging<double, double> call({1, 40}, 2, {kDLFloat, 64, 1}, {kDLFloat, 64, 1});
  Tensor<double> lse0({kDLFloat, 64, 1}, {1}), lse1({kDLFloat, 64, 1}, {1}), lse({kDLFloat, 64, 1}, {1});
  lse0.values = {1.0 / 3};
  lse1.values = {-1.0 / 7};
  call.parts = {{*call.partO[0], lse0}, {*call.partO[1], lse1}};
  for (int e = 0; e < 40; ++e) {
    call.partO[0]->values[e] = 1.0 / (e + 1);
    call.partO[1]->values[e] = -1.0 / (e + 3);
  }
  ASSERT_EQ(attnc_merge(call.parts.data(), 2, call.o, lse, nullptr), ATTNC_OK);
  double a = std::exp(1.0 / 3), b = std::exp(-1.0 / 7);
  EXPECT_NEAR(lse.values[0], std::log(a + b), 4e-16);
  for (int e = 0; e < 40; ++e)
    EXPECT_NEAR(call.o.values[e], (a / (e + 1) - b / (e + 3)) / (a + b), 4e-16);
}

// A result of 16 bits is the f32 result rounded once to nearest, ties to even: every boundary between two halves.
template <typename Wide>
static void expectRounded(DLDataType type, int fromBits, Wide widen) {
  std::vector<float> wide;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    wide.push_back(widen(static_cast<uint16_t>(bits)));
  auto count = static_cast<int64_t>(wide.size());
  Merging<uint16_t, uint16_t> same({1, count}, 1, type, type);
  for (int64_t i = 0; i < count; ++i)
    same.partO[0]->values[i] = static_cast<uint16_t>(i);
  ASSERT_EQ(same.merge(), ATTNC_OK) << same.why;
  Merging<float, uint16_t> rounded({1, count}, 1, f32, type);
  for (int64_t i = 0; i < count; ++i) // half a unit above; the last one of each sign is its own neighbour
    rounded.partO[0]->values[i] =
        __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, wide[i]) + (1u << (fromBits - 1)));
  ASSERT_EQ(rounded.merge(), ATTNC_OK) << rounded.why;
  for (int64_t i = 0; i < count; ++i) {
    if (std::isnan(wide[i]))
      EXPECT_TRUE(std::isnan(widen(same.o.values[i])));
    else
      ASSERT_EQ(same.o.values[i], i);
    if (std::isnormal(wide[i]) && std::abs(wide[i]) >= 0x1p-14f) // even neighbours win
      ASSERT_EQ(rounded.o.values[i], i % 2 ? i + 1 : i) << wide[i];
  }
}

TEST(Merge, RoundsToBf16) {
  expectRounded(bf16, 16, [](uint16_t bits) { return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16); });
}
TEST(Merge, RoundsToF16) {
  expectRounded(f16, 13, [](uint16_t bits) {
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    double value = exponent == 0    ? std::ldexp(mantissa, -24)
                   : exponent == 31 ? (mantissa ? NAN : inf)
                                    : std::ldexp(1024 + mantissa, exponent - 25);
    return static_cast<float>(bits & 0x8000 ? -value : value);
  });
}

RC_GTEST_PROP(Exponential, IsRightToTwoUnits, (uint32_t numerator)) {
  double x = -static_cast<double>(numerator) * 0x1p-32 * *rc::gen::element(1e-9, 0.3, 40.0, 708.0);
  RC_ASSERT(std::abs(attnc::rt::expOfNegative(x) / std::exp(x) - 1) <= 0x1p-51);
  double y = 1 + -x;
  RC_ASSERT(std::abs(attnc::rt::logOfLarge(y) - std::log(y)) <= 0x1p-51 * std::log(y));
}

TEST(Exponential, OfEndsIsExact) {
  EXPECT_EQ(attnc::rt::expOfNegative(0), 1);
  EXPECT_EQ(attnc::rt::expOfNegative(-INFINITY), 0);
  EXPECT_EQ(attnc::rt::logOfLarge(1), 0);
  EXPECT_TRUE(std::isnan(attnc::rt::expOfNegative(NAN)));
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

namespace {
struct MergeErrors : testing::Test {
  Merging<> call{{2, 3, 4}, 2};

  void expectError(const char *text) {
    std::fill(call.o.values.begin(), call.o.values.end(), 7.0f);
    EXPECT_EQ(call.merge(), ATTNC_INVALID_ARGUMENT);
    EXPECT_THAT(call.why, HasSubstr(text));
    EXPECT_THAT(call.o.values, testing::Each(7.0f));
  }
};
} // namespace

TEST_F(MergeErrors, Missing) {
  call.parts[1].lse = nullptr;
  expectError("parts[1].lse: the tensor is NULL");
  call.parts[0].o = nullptr;
  expectError("parts[0].o: the tensor is NULL");
  EXPECT_EQ(attnc_merge(call.parts.data(), 2, nullptr, nullptr, &call.options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(call.why, "o: the tensor is NULL");
  EXPECT_EQ(attnc_merge(nullptr, 2, call.o, nullptr, &call.options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(call.why, "parts: expected 0 to 1024, got 2 at NULL");
  EXPECT_EQ(attnc_merge(call.parts.data(), 1025, call.o, nullptr, &call.options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(call.why, "parts: expected 0 to 1024, got 1025");
  EXPECT_EQ(attnc_merge(call.parts.data(), -1, call.o, nullptr, &call.options), ATTNC_INVALID_ARGUMENT);
}

TEST_F(MergeErrors, NoData) {
  call.partO[1]->view.data = nullptr;
  expectError("parts[1].o: data is NULL");
}

TEST_F(MergeErrors, Shapes) {
  Tensor<float> other(f32, {2, 3, 5}), flat(f32, {6, 4}), transposed(f32, {3, 2});
  call.parts[1].o = other;
  expectError("parts[1].o: expected f32[2, 3, 4], got f32[2, 3, 5]");
  call.parts[1].o = flat;
  expectError("parts[1].o: expected f32[2, 3, 4], got f32[6, 4]");
  call.parts[1] = {*call.partO[1], transposed};
  expectError("parts[1].lse: expected f32[2, 3] or f64, got f32[3, 2]");
}

TEST_F(MergeErrors, Types) {
  Tensor<uint16_t> narrow(bf16, {2, 3, 4});
  Tensor<int64_t> integers(i64, {2, 3});
  call.parts[0].o = narrow;
  expectError("parts[0].o: expected f32[2, 3, 4], got bf16[2, 3, 4]");
  call.parts[0] = {*call.partO[0], integers};
  expectError("parts[0].lse: expected f32[2, 3] or f64, got i64[2, 3]");
  EXPECT_EQ(attnc_merge(call.parts.data(), 2, integers, nullptr, &call.options), ATTNC_INVALID_ARGUMENT);
  EXPECT_THAT(call.why, HasSubstr("o: expected f32, f64, f16 or bf16 with a dimension of features, got i64[2, 3]"));
}

TEST_F(MergeErrors, Places) {
  call.partO[0]->setStrides({1, 2, 6});
  expectError("parts[0].o: must have its features next to each other (the last stride 1)");
  call.partO[0]->view.strides = nullptr;
  call.partO[0]->view.byte_offset = 1;
  expectError("parts[0].o: must be aligned to its element");
  call.partO[0]->view.byte_offset = 0;
  call.lse.setStrides({0, 1});
  expectError("lse: is written, and needs positive strides");
}

TEST_F(MergeErrors, Overlaps) {
  std::vector<float> memory(60);
  Tensor<float> shifted(f32, {2, 3, 4});
  shifted.view.data = &call.o.values[4];
  call.parts[1].o = shifted;
  expectError("o: overlaps with parts[1].o, but is not the same tensor");
  call.parts[1].o = *call.partO[1];
  call.lse.view.data = call.partO[0]->values.data();
  expectError("lse: overlaps with parts[0].o");
  call.lse.view.data = call.o.values.data();
  expectError("o: overlaps with lse");
}
