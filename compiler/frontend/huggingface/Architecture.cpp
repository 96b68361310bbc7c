//===- Architecture.cpp - What attnc knows of a model type ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/huggingface/Architecture.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/ErrorHandling.h"

using namespace llvm;
using namespace attnc::hf;

namespace {
struct ArchitectureText {
  StringLiteral modelType, text;
};
} // namespace
static constexpr ArchitectureText kTexts[] = {
#include "compiler/frontend/huggingface/Architectures.inc"
};

/// Splits `text` at the first `separator`, without the spaces around it.
static std::pair<StringRef, StringRef> splitAt(StringRef text, StringRef separator) {
  auto [left, right] = text.split(separator);
  return {left.trim(), right.trim()};
}

static WeightRule parseWeight(StringRef line, bool isRequired) {
  auto [pattern, rest] = splitAt(line, "[");
  auto [dims, layers] = splitAt(rest, "]");
  WeightRule rule{isRequired, pattern, layers.consume_front("for ") ? layers : "layers", {}};
  dims.split(rule.dims, ',');
  return rule;
}

static BindingRule parseBinding(StringRef line) {
  auto [name, rest] = splitAt(line, "=");
  auto [value, whenNull] = splitAt(rest, "; null means ");
  return {name, value, whenNull};
}

static void parseLine(StringRef line, Architecture &result) {
  if (line.consume_front("only ")) {
    auto [key, allowed] = splitAt(line, "=");
    result.only.push_back({key, allowed});
  } else if (line.consume_front("harmless ")) {
    line.split(result.harmless, ' ');
  } else if (line.consume_front("weight ")) {
    result.weights.push_back(parseWeight(line, /*isRequired=*/true));
  } else if (line.consume_front("optional ")) {
    result.weights.push_back(parseWeight(line, /*isRequired=*/false));
  } else if (line.consume_front("global every ")) {
    result.kinds = {KindRule::GlobalEvery, line, ""};
  } else if (line.consume_front("local from ")) {
    auto [value, condition] = splitAt(line, " if ");
    result.kinds = {KindRule::LocalFrom, value, condition};
  } else if (line.contains('=')) {
    result.bindings.push_back(parseBinding(line));
  } else {
    report_fatal_error("architectures/" + Twine(result.modelType) + ".attn: cannot read '" + line + "'");
  }
}

/// `word` stands in `text`, with no letters around it.
static bool containsWord(StringRef text, StringRef word) {
  auto isPart = [](char c) { return isAlnum(c) || c == '_'; };
  for (size_t at = text.find(word); at != StringRef::npos; at = text.find(word, at + 1)) {
    StringRef before = text.take_front(at), after = text.drop_front(at + word.size());
    if ((before.empty() || !isPart(before.back())) && (after.empty() || !isPart(after.front())))
      return true;
  }
  return false;
}

bool Architecture::reads(StringRef key) const {
  auto isBound = [&](const BindingRule &rule) { return containsWord(rule.value, key); };
  return any_of(bindings, isBound) || any_of(only, [&](const OnlyRule &rule) { return rule.key == key; }) ||
         containsWord(kinds.value, key) || is_contained(harmless, key);
}

SmallVector<StringRef> attnc::hf::modelTypes() {
  SmallVector<StringRef> names;
  for (const ArchitectureText &row : kTexts)
    names.push_back(row.modelType);
  return names;
}

Architecture attnc::hf::getArchitecture(StringRef modelType) {
  Architecture result;
  const ArchitectureText *row = find_if(kTexts, [&](const auto &row) { return row.modelType == modelType; });
  assert(row != std::end(kTexts) && "one of modelTypes()");
  result.modelType = row->modelType;
  result.text = row->text;
  for (StringRef line : split(result.text, '\n'))
    if (line.consume_front("#:"))
      parseLine(line.trim(), result);
  return result;
}
