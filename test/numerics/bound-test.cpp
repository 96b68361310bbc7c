//===- bound-test.cpp - The stated error bound, on data chosen against it -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bound must hold, and it must not be silly. Rounding errors of random data cancel; here they add up: sums of equal
// numbers whose roundings go the same way, long dot products of the same kind, weights that lose most when they are
// cut off. On each kind of data the largest error is within a factor of 50 of the bound.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Target.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/Parser/Parser.h"
#include "test/numerics/Modules.h"
#include "test/numerics/Variants.h"
#include <functional>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;

namespace {
/// q, k, v of one head: element (row, feature).
using Element = std::function<double(int64_t row, int64_t feature)>;
struct Data {
  Variant variant;
  Sizes sizes;
  Element q, k, v;
};

class Bound : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (failed(codegen::parseTarget(testTarget())))
      GTEST_SKIP() << "no target " << testTarget();
  }

  std::vector<RefTensor> inputsOf(const Data &data) {
    std::vector<RefTensor> inputs = numerics::makeInputs(data.variant, data.sizes, Poison::none, 1, context.get());
    auto fill = [](RefTensor &tensor, int64_t features, auto value) {
      for (int64_t at = 0; at < tensor.size(); ++at)
        tensor.floats[at] = attn::roundTo(cast<FloatType>(tensor.elementType), value(at / features, at % features));
    };
    fill(inputs[0], data.variant.D, data.q);
    fill(inputs[1], data.variant.D, data.k);
    fill(inputs[2], data.variant.E, data.v);
    return inputs;
  }

  /// The bound holds everywhere; returns its largest element over the largest error.
  double slack(const Data &data) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(moduleText(data.variant), context.get());
    std::unique_ptr<Compiled> compiled = Compiled::create(*module, testTarget());
    if (!compiled->isRunnable()) {
      std::cerr << "this machine has no " << testTarget() << "\n";
      return 1;
    }
    std::vector<RefTensor> inputs = inputsOf(data);
    attn::ErrorBounds bounds;
    bounds.bf16Dots = hasBf16Dots();
    auto exact = attn::interpret(module->lookupSymbol<func::FuncOp>("attention"), inputs, &bounds);
    std::string message;
    auto got = compiled->run(inputs, message);
    EXPECT_TRUE(succeeded(exact) && got && bounds.results.size() == got->size() && bounds.results[0]) << message;
    if (testing::Test::HasFailure())
      return 0;
    double largestError = 0, largestBound = 0;
    for (auto [output, bound] : llvm::enumerate(bounds.results))
      for (auto [mine, reference, limit] : llvm::zip((*got)[output].floats, (*exact)[output].floats, bound->floats)) {
        EXPECT_TRUE(mine == reference || std::abs(mine - reference) <= limit) << mine << " for " << reference;
        if (output == 0) {
          largestError = std::max(largestError, std::abs(mine - reference));
          largestBound = std::max(largestBound, limit);
        }
      }
    return largestBound / largestError;
  }

  Variant makeVariant(int64_t features, int64_t values) {
    return {.name = "bound", .H = 1, .G = 1, .D = features, .E = values, .type = GetParam()};
  }
  /// The code under test multiplies pairs of bf16.
  static bool hasBf16Dots();

  std::unique_ptr<MLIRContext> context = makeContext();
};

constexpr double kNotSilly = 50;
} // namespace

bool Bound::hasBf16Dots() { return codegen::parseTarget(testTarget())->hasDots(codegen::Element::bf16); }

/// All weights are 1. Each column of V repeats three numbers, whose sum rounds the same way for long; in f32 one number a
/// little above 1, which loses that little wherever sums of a block of keys grow beyond 32.
TEST_P(Bound, longSums) {
  Data data{makeVariant(4, 64), {1, 1, 4096}, {}, {}, {}};
  data.q = data.k = [](int64_t, int64_t) { return 0.0; };
  if (StringRef(GetParam()) == "f32")
    data.v = [](int64_t, int64_t e) { return 1.0 + static_cast<double>(e + 1) * 0x1p-23; };
  else
    data.v = [](int64_t j, int64_t e) { return 1.0 + static_cast<double>(e + j % 3) / 37.0; };
  EXPECT_LE(slack(data), kNotSilly);
}

/// Two keys; the score of one is a long sum of equal terms.
TEST_P(Bound, longProducts) {
  Data data{makeVariant(512, 2), {1, 200, 2}, {}, {}, {}};
  data.q = [](int64_t i, int64_t) { return 0.2 + static_cast<double>(i) / 1000.0; };
  data.k = [](int64_t j, int64_t) { return j == 0 ? 0.0 : 0.1; };
  data.v = [](int64_t j, int64_t e) { return j == e ? 1.0 : -1.0; };
  EXPECT_LE(slack(data), kNotSilly);
}

/// Two keys of all relative weights between 1 and 1/2.
TEST_P(Bound, weights) {
  Data data{makeVariant(2, 2), {1, 300, 2}, {}, {}, {}};
  data.q = [](int64_t i, int64_t) { return static_cast<double>(i) / 600.0; };
  data.k = [](int64_t j, int64_t) { return j == 0 ? 0.0 : -0.8; };
  data.v = [](int64_t j, int64_t e) { return j == e ? 1.0 : -1.0; };
  EXPECT_LE(slack(data), kNotSilly);
}

/// A weight below the smallest normal number is lost.
TEST_P(Bound, holdsForLostWeights) {
  Data data{makeVariant(1, 1), {1, 1, 2}, {}, {}, {}};
  data.q = [](int64_t, int64_t) { return 1.0; };
  data.k = [](int64_t j, int64_t) { return j == 0 ? 0.0 : -92.0; };
  data.v = [](int64_t j, int64_t) { return static_cast<double>(j); };
  slack(data);
}

/// Scores far apart, values of all sizes: rescaling, small weights; rows without keys; lse.
TEST_P(Bound, holdsOnRandomData) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  for (double size : {0.1, 3.0}) {
    Data data{makeVariant(64, 16), {1, 65, 300}, {}, {}, {}};
    data.q = data.k = [&](int64_t, int64_t) { return size * normal(random); };
    data.v = [&](int64_t, int64_t) { return std::exp(2 * normal(random)); };
    slack(data);
    data.variant.lse = true;
    data.variant.mask = "window";
    data.variant.score = "bias";
    data.sizes.N = 60;
    slack(data);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Bound, testing::Values("f32", "f16", "bf16"),
                         [](const auto &info) { return std::string(info.param); });
