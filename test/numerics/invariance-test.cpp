//===- invariance-test.cpp - What must not change a result ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Properties over random lengths, masks and scores, shrunk by rapidcheck; RC_PARAMS="max_success=10000" runs them for
// longer. None of them needs a reference: each compares compiled code with itself, or with a formula of one line.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Import.h"
#include "test/numerics/Modules.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <rapidcheck/gtest.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;
using attn::RefTensor;

namespace {
constexpr int64_t kHeads = 2, kFeatures = 4, kValues = 5;

/// `attention f(...)` with its statements, compiled.
struct Code {
  explicit Code(const std::string &text) {
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, "invariance.attn"), llvm::SMLoc());
    module = std::move(*spec::importSpec(sources, context.get(), DimBindings()));
    compiled = Compiled::create(*module, testTarget());
  }

  std::vector<RefTensor> run(ArrayRef<RefTensor> inputs) {
    std::string error;
    auto outputs = compiled->run(inputs, error);
    RC_ASSERT(error == "");
    return *outputs;
  }

  std::unique_ptr<MLIRContext> context = makeContext();
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<Compiled> compiled;
};

/// One row of scores s + bias for each pair of batch and query, with a mask for every pair.
struct Problem {
  int64_t B, M, N;
  RefTensor q, k, v, bias, keep;

  std::vector<RefTensor> inputs() const { return {q, k, v, bias, keep}; }
  double &biasOf(int64_t b, int64_t i, int64_t j) { return bias.floats[(b * M + i) * N + j]; }
  int64_t &keepOf(int64_t b, int64_t i, int64_t j) { return keep.ints[(b * M + i) * N + j]; }
  double *rowOf(RefTensor &tensor, int64_t row, int64_t features) { return &tensor.floats[row * kHeads * features]; }

  /// <q, k>, exactly: the elements of q and k are small whole numbers, and the scale is 1.
  double product(int64_t b, int64_t h, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t d = 0; d < kFeatures; ++d)
      sum += rowOf(q, b * M + i, kFeatures)[h * kFeatures + d] * rowOf(k, b * N + j, kFeatures)[h * kFeatures + d];
    return sum;
  }
};

class Invariance : public testing::TestWithParam<const char *> {
protected:
  static std::string textOf(const std::string &type, bool lse) {
    std::string t = type, out = lse ? "(o: " + t + "[B, M, H, Dv], lse: f32[B, M, H])" : t + "[B, M, H, Dv]";
    return "attention f(q: " + t + "[B, M, H=2, D=4], k: " + t + "[B, N, H, D], v: " + t + "[B, N, H, Dv=5], " +
           "bias: f32[B, M, N], keep: bool[B, M, N]) -> " + out +
           " {\n  scale = 1\n  score = s + bias[b, i, j]\n  mask = keep[b, i, j]\n}\n";
  }

  void SetUp() override {
    std::string type = GetParam();
    code = std::make_unique<Code>(textOf(type, /*lse=*/type == "f32"));
    ASSERT_TRUE(code->compiled);
    if (!code->compiled->isRunnable())
      GTEST_SKIP() << "this machine has no " << testTarget();
    element = type == "f32"    ? Type(Float32Type::get(code->context.get()))
              : type == "f64"  ? Type(Float64Type::get(code->context.get()))
              : type == "bf16" ? Type(BFloat16Type::get(code->context.get()))
                               : Type(Float16Type::get(code->context.get()));
  }

  /// What one output may differ by, relative to the largest value.
  double limit() const { return element.isF64() ? 1e-14 : element.isF32() ? 2e-6 : element.isF16() ? 1e-3 : 1.2e-2; }

  Problem makeProblem(int64_t B, int64_t M, int64_t N, unsigned seed) const {
    std::mt19937 generator(seed);
    MLIRContext *context = code->context.get();
    Type f32 = Float32Type::get(context), i1 = IntegerType::get(context, 1);
    Problem problem{B,
                    M,
                    N,
                    RefTensor(element, {B, M, kHeads, kFeatures}),
                    RefTensor(element, {B, N, kHeads, kFeatures}),
                    RefTensor(element, {B, N, kHeads, kValues}),
                    RefTensor(f32, {B, M, N}),
                    RefTensor(i1, {B, M, N})};
    for (RefTensor *tensor : {&problem.q, &problem.k})
      for (double &value : tensor->floats)
        value = static_cast<int>(generator() % 3) - 1;
    for (double &value : problem.v.floats)
      value = attn::roundTo(cast<FloatType>(element), (static_cast<double>(generator() % 2001) - 1000) / 1000);
    for (int64_t &value : problem.keep.ints)
      value = generator() % 4 != 0;
    return problem;
  }

  static Problem drawProblem(const Invariance &self, int64_t B) {
    return self.makeProblem(B, *rc::gen::inRange<int64_t>(1, 90), *rc::gen::inRange<int64_t>(1, 200),
                            *rc::gen::arbitrary<unsigned>());
  }

  /// NaN in the same places, else within `limit` of each other.
  static void expectNear(double got, double wanted, double limit) {
    if (std::isnan(wanted) || std::isinf(wanted)) {
      RC_ASSERT((std::isnan(wanted) ? std::isnan(got) : got == wanted));
      return;
    }
    RC_ASSERT(std::abs(got - wanted) <= limit);
  }

  static bool sameBits(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

  void expectSoftmax(Problem &problem, const std::vector<RefTensor> &got, double slack) const;

  std::unique_ptr<Code> code;
  Type element;
};

/// `got` is the softmax of scores as `element` has them, s + bias rounded once, of each row of the only batch entry.
void Invariance::expectSoftmax(Problem &problem, const std::vector<RefTensor> &got, double slack) const {
  for (int64_t i = 0; i < problem.M; ++i)
    for (int64_t h = 0; h < kHeads; ++h) {
      std::vector<double> scores;
      std::vector<int64_t> keys;
      for (int64_t j = 0; j < problem.N; ++j)
        if (problem.keepOf(0, i, j)) {
          double score = problem.product(0, h, i, j) + problem.biasOf(0, i, j);
          scores.push_back(element.isF64() ? score : static_cast<float>(score));
          keys.push_back(j);
        }
      double top = scores.empty() ? 0 : *std::max_element(scores.begin(), scores.end()), sum = 0;
      std::vector<double> mean(kValues);
      for (auto [score, key] : llvm::zip(scores, keys)) {
        double weight = std::exp(score - top);
        sum += weight;
        for (int64_t e = 0; e < kValues; ++e)
          mean[e] += weight * problem.rowOf(problem.v, key, kValues)[h * kValues + e];
      }
      for (int64_t e = 0; e < kValues; ++e)
        expectNear(got[0].floats[(i * kHeads + h) * kValues + e], keys.empty() ? 0 : mean[e] / sum, slack * limit());
      if (got.size() > 1)
        expectNear(got[1].floats[i * kHeads + h], keys.empty() ? -INFINITY : top + std::log(sum),
                   slack * 2e-6 + 1.2e-7 * std::abs(top));
    }
}
} // namespace

/// Softmax of scores as f32 has them: s + c, rounded once. Whatever c is, the weights are those of the differences.
TEST_P(Invariance, shifts) {
  EXPECT_TRUE(rc::check([&] {
    Problem problem = drawProblem(*this, 1);
    double size = *rc::gen::element(1.0, 1e-30, 17.0, 1e3, 1e4, 1e5, 1e7, 1e9, 1e15, 1e30, 2.4e38, 3.4028234e38);
    for (int64_t i = 0; i < problem.M; ++i)
      for (int64_t j = 0; j < problem.N; ++j)
        problem.biasOf(0, i, j) = static_cast<float>(i % 3 == 0 ? -size : i % 3 == 1 ? size : 0);
    expectSoftmax(problem, code->run(problem.inputs()), 1);
  }));
}

/// A row without keys, with NaN, with an infinite score, or further batch entries: no bit of another row changes. (Rows
/// whose scores rise by more than 20 raise their maxima together, and then rounding differs: tile.softmax_step.)
TEST_P(Invariance, neighbours) {
  EXPECT_TRUE(rc::check([&] {
    Problem problem = drawProblem(*this, 1), other = problem;
    int64_t row = *rc::gen::inRange<int64_t>(0, problem.M), kind = *rc::gen::inRange(0, 4);
    if (kind == 3) { // two further entries before it would move it: append them
      other = makeProblem(3, problem.M, problem.N, 1);
      for (auto [mine, its] : {std::pair(&problem.q, &other.q), {&problem.k, &other.k}, {&problem.v, &other.v}})
        llvm::copy(mine->floats, its->floats.begin());
      llvm::copy(problem.bias.floats, other.bias.floats.begin());
      llvm::copy(problem.keep.ints, other.keep.ints.begin());
    }
    for (int64_t j = 0; j < problem.N && kind == 0; ++j)
      other.keepOf(0, row, j) = 0;
    for (int64_t d = 0; d < kHeads * kFeatures && kind == 1; ++d)
      other.rowOf(other.q, row, kFeatures)[d] = NAN;
    if (kind == 2)
      other.biasOf(0, row, problem.N / 2) = INFINITY;
    std::vector<RefTensor> alone = code->run(problem.inputs()), beside = code->run(other.inputs());
    for (auto [output, features] : {std::pair(0, kHeads * kValues), {1, kHeads}})
      for (int64_t at = 0; output < static_cast<int>(alone.size()) && at < problem.M * features; ++at)
        if (kind == 3 || at / features != row)
          RC_ASSERT(sameBits(alone[output].floats[at], beside[output].floats[at]));
  }));
}

/// Keys that nobody sees may hold anything, or not exist.
TEST_P(Invariance, hiddenKeys) {
  EXPECT_TRUE(rc::check([&] {
    Problem problem = drawProblem(*this, 1);
    std::vector<int64_t> visible;
    for (int64_t j = 0; j < problem.N; ++j) {
      if (*rc::gen::inRange(0, 3) != 0) {
        visible.push_back(j);
        continue;
      }
      for (int64_t i = 0; i < problem.M; ++i)
        problem.keepOf(0, i, j) = 0;
    }
    Problem poisoned = problem, shorter = makeProblem(1, problem.M, visible.size(), 1);
    shorter.q = problem.q;
    for (auto [place, j] : llvm::enumerate(visible)) {
      std::copy_n(problem.rowOf(problem.k, j, kFeatures), kHeads * kFeatures,
                  shorter.rowOf(shorter.k, place, kFeatures));
      std::copy_n(problem.rowOf(problem.v, j, kValues), kHeads * kValues, shorter.rowOf(shorter.v, place, kValues));
      for (int64_t i = 0; i < problem.M; ++i)
        shorter.keepOf(0, i, place) = problem.keepOf(0, i, j);
    }
    for (int64_t j = 0; j < problem.N; ++j)
      if (!llvm::is_contained(visible, j)) {
        std::fill_n(poisoned.rowOf(poisoned.k, j, kFeatures), kHeads * kFeatures, NAN);
        std::fill_n(poisoned.rowOf(poisoned.v, j, kValues), kHeads * kValues, j % 2 ? INFINITY : NAN);
        for (int64_t i = 0; i < problem.M; ++i)
          poisoned.biasOf(0, i, j) = j % 2 ? NAN : INFINITY;
      }
    std::vector<RefTensor> plain = code->run(problem.inputs()), hidden = code->run(poisoned.inputs());
    std::vector<RefTensor> removed = code->run(shorter.inputs());
    for (auto [output, tensor] : llvm::enumerate(plain))
      for (auto [at, value] : llvm::enumerate(tensor.floats)) {
        expectNear(hidden[output].floats[at], value, limit() * 4);
        expectNear(removed[output].floats[at], value, limit() * 4);
      }
  }));
}

/// Keys in another order, and the first rows alone.
TEST_P(Invariance, orderAndPrefix) {
  EXPECT_TRUE(rc::check([&] {
    Problem problem = drawProblem(*this, 1), shuffled = problem;
    int64_t rows = *rc::gen::inRange<int64_t>(1, problem.M + 1), step = *rc::gen::inRange<int64_t>(1, problem.N + 1);
    Problem prefix = makeProblem(1, rows, problem.N, 1);
    prefix.k = problem.k, prefix.v = problem.v;
    std::copy_n(problem.q.floats.begin(), prefix.q.floats.size(), prefix.q.floats.begin());
    std::copy_n(problem.keep.ints.begin(), prefix.keep.ints.size(), prefix.keep.ints.begin());
    std::vector<int64_t> order;
    for (int64_t start = 0; start < step; ++start)
      for (int64_t j = start; j < problem.N; j += step)
        order.push_back(j);
    for (auto [place, j] : llvm::enumerate(order)) {
      std::copy_n(problem.rowOf(problem.k, j, kFeatures), kHeads * kFeatures,
                  shuffled.rowOf(shuffled.k, place, kFeatures));
      std::copy_n(problem.rowOf(problem.v, j, kValues), kHeads * kValues, shuffled.rowOf(shuffled.v, place, kValues));
      for (int64_t i = 0; i < problem.M; ++i)
        shuffled.keepOf(0, i, place) = problem.keepOf(0, i, j);
    }
    std::vector<RefTensor> plain = code->run(problem.inputs()), other = code->run(shuffled.inputs());
    std::vector<RefTensor> first = code->run(prefix.inputs());
    for (auto [output, tensor] : llvm::enumerate(plain)) {
      for (auto [at, value] : llvm::enumerate(tensor.floats))
        expectNear(other[output].floats[at], value, limit() * 4);
      for (auto [at, value] : llvm::enumerate(first[output].floats))
        expectNear(value, tensor.floats[at], limit() * 4);
    }
  }));
}

/// Scores that rise all the way: every row raises its maximum again and again, in one vector or another.
TEST_P(Invariance, risingScores) {
  EXPECT_TRUE(rc::check([&] {
    Problem problem = drawProblem(*this, 1);
    double slope = *rc::gen::element(0.3, 2.0, 9.0, 40.0, 1e6, 1e36);
    for (int64_t i = 0; i < problem.M; ++i)
      for (int64_t j = 0; j < problem.N; ++j)
        problem.biasOf(0, i, j) = static_cast<float>(slope * static_cast<double>(i % 2 ? j - i : (j * 7) % 50));
    expectSoftmax(problem, code->run(problem.inputs()), 4);
  }));
}

INSTANTIATE_TEST_SUITE_P(Types, Invariance, testing::Values("f32", "f64", "bf16", "f16"));

/// The mean of a million equal numbers is that number, and lse is log N.
TEST(LongRows, equalScores) {
  constexpr int64_t kKeys = 1 << 20;
  Code code("attention f(q: f32[M, D=1], k: f32[N, D], v: f32[N, Dv=3]) -> (o: f32[M, Dv], lse: f32[M]) { }");
  if (!code.compiled->isRunnable())
    GTEST_SKIP() << "this machine has no " << testTarget();
  Type f32 = Float32Type::get(code.context.get());
  RefTensor q(f32, {2, 1}), k(f32, {kKeys, 1}), v(f32, {kKeys, 3});
  for (double &value : k.floats)
    value = 0.7f;
  q.floats = {0, static_cast<float>(1 / 3.0)};
  const float values[] = {9.0f, 9.3f, -0.1f};
  for (int64_t at = 0; at < 3 * kKeys; ++at)
    v.floats[at] = values[at % 3];
  std::string error;
  auto got = code.compiled->run({q, k, v}, error);
  ASSERT_TRUE(got) << error;
  for (int64_t row : {0, 1}) {
    for (int64_t e = 0; e < 3; ++e)
      EXPECT_NEAR((*got)[0].floats[3 * row + e] / values[e], 1, 16 * 0x1p-24) << row << " " << e;
    double lse = std::log(static_cast<double>(kKeys)) + static_cast<float>(q.floats[row] * 0.7f);
    EXPECT_NEAR((*got)[1].floats[row] / lse, 1, 16 * 0x1p-24) << row;
  }
}
