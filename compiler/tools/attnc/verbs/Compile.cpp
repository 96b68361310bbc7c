//===- Compile.cpp - attnc compile ----------------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Names.h"
#include "compiler/support/InputFiles.h"
#include "compiler/support/Suggest.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Depfile.h"
#include "compiler/tools/attnc/Emit.h"
#include "compiler/tools/attnc/OutputFiles.h"
#include "llvm/ADT/StringExtras.h"

namespace attnc::tool {

namespace {
struct Flags : CompileFlags {
  Text output{"o", "FILE", "where to write; '-' is standard output"};
  Text emit{"emit", "KIND",
            "exe, shared, static, obj, asm, llvm, bitcode, llvm-dialect, tile, "
            "fused, attn, spec or header"};
  Text depfile{"depfile", "FILE", "write there, as a rule of make, what the output was made from"};
  Text name{
      "name", "NAME",
      "what the C function is called; without, as the output's file (libenc.so: enc), where there is one; several: "
      "NAME_ENTRY"};
  Text weights{
      "weights", "PLACE",
      "inside: of the program or library, which the loader maps; separate: in NAME.weights beside it, as always "
      "above 2 GiB",
      "inside"};
};
} // namespace

static Flags &flags() {
  static Flags *all = new Flags; // never destroyed: see Options.h
  return *all;
}

/// Before anything is computed: whether `depfile` can be written about `output`. Returns an exit code.
static int checkDepfile(llvm::StringRef depfile, llvm::StringRef output) {
  if (output == "-")
    return usageError("compile", "--depfile: standard output is no file that a rule could make; name one with -o");
  if (depfile == output)
    return usageError("compile", "--depfile and -o both name '" + output + "'");
  auto text = makeDepfile(output, inputPaths());
  return text ? checkOutput(depfile) : error(text.takeError());
}

static int writeDepfile(llvm::StringRef depfile, llvm::StringRef output) {
  auto text = makeDepfile(output, inputPaths());
  return text ? writeOutput(depfile, *text) : error(text.takeError());
}

static int run(llvm::ArrayRef<const char *> arguments) {
  if (std::optional<int> done = parse(compileVerb, arguments))
    return *done;
  std::string output = flags().output, kindName = flags().emit, name = flags().name, depfile = flags().depfile;
  std::optional<EmitKind> kind = kindName.empty() ? emitKindOf(output) : parseEmitKind(kindName);
  if (!kind) {
    std::vector<llvm::StringRef> names = emitKindNames();
    return usageError("compile", "unknown kind '" + kindName + "' for --emit" + didYouMean(kindName, names) +
                                     " (known: " + llvm::join(names, ", ") + ")");
  }
  if (std::string possible = name.empty() ? "" : emit::entryIdentifier(name); possible != name)
    return usageError("compile", "--name: '" + name +
                                     "' is no name for a C function, or C, C++ or their library has taken it; '" +
                                     possible + "' would do");
  std::string weights = flags().weights;
  if (weights != "inside" && weights != "separate")
    return usageError("compile", "--weights: '" + weights + "' is no place" +
                                     didYouMean(weights, {"inside", "separate"}) + " (known: inside, separate)");
  std::optional<CompileRequest> request = readRequest(flags(), "compile");
  if (!request)
    return kUsage;
  Compilation compilation(std::move(*request));
  if (int code = compilation.load())
    return code;
  if (output.empty())
    output = defaultOutput(*kind, compilation.stem());
  if (int code = depfile.empty() ? kOk : checkDepfile(depfile, output))
    return code;
  if (*kind != EmitKind::attn && *kind != EmitKind::spec && *kind != EmitKind::fused)
    echoTargets(compilation.request());
  if (int code = emitResult(compilation, *kind, output, name, weights == "separate"))
    return code;
  return depfile.empty() ? kOk : writeDepfile(depfile, output);
}

const Verb compileVerb{"compile",
                       "FILE [-o OUTPUT] [--emit=KIND] [--dims H=16,D=64] [--target=T,...]",
                       "make a program, a library, or any stage on the way, from a .attn or .onnx file, or "
                       "the attention of a Hugging Face model directory",
                       R"(  attnc compile causal.attn --dims H=16,D=64 -o causal        a program: ./causal --help
  attnc compile causal.attn --dims H=16,D=64 --emit=shared    libcausal.so, causal.h, causal_example.c
  attnc compile llama/ --emit=shared                          the attention that llama/config.json describes
  attnc compile layer.onnx --target=x86-64-v4,x86-64-v3 -o liblayer.so
  attnc compile causal.attn --dims H=1,D=64 --emit=tile       the IR at a stage, on standard output
)",
                       [] { flags(); },
                       run};

} // namespace attnc::tool
