//===- contract-test.cpp - Compiled matmuls against the interpreter -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matmuls with every kind of epilogue, at weights of ragged K x N and at ragged
// run-time M, as front ends write them and as attn.contract.
//
//===----------------------------------------------------------------------===//

#include "mlir/Parser/Parser.h"
#include "test/numerics/Modules.h"
#include "test/numerics/Variants.h"
#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;

namespace {
/// KK and NN stand for the weights' extents, M is a run-time extent.
struct Kind {
  const char *name, *text;
};
std::ostream &operator<<(std::ostream &os, const Kind &kind) { return os << kind.name; }

struct Weights {
  int64_t k, n;
};
} // namespace

/// x: [M, K], w: [K, N] -> [M, N], with attn.contract and the epilogue given.
#define CONTRACT(arguments, captures, body)                                                                            \
  "func.func @f(%x: tensor<?xKKxf32> {attnc.name = \"x\", attnc.dims = [\"M\", \"KK\"]},\n"                            \
  "    %w: tensor<KKxNNxf32> {attnc.name = \"w\", attnc.dims = [\"KK\", \"NN\"]}" arguments ")\n"                      \
  "    -> (tensor<?xNNxf32> {attnc.name = \"y\", attnc.dims = [\"M\", \"NN\"]}) {\n"                                   \
  "  %c0 = arith.constant 0 : index\n  %m = tensor.dim %x, %c0 : tensor<?xKKxf32>\n"                                   \
  "  %init = tensor.empty(%m) : tensor<?xNNxf32>\n"                                                                    \
  "  %y = attn.contract lhs(%x \"mk\" : tensor<?xKKxf32>) rhs(%w \"kn\" : tensor<KKxNNxf32>) " captures                \
  " outs(\"mn\", %init : tensor<?xNNxf32>) " body " -> tensor<?xNNxf32>\n  return %y : tensor<?xNNxf32>\n}\n"

#define BIAS ", %b: tensor<NNxf32> {attnc.name = \"b\", attnc.dims = [\"NN\"]}"
#define RESIDUAL ", %r: tensor<?xNNxf32> {attnc.name = \"r\", attnc.dims = [\"M\", \"NN\"]}"

static const Kind kinds[] = {
    {"plain", CONTRACT("", "", "")},
    {"bias_relu", CONTRACT(BIAS, "captures(%b : tensor<NNxf32>)", R"(epilogue {
    ^bb0(%acc: f32, %i: index, %j: index, %t: tensor<NNxf32>):
      %0 = tensor.extract %t[%j] : tensor<NNxf32>
      %1 = arith.addf %acc, %0 : f32
      %zero = arith.constant 0.0 : f32
      %2 = arith.maximumf %1, %zero : f32
      attn.yield %2 : f32
    })")},
    {"bias_gelu_residual", CONTRACT(BIAS RESIDUAL, "captures(%b, %r : tensor<NNxf32>, tensor<?xNNxf32>)", R"(epilogue {
    ^bb0(%acc: f32, %i: index, %j: index, %t: tensor<NNxf32>, %u: tensor<?xNNxf32>):
      %0 = tensor.extract %t[%j] : tensor<NNxf32>
      %1 = arith.addf %acc, %0 : f32
      %root = arith.constant 0.70710678118654752 : f32
      %2 = arith.mulf %1, %root : f32
      %3 = math.erf %2 : f32
      %one = arith.constant 1.0 : f32
      %4 = arith.addf %3, %one : f32
      %half = arith.constant 0.5 : f32
      %5 = arith.mulf %1, %half : f32
      %6 = arith.mulf %5, %4 : f32
      %7 = tensor.extract %u[%i, %j] : tensor<?xNNxf32>
      %8 = arith.addf %6, %7 : f32
      attn.yield %8 : f32
    })")},
    {"tanh_by_place", CONTRACT("", "", R"(epilogue {
    ^bb0(%acc: f32, %i: index, %j: index):
      %scale = arith.constant 0.0625 : f32 // sums of 300 products have an absolute error near 1e-5 in f32
      %s = arith.mulf %acc, %scale : f32
      %0 = math.tanh %s : f32
      %1 = arith.cmpi ult, %j, %i : index
      %2 = arith.negf %0 : f32
      %3 = arith.select %1, %2, %0 : f32
      attn.yield %3 : f32
    })")},
    {"transposed_weights", R"(
func.func @f(%x: tensor<?xKKxf32> {attnc.name = "x", attnc.dims = ["M", "KK"]},
             %w: tensor<NNxKKxf32> {attnc.name = "w", attnc.dims = ["NN", "KK"]})
    -> (tensor<?xNNxf32> {attnc.name = "y", attnc.dims = ["M", "NN"]}) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?xKKxf32>
  %init = tensor.empty(%m) : tensor<?xNNxf32>
  %y = attn.contract lhs(%x "mk" : tensor<?xKKxf32>) rhs(%w "nk" : tensor<NNxKKxf32>)
    outs("mn", %init : tensor<?xNNxf32>) -> tensor<?xNNxf32>
  return %y : tensor<?xNNxf32>
})"},
    {"transposed_result", R"(
func.func @f(%x: tensor<?xKKxf32> {attnc.name = "x", attnc.dims = ["M", "KK"]},
             %w: tensor<KKxNNxf32> {attnc.name = "w", attnc.dims = ["KK", "NN"]})
    -> (tensor<NNx?xf32> {attnc.name = "y", attnc.dims = ["NN", "M"]}) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?xKKxf32>
  %init = tensor.empty(%m) : tensor<NNx?xf32>
  %y = attn.contract lhs(%x "mk" : tensor<?xKKxf32>) rhs(%w "kn" : tensor<KKxNNxf32>)
    outs("nm", %init : tensor<NNx?xf32>) -> tensor<NNx?xf32>
  return %y : tensor<NNx?xf32>
})"},
    {"batched", R"(
func.func @f(%x: tensor<3x?xKKxf32> {attnc.name = "x", attnc.dims = ["3", "M", "KK"]},
             %w: tensor<3xKKxNNxf32> {attnc.name = "w", attnc.dims = ["3", "KK", "NN"]})
    -> (tensor<3x?xNNxf32> {attnc.name = "y", attnc.dims = ["3", "M", "NN"]}) {
  %c1 = arith.constant 1 : index
  %m = tensor.dim %x, %c1 : tensor<3x?xKKxf32>
  %init = tensor.empty(%m) : tensor<3x?xNNxf32>
  %y = attn.contract lhs(%x "bmk" : tensor<3x?xKKxf32>) rhs(%w "bkn" : tensor<3xKKxNNxf32>)
    outs("bmn", %init : tensor<3x?xNNxf32>) -> tensor<3x?xNNxf32>
  return %y : tensor<3x?xNNxf32>
})"},
    {"heads", R"(
func.func @f(%x: tensor<2x?xKKxf32> {attnc.name = "x", attnc.dims = ["2", "M", "KK"]},
             %w: tensor<KKx3xNNxf32> {attnc.name = "w", attnc.dims = ["KK", "3", "NN"]})
    -> (tensor<2x3x?xNNxf32> {attnc.name = "y", attnc.dims = ["2", "3", "M", "NN"]}) {
  %c1 = arith.constant 1 : index
  %m = tensor.dim %x, %c1 : tensor<2x?xKKxf32>
  %init = tensor.empty(%m) : tensor<2x3x?xNNxf32>
  %y = attn.contract lhs(%x "bmk" : tensor<2x?xKKxf32>) rhs(%w "khn" : tensor<KKx3xNNxf32>)
    outs("bhmn", %init : tensor<2x3x?xNNxf32>) -> tensor<2x3x?xNNxf32>
  return %y : tensor<2x3x?xNNxf32>
})"},
    {"front_end", R"(
func.func @f(%x: tensor<2x?xKKxf32> {attnc.name = "x", attnc.dims = ["2", "M", "KK"]},
             %w: tensor<KKxNNxf32> {attnc.name = "w", attnc.dims = ["KK", "NN"]},
             %b: tensor<NNxf32> {attnc.name = "b", attnc.dims = ["NN"]})
    -> (tensor<2x?xNNxf32> {attnc.name = "y", attnc.dims = ["2", "M", "NN"]}) {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c1 : tensor<2x?xKKxf32>
  %init = tensor.empty(%m) : tensor<2x?xNNxf32>
  %fill = linalg.fill ins(%zero : f32) outs(%init : tensor<2x?xNNxf32>) -> tensor<2x?xNNxf32>
  %p = linalg.contract
    indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (k, n)>,
                     affine_map<(b, m, n, k) -> (b, m, n)>]
    ins(%x, %w : tensor<2x?xKKxf32>, tensor<KKxNNxf32>) outs(%fill : tensor<2x?xNNxf32>) -> tensor<2x?xNNxf32>
  %y = linalg.generic
    {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (n)>,
                      affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%p, %b : tensor<2x?xNNxf32>, tensor<NNxf32>) outs(%init : tensor<2x?xNNxf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %0 = arith.addf %a, %c : f32
      %1 = arith.negf %0 : f32
      %2 = math.exp %1 : f32
      %one = arith.constant 1.0 : f32
      %3 = arith.addf %2, %one : f32
      %4 = arith.divf %0, %3 : f32
      linalg.yield %4 : f32
    } -> tensor<2x?xNNxf32>
  return %y : tensor<2x?xNNxf32>
})"},
};

static std::string instantiate(std::string text, Weights weights) {
  for (auto [name, value] : {std::pair("KK", weights.k), std::pair("NN", weights.n)})
    for (size_t at; (at = text.find(name)) != std::string::npos;)
      text.replace(at, 2, std::to_string(value));
  return text;
}

class Contract : public testing::TestWithParam<Kind> {};

TEST_P(Contract, raggedWeightsAndRows) {
  std::unique_ptr<MLIRContext> context = makeContext();
  for (Weights weights :
       {Weights{1, 1}, Weights{17, 16}, Weights{64, 65}, Weights{65, 127}, Weights{127, 15}, Weights{300, 33}}) {
    std::string text = instantiate(GetParam().text, weights);
    Checked checked(parseSourceString<ModuleOp>(text, context.get()));
    ASSERT_TRUE(checked.isCompiled()) << text;
    if (!checked.isRunnable())
      GTEST_SKIP() << "this machine has no " << testTarget();
    for (int64_t m : raggedLengths()) {
      Extents extents{{"M", m}};
      EXPECT_EQ(checked.compare(checked.makeInputs(extents, 3)), "")
          << "K = " << weights.k << ", N = " << weights.n << ", M = " << m;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Contract, testing::ValuesIn(kinds),
                         [](const auto &info) { return std::string(info.param.name); });

/// Weights large enough for several panels, blocks of k and threads; products with NaN and inf stay in their row.
TEST(Contract, large) {
  std::unique_ptr<MLIRContext> context = makeContext();
  Checked checked(parseSourceString<ModuleOp>(instantiate(kinds[2].text, {700, 530}), context.get()));
  ASSERT_TRUE(checked.isCompiled());
  if (!checked.isRunnable())
    GTEST_SKIP() << "this machine has no " << testTarget();
  checked.compiled->useThreads(3);
  for (int64_t m : {1, 64, 257}) {
    Extents extents{{"M", m}};
    EXPECT_EQ(checked.compare(checked.makeInputs(extents, 3)), "") << "M = " << m;
  }
}

TEST(Contract, poison) {
  std::unique_ptr<MLIRContext> context = makeContext();
  Checked checked(parseSourceString<ModuleOp>(instantiate(kinds[1].text, {17, 19}), context.get()));
  ASSERT_TRUE(checked.isCompiled());
  if (!checked.isRunnable())
    GTEST_SKIP() << "this machine has no " << testTarget();
  Extents extents{{"M", 9}};
  std::vector<attn::RefTensor> inputs = checked.makeInputs(extents, 3);
  inputs[0].floats[4 * 17 + 3] = NAN;  // row 4
  inputs[0].floats[6 * 17] = INFINITY; // row 6
  EXPECT_EQ(checked.compare(inputs), "");
}
