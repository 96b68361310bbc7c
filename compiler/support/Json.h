//===- Json.h - JSON from untrusted files -----------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <simdjson.h>

namespace attnc {

/// A JSON text, parsed; the text itself is no longer needed.
class JsonDocument {
public:
  /// Fails, in words for the user, on text that is not JSON in UTF-8, on nesting deeper than 64, and on a key that an
  /// object has twice: readers disagree about which of them counts.
  static llvm::Expected<JsonDocument> parse(llvm::StringRef text);

  /// Valid as long as this document.
  simdjson::dom::element root() const { return element; }

private:
  std::unique_ptr<simdjson::dom::parser> parser; // owns what `element` points to
  simdjson::dom::element element;
};

} // namespace attnc
