//===- Report.h - Sites and findings for people and programs ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/lint/Rules.h"
#include "llvm/Support/raw_ostream.h"

namespace attnc::lint {

/// Each site with its properties and what was found there; colours where `out` shows them.
void printText(llvm::raw_ostream &out, llvm::StringRef file, const Model &model, llvm::ArrayRef<Finding> findings);
/// The same as one JSON object.
void printJson(llvm::raw_ostream &out, llvm::StringRef file, const Model &model, llvm::ArrayRef<Finding> findings);

/// The rules as columns of text, and as the page docs/lint.md.
std::string ruleTable();
std::string rulePage();

} // namespace attnc::lint
