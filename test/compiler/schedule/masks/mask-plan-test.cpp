//===- mask-plan-test.cpp - Library masks' blocks against brute force -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every mask of the standard library, written in .attn, is asked about boxes of queries and keys and compared with its
// elements one by one: for all lengths up to 64, and for random large ones. With constant bounds the emitted scalar
// operations fold to constants, so nothing has to be run.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Import.h"
#include "compiler/pipeline/Dialects.h"
#include "compiler/schedule/masks/MaskPlan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"
#include <random>

using namespace mlir;
using namespace attnc::schedule;

namespace {

int64_t floorDiv(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

struct MaskCase {
  const char *text;
  bool (*allowed)(int64_t i, int64_t j, int64_t M, int64_t N);
  bool exact = true; ///< blocks are never called partial that are empty or full
};

/// distance(i, j) = i + N - M - j
#define MASK(condition)                                                                                                \
  [](int64_t i, int64_t j, int64_t M, int64_t N) -> bool {                                                             \
    int64_t pos = i + N - M, distance = pos - j;                                                                       \
    (void)pos, (void)distance;                                                                                         \
    return condition;                                                                                                  \
  }

const MaskCase kCases[] = {
    {"causal", MASK(j <= pos)},
    {"causal_start", MASK(j <= i)},
    {"anticausal", MASK(j >= pos)},
    {"block_causal(16)", MASK(floorDiv(j, 16) <= floorDiv(pos, 16))},
    {"causal and window(10)", MASK(distance >= 0 && distance < 10)},
    {"causal_start and window_start(10)", MASK(i >= j && i - j < 10)},
    {"sliding(3, 5)", MASK(distance <= 3 && distance >= -5)},
    {"prefix(7)", MASK(j < 7 || j <= pos)},
    {"causal and (window(10) or sinks(4))", MASK(distance >= 0 && (distance < 10 || j < 4))},
    {"longformer(5, 3)", MASK((distance <= 5 && distance >= -5) || j < 3 || pos < 3)},
    {"block_diagonal(8)", MASK(floorDiv(pos, 8) == floorDiv(j, 8))},
    {"chunked(12)", MASK(distance >= 0 && floorDiv(pos, 12) == floorDiv(j, 12))},
    {"not causal", MASK(j > pos)},
    {"not (causal and window(10))", MASK(distance < 0 || distance >= 10)},
    {"j <= min(pos, 20)", MASK(j <= pos && j <= 20)},
    {"abs(distance) < 6", MASK(std::abs(distance) < 6)},
    {"abs(clamp(pos, 6, N - 7) - j) <= 6", MASK(std::abs(std::min(std::max(pos, int64_t(6)), N - 7) - j) <= 6)},
    {"select(j < 5, true, causal)", MASK(j < 5 || j <= pos)},
    {"3 * j <= 2 * i", MASK(3 * j <= 2 * i)},
    {"j >= N", MASK(false)},
    {"causal and dilated(3)", MASK(distance >= 0 && distance % 3 == 0), false},
    {"i * j > 9", MASK(i * j > 9), false},
};
#undef MASK

struct Box {
  int64_t i0, i1, j0, j1, M, N;
};

class MaskPlanTest : public testing::TestWithParam<MaskCase> {
protected:
  MaskPlanTest() {
    DialectRegistry registry;
    attnc::registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    std::string text =
        "attention f(q: f32[M, 4], k: f32[N, 4], v: f32[N, 4]) -> f32[M, 4] { mask = " + std::string(GetParam().text) +
        " }";
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, "mask.attn"), llvm::SMLoc());
    auto imported = attnc::spec::importSpec(sources, &context, {});
    EXPECT_TRUE(succeeded(imported));
    if (succeeded(imported))
      module = std::move(*imported);
    module->walk([&](attnc::attn::AttentionOp op) { attention = op; });
  }

  /// Runs `use` with a plan whose lengths are constants.
  template <typename Use>
  void withPlan(int64_t M, int64_t N, Use use) {
    OwningOpRef<ModuleOp> scratch = ModuleOp::create(UnknownLoc::get(&context));
    OpBuilder b = OpBuilder::atBlockBegin(scratch->getBody());
    auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(b, b.getUnknownLoc(), value).getResult(); };
    MaskPlan plan(attention);
    plan.emitHead(b, b.getUnknownLoc(), {index(0), index(0), Value(), Value(), index(M), index(N)});
    use(plan, b, index);
  }

  static int64_t fold(Value value) {
    APInt constant;
    EXPECT_TRUE(matchPattern(value, m_ConstantInt(&constant))) << "did not fold";
    return constant.getBitWidth() == 1 ? constant.getZExtValue() : constant.getSExtValue();
  }

  void check(const Box &box);

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  attnc::attn::AttentionOp attention;
};

void MaskPlanTest::check(const Box &box) {
  bool someAllowed = false, someMasked = false;
  std::vector<bool> keys(box.j1 - box.j0 + 1), queries(box.i1 - box.i0 + 1);
  for (int64_t i = box.i0; i <= box.i1; ++i)
    for (int64_t j = box.j0; j <= box.j1; ++j) {
      bool allowed = GetParam().allowed(i, j, box.M, box.N);
      (allowed ? someAllowed : someMasked) = true;
      keys[j - box.j0] = keys[j - box.j0] || allowed;
      queries[i - box.i0] = queries[i - box.i0] || allowed;
    }
  SCOPED_TRACE(testing::Message() << "i " << box.i0 << ".." << box.i1 << ", j " << box.j0 << ".." << box.j1 << ", M "
                                  << box.M << ", N " << box.N);
  withPlan(box.M, box.N, [&](MaskPlan &plan, OpBuilder &b, auto index) {
    Location loc = b.getUnknownLoc();
    IndexRange i{index(box.i0), index(box.i1)}, j{index(box.j0), index(box.j1)};
    BlockTruth truth = plan.emitTruth(b, loc, i, j);
    if (GetParam().exact) {
      ASSERT_EQ(fold(truth.someAllowed), someAllowed);
      ASSERT_EQ(fold(truth.someMasked), someMasked);
    } else {
      ASSERT_GE(fold(truth.someAllowed), someAllowed);
      ASSERT_GE(fold(truth.someMasked), someMasked);
    }
    // No allowed pair lies outside of the intervals that are walked, in either direction.
    auto covers = [&](unsigned dim, IndexRange others, int64_t length, int64_t first, const std::vector<bool> &met) {
      std::vector<std::pair<int64_t, int64_t>> ranges;
      for (IndexRange range : plan.emitRanges(b, loc, dim, others, index(length)))
        ranges.push_back({fold(range.low), fold(range.high)});
      for (size_t at = 0; at < met.size(); ++at)
        if (met[at])
          ASSERT_TRUE(llvm::any_of(
              ranges,
              [&](auto range) { return range.first <= first + int64_t(at) && first + int64_t(at) <= range.second; }))
              << (dim == kKeyDim ? "key " : "query ") << first + at;
    };
    covers(kKeyDim, i, box.N, box.j0, keys);
    covers(kQueryDim, j, box.M, box.i0, queries);
  });
}
} // namespace

/// Every pair of lengths up to 64: the whole square, and for a third of them a random box of it.
TEST_P(MaskPlanTest, smallLengths) {
  ASSERT_TRUE(attention);
  std::mt19937 random(1);
  auto pick = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  for (int64_t M = 1; M <= 64 && !HasFatalFailure(); ++M)
    for (int64_t N = 1; N <= 64 && !HasFatalFailure(); ++N) {
      check({0, M - 1, 0, N - 1, M, N});
      if ((M + N) % 3)
        continue;
      int64_t i0 = pick(0, M - 1), j0 = pick(0, N - 1);
      check({i0, pick(i0, M - 1), j0, pick(j0, N - 1), M, N});
    }
}

/// Blocks of 64 x 64 somewhere in long sequences, near the diagonal and far from it.
TEST_P(MaskPlanTest, largeLengths) {
  ASSERT_TRUE(attention);
  std::mt19937_64 random(2);
  auto pick = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  for (int round = 0; round < 200 && !HasFatalFailure(); ++round) {
    int64_t M = pick(64, 1 << 20), N = pick(64, 1 << 20), i0 = pick(0, M - 64);
    int64_t j0 = round % 2 ? pick(0, N - 64) : std::clamp<int64_t>(i0 + N - M + pick(-100, 100), 0, N - 64);
    check({i0, i0 + 63, j0, j0 + 63, M, N});
  }
}

static std::string nameOf(const testing::TestParamInfo<MaskCase> &info) {
  std::string name = info.param.text;
  for (char &c : name)
    c = std::isalnum(c) ? c : '_';
  return name + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Library, MaskPlanTest, testing::ValuesIn(kCases), nameOf);

/// Where one conjunction says everything, its interval is exact: no empty block is walked.
using TightMaskPlan = MaskPlanTest;

TEST_P(TightMaskPlan, walksNothingElse) {
  for (auto [M, N] : {std::pair(40, 40), std::pair(20, 64), std::pair(64, 20)})
    for (int64_t i = 0; i < M; ++i)
      withPlan(M, N, [&, M = M, N = N](MaskPlan &plan, OpBuilder &b, auto index) {
        IndexRange range = plan.emitRanges(b, b.getUnknownLoc(), kKeyDim, {index(i), index(i)}, index(N)).front();
        int64_t count = 0, walked = std::max<int64_t>(0, fold(range.high) - fold(range.low) + 1);
        for (int64_t j = 0; j < N; ++j)
          count += GetParam().allowed(i, j, M, N);
        EXPECT_EQ(walked, count) << "query " << i << " of " << M << ", " << N << " keys";
      });
}

INSTANTIATE_TEST_SUITE_P(Intervals, TightMaskPlan, testing::ValuesIn(llvm::ArrayRef(kCases).take_front(7)), nameOf);
