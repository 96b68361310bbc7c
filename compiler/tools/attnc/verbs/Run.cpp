//===- Run.cpp - attnc run: compile and run in one step -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// After compiling, the rest of the command line goes to the very function that
// is main() of compiled programs: `attnc run x.attn ...` and `./x ...` take the
// same options because they run the same code.
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Loaded.h"
#include "runtime/cpu/Program.h"

namespace attnc::tool {

namespace {
struct Flags : CompileFlags {
  Text entry{"entry", "NAME", "which entry to run, where there are several"};
};
} // namespace

static Flags &flags() {
  static Flags *all = new Flags; // never destroyed: see Options.h
  return *all;
}

/// --NAME FILE or --NAME=FILE of the program's options; "" if there is none. Taken away if `drop`.
static std::string optionOf(llvm::StringRef name, std::vector<std::string> &rest, bool drop) {
  for (auto it = rest.begin(); it != rest.end(); ++it) {
    auto [given, value] = llvm::StringRef(*it).split('=');
    bool isSeparate = value.empty() && it + 1 != rest.end();
    if (given.ltrim('-') != name || !given.starts_with("-"))
      continue;
    std::string file = isSeparate ? *(it + 1) : value.str();
    if (drop)
      rest.erase(it, it + (isSeparate ? 2 : 1));
    return file;
  }
  return "";
}

/// The files that the program will be given.
static TensorFiles filesOf(std::vector<std::string> &rest) {
  TensorFiles files;
  files.inputs = optionOf("inputs", rest, /*drop=*/false);
  for (const std::string &argument : rest)
    if (llvm::StringRef name = llvm::StringRef(argument).split('=').first; name.consume_front("--"))
      files.named[name] = optionOf(name, rest, /*drop=*/false);
  return files;
}

static int run(llvm::ArrayRef<const char *> arguments) {
  std::vector<std::string> rest;
  if (std::optional<int> done = parse(runVerb, arguments, &rest))
    return *done;
  std::optional<CompileRequest> request = readRequest(flags(), "run");
  if (!request)
    return kUsage;
  std::string entry = flags().entry; // linking resets llvm::cl
  request->values = filesOf(rest);
  Compilation compilation(std::move(*request));
  Loaded loaded;
  if (int code = compilation.load())
    return code;
  for (const std::string &name : compilation.fixedInputs())
    optionOf(name, rest, /*drop=*/true);
  compilation.checkIndices();
  if (int code = loaded.load(compilation, /*threads=*/1))
    return code;
  std::vector<char *> argv;
  std::string program = "attnc run";
  argv.push_back(program.data());
  if (!entry.empty())
    argv.push_back(entry.data()); // programs of several entries take the name first
  for (std::string &argument : rest)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  return compilation.timed(
      "run", [&] { return rt::runProgram(*loaded.module(), static_cast<int>(argv.size()) - 1, argv.data()); });
}

const Verb runVerb{"run",
                   "FILE --inputs FOLDER --outputs FOLDER | FILE --NAME x.npy ... -o y.npy",
                   "compile and run in one step, on .npy files; takes the options of compiled "
                   "programs too",
                   R"(  attnc run layer.onnx --inputs in --outputs out
  attnc run causal.attn --dims H=16,D=64 --q q.npy --k k.npy --v v.npy -o out.npy --threads 2
)",
                   [] { flags(); },
                   run};

} // namespace attnc::tool
