//===- Names.h - What things are called in C --------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include <string>

namespace attnc::emit {

/// The name of an entry whose user calls it `name`: an identifier of C and C++ that neither the languages, nor the C
/// library, nor the runtime has taken. Mostly `name` itself.
///
///   enc.v2 -> enc_v2    x__plan -> x_plan    2x -> attn_2x    memcpy -> attn_memcpy    double -> attn_double
std::string entryIdentifier(llvm::StringRef name);

/// Names of functions in one artefact. An entry f takes f, f_raw and f_entry.
class EntryNames {
public:
  /// entryIdentifier(name), with a number behind it where another entry has that.
  std::string pick(llvm::StringRef name);

private:
  llvm::StringSet<> taken;
};

/// Names of parameters and variables in one scope, each picked once.
class LocalNames {
public:
  explicit LocalNames(llvm::ArrayRef<llvm::StringRef> taken);

  /// `name` as an identifier; with '_' behind it, or "x_" before it, where it is a keyword, a macro or taken.
  std::string pick(llvm::StringRef name);

private:
  llvm::StringSet<> taken;
};

} // namespace attnc::emit
