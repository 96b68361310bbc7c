//===- contract-types-test.cpp - Matmuls of every operand type ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiled matmuls of other types than f32, most of them narrower than their sums, against the f64 interpreter: with weights
// that are packed when compiling and when running, at extents around the sizes of groups, vectors and tiles.
//
//===----------------------------------------------------------------------===//

#include "mlir/Parser/Parser.h"
#include "test/numerics/Modules.h"
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;

namespace {
/// Elements of x and w, and of the result.
struct Types {
  const char *lhs, *rhs, *out;
  bool isInteger() const { return StringRef(lhs).starts_with("i"); }
  /// What epilogues compute in.
  const char *real() const { return StringRef(lhs) == "f64" || StringRef(rhs) == "f64" ? "f64" : "f32"; }
  std::string name() const { return fmt::format("{}_{}_{}", lhs, rhs, out); }
};
std::ostream &operator<<(std::ostream &os, const Types &types) { return os << types.name(); }

enum class Weights { atCompileTime, atRunTime, transposed };
} // namespace

constexpr Types kTypes[] = {{"bf16", "bf16", "f32"}, {"bf16", "bf16", "bf16"}, {"f16", "f16", "f32"},
                            {"f16", "f16", "f16"},   {"f32", "bf16", "f32"},   {"bf16", "f16", "f32"},
                            {"i8", "i8", "i32"},     {"i8", "i8", "f32"},      {"i8", "i8", "bf16"},
                            {"f64", "f64", "f64"},   {"f64", "f64", "f32"},    {"f32", "f64", "f64"},
                            {"f64", "bf16", "f64"}};

/// A constant of numbers that f16, bf16 and i8 hold, a different one in each place.
static std::string literal(Types types, int64_t rows, int64_t columns) {
  std::string text = "dense<[";
  for (int64_t r = 0; r < rows; ++r) {
    text += r ? ", [" : "[";
    for (int64_t c = 0; c < columns; ++c) {
      int64_t value = (r * 37 + c * 101 + r * c * 13) % 255 - 127;
      text += fmt::format("{}{}", c ? ", " : "", value);
      text += types.isInteger() ? "" : ".0";
    }
    text += "]";
  }
  return text + fmt::format("]> : tensor<{}x{}x{}>", rows, columns, types.rhs);
}

/// relu(x w / 64 + b); i32 is the sum itself.
static std::string epilogue(Types types, int64_t n) {
  if (StringRef(types.out) == "i32")
    return "";
  return fmt::format(R"(captures(%b : tensor<{0}x{1}>))", n, types.real());
}

static std::string region(Types types, int64_t n) {
  if (StringRef(types.out) == "i32")
    return "";
  return fmt::format(
      R"(epilogue {{
    ^bb0(%acc: {1}, %i: index, %j: index, %t: tensor<{0}x{3}>):
      {2}
      %scale = arith.constant 0.015625 : {3}
      %0 = arith.mulf %real, %scale : {3}
      %1 = tensor.extract %t[%j] : tensor<{0}x{3}>
      %2 = arith.addf %0, %1 : {3}
      %zero = arith.constant 0.0 : {3}
      %3 = arith.maximumf %2, %zero : {3}
      attn.yield %3 : {3}
    }})",
      n, types.isInteger() ? "i32" : types.real(),
      types.isInteger()
          ? std::string("%real = arith.sitofp %acc : i32 to f32")
          : fmt::format("%one = arith.constant 1.0 : {0}\n %real = arith.mulf %acc, %one : {0}", types.real()),
      types.real());
}

static std::string moduleText(Types types, Weights weights, int64_t k, int64_t n) {
  bool transposed = weights == Weights::transposed;
  int64_t rows = transposed ? n : k, columns = transposed ? k : n;
  std::string type = fmt::format("tensor<{}x{}x{}>", rows, columns, types.rhs);
  std::string argument =
      fmt::format(", %w: {0} {{attnc.name = \"w\", attnc.dims = [\"{1}\", \"{2}\"]}}", type, rows, columns);
  std::string constant = fmt::format("  %w = arith.constant {}\n", literal(types, rows, columns));
  bool isConstant = weights == Weights::atCompileTime;
  return fmt::format(R"(
func.func @f(%x: tensor<?x{k}x{lhs}> {{attnc.name = "x", attnc.dims = ["M", "{k}"]}},
             %b: tensor<{n}x{real}> {{attnc.name = "b", attnc.dims = ["{n}"]}}{argument})
    -> (tensor<?x{n}x{out}> {{attnc.name = "y", attnc.dims = ["M", "{n}"]}}) {{
{constant}  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x{k}x{lhs}>
  %init = tensor.empty(%m) : tensor<?x{n}x{out}>
  %y = attn.contract lhs(%x "mk" : tensor<?x{k}x{lhs}>) rhs(%w "{layout}" : {type}) {captures}
    outs("mn", %init : tensor<?x{n}x{out}>) {region} -> tensor<?x{n}x{out}>
  return %y : tensor<?x{n}x{out}>
}})",
                     fmt::arg("k", k), fmt::arg("n", n), fmt::arg("lhs", types.lhs), fmt::arg("out", types.out),
                     fmt::arg("real", types.real()), fmt::arg("type", type),
                     fmt::arg("layout", transposed ? "nk" : "kn"), fmt::arg("argument", isConstant ? "" : argument),
                     fmt::arg("constant", isConstant ? constant : ""), fmt::arg("captures", epilogue(types, n)),
                     fmt::arg("region", region(types, n)));
}

/// Every number of i8, its ends often.
static void fillBytes(attn::RefTensor &tensor, std::mt19937 &generator) {
  for (int64_t &value : tensor.ints) {
    auto drawn = static_cast<int64_t>(generator() % 320);
    value = drawn < 256 ? drawn - 128 : drawn < 288 ? -128 : 127;
  }
}

static std::vector<attn::RefTensor> inputsFor(Checked &checked, int64_t m) {
  Extents extents{{"M", m}};
  std::vector<attn::RefTensor> inputs = checked.makeInputs(extents, 5);
  std::mt19937 generator(7);
  for (attn::RefTensor &tensor : inputs)
    fillBytes(tensor, generator);
  return inputs;
}

namespace {
class ContractTypes : public testing::TestWithParam<Types> {
protected:
  std::unique_ptr<MLIRContext> context = makeContext();
  std::optional<Checked> checked;

  void compile(Weights weights, int64_t k, int64_t n) {
    std::string text = moduleText(GetParam(), weights, k, n);
    checked.emplace(parseSourceString<ModuleOp>(text, context.get()));
    ASSERT_TRUE(checked->isCompiled()) << text;
    if (!checked->isRunnable())
      GTEST_SKIP() << "this machine has no " << testTarget();
  }
};
} // namespace

TEST_P(ContractTypes, raggedExtents) {
  constexpr int64_t extents[] = {1, 2, 3, 15, 16, 17, 31, 33, 64, 100};
  for (size_t at = 0; at < std::size(extents); ++at)
    for (Weights weights : {Weights::atCompileTime, Weights::atRunTime, Weights::transposed}) {
      int64_t k = extents[at], n = extents[(at * 3 + 4 + static_cast<size_t>(weights)) % std::size(extents)];
      compile(weights, k, n);
      if (IsSkipped() || HasFatalFailure())
        return;
      for (int64_t m : extents)
        EXPECT_EQ(checked->compare(inputsFor(*checked, m)), "")
            << "M = " << m << ", K = " << k << ", N = " << n << ", weights " << static_cast<int>(weights);
    }
}

/// Several chunks of a panel that is packed at run time, several panels, threads.
TEST_P(ContractTypes, large) {
  for (Weights weights : {Weights::atRunTime, Weights::transposed}) {
    compile(weights, 2311, 130);
    if (IsSkipped() || HasFatalFailure())
      return;
    checked->compiled->useThreads(3);
    for (int64_t m : {5, 130})
      EXPECT_EQ(checked->compare(inputsFor(*checked, m)), "") << "M = " << m;
  }
}

/// NaN and inf stay in their row, also in the last column, beside which the next row begins.
TEST_P(ContractTypes, poison) {
  if (GetParam().isInteger())
    return;
  for (int64_t k : {17, 18, 19}) {
    compile(Weights::atCompileTime, k, 33);
    if (IsSkipped() || HasFatalFailure())
      return;
    std::vector<attn::RefTensor> inputs = inputsFor(*checked, 9);
    inputs[0].floats[static_cast<size_t>(4 * k + k - 1)] = NAN;
    inputs[0].floats[static_cast<size_t>(6 * k)] = INFINITY;
    EXPECT_EQ(checked->compare(inputs), "") << "K = " << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, ContractTypes, testing::ValuesIn(kTypes),
                         [](const auto &info) { return info.param.name(); });
