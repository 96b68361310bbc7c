//===- Rules.h - What looks wrong -------------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/lint/Site.h"

namespace attnc::lint {

/// What is looked at: a module, and its sites.
struct Model {
  mlir::ModuleOp module;
  std::vector<Site> sites;
};

struct Rule;

/// Something that a rule has found: what is the matter here. The rule says why that is wrong and how it is mended.
struct Finding {
  const Rule *rule;
  const Site *site; ///< null if it is about the whole model
  std::string message;
  bool isNote = false; ///< worth knowing, but what right models do too
};

/// What a rule calls when it finds something.
class Findings {
public:
  std::vector<Finding> all;
  const Rule *rule = nullptr; ///< the one that is asked at the moment

  void warn(const Site *site, std::string message) { all.push_back({rule, site, std::move(message), false}); }
  void note(const Site *site, std::string message) { all.push_back({rule, site, std::move(message), true}); }
};

/// One row of the table of rules: docs/lint.md is made of it.
struct Rule {
  llvm::StringLiteral name; ///< "scale-missing"
  llvm::StringLiteral what; ///< what it looks for
  llvm::StringLiteral why;  ///< what goes wrong then
  llvm::StringLiteral mend; ///< what to do
  void (*check)(const Model &model, Findings &findings);
};

/// All of them, by family.
std::vector<const Rule *> rules();

/// The families, one file each in rules/.
llvm::ArrayRef<Rule> axisRules();
llvm::ArrayRef<Rule> headRules();
llvm::ArrayRef<Rule> scaleRules();
llvm::ArrayRef<Rule> positionRules();
llvm::ArrayRef<Rule> maskRules();
llvm::ArrayRef<Rule> weightRules();
llvm::ArrayRef<Rule> inputRules();
llvm::ArrayRef<Rule> cacheRules();
llvm::ArrayRef<Rule> rotationRules();

/// Asks every rule; findings in the order of the sites.
std::vector<Finding> findingsOf(const Model &model);

} // namespace attnc::lint
