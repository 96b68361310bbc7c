//===- Fmt.cpp - attnc fmt: the plainest text of a description ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Emit.h"

namespace attnc::tool {

static CompileFlags &flags() {
  static CompileFlags *all = new CompileFlags; // never destroyed: see Options.h
  return *all;
}

static int run(llvm::ArrayRef<const char *> arguments) {
  if (std::optional<int> done = parse(fmtVerb, arguments))
    return *done;
  std::optional<CompileRequest> request = readRequest(flags(), "fmt");
  if (!request)
    return kUsage;
  Compilation compilation(std::move(*request));
  if (int code = compilation.load())
    return code;
  return emitResult(compilation, EmitKind::spec, "-");
}

const Verb fmtVerb{"fmt",
                   "FILE [--dims H=16,D=64]",
                   "print what a file means as .attn, helpers spelled out (comments stay behind)",
                   R"(  attnc fmt softcap.attn --dims H=8,D=64
)",
                   [] { flags(); },
                   run};

} // namespace attnc::tool
