//===- RandomSpec.h - Random .attn programs with their meaning --*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A seed gives the text of a well-typed attention and, beside it, a function that computes its score and its mask: an
// oracle that shares no code with the compiler. Standard library only, so that any test can include it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace attnc::test {

/// The extents of every random program. H and G are fixed in its text, B, M and N are run-time values.
struct Extents {
  int64_t B = 2, M = 3, N = 4;
  static constexpr int64_t H = 4, G = 2, D = 1;
};

/// What a random program reads besides q, k and v, in the order of its parameters.
struct Captures {
  std::vector<double> slope; // [H]
  std::vector<double> bias;  // [H, M, N]
  std::vector<int64_t> ids;  // [B, N]
  double cap = 0;
  int64_t off = 0;
  bool flag = false;
};

/// Where an expression is evaluated.
struct Point {
  const Extents &extents;
  const Captures &captures;
  double s = 0;
  int64_t b = 0, h = 0, i = 0, j = 0;
  int64_t x = 0, y = 0; // the arguments of a definition
  bool single = false;  // floats are f32, and every operation is rounded to it: what floats are that decide

  double rounded(double value) const { return single ? static_cast<float>(value) : value; }
  int64_t rounded(int64_t value) const { return value; }
  bool rounded(bool value) const { return value; }
  double promoted(int64_t value) const { return single ? static_cast<float>(value) : static_cast<double>(value); }
};

struct RandomSpec {
  std::string text;
  std::function<double(const Point &)> score;
  std::function<bool(const Point &)> mask;
};

struct RandomOptions {
  unsigned depth = 4;          // height of the expressions
  std::string element = "f64"; // of all float tensors
  /// Only smooth float arithmetic of moderate size, and no decisions that hang on rounding: what a kernel in a
  /// narrower type can be compared with.
  bool tame = false;
  bool plainScore = false;    // s itself
  std::string extraMask = {}; // a condition that is joined to the mask with `and`; the oracle does not know it
};

class SpecGenerator {
public:
  SpecGenerator(uint64_t seed, RandomOptions settings) : random(seed), options(std::move(settings)) {}

  RandomSpec generate() {
    std::string definitions, bindings;
    define(definitions);
    for (int n = pick(3); n > 0; --n)
      let(bindings);
    Expr<double> score = number(options.depth);
    Expr<bool> mask = (inMask = true, condition(options.depth));
    if (options.plainScore)
      score = {"s", Atom, [](const Point &p) { return p.s; }};
    else if (options.tame)
      score = {"s + 2 * tanh(" + score.text + ")", Sum,
               [score](const Point &p) { return p.s + 2 * std::tanh(score.value(p)); }};
    std::string text = replaceAll(kHead, "T", options.element) + bindings + "  score = " + score.text + "\n  mask = " +
                       (options.extraMask.empty() ? mask.text : options.extraMask + " and " + at(mask, Not)) + "\n}\n" +
                       definitions;
    return {text, score.value, mask.value};
  }

private:
  enum Level { Conditional, Or, And, Not, Compare, Sum, Product, Unary, Atom };
  template <typename T>
  struct Expr {
    std::string text;
    Level level;
    std::function<T(const Point &)> value;
  };
  using Int = Expr<int64_t>;

  static constexpr const char *kHead =
      "attention f(q: T[B, M, H=4, D=1], k: T[B, N, G=2, D], v: T[B, N, G, D], slope: T[H], bias: T[H, M, N],\n"
      "            ids: i32[B, N], cap: T, off: i64, flag: bool) -> (o: T[B, M, H, D], lse: T[B, M, H]) {\n"
      "  scale = 1\n";

  static std::string replaceAll(std::string text, const std::string &what, const std::string &with) {
    for (size_t at = 0; (at = text.find(what + "[", at)) != std::string::npos; at += with.size())
      text.replace(at, what.size(), with);
    size_t scalar = text.find("cap: " + what);
    return text.replace(scalar + 5, what.size(), with);
  }

  int pick(int count) { return static_cast<int>(random() % count); }
  template <typename T>
  static std::string at(const Expr<T> &expr, Level least) {
    return expr.level < least ? "(" + expr.text + ")" : expr.text;
  }
  /// `left op right` with operators that group to the left.
  template <typename R, typename T, typename U, typename F>
  static Expr<R> infix(const Expr<T> &left, const char *op, const Expr<U> &right, Level level, F apply) {
    Level leftLevel = level == Compare ? Sum : level;
    return {at(left, leftLevel) + " " + op + " " + at(right, static_cast<Level>(level + 1)), level,
            [=](const Point &p) { return p.rounded(static_cast<R>(apply(left.value(p), right.value(p)))); }};
  }
  template <typename T, typename F>
  static Expr<T> call(const char *name, const Expr<T> &x, F apply) {
    return {std::string(name) + "(" + x.text + ")", Atom,
            [=](const Point &p) { return p.rounded(static_cast<T>(apply(x.value(p)))); }};
  }
  template <typename T, typename F>
  static Expr<T> call(const char *name, const Expr<T> &x, const Expr<T> &y, F apply) {
    return {std::string(name) + "(" + x.text + ", " + y.text + ")", Atom,
            [=](const Point &p) { return p.rounded(static_cast<T>(apply(x.value(p), y.value(p)))); }};
  }
  template <typename T>
  static Expr<T> conditional(const Expr<bool> &c, const Expr<T> &x, const Expr<T> &y) {
    return {at(x, Or) + " if " + at(c, Or) + " else " + y.text, Conditional,
            [=](const Point &p) { return c.value(p) ? x.value(p) : y.value(p); }};
  }

  // The language's rules, once more.
  static int64_t add(int64_t x, int64_t y) { return static_cast<int64_t>(uint64_t(x) + uint64_t(y)); }
  static int64_t subtract(int64_t x, int64_t y) { return static_cast<int64_t>(uint64_t(x) - uint64_t(y)); }
  static int64_t multiply(int64_t x, int64_t y) { return static_cast<int64_t>(uint64_t(x) * uint64_t(y)); }
  static int64_t floorDivide(int64_t x, int64_t y) {
    if (y == 0)
      return 0;
    if (y == -1)
      return subtract(0, x);
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
  }
  static int64_t modulo(int64_t x, int64_t y) { return subtract(x, multiply(floorDivide(x, y), y)); }
  static int64_t truncate(double x) {
    return std::isnan(x) ? 0 : static_cast<int64_t>(std::fmin(std::fmax(x, -1073741824.0), 1073741824.0));
  }
  static double smallest(double x, double y) { return std::isnan(x) || std::isnan(y) ? NAN : y < x ? y : x; }
  static double largest(double x, double y) { return std::isnan(x) || std::isnan(y) ? NAN : x < y ? y : x; }
  static int64_t clamp(int64_t index, int64_t extent) { return std::max<int64_t>(std::min(index, extent - 1), 0); }

  //===- Integers ---------------------------------------------------------===//

  Int leaf(const char *name, std::function<int64_t(const Point &)> value) { return {name, Atom, std::move(value)}; }
  Int literal(int64_t value) {
    return {std::to_string(value), value < 0 ? Unary : Atom, [=](const Point &) { return value; }};
  }
  Int intLeaf() {
    switch (pick(inDefinition ? 16 : 14)) {
    case 0:
      return leaf("b", [](const Point &p) { return p.b; });
    case 1:
      return leaf("h", [](const Point &p) { return p.h; });
    case 2:
    case 3:
      return leaf("i", [](const Point &p) { return p.i; });
    case 4:
    case 5:
      return leaf("j", [](const Point &p) { return p.j; });
    case 6:
      return leaf("M", [](const Point &p) { return p.extents.M; });
    case 7:
      return leaf("N", [](const Point &p) { return p.extents.N; });
    case 8:
      return leaf("B", [](const Point &p) { return p.extents.B; });
    case 9:
      return leaf("pos", [](const Point &p) { return p.i + p.extents.N - p.extents.M; });
    case 10:
      return leaf("group", [](const Point &p) { return p.h / (Extents::H / Extents::G); });
    case 11:
      return literal(pick(30) - 6);
    case 12:
      return inDefinition ? literal(3) : leaf("off", [](const Point &p) { return p.captures.off; });
    case 13:
      return lets.empty() ? literal(7) : lets[pick(lets.size())];
    case 14:
      return leaf("x", [](const Point &p) { return p.x; });
    default:
      return leaf("y", [](const Point &p) { return p.y; });
    }
  }

  /// Never known to be zero when the file is compiled, where zero would be an error.
  Int divisor(unsigned depth) {
    switch (pick(4)) {
    case 0:
      return literal(pick(2) ? 1 + pick(9) : -1 - pick(4));
    case 1:
      return leaf(pick(2) ? "M" : "N", nullptr).text == "M" ? leaf("M", [](const Point &p) { return p.extents.M; })
                                                            : leaf("N", [](const Point &p) { return p.extents.N; });
    case 2:
      return inDefinition ? literal(5) : leaf("off", [](const Point &p) { return p.captures.off; });
    default:
      return inDefinition ? literal(-3) : element(depth);
    }
  }

  /// ids[b, e], the index anything.
  Int element(unsigned depth) {
    Int index = integer(depth);
    return {"ids[b, " + index.text + "]", Atom,
            [=](const Point &p) { return p.captures.ids[p.b * p.extents.N + clamp(index.value(p), p.extents.N)]; }};
  }

  Int integer(unsigned depth) {
    if (depth == 0)
      return intLeaf();
    --depth;
    switch (pick(options.tame ? 13 : 14)) {
    case 0:
    case 1:
      return infix<int64_t>(integer(depth), "+", integer(depth), Sum, add);
    case 2:
    case 3:
      return infix<int64_t>(integer(depth), "-", integer(depth), Sum, subtract);
    case 4:
      return infix<int64_t>(integer(depth), "*", integer(depth), Product, multiply);
    case 5:
      return infix<int64_t>(integer(depth), "//", divisor(depth), Product, floorDivide);
    case 6:
      return infix<int64_t>(integer(depth), "%", divisor(depth), Product, modulo);
    case 7: {
      Int x = integer(depth);
      return {"-" + at(x, Unary), Unary, [=](const Point &p) { return subtract(0, x.value(p)); }};
    }
    case 8:
      return call("min", integer(depth), integer(depth), [](int64_t x, int64_t y) { return std::min(x, y); });
    case 9:
      return call("max", integer(depth), integer(depth), [](int64_t x, int64_t y) { return std::max(x, y); });
    case 10:
      return call("abs", integer(depth), [](int64_t x) { return x < 0 ? subtract(0, x) : x; });
    case 11:
      return conditional(condition(depth), integer(depth), integer(depth));
    case 12:
      return inDefinition ? intLeaf() : pick(2) ? element(depth) : use(depth);
    default: {
      Expr<double> x = number(depth);
      return {"int(" + x.text + ")", Atom, [=](const Point &p) { return truncate(x.value(p)); }};
    }
    }
  }

  //===- Floats -----------------------------------------------------------===//

  Expr<double> numberLeaf() {
    static const char *literals[] = {"0.5", "1.0", "2.0", "3.25", "1e-3", "10.0", "0.0", "7.5e1"};
    switch (pick(inDefinition || inMask ? 3 : 4)) {
    case 0: {
      std::string text = literals[pick(8)];
      double value = std::stod(text);
      return {text, Atom, [=](const Point &p) { return p.rounded(value); }};
    }
    case 1: {
      Int x = intLeaf();
      return {"float(" + x.text + ")", Atom, [=](const Point &p) { return p.promoted(x.value(p)); }};
    }
    case 2:
      if (inDefinition)
        return {"1.5", Atom, [](const Point &) { return 1.5; }};
      return {"cap", Atom, [](const Point &p) { return p.captures.cap; }};
    default:
      if (hasScore())
        return {"s", Atom, [](const Point &p) { return p.s; }};
      return {"slope[h]", Atom, [](const Point &p) { return p.captures.slope[p.h]; }};
    }
  }
  bool hasScore() const { return !inDefinition && !inMask && !inLet; }

  Expr<double> mixed(unsigned depth) { // an integer, promoted by what it meets
    Int x = integer(depth);
    return {x.text, x.level, [=](const Point &p) { return p.promoted(x.value(p)); }};
  }

  Expr<double> number(unsigned depth) {
    if (depth == 0)
      return numberLeaf();
    --depth;
    auto plus = [](double x, double y) { return x + y; };
    auto minus = [](double x, double y) { return x - y; };
    auto times = [](double x, double y) { return x * y; };
    auto over = [](double x, double y) { return x / y; };
    switch (pick(options.tame ? 12 : 24)) {
    case 0:
      return infix<double>(number(depth), "+", number(depth), Sum, plus);
    case 1:
      return infix<double>(mixed(depth), "+", number(depth), Sum, plus);
    case 2:
      return infix<double>(number(depth), "-", number(depth), Sum, minus);
    case 3:
      return infix<double>(number(depth), "-", mixed(depth), Sum, minus);
    case 4:
      return infix<double>(number(depth), "*", number(depth), Product, times);
    case 5:
      return call("tanh", number(depth), [](double x) { return std::tanh(x); });
    case 6:
      return call("min", number(depth), number(depth), smallest);
    case 7:
      return call("max", number(depth), number(depth), largest);
    case 8:
      return call("abs", number(depth), [](double x) { return std::fabs(x); });
    case 9:
      return conditional(condition(depth), number(depth), number(depth));
    case 10:
      return inDefinition ? numberLeaf() : biasElement(depth);
    case 11: {
      Expr<double> x = number(depth);
      return {"-" + at(x, Unary), Unary, [=](const Point &p) { return -x.value(p); }};
    }
    case 12:
      return infix<double>(number(depth), "/", nonLiteral(depth), Product, over);
    case 13: {
      Int x = integer(depth), y = divisor(depth);
      return infix<double>(Expr<double>{x.text, x.level, [=](const Point &p) { return p.promoted(x.value(p)); }}, "/",
                           Expr<double>{y.text, y.level, [=](const Point &p) { return p.promoted(y.value(p)); }},
                           Product, over);
    }
    case 14:
      return call("exp", number(depth), [](double x) { return std::exp(x); });
    case 15:
      return call("exp2", number(depth), [](double x) { return std::exp2(x); });
    case 16:
      return call("log", number(depth), [](double x) { return std::log(x); });
    case 17:
      return call("log2", number(depth), [](double x) { return std::log2(x); });
    case 18:
      return call("sqrt", number(depth), [](double x) { return std::sqrt(x); });
    case 19:
      return call("sin", number(depth), [](double x) { return std::sin(x); });
    case 20:
      return call("cos", number(depth), [](double x) { return std::cos(x); });
    case 21:
      return call("floor", number(depth), [](double x) { return std::floor(x); });
    case 22:
      return quotient(number(depth), nonLiteral(depth));
    default: {
      Expr<double> x = number(depth), y = nonLiteral(depth), whole = quotient(x, y);
      return {at(x, Product) + " % " + at(y, Unary), Product,
              [=](const Point &p) { return p.rounded(x.value(p) - p.rounded(whole.value(p) * y.value(p))); }};
    }
    }
  }

  /// x // y of floats
  static Expr<double> quotient(const Expr<double> &x, const Expr<double> &y) {
    return {at(x, Product) + " // " + at(y, Unary), Product,
            [=](const Point &p) { return std::floor(p.rounded(x.value(p) / y.value(p))); }};
  }
  Expr<double> nonLiteral(unsigned depth) {
    return call("abs", number(depth), [](double x) { return std::fabs(x); });
  }

  Expr<double> biasElement(unsigned depth) {
    Int i = integer(depth), j = integer(depth);
    return {"bias[h, " + i.text + ", " + j.text + "]", Atom, [=](const Point &p) {
              const Extents &e = p.extents;
              return p.captures.bias[(p.h * e.M + clamp(i.value(p), e.M)) * e.N + clamp(j.value(p), e.N)];
            }};
  }

  //===- Booleans ---------------------------------------------------------===//

  Expr<bool> condition(unsigned depth) {
    if (depth == 0) {
      switch (pick(4)) {
      case 0:
        return {"causal", Atom, [](const Point &p) { return p.j <= p.i + p.extents.N - p.extents.M; }};
      case 1:
        return {"causal_start", Atom, [](const Point &p) { return p.j <= p.i; }};
      case 2:
        return {"window(2)", Atom, [](const Point &p) { return p.i + p.extents.N - p.extents.M - p.j < 2; }};
      default:
        if (inDefinition)
          return {"true", Atom, [](const Point &) { return true; }};
        return {"flag", Atom, [](const Point &p) { return p.captures.flag; }};
      }
    }
    --depth;
    switch (pick(options.tame ? 8 : 10)) {
    case 0:
      return infix<bool>(condition(depth), "and", condition(depth), And, [](bool x, bool y) { return x && y; });
    case 1:
      return infix<bool>(condition(depth), "or", condition(depth), Or, [](bool x, bool y) { return x || y; });
    case 2: {
      Expr<bool> x = condition(depth);
      return {"not " + at(x, Not), Not, [=](const Point &p) { return !x.value(p); }};
    }
    case 3:
      return infix<bool>(integer(depth), "<=", integer(depth), Compare, [](int64_t x, int64_t y) { return x <= y; });
    case 4:
      return infix<bool>(integer(depth), "==", integer(depth), Compare, [](int64_t x, int64_t y) { return x == y; });
    case 5:
      return infix<bool>(condition(depth), "!=", condition(depth), Compare, [](bool x, bool y) { return x != y; });
    case 6: {
      Int x = integer(depth), y = integer(depth), z = integer(depth);
      return {at(x, Sum) + " < " + at(y, Sum) + " <= " + at(z, Sum), Compare,
              [=](const Point &p) { return x.value(p) < y.value(p) && y.value(p) <= z.value(p); }};
    }
    case 7:
      return conditional(condition(depth), condition(depth), condition(depth));
    case 8:
      return infix<bool>(number(depth), "<", mixed(depth), Compare, [](double x, double y) { return x < y; });
    default:
      return infix<bool>(number(depth), "!=", number(depth), Compare, [](double x, double y) { return x != y; });
    }
  }

  //===- Definitions ------------------------------------------------------===//

  void define(std::string &text) {
    inDefinition = true;
    definition = integer(2);
    inDefinition = false;
    text = "def mix(x, y) = " + definition.text + "\n";
  }
  Int use(unsigned depth) {
    Int x = integer(depth), y = integer(depth), body = definition;
    return {"mix(" + x.text + ", " + y.text + ")", Atom, [=](const Point &p) {
              Point inner = p;
              inner.x = x.value(p);
              inner.y = y.value(p);
              return body.value(inner);
            }};
  }
  void let(std::string &text) {
    inLet = true;
    Int value = integer(2);
    inLet = false;
    std::string name = "l" + std::to_string(lets.size());
    text += "  let " + name + " = " + value.text + "\n";
    lets.push_back({name, Atom, value.value});
  }

  std::mt19937_64 random;
  RandomOptions options;
  Int definition;
  std::vector<Int> lets;
  bool inDefinition = false, inLet = false, inMask = false;
};

/// The program of `seed`.
inline RandomSpec randomSpec(uint64_t seed, RandomOptions options = {}) {
  return SpecGenerator(seed, std::move(options)).generate();
}

} // namespace attnc::test
