//===- Lint.cpp - attnc lint: what a graph attends over, what looks wrong -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Report.h"
#include "compiler/support/Suggest.h"
#include "compiler/tools/attnc/Compilation.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/OpenExtents.h"
#include "compiler/tools/attnc/Reproducer.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace attnc::tool {

namespace {
struct Flags {
  cl::opt<std::string> file{cl::Positional, cl::desc("FILE"), cl::cat(options())};
  cl::list<std::string> dims{"dims", cl::value_desc("H=16,D=64"), cl::cat(options()),
                             cl::desc("fix dimension symbols of the file; heads and features have small ones without")};
  cl::list<std::string> allow{"allow", cl::value_desc("RULE,..."), cl::cat(options()), cl::CommaSeparated,
                              cl::desc("rules that are broken on purpose")};
  Switch strict{"strict", "exit with 1 if there is a warning"};
  Switch json{"json", "print one JSON object"};
  Switch rules{"rules", "list the rules"};
  Switch markdown{"markdown", "with --rules: print the page docs/lint.md"};
};
} // namespace

static Flags &flags() {
  static Flags *all = new Flags; // never destroyed: see Options.h
  return *all;
}

/// Features where a .attn file leaves them open: a number whose root is no scale that anyone writes.
constexpr int64_t kFeatures = 88;

/// Whether every rule of --allow is one; reports those that are not.
static bool checkAllowed() {
  std::vector<llvm::StringRef> names;
  for (const lint::Rule *rule : lint::rules())
    names.push_back(rule->name);
  bool ok = true;
  for (llvm::StringRef name : flags().allow)
    if (!llvm::is_contained(names, name)) {
      usageError("lint", "unknown rule '" + name + "'" + didYouMean(name, names));
      ok = false;
    }
  return ok;
}

static int report(Compilation &compilation) {
  lint::Model model;
  model.module = compilation.module();
  FailureOr<std::vector<lint::Site>> sites = lint::findSites(model.module);
  if (failed(sites))
    return error("internal error while looking at '" + compilation.request().file +
                 "'. This is our bug, not yours: please report it with the file."),
           kOurBug;
  model.sites = std::move(*sites);
  std::vector<lint::Finding> findings = lint::findingsOf(model);
  llvm::erase_if(findings,
                 [](const lint::Finding &finding) { return llvm::is_contained(flags().allow, finding.rule->name); });
  auto print = flags().json ? lint::printJson : lint::printText;
  print(llvm::outs(), compilation.request().file, model, findings);
  bool isClean = llvm::all_of(findings, [](const lint::Finding &finding) { return finding.isNote; });
  return isClean || !flags().strict ? kOk : kBadInput;
}

static int lintFile(CompileRequest request) {
  Compilation compilation(std::move(request));
  if (int code = compilation.load())
    return code;
  if (compilation.stage() > Stage::fused)
    return error("'" + compilation.request().file +
                 "' is past level fused: there is no attention left in it to look at");
  int code = kOurBug;
  if (!survives([&] { code = report(compilation); }))
    giveUp("internal error while looking at '" + compilation.request().file +
           "'. This is our bug, not yours: please report it with the file.");
  return code;
}

static int run(llvm::ArrayRef<const char *> arguments) {
  if (std::optional<int> done = parse(lintVerb, arguments))
    return *done;
  if (flags().rules) {
    llvm::outs() << (flags().markdown ? lint::rulePage() : lint::ruleTable());
    return kOk;
  }
  if (flags().markdown)
    return usageError("lint", "--markdown prints the rules: give --rules too");
  CompileRequest request;
  request.file = flags().file;
  request.targets.push_back(*codegen::parseTarget("host"));
  if (request.file.empty())
    return usageError("lint", "no input file; '-' reads standard input");
  bool ok = checkAllowed();
  for (const std::string &text : flags().dims)
    if (llvm::Error failure = parseDimBindings(text, request.dims)) {
      usageError("lint", "--dims " + llvm::toString(std::move(failure)));
      ok = false;
    }
  if (!ok)
    return kUsage;
  std::vector<std::string> made = fixOpenExtents(request.file, request.dims, kFeatures);
  if (!made.empty())
    note("made up: " + llvm::join(made, ", ") + "; --dims gives others");
  return lintFile(std::move(request));
}

const Verb lintVerb{"lint",
                    "FILE [--dims H=16,D=64] [--allow RULE,...] [--strict] [--json]",
                    "say what a model attends over, and what looks wrong",
                    R"(  attnc lint model.onnx
  attnc lint --rules
)",
                    [] { flags(); },
                    run};

} // namespace attnc::tool
