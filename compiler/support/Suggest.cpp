//===- Suggest.cpp - "did you mean ...?" ----------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/Suggest.h"
#include <algorithm>

llvm::StringRef attnc::nearest(llvm::StringRef typo, llvm::ArrayRef<llvm::StringRef> names) {
  // Two neighbouring letters swapped are one slip, not two.
  auto isSwapped = [&](llvm::StringRef name) {
    if (name.size() != typo.size())
      return false;
    auto [left, right] = std::mismatch(name.begin(), name.end(), typo.begin());
    return name.end() - left >= 2 && left[0] == right[1] && left[1] == right[0] &&
           std::equal(left + 2, name.end(), right + 2);
  };
  llvm::StringRef best;
  unsigned bestDistance = std::max<unsigned>(1, typo.size() / 3) + 1;
  for (llvm::StringRef name : names)
    if (name.equals_insensitive(typo) || isSwapped(name))
      return name; // 'b' for 'B', 'bais' for 'bias'
  for (llvm::StringRef name : names) {
    unsigned distance = typo.edit_distance(name, /*AllowReplacements=*/true, bestDistance);
    if (distance < bestDistance && distance < name.size()) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

std::string attnc::didYouMean(llvm::StringRef typo, llvm::ArrayRef<llvm::StringRef> names) {
  llvm::StringRef name = nearest(typo, names);
  return name.empty() ? "" : ("; did you mean '" + name + "'?").str();
}
