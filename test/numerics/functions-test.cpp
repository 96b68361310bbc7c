//===- functions-test.cpp - Compiled functions against libm ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every function of one float that the front ends make, over its whole range: all exponents with random and special
// mantissas, both signs, subnormals, infinities, NaN, and the places where it has poles and zeros. What is compiled may
// be a few ulps of its type off the long double of libm, and must be NaN and infinite where that is.
// ATTNC_FUNCTIONS_PER_EXPONENT says how many arguments of each exponent are tried.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/Parser/Parser.h"
#include "test/numerics/Compiled.h"
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;
using attn::RefTensor;

namespace {
using Real = long double;

struct Function {
  const char *op;
  Real (*exact)(Real);
  double f32Ulps, f64Ulps; ///< what is allowed
};
std::ostream &operator<<(std::ostream &os, const Function &function) { return os << function.op; }

const Function functions[] = {
    {"exp", [](Real x) { return std::exp(x); }, 2, 2},
    {"exp2", [](Real x) { return std::exp2(x); }, 0.51, 2},
    {"expm1", [](Real x) { return std::expm1(x); }, 4, 4},
    {"log", [](Real x) { return std::log(x); }, 2, 2},
    {"log2", [](Real x) { return std::log2(x); }, 0.51, 2},
    {"log10", [](Real x) { return std::log10(x); }, 0.51, 3},
    {"log1p", [](Real x) { return std::log1p(x); }, 4, 3},
    {"sin", [](Real x) { return std::sin(x); }, 2, 2},
    {"cos", [](Real x) { return std::cos(x); }, 2, 2},
    {"tan", [](Real x) { return std::tan(x); }, 0.51, 4},
    {"asin", [](Real x) { return std::asin(x); }, 0.51, 4},
    {"acos", [](Real x) { return std::acos(x); }, 0.51, 4},
    {"atan", [](Real x) { return std::atan(x); }, 0.51, 3},
    {"sinh", [](Real x) { return std::sinh(x); }, 0.51, 4},
    {"cosh", [](Real x) { return std::cosh(x); }, 0.51, 4},
    {"tanh", [](Real x) { return std::tanh(x); }, 4, 4},
    {"asinh", [](Real x) { return std::asinh(x); }, 0.51, 4},
    {"acosh", [](Real x) { return std::acosh(x); }, 0.51, 4},
    {"atanh", [](Real x) { return std::atanh(x); }, 0.51, 4},
    {"erf", [](Real x) { return std::erf(x); }, 4, 4},
    {"cbrt", [](Real x) { return std::cbrt(x); }, 0.51, 3},
    {"sqrt", [](Real x) { return std::sqrt(x); }, 0.51, 0.51},
    {"rsqrt", [](Real x) { return 1 / std::sqrt(x); }, 2, 2},
    {"floor", [](Real x) { return std::floor(x); }, 0, 0},
    {"ceil", [](Real x) { return std::ceil(x); }, 0, 0},
    {"roundeven", [](Real x) { return std::nearbyint(x); }, 0, 0},
};

const char *testTarget() {
  const char *target = std::getenv("ATTNC_TEST_TARGET");
  return target ? target : "host";
}

/// A module whose only function applies math.`op` to each element.
std::string moduleText(const std::string &op, const std::string &type) {
  std::string tensor = "tensor<?x" + type + ">";
  return "#id = affine_map<(d0) -> (d0)>\n"
         "func.func @f(%x: " +
         tensor + " {attnc.name = \"x\", attnc.dims = [\"S\"]}) -> (" + tensor +
         " {attnc.name = \"y\", attnc.dims = [\"S\"]}) {\n"
         "  %c0 = arith.constant 0 : index\n"
         "  %n = tensor.dim %x, %c0 : " +
         tensor +
         "\n"
         "  %e = tensor.empty(%n) : " +
         tensor +
         "\n"
         "  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = [\"parallel\"]} ins(%x : " +
         tensor + ") outs(%e : " + tensor +
         ") {\n"
         "  ^bb0(%a: " +
         type + ", %b: " + type +
         "):\n"
         "    %r = math." +
         op + " %a : " + type +
         "\n"
         "    linalg.yield %r : " +
         type +
         "\n"
         "  } -> " +
         tensor +
         "\n"
         "  return %y : " +
         tensor + "\n}\n";
}

/// What makes trouble: ends of the range, integers, multiples of pi/2.
template <typename T>
std::vector<double> specials() {
  using Limits = std::numeric_limits<T>;
  std::vector<double> all{0,
                          0.5,
                          1,
                          1.5,
                          2,
                          INFINITY,
                          NAN,
                          Limits::min(),
                          Limits::denorm_min(),
                          Limits::max(),
                          0x1p24,
                          0x1p20,
                          1e6,
                          1e9,
                          88.7,
                          88.8,
                          103.9,
                          709.7,
                          745.1,
                          3.99,
                          4.01,
                          5.9,
                          0.875,
                          7.9,
                          9.01};
  for (double &value : all)
    value = static_cast<T>(value);
  for (int n = 1; n < 100000; n = n < 100 ? n + 1 : n * 7 / 4)
    for (Real near : {Real(n), n * 1.5707963267948966192L, Real(1) / n, std::exp2(Real(n % 127))})
      for (T value : {static_cast<T>(near), std::nextafter(static_cast<T>(near), T(0)),
                      std::nextafter(static_cast<T>(near), Limits::infinity())})
        all.push_back(value);
  return all;
}

template <typename T>
std::vector<double> arguments() {
  using Limits = std::numeric_limits<T>;
  const char *count = std::getenv("ATTNC_FUNCTIONS_PER_EXPONENT");
  int perExponent = count ? std::atoi(count) : (sizeof(T) == 4 ? 40 : 6);
  std::mt19937_64 random(1);
  std::vector<double> all = specials<T>();
  for (int exponent = Limits::min_exponent - Limits::digits; exponent < Limits::max_exponent; ++exponent)
    for (int n = 0; n < perExponent; ++n) {
      Real mantissa = 1 + static_cast<Real>(random() >> 1) * 0x1p-63L;
      all.push_back(static_cast<T>(std::ldexp(mantissa, exponent)));
    }
  for (size_t n = 0, e = all.size(); n < e; ++n)
    all.push_back(-all[n]);
  return all;
}

/// The distance in units in the last place of T at `exact`; huge where only one of them is NaN or infinite.
template <typename T>
double ulpsApart(double got, Real exact) {
  using Limits = std::numeric_limits<T>;
  T rounded = static_cast<T>(exact);
  if (std::isnan(got) || std::isnan(rounded))
    return std::isnan(got) && std::isnan(rounded) ? 0 : INFINITY;
  if (static_cast<T>(got) == rounded)
    return 0;
  if (std::isinf(rounded)) // within an ulp of the largest number, at most
    return std::abs(got) >= Limits::max() && std::signbit(got) == std::signbit(rounded) ? 1 : INFINITY;
  if (std::isinf(got))
    return std::abs(rounded) >= Limits::max() * T(0.999999) ? 1 : INFINITY;
  int exponent = std::max(std::ilogb(exact), Limits::min_exponent - 1) - (Limits::digits - 1);
  return static_cast<double>(std::abs(static_cast<Real>(got) - exact) / std::ldexp(Real(1), exponent));
}

class Functions : public testing::TestWithParam<Function> {
protected:
  template <typename T>
  void check(FloatType type, const char *spelling, double limit) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(moduleText(GetParam().op, spelling), context.get());
    ASSERT_TRUE(module);
    std::unique_ptr<Compiled> compiled = Compiled::create(*module, testTarget());
    ASSERT_TRUE(compiled);
    if (!compiled->isRunnable())
      GTEST_SKIP() << "this machine has no " << testTarget();
    RefTensor input(type, {0});
    input.floats = arguments<T>();
    input.shape = {static_cast<int64_t>(input.floats.size())};
    std::string error;
    auto results = compiled->run(input, error);
    ASSERT_TRUE(results) << error;
    bool isCircular = GetParam().op == std::string("sin") || GetParam().op == std::string("cos");
    for (double got : results->front().floats)
      EXPECT_FALSE(isCircular && std::abs(got) > 1) << got;
    double worst = 0, at = 0;
    for (auto [x, got] : llvm::zip(input.floats, results->front().floats))
      if (double ulps = ulpsApart<T>(got, GetParam().exact(x)); ulps > worst)
        worst = ulps, at = x;
    RecordProperty("ulps", std::to_string(worst));
    if (std::getenv("ATTNC_FUNCTIONS_SHOW"))
      printf("%-10s %s %12.3f ulps at %a\n", GetParam().op, spelling, worst, at);
    auto show = [](Real value) { return std::to_string(static_cast<double>(value)); };
    EXPECT_LE(worst, limit) << GetParam().op << " of " << spelling << " " << show(at) << " should be "
                            << show(GetParam().exact(at));
  }

  std::unique_ptr<MLIRContext> context = makeContext();
};
} // namespace

TEST_P(Functions, f32) { check<float>(Float32Type::get(context.get()), "f32", GetParam().f32Ulps); }
TEST_P(Functions, f64) { check<double>(Float64Type::get(context.get()), "f64", GetParam().f64Ulps); }

INSTANTIATE_TEST_SUITE_P(All, Functions, testing::ValuesIn(functions),
                         [](const auto &info) { return std::string(info.param.op); });
