//===- conversions-test.cpp - Every float type to every other -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions among f16, bf16, f32 and f64 round once, to nearest, on every target: compared bit for bit with LLVM's
// software floats at random numbers, and at what lies on and beside the middle of two neighbours of the narrower type.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/Parser/Parser.h"
#include "test/numerics/Compiled.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;
using attn::RefTensor;

namespace {
/// From, to. IR has no conversion between f16 and bf16, which go through f32.
using Pair = std::pair<const char *, const char *>;
constexpr Pair kPairs[] = {{"f16", "f32"}, {"f16", "f64"}, {"bf16", "f32"}, {"bf16", "f64"}, {"f32", "f64"},
                           {"f32", "f16"}, {"f64", "f16"}, {"f32", "bf16"}, {"f64", "bf16"}, {"f64", "f32"}};
constexpr int64_t kElements = 4099; // not a multiple of any vector

FloatType typeOf(llvm::StringRef name, MLIRContext *context) {
  Builder b(context);
  return name == "f16"    ? FloatType(b.getF16Type())
         : name == "bf16" ? FloatType(b.getBF16Type())
         : name == "f32"  ? FloatType(b.getF32Type())
                          : FloatType(b.getF64Type());
}

double convert(double value, FloatType type) {
  llvm::APFloat number(value);
  bool inexact;
  number.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  number.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  return number.convertToDouble();
}

/// A number of `from` that is hard to round to `to`.
double hardNumber(FloatType from, FloatType to, std::mt19937_64 &random) {
  const llvm::fltSemantics &semantics = to.getFloatSemantics();
  llvm::APFloat below(semantics, llvm::APInt(to.getWidth(), random(), false, /*implicitTrunc=*/true)), above(below);
  above.next(/*nextDown=*/false);
  bool inexact;
  below.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  above.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  double middle = below.convertToDouble() / 2 + above.convertToDouble() / 2;
  switch (random() % 5) {
  case 0:
    return convert(below.convertToDouble(), from);
  case 1:
    return convert(std::nextafter(middle, INFINITY), from);
  case 2:
    return convert(std::nextafter(middle, -INFINITY), from);
  case 3:
    return convert(middle * (1 + std::ldexp(random() % 2 ? 1 : -1, -20 - static_cast<int>(random() % 30))), from);
  default:
    return convert(middle, from);
  }
}

/// (x: from[N]) -> to[N]
std::string moduleFor(const char *from, const char *to) {
  bool widens = llvm::StringRef(to).drop_while(llvm::isAlpha) > llvm::StringRef(from).drop_while(llvm::isAlpha);
  return fmt::format(R"(
func.func @convert(%x: tensor<?x{0}> {{attnc.name = "x", attnc.dims = ["N"]}})
    -> (tensor<?x{1}> {{attnc.name = "y", attnc.dims = ["N"]}}) {{
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x{0}>
  %e = tensor.empty(%n) : tensor<?x{1}>
  %y = linalg.generic {{indexing_maps = [affine_map<(n) -> (n)>, affine_map<(n) -> (n)>], iterator_types = ["parallel"]}}
    ins(%x : tensor<?x{0}>) outs(%e : tensor<?x{1}>) {{
    ^bb0(%a: {0}, %o: {1}):
      %r = arith.{2} %a : {0} to {1}
      linalg.yield %r : {1}
    }} -> tensor<?x{1}>
  return %y : tensor<?x{1}>
}})",
                     from, to, widens ? "extf" : "truncf");
}

class Conversions : public testing::TestWithParam<std::tuple<const char *, Pair>> {};

TEST_P(Conversions, RoundOnceToNearest) {
  auto [target, names] = GetParam();
  auto [fromName, toName] = names;
  auto context = makeContext();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(moduleFor(fromName, toName), context.get());
  ASSERT_TRUE(module);
  auto compiled = Compiled::create(*module, target);
  ASSERT_TRUE(compiled);
  if (!compiled->isRunnable())
    GTEST_SKIP() << "this CPU is no " << target;
  FloatType from = typeOf(fromName, context.get()), to = typeOf(toName, context.get());
  RefTensor input(from, {kElements});
  std::mt19937_64 random(1);
  for (double &value : input.floats)
    value = hardNumber(from, to, random);
  std::string error;
  auto outputs = compiled->run(input, error);
  ASSERT_TRUE(outputs) << error;
  // vcvtneps2bf16 takes subnormal numbers for zero.
  bool flushes = llvm::StringRef(target).contains("bf16") && to.isBF16();
  for (auto [x, y] : llvm::zip(input.floats, outputs->front().floats)) {
    double expected = convert(x, to);
    if (flushes && std::abs(x) < 0x1p-126 && y == 0)
      continue;
    ASSERT_TRUE(std::isnan(expected) ? std::isnan(y) : y == expected && std::signbit(y) == std::signbit(expected))
        << fmt::format("{:a}: expected {:a}, got {:a}", x, expected, y);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Conversions,
                         testing::Combine(testing::Values("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4",
                                                          "x86-64-v4+avx512bf16"),
                                          testing::ValuesIn(kPairs)));
} // namespace
