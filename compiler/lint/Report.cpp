//===- Report.cpp - Sites and findings for people and programs ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Report.h"
#include "compiler/lint/Describe.h"
#include "compiler/support/Printable.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/WithColor.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::lint {

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static void printFinding(llvm::raw_ostream &out, const Finding &finding) {
  out << "  ";
  if (finding.isNote)
    llvm::WithColor::note(out);
  else
    llvm::WithColor::warning(out);
  out << finding.message << " [" << finding.rule->name << "]\n";
  out << fmt::format("    {:<6}{}\n", "why", finding.rule->why.str());
  out << fmt::format("    {:<6}{}\n", "mend", finding.rule->mend.str());
}

static std::string counted(size_t count, const char *noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void printText(llvm::raw_ostream &out, StringRef file, const Model &model, ArrayRef<Finding> findings) {
  size_t attentions = llvm::count_if(model.sites, [](const Site &site) { return site.isAttention(); });
  size_t warnings = llvm::count_if(findings, [](const Finding &finding) { return !finding.isNote; });
  bool areSeveral = !llvm::hasSingleElement(ModuleOp(model.module).getOps<func::FuncOp>());
  for (const Site &site : model.sites) {
    out << placeOf(site.op);
    if (areSeveral)
      out << " in '" << func::FuncOp(site.function).getSymName() << "'";
    out << "\n";
    for (const Property &property : describe(site))
      out << fmt::format("  {:<8}{}\n", property.name, property.text);
    for (const Finding &finding : findings)
      if (finding.site == &site)
        printFinding(out, finding);
  }
  for (const Finding &finding : findings)
    if (!finding.site)
      printFinding(out, finding);
  out << file << ": " << counted(attentions, "attention") << ", " << counted(warnings, "warning") << "\n";
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static void printJson(llvm::json::OStream &json, const Finding &finding) {
  json.object([&] {
    json.attribute("rule", finding.rule->name);
    json.attribute("severity", finding.isNote ? "note" : "warning");
    json.attribute("message", llvm::json::fixUTF8(finding.message));
    json.attribute("why", finding.rule->why);
    json.attribute("mend", finding.rule->mend);
  });
}

static void printJson(llvm::json::OStream &json, const Site &site, ArrayRef<Finding> findings) {
  json.object([&] {
    json.attribute("at", llvm::json::fixUTF8(placeOf(site.op)));
    json.attribute("entry", llvm::json::fixUTF8(func::FuncOp(site.function).getSymName()));
    json.attribute("attention", site.isAttention());
    for (const Property &property : describe(site))
      json.attribute(property.name, llvm::json::fixUTF8(property.text));
    if (site.isAttention())
      json.attributeObject("axes", [&] {
        for (auto [name, extent] : {std::pair("batch", &site.batch),
                                    {"heads", &site.heads},
                                    {"groups", &site.groups},
                                    {"queries", &site.queries},
                                    {"keys", &site.keys},
                                    {"features", &site.features}})
          json.attribute(name, llvm::json::fixUTF8(extent->name));
      });
    json.attributeArray("findings", [&] {
      for (const Finding &finding : findings)
        if (finding.site == &site)
          printJson(json, finding);
    });
  });
}

void printJson(llvm::raw_ostream &out, StringRef file, const Model &model, ArrayRef<Finding> findings) {
  llvm::json::OStream json(out, 2);
  json.object([&] {
    json.attribute("file", llvm::json::fixUTF8(file));
    json.attributeArray("sites", [&] {
      for (const Site &site : model.sites)
        printJson(json, site, findings);
    });
    json.attributeArray("findings", [&] { // about the whole model
      for (const Finding &finding : findings)
        if (!finding.site)
          printJson(json, finding);
    });
  });
  out << "\n";
}

//===----------------------------------------------------------------------===//
// The rules
//===----------------------------------------------------------------------===//

std::string ruleTable() {
  std::string text;
  for (const Rule *rule : rules())
    text += fmt::format("{:<24}{}\n", rule->name.str(), rule->what.str());
  return text;
}

std::string rulePage() {
  std::string text = R"(# What `attnc lint` looks for

Written by `attnc lint --rules --markdown`; a test compares. `docs/usage.md` says how to use it. Each rule has a name, by
which `--allow` switches it off, and at least one wrong model in `test/compiler/lint/`.
)";
  for (const Rule *rule : rules())
    text += fmt::format("\n## {}\n\n{}.\n\n* Why: {}.\n* Mend: {}.\n", rule->name.str(), rule->what.str(),
                        rule->why.str(), rule->mend.str());
  return text;
}

} // namespace attnc::lint
