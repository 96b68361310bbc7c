//===- paged-test.cpp - Keys and values in pages --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiled code that reads through a table against the interpreter on the same keys and values without pages. Pages
// lie in any order; pages and rows of no sequence are NaN, and elements of the table that count for nothing are no pages.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Import.h"
#include "dialects/Attn/Interpreter.h"
#include "test/numerics/Modules.h"
#include "llvm/Support/SourceMgr.h"
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;
using attn::RefTensor;

namespace {
/// What is computed, and on how much.
struct Case {
  std::string type = "f32", score = "s", mask = "padding(lengths)", key = "k";
  int64_t H = 4, G = 2, D = 16, E = 16, P = 16;
  std::string layout = "XGPD"; ///< of a page of K; V has E for D
  bool isShared = true;        ///< one table for K and V
  bool lse = true;
  int64_t B = 3, M = 5, T = 5;
};

class Paged : public testing::Test {
protected:
  void check(const Case &wanted);
  std::optional<std::vector<RefTensor>> run(std::vector<RefTensor> inputs, std::string &error);
  void compile(const Case &wanted);
  std::vector<RefTensor> makeInputs();

  int64_t below(int64_t count) { return static_cast<int64_t>(random() % static_cast<uint64_t>(count)); }
  OwningOpRef<ModuleOp> import(const std::string &text);
  std::string text(bool isPaged);
  RefTensor filled(Type element, ArrayRef<int64_t> shape, double value = NAN);
  RefTensor scattered(const RefTensor &rows, StringRef layout, const RefTensor &table, int64_t pages);

  std::unique_ptr<MLIRContext> context = makeContext();
  std::mt19937_64 random{12};
  Case what;
  OwningOpRef<ModuleOp> plain, paged;
  std::unique_ptr<Compiled> compiled;
};
} // namespace

OwningOpRef<ModuleOp> Paged::import(const std::string &text) {
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBuffer(text, "paged.attn"), llvm::SMLoc());
  FailureOr<OwningOpRef<ModuleOp>> module = spec::importSpec(sources, context.get());
  return succeeded(module) ? std::move(*module) : OwningOpRef<ModuleOp>();
}

/// The program, on pages or on contiguous rows.
std::string Paged::text(bool isPaged) {
  auto rows = [&](bool isKey) {
    std::string dims;
    for (char letter : what.layout)
      dims += fmt::format("{}{}", dims.empty() ? "" : ", ",
                          letter == 'X'   ? "pages"
                          : letter == 'G' ? fmt::format("G={}", what.G)
                          : letter == 'P' ? fmt::format("P={}", what.P)
                          : isKey         ? fmt::format("D={}", what.D)
                                          : fmt::format("Dv={}", what.E));
    if (!isPaged)
      return fmt::format("{}[B, N, G={}, {}]", what.type, what.G,
                         isKey ? fmt::format("D={}", what.D) : fmt::format("Dv={}", what.E));
    std::string table = isKey ? "table: i32[B, T]" : what.isShared ? "table" : "other: i32[B, T]";
    return fmt::format("paged {}[{}] by {}", what.type, dims, table);
  };
  std::string key = what.key == "k" ? "" : "key = " + what.key + ";";
  std::string score = what.score == "s" ? "" : "score = " + what.score + ";";
  return fmt::format(
      "attention f(q: {0}[B, M, H={1}, D={2}], k: {3}, v: {4}, lengths: i32[B]) -> (o: {0}[B, M, H, Dv]{8}) "
      "{{ {5} {6} mask = {7} }}",
      what.type, what.H, what.D, rows(true), rows(false), key, score, what.mask,
      what.lse ? fmt::format(", lse: {}[B, M, H]", what.type) : "");
}

void Paged::compile(const Case &wanted) {
  what = wanted;
  plain = import(text(false));
  paged = import(text(true));
  ASSERT_TRUE(plain && paged) << text(true);
  compiled = Compiled::create(*paged, testTarget());
  ASSERT_TRUE(compiled) << text(true);
  if (!compiled->isRunnable())
    GTEST_SKIP() << "this machine has no " << testTarget();
}

RefTensor Paged::filled(Type element, ArrayRef<int64_t> shape, double value) {
  RefTensor tensor(element, shape);
  for (double &x : tensor.floats)
    x = std::isnan(value) ? static_cast<double>(below(64)) / 32 - 1 : value; // exact in bf16
  return tensor;
}

/// `rows` [B, N, G, features] in pages as `table` says; all else is NaN.
RefTensor Paged::scattered(const RefTensor &rows, StringRef layout, const RefTensor &table, int64_t pages) {
  int64_t features = rows.shape[3];
  SmallVector<int64_t> shape;
  for (char letter : layout)
    shape.push_back(letter == 'X' ? pages : letter == 'G' ? what.G : letter == 'P' ? what.P : features);
  RefTensor pool(rows.elementType, shape);
  std::fill(pool.floats.begin(), pool.floats.end(), NAN);
  SmallVector<int64_t> strides = pool.strides();
  auto stride = [&](char letter) { return layout.contains(letter) ? strides[layout.find(letter)] : 0; };
  char feature = layout.contains('D') ? 'D' : 'E';
  int64_t n = rows.shape[1], at = 0;
  for (int64_t b = 0; b < what.B; ++b)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t g = 0; g < what.G; ++g)
        for (int64_t d = 0; d < features; ++d, ++at) {
          int64_t page = table.ints[b * what.T + j / what.P];
          if (page >= 0 && page < pages)
            pool.floats[page * stride('X') + g * stride('G') + j % what.P * stride('P') + d * stride(feature)] =
                rows.floats[at];
        }
  return pool;
}

/// q, k, v, lengths of the program without pages. Rows behind the length are NaN.
std::vector<RefTensor> Paged::makeInputs() {
  Builder types(context.get());
  Type element =
      cast<RankedTensorType>((*plain->getOps<func::FuncOp>().begin()).getArgumentTypes()[0]).getElementType();
  int64_t n = what.T * what.P;
  RefTensor lengths(types.getI32Type(), {what.B});
  for (int64_t &length : lengths.ints)
    length = below(4) == 0 ? n * below(2) : below(n + 1);
  std::vector<RefTensor> inputs{filled(element, {what.B, what.M, what.H, what.D}),
                                filled(element, {what.B, n, what.G, what.D}),
                                filled(element, {what.B, n, what.G, what.E}), lengths};
  for (RefTensor *rows : {&inputs[1], &inputs[2]})
    for (int64_t b = 0, row = rows->size() / std::max<int64_t>(what.B, 1); b < what.B && n > 0; ++b)
      std::fill(rows->floats.begin() + b * row + lengths.ints[b] * (row / n), rows->floats.begin() + (b + 1) * row,
                NAN);
  return inputs;
}

/// Places the rows of `inputs` into pages, and runs the compiled program on these.
std::optional<std::vector<RefTensor>> Paged::run(std::vector<RefTensor> inputs, std::string &error) {
  const RefTensor &lengths = inputs[3];
  int64_t pages = what.B * what.T + 2; // two of nobody
  auto makeTable = [&] {
    std::vector<int64_t> order(pages);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    RefTensor table(Builder(context.get()).getI32Type(), {what.B, what.T});
    constexpr int64_t kGarbage[] = {-1, INT32_MAX, INT32_MIN};
    for (int64_t at = 0; at < table.size(); ++at) {
      bool counts = at % what.T * what.P < lengths.ints[at / what.T];
      table.ints[at] = counts ? order[at] : below(2) ? pages : kGarbage[below(3)];
    }
    return table;
  };
  RefTensor kTable = makeTable(), vTable = what.isShared ? kTable : makeTable();
  std::string values = what.layout;
  std::replace(values.begin(), values.end(), 'D', 'E');
  std::vector<RefTensor> given{inputs[0], scattered(inputs[1], what.layout, kTable, pages), kTable,
                               scattered(inputs[2], values, vTable, pages)};
  if (!what.isShared)
    given.push_back(vTable);
  given.push_back(lengths);
  auto expected = attn::interpret(*paged->getOps<func::FuncOp>().begin(), given);
  EXPECT_TRUE(succeeded(expected));
  auto got = compiled->run(given, error);
  if (got && succeeded(expected)) // the two interpreted ones are the same computation
    for (auto [mine, other] : llvm::zip(*got, *expected))
      EXPECT_TRUE(attn::compare(mine, other).within(limitFor(mine.elementType)));
  return got;
}

void Paged::check(const Case &wanted) {
  SCOPED_TRACE(fmt::format("{} {} {} {} P={} M={} T={}", wanted.type, wanted.layout, wanted.mask, wanted.score,
                           wanted.P, wanted.M, wanted.T));
  ASSERT_NO_FATAL_FAILURE(compile(wanted));
  for (int turn = 0; turn < 2; ++turn) {
    std::vector<RefTensor> inputs = makeInputs();
    auto expected = attn::interpret(*plain->getOps<func::FuncOp>().begin(), inputs);
    ASSERT_TRUE(succeeded(expected));
    std::string error;
    auto got = run(inputs, error);
    ASSERT_TRUE(got) << error;
    for (auto [mine, other] : llvm::zip(*got, *expected)) {
      attn::Comparison comparison = attn::compare(mine, other);
      EXPECT_TRUE(comparison.within(limitFor(mine.elementType))) << describe(comparison, mine, other);
    }
  }
}

static const char *kForms[] = {"transposed", "rows", "decode", "dots", "unfused"};

/// Every form, at one query and many, in every type.
TEST_F(Paged, forms) {
  const char *before = std::getenv("ATTNC_TEST_SCHEDULE");
  std::string schedule = before ? before : "";
  for (const char *form : kForms)
    for (const char *type : {"f32", "bf16", "f16"})
      for (int64_t m : {1, 70}) {
        setenv("ATTNC_TEST_SCHEDULE", fmt::format("attention.form={}", form).c_str(), 1);
        SCOPED_TRACE(form);
        ASSERT_NO_FATAL_FAILURE(check({.type = type, .M = m}));
        ASSERT_NO_FATAL_FAILURE(check({.type = type, .P = 128, .M = m, .T = 2})); // blocks of keys within a page
      }
  before ? setenv("ATTNC_TEST_SCHEDULE", schedule.c_str(), 1) : unsetenv("ATTNC_TEST_SCHEDULE");
}

/// As pairs of bf16, where there are instructions for these; there is no lse then, and no key expression.
TEST_F(Paged, pairs) {
  for (int64_t m : {1, 70, 300})
    for (int64_t keys : {16, 64})
      ASSERT_NO_FATAL_FAILURE(check({.type = "bf16",
                                     .mask = m == 70 ? "padding(lengths)" : "j <= i + lengths[b] - M",
                                     .D = 32,
                                     .E = 24,
                                     .P = keys,
                                     .lse = false,
                                     .M = m,
                                     .T = 11}));
}

TEST_F(Paged, sizes) {
  for (int64_t keys : {16, 32, 48, 64, 128})
    ASSERT_NO_FATAL_FAILURE(check({.P = keys, .M = 3, .T = 256 / keys}));
  for (const char *layout : {"XPGD", "GXPD", "XGDP"})
    for (int64_t keys : {16, 64})
      ASSERT_NO_FATAL_FAILURE(check({.P = keys, .layout = layout, .M = 3}));
  ASSERT_NO_FATAL_FAILURE(check({.B = 0}));
  ASSERT_NO_FATAL_FAILURE(check({.M = 0}));
  ASSERT_NO_FATAL_FAILURE(check({.T = 0}));
}

/// Random programs and lengths.
TEST_F(Paged, random) {
  auto oneOf = [&](auto... values) {
    std::common_type_t<decltype(values)...> all[] = {values...};
    return all[random() % std::size(all)];
  };
  const char *before = std::getenv("ATTNC_TEST_SCHEDULE"), *cases = std::getenv("ATTNC_TEST_CASES");
  std::string schedule = before ? before : "";
  for (int left = cases ? std::atoi(cases) : 16; left > 0 && !HasFatalFailure(); --left) {
    int64_t groups = oneOf(1, 2, 3);
    Case wanted{.type = oneOf("f32", "f64", "bf16", "f16"),
                .score = oneOf("s", "softcap(s, 5)", "s - 0.125 * abs(lengths[b] - 1 - j)"),
                .mask = oneOf("padding(lengths)", "j <= i + lengths[b] - M",
                              "padding(lengths) and i + lengths[b] - M - j < 20",
                              "padding(lengths) and (j % 3 != 1 or h == 0)",
                              "padding(lengths) and (j < 4 or j > lengths[b] - 9)"),
                .key = oneOf("k", "rms_norm(k, 0.01)", "k * (1 + j % 2)"),
                .H = groups * oneOf(1, 2, 4),
                .G = groups,
                .D = oneOf(1, 8, 20),
                .E = oneOf(1, 5, 32),
                .P = oneOf(16, 32, 64, 80, 128),
                .layout = oneOf("XGPD", "XPGD", "GXPD"),
                .isShared = oneOf(true, false),
                .B = oneOf(1, 2, 5),
                .M = oneOf(1, 2, 17, 70),
                .T = oneOf(1, 3, 9)};
    setenv("ATTNC_TEST_SCHEDULE", fmt::format("attention.form={}", kForms[below(std::size(kForms))]).c_str(), 1);
    check(wanted);
  }
  before ? setenv("ATTNC_TEST_SCHEDULE", schedule.c_str(), 1) : unsetenv("ATTNC_TEST_SCHEDULE");
}

/// An element that counts and is no page: told, with its place, and nothing is written.
TEST_F(Paged, badPages) {
  ASSERT_NO_FATAL_FAILURE(compile({.B = 2, .M = 2, .T = 4}));
  std::vector<RefTensor> rows = makeInputs();
  Type element = rows[0].elementType;
  RefTensor pool = filled(element, {8, 2, 16, 16}, 1), table(Builder(context.get()).getI32Type(), {2, 4});
  for (int64_t at = 0; at < 8; ++at)
    table.ints[at] = 7 - at;
  for (auto [at, length, value, isRead] : {std::tuple(6, 33, 8, true),
                                           {6, 33, -1, true},
                                           {6, 32, 8, false},
                                           {0, 1, INT32_MIN, true},
                                           {3, 64, 1 << 30, true}}) {
    RefTensor wrong = table, lengths = rows[3];
    wrong.ints[at] = value;
    lengths.ints.assign(2, length);
    std::string error;
    auto got = compiled->run({rows[0], pool, wrong, pool, lengths}, error);
    EXPECT_EQ(got.has_value(), !isRead) << error;
    if (isRead)
      EXPECT_NE(
          error.find(fmt::format("table: element [{}, {}] is {}, which is outside of the 8 positions that it indexes "
                                 "(0 to 7)",
                                 at / 4, at % 4, value)),
          std::string::npos)
          << error;
  }
}

/// V's own table, and pages before a window, which count for nothing.
TEST_F(Paged, badPagesOfOneTable) {
  ASSERT_NO_FATAL_FAILURE(
      compile({.mask = "padding(lengths) and i + lengths[b] - M - j < 20", .isShared = false, .B = 1, .M = 2, .T = 4}));
  std::vector<RefTensor> rows = makeInputs();
  RefTensor pool = filled(rows[0].elementType, {8, 2, 16, 16}, 1), lengths = rows[3];
  lengths.ints = {64}; // queries at 62 and 63 see keys from 43 on
  RefTensor table(Builder(context.get()).getI32Type(), {1, 4});
  table.ints = {-1, 99, 3, 7};
  std::string error;
  EXPECT_TRUE(compiled->run({rows[0], pool, table, pool, table, lengths}, error)) << error;
  RefTensor other = table;
  other.ints = {0, 1, 3, 8};
  EXPECT_FALSE(compiled->run({rows[0], pool, table, pool, other, lengths}, error));
  EXPECT_NE(error.find("other: element [0, 3] is 8, which is outside of the 8 positions"), std::string::npos) << error;
}
