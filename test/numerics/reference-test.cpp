//===- reference-test.cpp - The interpreter against the definition --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The oracle itself is tested here: against the definition written a second time
// in long double (`naive`), which shares no code with it.
//
//===----------------------------------------------------------------------===//

#include "compiler/pipeline/Dialects.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Parser/Parser.h"
#include "test/numerics/Variants.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;

namespace {
std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const char *mask :
       {"none", "causal", "causal_start", "window", "prefix", "scattered", "even_rows", "never", "padding", "per_head"})
    all.push_back({.name = std::string("mask_") + mask, .mask = mask, .D = 3, .E = 2, .lse = true});
  for (const char *score : {"softcap", "alibi", "bias", "shared_bias", "minus_inf"})
    all.push_back({.name = std::string("score_") + score, .mask = "causal", .score = score, .D = 3, .E = 2});
  all.push_back({.name = "grouped", .mask = "causal", .H = 6, .G = 2, .D = 4, .E = 1});
  all.push_back({.name = "f64", .mask = "window", .score = "alibi", .type = "f64", .lse = true});
  all.push_back({.name = "bf16", .mask = "causal", .type = "bf16"});
  all.push_back({.name = "both_captures", .mask = "padding", .score = "bias", .D = 2, .E = 2});
  return all;
}

class Reference : public testing::TestWithParam<Variant> {
protected:
  Reference() : context(registry(), MLIRContext::Threading::DISABLED) {}
  static DialectRegistry registry() {
    DialectRegistry registry;
    registerDialects(registry);
    return registry;
  }

  void check(const Variant &variant, ArrayRef<Sizes> allSizes) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(moduleText(variant), &context);
    ASSERT_TRUE(module) << moduleText(variant);
    auto function = module->lookupSymbol<func::FuncOp>("attention");
    for (const Sizes &sizes : allSizes)
      for (Poison poison : {Poison::none, Poison::masked, Poison::queries, Poison::keys, Poison::values}) {
        SCOPED_TRACE(nameOf(sizes) + ", " + nameOf(poison));
        std::vector<RefTensor> inputs = makeInputs(variant, sizes, poison, 1, &context);
        std::vector<RefTensor> expected = naive(variant, sizes, inputs);
        auto got = attn::interpret(function, inputs);
        ASSERT_TRUE(succeeded(got));
        ASSERT_EQ(got->size(), expected.size());
        for (auto [mine, other] : llvm::zip(*got, expected)) {
          attn::Comparison comparison = attn::compare(mine, other);
          EXPECT_TRUE(comparison.within(1e-13)) << describe(comparison, mine, other);
        }
      }
  }

  MLIRContext context;
};
} // namespace

TEST_P(Reference, agreesWithTheDefinition) {
  std::vector<Sizes> sizes;
  for (int64_t m : {0, 1, 2, 7, 33})
    for (int64_t n : {0, 1, 2, 7, 33})
      sizes.push_back({m == n ? 2 : 1, m, n});
  sizes.push_back({0, 3, 3});
  check(GetParam(), sizes);
}

INSTANTIATE_TEST_SUITE_P(Variants, Reference, testing::ValuesIn(variants()),
                         [](const auto &info) { return info.param.name; });

/// All orders of the four dimensions, for each operand while the others stay; and all reversed.
TEST_F(Reference, everyLayout) {
  for (auto [member, letters] : {std::pair(&Variant::q, "BDHM"), std::pair(&Variant::k, "BDGN"),
                                 std::pair(&Variant::v, "BEGN"), std::pair(&Variant::o, "BEHM")}) {
    std::string layout = letters;
    do {
      Variant variant{.mask = "causal", .score = "bias", .H = 4, .G = 2, .D = 3, .E = 2, .lse = true};
      variant.*member = layout;
      SCOPED_TRACE(layout);
      check(variant, {{2, 3, 5}});
    } while (std::next_permutation(layout.begin(), layout.end()));
  }
  check({.mask = "window", .q = "DHMB", .k = "DGNB", .v = "EGNB", .o = "EHMB", .lse = true}, {{2, 9, 30}});
}
