//===- Ops.cpp - attnc ops: which ONNX operators are imported -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/OperatorPage.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Options.h"
#include "compiler/tools/attnc/Session.h"
#include "compiler/tools/attnc/Source.h"
#include "llvm/Support/raw_ostream.h"

namespace attnc::tool {

namespace {
struct Flags {
  cl::opt<std::string> file{cl::Positional, cl::desc("MODEL.onnx"), cl::cat(options())};
  Switch markdown{"markdown", "print the page docs/operators.md"};
};
} // namespace

static Flags &flags() {
  static Flags *all = new Flags; // never destroyed: see Options.h
  return *all;
}

/// Operators first, each once; types and shapes are looked at where all of them are supported.
static int describeModel(const std::string &file) {
  Session session;
  std::optional<onnx::Coverage> coverage = onnx::coverageOf(file, &session.context);
  if (!coverage)
    return kBadInput;
  llvm::outs() << coverage->text;
  llvm::outs().flush();
  CompileRequest request;
  request.file = file;
  return coverage->isWhole && readSource(request, session) ? kOk : kBadInput;
}

static int run(llvm::ArrayRef<const char *> arguments) {
  if (std::optional<int> done = parse(opsVerb, arguments))
    return *done;
  if (!flags().file.empty() && flags().markdown)
    return usageError("ops", "--markdown prints the table, which has no MODEL.onnx");
  if (!flags().file.empty())
    return describeModel(flags().file);
  llvm::outs() << (flags().markdown ? onnx::operatorPage() : onnx::operatorTable());
  return kOk;
}

const Verb opsVerb{
    "ops",          "[MODEL.onnx]",  "list the ONNX operators that are imported, or say which of a model's are",
    R"(  attnc ops
  attnc ops model.onnx
)", [] { flags(); }, run};

} // namespace attnc::tool
