//===- Bind.h - config.json under an architecture's names -------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/huggingface/Architecture.h"
#include "compiler/frontend/huggingface/Config.h"
#include "llvm/ADT/StringMap.h"
#include <variant>

namespace attnc::hf {

/// A whole number, a number or a truth value.
using Constant = std::variant<int64_t, double, bool>;
std::string spell(const Constant &value);

/// A value, and the keys that said so: "num_attention_heads = 4", "no key num_key_value_heads".
struct Bound {
  Constant value;
  llvm::SmallVector<std::string> origins;

  /// The whole number; it must be one.
  int64_t integer() const { return *std::get_if<int64_t>(&value); }
};
using Bindings = llvm::StringMap<Bound>;

/// Evaluates every binding of `architecture`. Reports all keys that are missing, of a wrong type, or do not fit each
/// other: extents below 1, H that is no multiple of G.
mlir::FailureOr<Bindings> bindConfig(const Architecture &architecture, const Config &config);

/// Evaluates `text`, in the language of Architecture.h. Reports what is wrong; nothing after an error.
std::optional<Bound> evaluate(llvm::StringRef text, llvm::StringRef whenNull, const Config &config,
                              const Bindings &bindings);

} // namespace attnc::hf
