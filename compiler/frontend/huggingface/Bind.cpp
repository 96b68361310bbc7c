//===- Bind.cpp - The values of config.json under an architecture's names -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   alternatives = sum { "|" sum }           the first whose keys are there and not null
//   sum          = product { "+" product }
//   product      = atom { ("*" | "/") atom }      / must have no remainder
//   atom         = NUMBER | "true" | "false" | BINDING | KEY | "(" sum ")"
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/huggingface/Bind.h"
#include "compiler/support/Limits.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::hf;

std::string hf::spell(const Constant &value) {
  std::string text = std::visit([](auto number) { return fmt::format("{}", number); }, value);
  bool looksWhole = std::holds_alternative<double>(value) && text.find_first_of(".e") == std::string::npos;
  return looksWhole ? text + ".0" : text;
}

namespace {
/// What a binding may be, as its last alternative shows.
enum class Kind { Whole, Number, Truth };

class Evaluator {
public:
  Evaluator(const Config &config, const Bindings &bindings) : config(config), bindings(bindings) {}

  std::optional<Bound> evaluate(StringRef text, StringRef whenNull);

private:
  using Result = std::optional<Constant>; // nothing: a key is missing or null, or after an error
  Result sum();
  Result product();
  Result atom();
  Result name(StringRef word);
  Result key(StringRef word);
  Result combine(char op, Constant left, Constant right);
  bool accept(char c);
  Result fail(StringRef key, const llvm::Twine &message);

  const Config &config;
  const Bindings &bindings;
  StringRef rest;
  Kind kind = Kind::Whole;
  llvm::SmallVector<std::string> origins;
  std::string lastKey;
  bool sawNull = false, failed = false;
};
} // namespace

static Kind kindOf(StringRef alternatives) {
  StringRef last = alternatives.rsplit('|').second.empty() ? alternatives : alternatives.rsplit('|').second;
  last = last.trim();
  if (last == "true" || last == "false")
    return Kind::Truth;
  return last.contains('.') ? Kind::Number : Kind::Whole;
}

Evaluator::Result Evaluator::fail(StringRef key, const llvm::Twine &message) {
  if (!failed)
    config.error(key) << message;
  failed = true;
  return std::nullopt;
}

bool Evaluator::accept(char c) {
  rest = rest.ltrim();
  return rest.consume_front(StringRef(&c, 1));
}

Evaluator::Result Evaluator::combine(char op, Constant left, Constant right) {
  const int64_t *a = std::get_if<int64_t>(&left), *b = std::get_if<int64_t>(&right);
  int64_t result = 0;
  assert(a && b && "arithmetic is for whole numbers");
  if (op == '/')
    return *b && *a % *b == 0
               ? Result(*a / *b)
               : fail(lastKey, fmt::format("{} cannot be divided by {} ({})", *a, *b, llvm::join(origins, ", ")));
  bool overflows = op == '*' ? llvm::MulOverflow(*a, *b, result) : llvm::AddOverflow(*a, *b, result);
  return overflows ? fail(lastKey, "the numbers are too large") : Result(result);
}

Evaluator::Result Evaluator::sum() {
  Result left = product();
  while (accept('+')) {
    Result right = product();
    left = left && right ? combine('+', *left, *right) : std::nullopt;
  }
  return left;
}

Evaluator::Result Evaluator::product() {
  Result left = atom();
  while (true) {
    char op = accept('*') ? '*' : accept('/') ? '/' : '\0';
    if (!op)
      return left;
    Result right = atom();
    left = left && right ? combine(op, *left, *right) : std::nullopt;
  }
}

Evaluator::Result Evaluator::atom() {
  if (accept('(')) {
    Result inner = sum();
    accept(')');
    return inner;
  }
  StringRef word = rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
  rest = rest.drop_front(word.size());
  int64_t integer;
  double number;
  if (!word.getAsInteger(10, integer))
    return kind == Kind::Number ? Constant(double(integer)) : Constant(integer);
  if (word.contains('.') && !word.getAsDouble(number))
    return Constant(number);
  if (word == "true" || word == "false")
    return Constant(word == "true");
  return name(word);
}

Evaluator::Result Evaluator::name(StringRef word) {
  auto it = bindings.find(word);
  if (it == bindings.end())
    return key(word);
  llvm::append_range(origins, it->second.origins);
  return it->second.value;
}

Evaluator::Result Evaluator::key(StringRef word) {
  std::optional<simdjson::dom::element> element = config.find(word);
  if (!element || element->is_null()) {
    origins.push_back(fmt::format("{} {}", element ? "null for" : "no key", word.str()));
    sawNull |= element.has_value();
    return std::nullopt;
  }
  origins.push_back(fmt::format("{} = {}", word.str(), hf::spell(*element)));
  lastKey = word.str();
  bool truth;
  int64_t integer;
  double number;
  if (kind == Kind::Truth && element->get(truth) == simdjson::SUCCESS)
    return Constant(truth);
  if (kind == Kind::Whole && element->get(integer) == simdjson::SUCCESS && integer >= 0)
    return Constant(integer);
  if (kind == Kind::Number && element->get(number) == simdjson::SUCCESS && number >= 0)
    return Constant(number);
  const char *wanted = kind == Kind::Truth   ? "true or false"
                       : kind == Kind::Whole ? "a whole number from 0"
                                             : "a number from 0";
  return fail(word, fmt::format("'{}' must be {}, not {}", word.str(), wanted, hf::spell(*element)));
}

std::optional<Bound> Evaluator::evaluate(StringRef text, StringRef whenNull) {
  kind = kindOf(text);
  for (StringRef alternative : llvm::split(text, '|')) {
    rest = alternative;
    Result result = sum();
    if (!result && sawNull && !whenNull.empty()) {
      rest = whenNull;
      result = sum();
    }
    if (failed)
      return std::nullopt;
    assert(rest.trim().empty() && "the architectures are written in this language");
    if (result)
      return Bound{*result, std::move(origins)};
  }
  fail("", fmt::format("it has none of the keys that this needs: {}", text.trim().str()));
  return std::nullopt;
}

std::optional<Bound> hf::evaluate(StringRef text, StringRef whenNull, const Config &config, const Bindings &bindings) {
  return Evaluator(config, bindings).evaluate(text, whenNull);
}

static bool checkExtent(StringRef name, const Bound &bound, const Config &config) {
  const int64_t *extent = std::get_if<int64_t>(&bound.value);
  if (extent && *extent >= 1 && *extent <= kMaxExtent)
    return true;
  StringRef key = bound.origins.empty() ? "" : StringRef(bound.origins.back()).split(' ').first;
  config.error(key) << name << ": extent " << spell(bound.value) << " is out of range: expected 1 to 2^29 ("
                    << llvm::join(bound.origins, ", ") << ")";
  return false;
}

static bool checkExtents(const Bindings &bindings, const Config &config) {
  bool ok = true;
  for (StringRef name : {"H", "G", "D", "Dv", "hidden", "layers"})
    if (auto it = bindings.find(name); it != bindings.end())
      ok &= checkExtent(name, it->second, config);
  if (!ok)
    return false;
  const Bound &heads = bindings.find("H")->second, &groups = bindings.find("G")->second;
  if (heads.integer() % groups.integer() == 0)
    return true;
  config.error("num_key_value_heads") << heads.integer() << " heads cannot share " << groups.integer()
                                      << " key-value heads: the first must be a multiple of the second ("
                                      << llvm::join(heads.origins, ", ") << ", " << llvm::join(groups.origins, ", ")
                                      << ")";
  return false;
}

FailureOr<Bindings> hf::bindConfig(const Architecture &architecture, const Config &config) {
  Bindings bindings;
  bool ok = true;
  for (const BindingRule &rule : architecture.bindings)
    if (std::optional<Bound> bound = evaluate(rule.value, rule.whenNull, config, bindings)) {
      bindings[rule.name] = std::move(*bound);
    } else {
      ok = false;
      bindings[rule.name] = {int64_t(1), {}}; // what needs it is no further error
    }
  if (!ok || !checkExtents(bindings, config))
    return failure();
  return bindings;
}
