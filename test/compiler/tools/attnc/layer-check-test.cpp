//===- layer-check-test.cpp - Which op of a program is off ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/pipeline/Dialects.h"
#include "compiler/tools/attnc/check/LayerCheck.h"
#include "mlir/Parser/Parser.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::tool;

// The difference of neighbours in a row of numbers around 1000 is ill-conditioned; what is made of it is not.
constexpr char kGraph[] = R"(
  func.func @f(%x: tensor<4xf32> {attnc.name = "x", attnc.dims = ["4"]})
      -> (tensor<4xf32> {attnc.name = "y", attnc.dims = ["4"]}) {
    %0 = tensor.empty() : tensor<4xf32>
    %big = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                           iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%e: f32, %o: f32):
      %c = arith.constant 1000.0 : f32
      %s = arith.addf %e, %c : f32
      linalg.yield %s : f32
    } -> tensor<4xf32> loc("big")
    %small = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                             iterator_types = ["parallel"]} ins(%big : tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%e: f32, %o: f32):
      %c = arith.constant 1000.0 : f32
      %s = arith.subf %e, %c : f32
      linalg.yield %s : f32
    } -> tensor<4xf32> loc("small")
    %exp = linalg.exp ins(%small : tensor<4xf32>) outs(%0 : tensor<4xf32>) -> tensor<4xf32> loc("exp")
    return %exp : tensor<4xf32>
  })";

namespace {
/// A call of the graph, whose results a test sets.
class LayerCheck : public testing::Test {
protected:
  LayerCheck() : context(makeRegistry()) {
    module = parseSourceString<ModuleOp>(kGraph, &context);
    function = module->lookupSymbol<func::FuncOp>("f");
    probes = addProbes(function);
    inputs.push_back(tensor({0.001f, 0.002f, 0.003f, 0.004f}));
  }
  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerDialects(registry);
    return registry;
  }
  static NpyTensor tensor(std::array<float, 4> values) {
    NpyTensor result;
    int64_t shape[] = {4};
    rt::TextBuffer<64> why;
    EXPECT_TRUE(result.allocate({kDLFloat, 32}, 1, shape, why));
    std::memcpy(result.data, values.data(), sizeof values);
    return result;
  }
  /// As a program in f32 does it; `spoil` changes what an op has computed.
  template <typename Spoil>
  void run(Spoil spoil) {
    std::array<float, 4> x, big, small, exp;
    std::memcpy(x.data(), inputs[0].data, sizeof x);
    for (size_t i = 0; i < 4; ++i)
      big[i] = x[i] + 1000.0f;
    spoil("big", big);
    for (size_t i = 0; i < 4; ++i)
      small[i] = big[i] - 1000.0f;
    spoil("small", small);
    for (size_t i = 0; i < 4; ++i)
      exp[i] = std::exp(small[i]);
    spoil("exp", exp);
    outputs.clear();
    for (auto &values : {exp, big, small})
      outputs.push_back(tensor(values));
  }
  std::vector<LayerRow> rows() {
    auto result = compareLayers({function, probes, inputs, outputs}, exact);
    EXPECT_TRUE(result.has_value());
    return result.value_or(std::vector<LayerRow>(3));
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  std::vector<Probe> probes;
  Tensors inputs, outputs;
  std::vector<attn::RefTensor> exact;
};
} // namespace

TEST_F(LayerCheck, ProbesAreResultsInTheOrderOfTheProgram) {
  ASSERT_EQ(probes.size(), 3u);
  EXPECT_EQ(function.getNumResults(), 3u); // exp is one already
  EXPECT_EQ(probes[0].result, 1u);
  EXPECT_EQ(probes[1].result, 2u);
  EXPECT_EQ(probes[2].result, 0u);
}

// 0.001 has lost half of its digits in 1000.001: no op is off for that, however far the result is from f64.
TEST_F(LayerCheck, RoundingThatAGraphMagnifiesIsNotOff) {
  run([](StringRef, auto &) {});
  auto all = rows();
  for (const LayerRow &row : all)
    EXPECT_FALSE(row.isOff) << row.place << ": " << row.why;
  EXPECT_LT(all[1].error, 1e-6);
  EXPECT_GT(all[1].drift, 1e-3);
}

// And an op that is off is the one that is: neither those that it spoils, nor those before.
TEST_F(LayerCheck, AnOpThatIsOffIsNamedAlone) {
  for (const char *wrong : {"big", "small", "exp"}) {
    run([&](StringRef op, auto &values) {
      if (op == wrong)
        values[2] *= 3;
    });
    for (const LayerRow &row : rows())
      EXPECT_EQ(row.isOff, row.place == wrong) << row.place << " of " << wrong << ": " << row.error << " " << row.bound;
  }
}

TEST_F(LayerCheck, NaNIsOff) {
  run([&](StringRef op, auto &values) {
    if (op == "small")
      values[0] = NAN;
  });
  auto all = rows();
  EXPECT_TRUE(all[1].isOff);
  EXPECT_FALSE(all[2].isOff) << "exp(NaN) is NaN";
}
