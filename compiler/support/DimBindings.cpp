//===- DimBindings.cpp - "H=16,D=64": extents fixed by the user -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/DimBindings.h"
#include "compiler/support/Limits.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <fmt/format.h>

static llvm::Error wrong(llvm::StringRef part, llvm::StringRef why) {
  return llvm::createStringError(
      fmt::format("'{}': {}; write SYMBOL=EXTENT, for example H=16,D=64", part.str(), why.str()));
}

static bool isName(llvm::StringRef name) {
  return !name.empty() && !llvm::isDigit(name[0]) &&
         llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

llvm::Error attnc::parseDimBindings(llvm::StringRef text, DimBindings &dims) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ',');
  for (llvm::StringRef part : parts) {
    auto [name, value] = part.split('=');
    name = name.trim();
    int64_t extent = -1;
    if (!part.contains('='))
      return wrong(part, "there is no '='");
    if (!isName(name))
      return wrong(part, "this is no dimension symbol");
    if (value.trim().getAsInteger(10, extent) || extent < 0 || extent > kMaxExtent)
      return wrong(part, "the extent must be a whole number from 0 to 2^29");
    auto [it, inserted] = dims.try_emplace(name, extent);
    if (!inserted && it->second != extent)
      return wrong(part, fmt::format("{} was already given as {}", name.str(), it->second));
  }
  return llvm::Error::success();
}
