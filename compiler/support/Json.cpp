//===- Json.cpp - JSON from untrusted files -------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/Json.h"
#include "compiler/support/Printable.h"
#include "llvm/ADT/StringSet.h"
#include <fmt/format.h>

using namespace llvm;
namespace dom = simdjson::dom;

static constexpr size_t kMaxDepth = 64;

/// The first key that is there twice in one object of the tree, or null. The parser has bounded the recursion.
static const char *findDuplicate(dom::element element) {
  dom::object object;
  dom::array array;
  if (element.get(object) == simdjson::SUCCESS) {
    StringSet<> keys;
    for (dom::key_value_pair field : object) {
      if (!keys.insert(StringRef(field.key.data(), field.key.size())).second)
        return field.key.data();
      if (const char *inner = findDuplicate(field.value))
        return inner;
    }
  } else if (element.get(array) == simdjson::SUCCESS) {
    for (dom::element item : array)
      if (const char *inner = findDuplicate(item))
        return inner;
  }
  return nullptr;
}

Expected<attnc::JsonDocument> attnc::JsonDocument::parse(StringRef text) {
  JsonDocument document;
  document.parser = std::make_unique<dom::parser>();
  simdjson::error_code failed = document.parser->allocate(std::max<size_t>(text.size(), 64), kMaxDepth);
  if (!failed)
    failed = document.parser->parse(text.data(), text.size()).get(document.element);
  if (failed)
    return createStringError(fmt::format("it is not valid JSON: {}", simdjson::error_message(failed)));
  if (const char *key = findDuplicate(document.element))
    return createStringError(fmt::format("the key '{}' is there twice", printable(key)));
  return document;
}
