//===- masks-test.cpp - Random masks over integers of any size, compiled --===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Masks whose integers come near the ends of 64 bits, in the file and at run time, compiled and interpreted. All scores
// are equal, so that a row's result is the mean of the values that it may see: one pair too many or too few shows. Some
// masks are conditions of a score with a finite fill instead.
//
// ATTNC_TEST_SECONDS says for how long new masks are compiled (4 seconds if unset); ATTNC_TEST_SEED where they begin.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Import.h"
#include "test/compiler/frontend/spec/RandomMask.h"
#include "test/numerics/Interpreted.h"
#include "test/numerics/Modules.h"
#include "llvm/Support/SourceMgr.h"
#include <chrono>
#include <gtest/gtest.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;
using attn::RefTensor;

namespace {
class RandomMasks : public testing::Test {
protected:
  /// With `fills`, what is forbidden has a finite score instead: a row of nothing else sees all values.
  void check(llvm::StringRef mask, test::RandomMask &random, bool fills = false);
  std::vector<RefTensor> makeInputs(func::FuncOp function, test::RandomMask &random, int64_t M, int64_t N);

  std::unique_ptr<MLIRContext> context = makeContext();
};

/// Zeros in q and k, distinct values in v; the masks' integers as they like them.
std::vector<RefTensor> RandomMasks::makeInputs(func::FuncOp function, test::RandomMask &random, int64_t M, int64_t N) {
  std::vector<RefTensor> inputs;
  for (BlockArgument argument : function.getArguments()) {
    auto dims = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "attnc.dims");
    SmallVector<int64_t> shape;
    for (auto [extent, name] : llvm::zip(cast<RankedTensorType>(argument.getType()).getShape(), dims))
      shape.push_back(!ShapedType::isDynamic(extent) ? extent : cast<StringAttr>(name).getValue() == "M" ? M : N);
    Type element = getElementTypeOrSelf(argument.getType());
    RefTensor &input = inputs.emplace_back(element, shape);
    int64_t shift = 64 - (element.isInteger() ? element.getIntOrFloatBitWidth() : 64);
    for (int64_t &value : input.ints)
      value = element.isInteger(1) ? random.number() & 1 : random.number() >> shift;
    if (function.getArgAttr(argument.getArgNumber(), "attnc.sorted"))
      llvm::sort(input.ints);
    if (argument.getArgNumber() == 2)
      for (auto [at, value] : llvm::enumerate(input.floats))
        value = static_cast<double>((at * 37 + 11) % 64) / 16;
  }
  return inputs;
}

void RandomMasks::check(llvm::StringRef mask, test::RandomMask &random, bool fills) {
  std::string body = fills ? "score = s if " + mask.str() + " else -5000" : "mask = " + mask.str();
  std::string text = std::string("attention f(q: f32[M, D=1], k: f32[N, D], v: f32[N, D], ") +
                     test::RandomMask::kParameters + ") -> (o: f32[M, D], lse: f32[M]) { " + body + " }";
  SCOPED_TRACE(text);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, "mask.attn"), llvm::SMLoc());
  auto module = spec::importSpec(sources, context.get());
  ASSERT_TRUE(succeeded(module));
  std::unique_ptr<Compiled> compiled = Compiled::create(**module, testTarget());
  ASSERT_TRUE(compiled);
  if (!compiled->isRunnable())
    GTEST_SKIP() << "this machine has no " << testTarget();
  auto function = *(*module)->getOps<func::FuncOp>().begin();
  for (auto [M, N] : {std::pair<int64_t, int64_t>(1, 70), {19, 33}, {70, 150}, {5, 1}})
    for (int round = 0; round < 2; ++round) {
      SCOPED_TRACE(testing::Message() << "M " << M << ", N " << N);
      ASSERT_NO_FATAL_FAILURE(expectInterpreted(function, *compiled, makeInputs(function, random, M, N), 1e-5));
    }
}
} // namespace

TEST_F(RandomMasks, CompiledAreInterpreted) {
  const char *seconds = std::getenv("ATTNC_TEST_SECONDS"), *first = std::getenv("ATTNC_TEST_SEED");
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds ? std::atoi(seconds) : 4);
  uint64_t seed = first ? std::strtoull(first, nullptr, 10) : 1;
  for (; std::chrono::steady_clock::now() < end && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    test::RandomMask random(seed);
    check(random.generate(static_cast<int>(seed % 7)), random, /*fills=*/seed % 3 == 0);
  }
}

/// floor(x / c) of integers, by multiples of c and their neighbours: a product with the reciprocal is below some of them.
TEST_F(RandomMasks, DivideByConstants) {
  std::mt19937 numbers(11);
  test::RandomMask random(11);
  for (int round = 0; round < 4; ++round) {
    std::string mask = "(floor(j / 41) == 1)";
    for (int term = 0; term < 12; ++term) {
      std::string divisor = std::to_string(3 + numbers() % 60) + (numbers() % 4 ? "" : ".5");
      mask =
          "(" + mask + " != (floor(" + std::string(numbers() % 2 ? "j" : "(i + j)") + " / " + divisor + ") % 2 == 0))";
    }
    check(mask, random);
  }
}

/// Masks that were once wrong or ended the compiler.
TEST_F(RandomMasks, NearTheEnds) {
  test::RandomMask random(7);
  for (const char *mask :
       {"causal and window(w)", "causal and window(9223372036854775807)", "sliding(9223372036854775807, 0)",
        "sliding(u, w)", "abs(distance) < w", "i + w >= j", "j < w", "j < -9223372036854775807 - 1",
        "(j - i) * 4611686018427387904 > 0", "i - w < j - u", "near[i] - ids[j] < w", "docs[j] + w > i",
        "(flag == (j < w)) != (i < u)", "(min(M, b) != (b + j)) != ((16 - i) <= t < (j - b))"}) {
    check(mask, random);
    check(mask, random, /*fills=*/true);
  }
}
