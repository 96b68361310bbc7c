//===- attention-test.cpp - Compiled attention against the interpreter ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each variant is compiled once and run at every pair of ragged lengths, with
// poison, in every layout. Buffers end at pages that may not be touched.
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/Interpreter.h"
#include "mlir/Parser/Parser.h"
#include "test/numerics/Modules.h"
#include "test/numerics/Variants.h"
#include <gtest/gtest.h>
#include <sys/resource.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;

namespace {
class Attention : public testing::TestWithParam<Variant> {
protected:
  /// Compiles `variant`, or fails the test.
  void compile(const Variant &wanted) {
    variant = wanted;
    module = parseSourceString<ModuleOp>(moduleText(variant), context.get());
    ASSERT_TRUE(module) << moduleText(variant);
    compiled = Compiled::create(*module, testTarget());
    ASSERT_TRUE(compiled) << moduleText(variant);
    if (!compiled->isRunnable())
      GTEST_SKIP() << "this machine has no " << testTarget();
  }

  void check(const Sizes &sizes, Poison poison = Poison::none, Placement placement = Placement::contiguous) {
    SCOPED_TRACE(nameOf(sizes) + ", " + nameOf(poison));
    std::vector<RefTensor> inputs = makeInputs(variant, sizes, poison, 7, context.get());
    auto expected = attn::interpret(module->lookupSymbol<func::FuncOp>("attention"), inputs);
    ASSERT_TRUE(succeeded(expected));
    std::string error;
    auto got = compiled->run(inputs, error, placement);
    ASSERT_TRUE(got) << error;
    ASSERT_EQ(got->size(), expected->size());
    for (auto [mine, other] : llvm::zip(*got, *expected)) {
      attn::Comparison comparison = attn::compare(mine, other);
      EXPECT_TRUE(comparison.within(limitFor(mine.elementType))) << describe(comparison, mine, other);
    }
  }

  std::unique_ptr<MLIRContext> context = makeContext();
  Variant variant;
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<Compiled> compiled;
};

/// Small heads keep the f64 reference fast; the kernel's lengths are what is ragged.
std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const char *mask : {"none", "causal", "causal_start", "window", "prefix", "scattered", "even_rows", "never",
                           "padding", "per_head", "documents"})
    all.push_back({.name = std::string("mask_") + mask, .mask = mask, .lse = true});
  for (const char *score : {"softcap", "alibi", "bias", "shared_bias", "minus_inf"})
    all.push_back({.name = std::string("score_") + score, .mask = "causal", .score = score});
  all.push_back({.name = "grouped", .mask = "causal", .H = 4, .G = 2});
  all.push_back({.name = "one_group", .mask = "none", .H = 3, .G = 1});
  all.push_back({.name = "wide_values", .mask = "causal", .D = 8, .E = 40});
  all.push_back({.name = "odd_features", .mask = "none", .D = 5, .E = 7});
  all.push_back({.name = "one_feature", .mask = "causal", .D = 1, .E = 1});
  all.push_back({.name = "heads_first", .mask = "causal", .q = "BHMD", .k = "BGND", .v = "BGNE", .o = "BHME"});
  all.push_back({.name = "bf16_causal", .mask = "causal", .D = 6, .E = 5, .type = "bf16"});
  all.push_back({.name = "bf16_lse", .mask = "prefix", .type = "bf16", .lse = true});
  all.push_back({.name = "bf16_score", .mask = "causal", .score = "softcap", .H = 4, .G = 2, .type = "bf16"});
  for (const char *type : {"bf16", "f16"}) {
    all.push_back({.name = std::string(type) + "_window", .mask = "window", .type = type});
    all.push_back({.name = std::string(type) + "_padding",
                   .mask = "padding",
                   .score = "softcap",
                   .D = 7,
                   .E = 20,
                   .q = "BHMD",
                   .k = "BGDN",
                   .v = "BGNE",
                   .o = "BMHE",
                   .type = type});
  }
  all.push_back({.name = "bf16_documents", .mask = "documents", .D = 6, .E = 5, .type = "bf16"});
  all.push_back({.name = "f64_window", .mask = "window", .type = "f64"});
  all.push_back({.name = "f64_padding", .mask = "padding", .score = "bias", .D = 7, .E = 20, .type = "f64"});
  all.push_back({.name = "both_captures", .mask = "padding", .score = "bias"});
  // Finite fills: rows without keys, ids that are read, scores below the fill (queries).
  for (const char *mask : {"causal", "window", "prefix", "even_rows", "never", "padding", "per_head", "documents"})
    all.push_back({.name = std::string("fill_") + mask, .mask = mask, .lse = true, .fill = -1e4});
  all.push_back({.name = "fill_least", .mask = "causal", .score = "bias", .H = 4, .fill = -3.4e38});
  all.push_back({.name = "fill_near", .mask = "causal", .type = "f64", .fill = -1e4, .queries = 8192});
  all.push_back({.name = "fill_below", .mask = "window", .fill = -1e3, .queries = 65536});
  all.push_back({.name = "fill_bf16", .mask = "causal", .type = "bf16", .fill = -65504});
  all.push_back({.name = "fill_f16", .mask = "padding", .type = "f16", .fill = -1e4});
  all.push_back({.name = "fill_f64", .mask = "window", .type = "f64", .lse = true, .fill = -1e3});
  return all;
}

/// Where compiled code may differ from the reference: 0 * inf. Slopes make weights underflow in f32 that do not in f64;
/// a key whose score is -inf has weight 0, and compiled code still multiplies it with V. Nor does it visit keys that are
/// filled.
bool isOpen(Poison poison, const Variant &variant) {
  if (variant.fill)
    return poison == Poison::values || poison == Poison::masked;
  return poison == Poison::values && (variant.score == "alibi" || variant.score == "minus_inf");
}

std::string variantName(const testing::TestParamInfo<Variant> &info) { return info.param.name; }
} // namespace

/// Every pair of ragged lengths.
TEST_P(Attention, lengths) {
  ASSERT_NO_FATAL_FAILURE(compile(GetParam()));
  for (int64_t m : raggedLengths())
    for (int64_t n : raggedLengths())
      if (m * n < 200000) // 1003 x 1003 once, below
        check({1, m, n});
}

/// Poison where it must not matter and where it must, at lengths inside and across blocks; batches.
TEST_P(Attention, poison) {
  ASSERT_NO_FATAL_FAILURE(compile(GetParam()));
  for (Sizes sizes : {Sizes{2, 3, 3}, Sizes{1, 17, 65}, Sizes{2, 65, 17}, Sizes{1, 70, 70}, Sizes{1, 33, 300}})
    for (Poison poison : {Poison::masked, Poison::queries, Poison::keys, Poison::values})
      if (!isOpen(poison, variant))
        check(sizes, poison);
  check({0, 5, 5});
  check({3, 1, 200});
}

INSTANTIATE_TEST_SUITE_P(Variants, Attention, testing::ValuesIn(variants()), variantName);

TEST_F(Attention, longLengths) {
  ASSERT_NO_FATAL_FAILURE(compile({.name = "long", .mask = "causal", .H = 1, .G = 1, .D = 64, .E = 64}));
  check({1, 1003, 1003});
}

TEST_F(Attention, threads) {
  ASSERT_NO_FATAL_FAILURE(compile({.name = "threads", .mask = "causal", .H = 4, .G = 2}));
  compiled->useThreads(3);
  for (Sizes sizes : {Sizes{3, 65, 65}, Sizes{1, 1, 1}, Sizes{0, 1, 1}, Sizes{1, 200, 300}})
    check(sizes);
}

/// Enough work that several blocks of queries share a walk over the keys: 4 of 4, and 3 + 2 of 5.
TEST_F(Attention, sharedWalks) {
  ASSERT_NO_FATAL_FAILURE(compile({.name = "shared", .mask = "window", .H = 4, .G = 2, .D = 8, .E = 5, .lse = true}));
  for (Sizes sizes : {Sizes{16, 200, 130}, Sizes{13, 300, 300}})
    for (Poison poison : {Poison::none, Poison::masked, Poison::values})
      check(sizes, poison);
}

/// A row without keys has its block walk again over all keys, which changes no bit of the other rows.
TEST_F(Attention, filledRowsAreAlone) {
  ASSERT_NO_FATAL_FAILURE(compile({.name = "alone", .mask = "per_head", .lse = true, .fill = -1e4}));
  constexpr int64_t kQueries = 70, kKeys = 300, kEmpty = 5;
  std::vector<RefTensor> inputs = makeInputs(variant, {1, kQueries, kKeys}, Poison::none, 7, context.get());
  std::vector<int64_t> &allowed = inputs[3].ints;
  for (size_t at = 0; at < allowed.size(); ++at) // no key in the first block
    allowed[at] = allowed[at] && at % kKeys >= 128;
  std::string error;
  auto before = compiled->run(inputs, error);
  for (int64_t h = 0; h < variant.H; ++h)
    std::fill_n(allowed.begin() + (h * kQueries + kEmpty) * kKeys, kKeys, 0);
  auto after = compiled->run(inputs, error);
  ASSERT_TRUE(before && after) << error;
  size_t perQuery = variant.H * variant.E; // o is BMHE
  for (size_t at = 0; at < before->front().floats.size(); ++at) {
    bool isSame = before->front().floats[at] == after->front().floats[at];
    EXPECT_EQ(isSame, at / perQuery != kEmpty) << at;
  }
}

/// A window over a million queries and keys: no mask exists in memory (its bits would be 128 GB), and blocks outside of
/// the window are not even looked at, or this would run for hours.
TEST_F(Attention, aMillionTokens) {
  ASSERT_NO_FATAL_FAILURE(compile({.name = "million", .mask = "window", .H = 1, .G = 1, .D = 2, .E = 1}));
  constexpr int64_t kTokens = 1 << 20;
  Type f32 = Float32Type::get(context.get());
  std::vector<RefTensor> inputs = {RefTensor(f32, {1, kTokens, 1, 2}), RefTensor(f32, {1, kTokens, 1, 2}),
                                   RefTensor(f32, {1, kTokens, 1, 1})};
  for (int64_t at = 0; at < 2 * kTokens; ++at)
    inputs[0].floats[at] = inputs[1].floats[at] = (at % 17) / 16.0;
  for (int64_t at = 0; at < kTokens; ++at) // the mean over a window of 20 is near its middle
    inputs[2].floats[at] = static_cast<double>(at % 1024);
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  std::string error;
  auto got = compiled->run(inputs, error);
  getrusage(RUSAGE_SELF, &after);
  ASSERT_TRUE(got) << error;
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 200 << 10) << "KB beside the inputs";
  for (int64_t query : {19, 1000, 524788, 1048570})
    EXPECT_NEAR((*got)[0].floats[query], static_cast<double>(query % 1024) - 9.5, 8) << query;
}

/// Inputs that the caller holds with gaps, read in place or copied.
TEST_F(Attention, strides) {
  ASSERT_NO_FATAL_FAILURE(
      compile({.name = "strides", .mask = "padding", .score = "bias", .H = 4, .G = 2, .lse = true}));
  for (Placement placement : {Placement::padded, Placement::interleaved})
    for (Sizes sizes : {Sizes{2, 17, 65}, Sizes{1, 1, 1}, Sizes{2, 0, 3}, Sizes{2, 70, 16}})
      check(sizes, Poison::none, placement);
}

/// A dozen orders of the dimensions, features last and not.
TEST_F(Attention, layouts) {
  struct Orders {
    const char *q, *k, *v, *o;
  };
  for (Orders orders : {Orders{"BHMD", "BGND", "BGNE", "BMHE"}, Orders{"MBHD", "NBGD", "NBGE", "MBHE"},
                        Orders{"HBMD", "GBND", "GBNE", "HMBE"}, Orders{"BMHD", "BGDN", "BNGE", "BHME"},
                        Orders{"BHDM", "BGND", "BGNE", "BHEM"}, Orders{"BMHD", "BNGD", "BGEN", "BMHE"},
                        Orders{"DHMB", "DGNB", "EGNB", "EHMB"}, Orders{"MHDB", "GDBN", "NEBG", "BEMH"}}) {
    SCOPED_TRACE(std::string(orders.q) + " " + orders.k + " " + orders.v + " " + orders.o);
    ASSERT_NO_FATAL_FAILURE(compile({.name = "layouts",
                                     .mask = "causal",
                                     .H = 4,
                                     .G = 2,
                                     .D = 8,
                                     .E = 5,
                                     .q = orders.q,
                                     .k = orders.k,
                                     .v = orders.v,
                                     .o = orders.o,
                                     .lse = true}));
    for (Sizes sizes : {Sizes{2, 17, 65}, Sizes{1, 1, 1}, Sizes{3, 70, 16}})
      check(sizes, Poison::masked);
  }
}

/// Any order of the dimensions, with extents of 1 anywhere, in every form. ATTNC_TEST_CASES says how many.
TEST_F(Attention, randomLayouts) {
  std::mt19937 random(22);
  auto oneOf = [&](auto... values) {
    std::common_type_t<decltype(values)...> all[] = {values...};
    return all[random() % std::size(all)];
  };
  auto shuffled = [&](std::string letters) {
    std::shuffle(letters.begin(), letters.end(), random);
    return letters;
  };
  const char *cases = std::getenv("ATTNC_TEST_CASES"), *before = std::getenv("ATTNC_TEST_SCHEDULE");
  std::string schedule = before ? before : "";
  for (int left = cases ? std::atoi(cases) : 24; left > 0 && !HasFatalFailure(); --left) {
    int64_t groups = oneOf(1, 2);
    Variant variant{.name = "layouts",
                    .mask = oneOf("none", "causal"),
                    .score = oneOf("none", "bias"),
                    .H = groups * oneOf(1, 2),
                    .G = groups,
                    .D = oneOf(1, 2, 17),
                    .E = oneOf(1, 2, 17),
                    .q = shuffled("BHMD"),
                    .k = shuffled("BGND"),
                    .v = shuffled("BGNE"),
                    .o = shuffled("BHME"),
                    .type = oneOf("f32", "bf16"),
                    .lse = oneOf(true, false)};
    std::string form = oneOf("transposed", "rows", "decode", "dots", "unfused");
    setenv("ATTNC_TEST_SCHEDULE", ("attention.form=" + form).c_str(), 1);
    SCOPED_TRACE(form + " " + variant.mask + " " + variant.type + "\n" + moduleText(variant));
    ASSERT_NO_FATAL_FAILURE(compile(variant));
    for (int size = 0; size < 3; ++size)
      check({oneOf(0, 1, 2), oneOf(0, 1, 2, 17), oneOf(0, 1, 2, 17)}, Poison::masked);
  }
  before ? setenv("ATTNC_TEST_SCHEDULE", schedule.c_str(), 1) : unsetenv("ATTNC_TEST_SCHEDULE");
}
