//===- Suggest.cpp - "did you mean ...?" ----------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/Suggest.h"
#include <algorithm>

llvm::StringRef attnc::nearest(llvm::StringRef typo,
                               llvm::ArrayRef<llvm::StringRef> names) {
  llvm::StringRef best;
  unsigned bestDistance = std::max<unsigned>(1, typo.size() / 3) + 1;
  for (llvm::StringRef name : names)
    if (name.equals_insensitive(typo))
      return name; // 'b' for 'B'
  for (llvm::StringRef name : names) {
    unsigned distance =
        typo.edit_distance(name, /*AllowReplacements=*/true, bestDistance);
    if (distance < bestDistance && distance < name.size()) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

std::string attnc::didYouMean(llvm::StringRef typo,
                              llvm::ArrayRef<llvm::StringRef> names) {
  llvm::StringRef name = nearest(typo, names);
  return name.empty() ? "" : ("; did you mean '" + name + "'?").str();
}
