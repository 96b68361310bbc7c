//===- Variants.cpp - Attention variants, inputs and a second opinion -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/numerics/Variants.h"
#include "mlir/IR/Builders.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;

//===----------------------------------------------------------------------===//
// Masks and scores, each as MLIR and as C++
//===----------------------------------------------------------------------===//

namespace {
struct Point {
  int64_t b, h, i, j, M, N;
  int64_t pos() const { return i + N - M; } // where query i stands among the keys, ends aligned
};

/// A captured tensor: its layout in roles (B, M, N, H), and its element type ("float" is the variant's).
struct Capture {
  std::string layout;
  std::string type;
  bool isSorted = false; // along the last dimension; ids of documents
};

struct MaskRow {
  const char *name, *text;
  bool (*allowed)(const Point &, const RefTensor *capture);
  std::vector<Capture> captures;
};
struct ScoreRow {
  const char *name, *text;
  long double (*value)(long double s, const Point &, const RefTensor *capture);
  std::vector<Capture> captures;
};
} // namespace

static int64_t at(const RefTensor *tensor, std::initializer_list<int64_t> indices) {
  int64_t place = 0, d = 0;
  for (int64_t index : indices)
    place = place * tensor->shape[d++] + index;
  return place;
}

// The texts see %s %b %h %i %j %M %N and the capture %t, and end in %r. FLOAT stands for the accumulator's type.
static const std::vector<MaskRow> &maskTable() {
  static const std::vector<MaskRow> table = {
      {"none", "", [](const Point &, const RefTensor *) { return true; }, {}},
      {"causal",
       R"(
        %d = arith.subi %N, %M : index
        %p = arith.addi %i, %d : index
        %r = arith.cmpi sle, %j, %p : index)",
       [](const Point &p, const RefTensor *) { return p.j <= p.pos(); },
       {}},
      {"causal_start",
       R"(
        %r = arith.cmpi sle, %j, %i : index)",
       [](const Point &p, const RefTensor *) { return p.j <= p.i; },
       {}},
      {"window",
       R"(
        %d = arith.subi %N, %M : index
        %p = arith.addi %i, %d : index
        %c = arith.cmpi sle, %j, %p : index
        %w = arith.constant 20 : index
        %a = arith.subi %p, %j : index
        %l = arith.cmpi slt, %a, %w : index
        %r = arith.andi %c, %l : i1)",
       [](const Point &p, const RefTensor *) { return p.j <= p.pos() && p.pos() - p.j < 20; },
       {}},
      {"prefix",
       R"(
        %c = arith.cmpi sle, %j, %i : index
        %w = arith.constant 5 : index
        %l = arith.cmpi slt, %j, %w : index
        %r = arith.ori %c, %l : i1)",
       [](const Point &p, const RefTensor *) { return p.j <= p.i || p.j < 5; },
       {}},
      {"scattered",
       R"(
        %c3 = arith.constant 3 : index
        %c7 = arith.constant 7 : index
        %c2 = arith.constant 2 : index
        %a = arith.muli %j, %c3 : index
        %c = arith.addi %a, %i : index
        %m = arith.remui %c, %c7 : index
        %r = arith.cmpi ult, %m, %c2 : index)",
       [](const Point &p, const RefTensor *) { return (p.i + 3 * p.j) % 7 < 2; },
       {}},
      {"even_rows",
       R"(
        %c2 = arith.constant 2 : index
        %c0 = arith.constant 0 : index
        %m = arith.remui %i, %c2 : index
        %r = arith.cmpi eq, %m, %c0 : index)",
       [](const Point &p, const RefTensor *) { return p.i % 2 == 0; },
       {}},
      {"never",
       R"(
        %r = arith.cmpi uge, %j, %N : index)",
       [](const Point &, const RefTensor *) { return false; },
       {}},
      {"padding",
       R"(
        %r = tensor.extract %t[%b, %j] : CAPTURE)",
       [](const Point &p, const RefTensor *t) { return t->ints[at(t, {p.b, p.j})] != 0; },
       {{"BN", "i1"}}},
      {"per_head",
       R"(
        %r = tensor.extract %t[%h, %i, %j] : CAPTURE)",
       [](const Point &p, const RefTensor *t) { return t->ints[at(t, {p.h, p.i, p.j})] != 0; },
       {{"HMN", "i1"}}},
      {"documents",
       R"(
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %d = arith.subi %N, %M : index
        %p = arith.addi %i, %d : index
        %last = arith.subi %N, %c1 : index
        %low = arith.minsi %p, %last : index
        %own = arith.maxsi %low, %c0 : index
        %x = tensor.extract %t[%b, %own] : CAPTURE
        %y = tensor.extract %t[%b, %j] : CAPTURE
        %e = arith.cmpi eq, %x, %y : i32
        %c = arith.cmpi sle, %j, %p : index
        %r = arith.andi %e, %c : i1)",
       [](const Point &p, const RefTensor *t) {
         int64_t own = std::max<int64_t>(0, std::min(p.pos(), p.N - 1));
         return p.j <= p.pos() && t->ints[at(t, {p.b, own})] == t->ints[at(t, {p.b, p.j})];
       },
       {{"BN", "i32", /*isSorted=*/true}}},
  };
  return table;
}

static const std::vector<ScoreRow> &scoreTable() {
  using Real = long double;
  static const std::vector<ScoreRow> table = {
      {"none", "", [](Real s, const Point &, const RefTensor *) { return s; }, {}},
      {"softcap",
       R"(
        %c = arith.constant 2.0 : FLOAT
        %a = arith.divf %s, %c : FLOAT
        %d = math.tanh %a : FLOAT
        %r = arith.mulf %d, %c : FLOAT)",
       [](Real s, const Point &, const RefTensor *) { return 2 * std::tanh(s / 2); },
       {}},
      {"alibi",
       R"(
        %d = arith.subi %N, %M : index
        %p = arith.addi %i, %d : index
        %a = arith.subi %j, %p : index
        %w = arith.index_cast %a : index to i64
        %f = arith.sitofp %w : i64 to FLOAT
        %e = tensor.extract %t[%h] : CAPTURE
        %m = arith.mulf %e, %f : FLOAT
        %r = arith.addf %s, %m : FLOAT)",
       [](Real s, const Point &p, const RefTensor *t) { return s + t->floats[p.h] * Real(p.j - p.pos()); },
       {{"H", "float"}}},
      {"bias",
       R"(
        %e = tensor.extract %t[%b, %h, %i, %j] : CAPTURE
        %r = arith.addf %s, %e : FLOAT)",
       [](Real s, const Point &p, const RefTensor *t) { return s + t->floats[at(t, {p.b, p.h, p.i, p.j})]; },
       {{"BHMN", "float"}}},
      {"shared_bias",
       R"(
        %e = tensor.extract %t[%i, %j] : CAPTURE
        %r = arith.addf %s, %e : FLOAT)",
       [](Real s, const Point &p, const RefTensor *t) { return s + t->floats[at(t, {p.i, p.j})]; },
       {{"MN", "float"}}},
      // Every third score is -inf: at N = 1 whole rows are (A5).
      {"minus_inf",
       R"(
        %c3 = arith.constant 3 : index
        %c0 = arith.constant 0 : index
        %c = arith.addi %i, %j : index
        %m = arith.remui %c, %c3 : index
        %x = arith.cmpi eq, %m, %c0 : index
        %z = arith.constant 0.0 : FLOAT
        %l = math.log %z : FLOAT
        %r = arith.select %x, %l, %s : FLOAT)",
       [](Real s, const Point &p, const RefTensor *) { return (p.i + p.j) % 3 == 0 ? -INFINITY : s; },
       {}},
  };
  return table;
}

template <typename Row>
static const Row &rowOf(const std::vector<Row> &table, StringRef name) {
  for (const Row &row : table)
    if (row.name == name)
      return row;
  llvm::report_fatal_error(Twine("no mask or score of that name: ") + name);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static std::string accumulator(const Variant &variant) { return variant.type == "f64" ? "f64" : "f32"; }

/// The letters of a variant that are fixed, by name; 0 for the others.
static int64_t fixedExtent(const Variant &variant, char letter) {
  switch (letter) {
  case 'H':
    return variant.H;
  case 'G':
    return variant.G;
  case 'D':
    return variant.D;
  case 'E':
    return variant.E;
  }
  return 0;
}

static std::string typeText(const Variant &variant, StringRef layout, StringRef element) {
  std::string text = "tensor<";
  for (char letter : layout)
    text += (fixedExtent(variant, letter) ? std::to_string(fixedExtent(variant, letter)) : "?") + "x";
  return text + element.str() + ">";
}

/// type {attnc.name = ..., attnc.dims = [...]}
static std::string described(const Variant &variant, StringRef name, StringRef layout, StringRef element) {
  std::string dims;
  for (char letter : layout)
    dims += fmt::format("{}\"{}\"", dims.empty() ? "" : ", ",
                        fixedExtent(variant, letter) ? std::to_string(fixedExtent(variant, letter))
                                                     : std::string(1, letter));
  return fmt::format("{} {{attnc.name = \"{}\", attnc.dims = [{}]}}", typeText(variant, layout, element), name.str(),
                     dims);
}

static std::string lseLayout(const Variant &variant) {
  std::string layout = variant.o;
  llvm::erase(layout, 'E');
  return layout;
}

static std::vector<Capture> capturesOf(const Variant &variant) {
  std::vector<Capture> captures = rowOf(scoreTable(), variant.score).captures;
  llvm::append_range(captures, rowOf(maskTable(), variant.mask).captures);
  for (Capture &capture : captures)
    if (capture.type == "float")
      capture.type = accumulator(variant);
  return captures;
}

static std::string replaceAll(std::string text, StringRef from, StringRef to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

static std::string typed(const Variant &variant, std::string body, const std::string &captureType) {
  return replaceAll(replaceAll(std::move(body), "FLOAT", accumulator(variant)), "CAPTURE", captureType);
}

/// A score of what the mask allows, `variant.fill` of what it forbids. Its captures are called %t and %u.
static std::string filledScoreText(const Variant &variant, const ScoreRow &score, const MaskRow &mask) {
  std::string arguments = "%s: " + accumulator(variant) +
                          ", %b: index, %h: index, %i: index, %j: index, %M: index, "
                          "%N: index";
  std::vector<std::string> types;
  for (const Capture &capture : capturesOf(variant))
    types.push_back(typeText(variant, capture.layout, capture.type));
  bool scoreReads = !score.captures.empty(), maskReads = !mask.captures.empty();
  if (scoreReads)
    arguments += ", %t: " + types.front();
  if (maskReads)
    arguments += ", %u: " + types.back();
  std::string kept = "s", allowed = typed(variant, mask.text, maskReads ? types.back() : "");
  std::string text = typed(variant, score.text, scoreReads ? types.front() : "");
  if (!text.empty()) { // names of their own
    for (const char *name : {"%a", "%c", "%d", "%e", "%f", "%m", "%p", "%r", "%w", "%x", "%z"})
      text = replaceAll(text, name, "%score_" + std::string(name + 1));
    kept = "score_r";
  }
  if (maskReads)
    allowed = replaceAll(allowed, "%t", "%u");
  return fmt::format("score {{\n      ^bb0({0}):{1}{2}\n        %fill = arith.constant {3:e} : {4}\n"
                     "        %filled = arith.select %r, %{5}, %fill : {4}\n        attn.yield %filled : {4}\n    }} ",
                     arguments, text, allowed, *variant.fill, accumulator(variant), kept);
}

/// One region. Its capture, if it has one, is called %t; that of the other region, %u.
static std::string regionText(const Variant &variant, StringRef body, bool isScore, unsigned own, unsigned first) {
  std::string arguments = isScore ? "%s: " + accumulator(variant) + ", " : "", captureType;
  arguments += "%b: index, %h: index, %i: index, %j: index, %M: index, %N: index";
  for (auto [n, capture] : llvm::enumerate(capturesOf(variant))) {
    std::string type = typeText(variant, capture.layout, capture.type);
    bool isOwn = own && n == first;
    arguments += (isOwn ? ", %t: " : ", %u: ") + type;
    if (isOwn)
      captureType = type;
  }
  std::string text = typed(variant, body.str(), captureType);
  return fmt::format("{} {{\n      ^bb0({}):{}\n        attn.yield %r : {}\n    }} ", isScore ? "score" : "mask",
                     arguments, text, isScore ? accumulator(variant) : "i1");
}

/// The destinations: tensor.empty with the extents of q.
static std::string emptyText(const Variant &variant, StringRef name, StringRef layout, StringRef element) {
  std::string sizes;
  for (char letter : layout)
    if (!fixedExtent(variant, letter))
      sizes += (sizes.empty() ? "%size" : ", %size") + std::string(1, letter);
  return fmt::format("  %{} = tensor.empty({}) : {}\n", name.str(), sizes, typeText(variant, layout, element));
}

static std::string extentText(const Variant &variant) {
  std::string text;
  for (char letter : {'B', 'M'})
    if (size_t at = variant.q.find(letter); at != std::string::npos)
      text += fmt::format("  %at{0} = arith.constant {1} : index\n  %size{0} = tensor.dim %q, %at{0} : {2}\n", letter,
                          at, typeText(variant, variant.q, variant.type));
  return text;
}

std::string numerics::moduleText(const Variant &variant) {
  const ScoreRow &score = rowOf(scoreTable(), variant.score);
  const MaskRow &mask = rowOf(maskTable(), variant.mask);
  auto type = [&](StringRef layout) { return typeText(variant, layout, variant.type); };
  std::string arguments, captures, captureTypes;
  for (auto [name, layout] : {std::pair("q", variant.q), std::pair("k", variant.k), std::pair("v", variant.v)})
    arguments += fmt::format("{}%{}: {}", arguments.empty() ? "" : ",\n    ", name,
                             described(variant, name, layout, variant.type));
  for (auto [n, capture] : llvm::enumerate(capturesOf(variant))) {
    std::string name = fmt::format("capture{}", n);
    std::string argument = described(variant, name, capture.layout, capture.type);
    if (capture.isSorted)
      argument.insert(argument.size() - 1, ", attnc.sorted");
    arguments += fmt::format(",\n    %{}: {}", name, argument);
    captures += (n ? ", %" : "%") + name;
    captureTypes += (n ? ", " : "") + typeText(variant, capture.layout, capture.type);
  }
  std::string results = described(variant, "out", variant.o, variant.type), resultTypes = type(variant.o);
  std::string inits = "%init", empties = emptyText(variant, "init", variant.o, variant.type);
  if (variant.lse) {
    results += ", " + described(variant, "lse", lseLayout(variant), accumulator(variant));
    resultTypes += ", " + typeText(variant, lseLayout(variant), accumulator(variant));
    empties += emptyText(variant, "linit", lseLayout(variant), accumulator(variant));
    inits += ", %linit";
  }
  std::string text =
      fmt::format("func.func @attention({})\n    -> ({}) {{\n{}{}", arguments, results, extentText(variant), empties);
  text += fmt::format("  %o{} = attn.attention q(%q \"{}\" : {}) k(%k \"{}\" : {}) v(%v \"{}\" : {})\n    ",
                      variant.lse ? ":2" : "", variant.q, type(variant.q), variant.k, type(variant.k), variant.v,
                      type(variant.v));
  if (!captures.empty())
    text += fmt::format("captures({} : {}) ", captures, captureTypes);
  text += fmt::format("outs(\"{}\", {} : {})\n    ", variant.o, inits, resultTypes);
  if (variant.fill)
    text += filledScoreText(variant, score, mask);
  else if (*score.text)
    text += regionText(variant, score.text, /*isScore=*/true, score.captures.size(), 0);
  if (*mask.text && !variant.fill)
    text += regionText(variant, mask.text, /*isScore=*/false, mask.captures.size(), score.captures.size());
  return text +
         fmt::format("-> {}\n  return {} : {}\n}}\n", resultTypes, variant.lse ? "%o#0, %o#1" : "%o", resultTypes);
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

namespace {
/// A tensor seen through a layout.
struct View {
  StringRef layout;
  SmallVector<int64_t> strides;
  View(StringRef layout, const RefTensor &tensor) : layout(layout), strides(tensor.strides()) {}
  int64_t operator()(char letter) const {
    size_t d = layout.find(letter);
    return d == StringRef::npos ? 0 : strides[d];
  }
};
} // namespace

static SmallVector<int64_t> shapeOf(const Variant &variant, const Sizes &sizes, StringRef layout) {
  return llvm::map_to_vector(layout, [&](char letter) {
    return letter == 'B' ? sizes.B : letter == 'M' ? sizes.M : letter == 'N' ? sizes.N : fixedExtent(variant, letter);
  });
}

static Type elementType(StringRef name, MLIRContext *context) {
  Builder builder(context);
  return llvm::StringSwitch<Type>(name)
      .Case("f64", builder.getF64Type())
      .Case("f16", builder.getF16Type())
      .Case("bf16", builder.getBF16Type())
      .Case("i1", builder.getI1Type())
      .Case("i32", builder.getI32Type())
      .Default(builder.getF32Type());
}

/// Floats in [-2, 2], rounded to the type; booleans, three in four true.
static RefTensor random(Type type, ArrayRef<int64_t> shape, std::mt19937 &generator) {
  RefTensor tensor(type, shape);
  std::uniform_real_distribution<double> real(-2, 2);
  for (double &value : tensor.floats)
    value = attn::roundTo(cast<FloatType>(type), real(generator));
  for (int64_t &value : tensor.ints)
    value = generator() % 4 != 0;
  return tensor;
}

namespace {
/// Mask and score of a variant over one set of inputs, in C++.
struct Meaning {
  const MaskRow &mask;
  const ScoreRow &score;
  const RefTensor *maskCapture = nullptr, *scoreCapture = nullptr;

  Meaning(const Variant &variant, ArrayRef<RefTensor> inputs)
      : mask(rowOf(maskTable(), variant.mask)), score(rowOf(scoreTable(), variant.score)) {
    const RefTensor *next = inputs.data() + 3;
    if (!score.captures.empty())
      scoreCapture = next++;
    if (!mask.captures.empty())
      maskCapture = next;
  }
  bool allowed(const Point &point) const { return mask.allowed(point, maskCapture); }
};
} // namespace

/// Fills K and V of (b, g, j) with a mixture of NaN and infinities.
static void spoilKey(const Variant &variant, std::vector<RefTensor> &inputs, int64_t b, int64_t g, int64_t j) {
  const double poison[] = {NAN, INFINITY, -INFINITY};
  View k(variant.k, inputs[1]), v(variant.v, inputs[2]);
  for (int64_t d = 0; d < variant.D; ++d)
    inputs[1].floats[b * k('B') + g * k('G') + j * k('N') + d * k('D')] = poison[(j + d) % 3];
  for (int64_t e = 0; e < variant.E; ++e)
    inputs[2].floats[b * v('B') + g * v('G') + j * v('N') + e * v('E')] = poison[(j + e + 1) % 3];
}

/// Spoils every key that no query of its group may see.
static void spoilMasked(const Variant &variant, const Sizes &sizes, std::vector<RefTensor> &inputs) {
  Meaning meaning(variant, inputs);
  int64_t perGroup = variant.H / variant.G;
  auto seen = [&](int64_t b, int64_t g, int64_t j) {
    for (int64_t h = g * perGroup; h < (g + 1) * perGroup; ++h)
      for (int64_t i = 0; i < sizes.M; ++i)
        if (meaning.allowed({b, h, i, j, sizes.M, sizes.N}))
          return true;
    return false;
  };
  for (int64_t b = 0; b < sizes.B; ++b)
    for (int64_t g = 0; g < variant.G; ++g)
      for (int64_t j = 0; j < sizes.N; ++j)
        if (!seen(b, g, j))
          spoilKey(variant, inputs, b, g, j);
}

/// Sets feature 0 of row or key `n` of every batch and head.
static void spoilRow(RefTensor &tensor, StringRef layout, char letter, int64_t n, double value) {
  SmallVector<int64_t> strides = tensor.strides();
  char feature = layout.contains('D') ? 'D' : 'E';
  for (int64_t place = 0; place < tensor.size(); ++place) {
    auto index = [&](char which) {
      size_t d = layout.find(which);
      return place / strides[d] % tensor.shape[d];
    };
    if (index(letter) == n && index(feature) == 0)
      tensor.floats[place] = value;
  }
}

/// A few ids per row, in order.
static void makeDocuments(RefTensor &ids, std::mt19937 &generator) {
  int64_t length = ids.shape.back();
  for (int64_t &id : ids.ints)
    id = generator() % 6;
  for (size_t row = 0; row < ids.ints.size(); row += length)
    std::sort(ids.ints.begin() + row, ids.ints.begin() + row + length);
}

std::vector<RefTensor> numerics::makeInputs(const Variant &variant, const Sizes &sizes, Poison poison, unsigned seed,
                                            MLIRContext *context) {
  std::mt19937 generator(seed);
  std::vector<RefTensor> inputs;
  for (StringRef layout : {variant.q, variant.k, variant.v})
    inputs.push_back(random(elementType(variant.type, context), shapeOf(variant, sizes, layout), generator));
  for (double &element : inputs[0].floats)
    element *= variant.queries;
  for (const Capture &capture : capturesOf(variant)) {
    inputs.push_back(random(elementType(capture.type, context), shapeOf(variant, sizes, capture.layout), generator));
    if (capture.isSorted)
      makeDocuments(inputs.back(), generator);
    if (capture.layout == "H") // slopes: at distance 1000 a score of 2000 has no digits left for f32
      for (double &slope : inputs.back().floats)
        slope /= 64;
  }
  switch (poison) {
  case Poison::none:
    break;
  case Poison::masked:
    spoilMasked(variant, sizes, inputs);
    break;
  case Poison::queries:
    spoilRow(inputs[0], variant.q, 'M', sizes.M / 2, NAN);
    spoilRow(inputs[0], variant.q, 'M', sizes.M / 3, INFINITY);
    spoilRow(inputs[0], variant.q, 'M', sizes.M - 1, -INFINITY);
    break;
  case Poison::keys:
    spoilRow(inputs[1], variant.k, 'N', sizes.N - 1, NAN);
    break;
  case Poison::values:
    spoilRow(inputs[2], variant.v, 'N', sizes.N - 1, NAN);
    spoilRow(inputs[2], variant.v, 'N', sizes.N / 2, INFINITY);
    break;
  }
  return inputs;
}

//===----------------------------------------------------------------------===//
// The second opinion
//===----------------------------------------------------------------------===//

/// One row by the rules: `scores` of the allowed keys -> weights that sum to 1. Returns lse.
static long double softmax(std::vector<std::pair<int64_t, long double>> &scores) {
  bool spoilt = llvm::any_of(scores, [](auto key) { return std::isnan(key.second) || key.second == INFINITY; });
  if (spoilt) { // A6
    for (auto &key : scores)
      key.second = NAN;
    return NAN;
  }
  llvm::erase_if(scores, [](auto key) { return key.second == -INFINITY; }); // A4
  if (scores.empty())
    return -INFINITY; // A5
  long double largest = -INFINITY, sum = 0;
  for (auto key : scores)
    largest = std::max(largest, key.second);
  for (auto key : scores)
    sum += std::exp(key.second - largest);
  long double lse = largest + std::log(sum);
  for (auto &key : scores)
    key.second = std::exp(key.second - lse);
  return lse;
}

static long double rawScore(const Variant &variant, ArrayRef<RefTensor> inputs, const Point &p) {
  View q(variant.q, inputs[0]), k(variant.k, inputs[1]);
  int64_t g = p.h * variant.G / variant.H;
  long double dot = 0;
  for (int64_t d = 0; d < variant.D; ++d)
    dot += static_cast<long double>(inputs[0].floats[p.b * q('B') + p.i * q('M') + p.h * q('H') + d * q('D')]) *
           inputs[1].floats[p.b * k('B') + p.j * k('N') + g * k('G') + d * k('D')];
  return dot / std::sqrt(static_cast<long double>(variant.D));
}

std::vector<RefTensor> numerics::naive(const Variant &variant, const Sizes &sizes, ArrayRef<RefTensor> inputs) {
  Meaning meaning(variant, inputs);
  Type type = inputs[0].elementType;
  std::vector<RefTensor> outputs{RefTensor(type, shapeOf(variant, sizes, variant.o))};
  if (variant.lse)
    outputs.emplace_back(elementType(accumulator(variant), type.getContext()),
                         shapeOf(variant, sizes, lseLayout(variant)));
  std::string lse = lseLayout(variant);
  View v(variant.v, inputs[2]), o(variant.o, outputs[0]), l(lse, outputs.back());
  for (int64_t b = 0; b < sizes.B; ++b)
    for (int64_t h = 0; h < variant.H; ++h)
      for (int64_t i = 0; i < sizes.M; ++i) {
        std::vector<std::pair<int64_t, long double>> keys;
        for (int64_t j = 0; j < sizes.N; ++j)
          if (Point point{b, h, i, j, sizes.M, sizes.N}; meaning.allowed(point))
            keys.emplace_back(j, meaning.score.value(rawScore(variant, inputs, point), point, meaning.scoreCapture));
          else if (variant.fill)
            keys.emplace_back(j, *variant.fill);
        long double sum = softmax(keys);
        int64_t g = h * variant.G / variant.H;
        for (int64_t e = 0; e < variant.E; ++e) {
          long double value = 0;
          for (auto [j, weight] : keys)
            value += weight * inputs[2].floats[b * v('B') + g * v('G') + j * v('N') + e * v('E')];
          outputs[0].floats[b * o('B') + i * o('M') + h * o('H') + e * o('E')] = static_cast<double>(value);
        }
        if (variant.lse)
          outputs[1].floats[b * l('B') + i * l('M') + h * l('H')] = static_cast<double>(sum);
      }
  return outputs;
}

//===----------------------------------------------------------------------===//
// Names and sizes
//===----------------------------------------------------------------------===//

std::string numerics::nameOf(Poison poison) {
  switch (poison) {
  case Poison::none:
    return "clean";
  case Poison::masked:
    return "poison in masked keys";
  case Poison::queries:
    return "poison in queries";
  case Poison::keys:
    return "poison in the last key";
  case Poison::values:
    return "poison in values";
  }
  llvm_unreachable("every poison is listed");
}

std::string numerics::nameOf(const Sizes &sizes) { return fmt::format("B={} M={} N={}", sizes.B, sizes.M, sizes.N); }

ArrayRef<int64_t> numerics::raggedLengths() {
  static constexpr int64_t lengths[] = {0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 1003};
  return lengths;
}
