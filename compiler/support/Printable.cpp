//===- Printable.cpp - Names from untrusted files in messages -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/Printable.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

std::string attnc::printable(llvm::StringRef text) {
  constexpr size_t kMaxShown = 200;
  std::string result;
  llvm::raw_string_ostream stream(result);
  llvm::printEscapedString(text.take_front(kMaxShown), stream);
  return text.size() > kMaxShown ? result + "..." : result;
}
