//===- Describe.h - What a site attends over, in words ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/lint/Site.h"

namespace attnc::lint {

/// One property of a site: {"scale", "0.125 = 1/sqrt(64)"}.
struct Property {
  std::string name, text;
};

/// What it is, over what it goes, its scale, mask and score; a line each.
std::vector<Property> describe(const Site &site);

/// "node '/attn/Softmax' (Softmax)", or "causal.attn:3:1".
std::string placeOf(mlir::Operation *op);

} // namespace attnc::lint
