//===- Rules.cpp - What looks wrong ---------------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Rules.h"

namespace attnc::lint {

std::vector<const Rule *> rules() {
  std::vector<const Rule *> all;
  for (llvm::ArrayRef<Rule> family : {axisRules(), headRules(), scaleRules(), positionRules(), maskRules(),
                                      weightRules(), inputRules(), cacheRules(), rotationRules()})
    for (const Rule &rule : family)
      all.push_back(&rule);
  return all;
}

std::vector<Finding> findingsOf(const Model &model) {
  Findings findings;
  for (const Rule *rule : rules()) {
    findings.rule = rule;
    rule->check(model, findings);
  }
  std::vector<Finding> ordered;
  auto take = [&](const Site *site) {
    llvm::copy_if(findings.all, std::back_inserter(ordered), [&](const Finding &found) { return found.site == site; });
  };
  for (const Site &site : model.sites)
    take(&site);
  take(nullptr); // what is about the whole model
  return ordered;
}

} // namespace attnc::lint
