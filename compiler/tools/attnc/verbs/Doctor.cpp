//===- Doctor.cpp - attnc doctor: is everything there? --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Link.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Options.h"
#include "runtime/include/attnc/attnc.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <fmt/format.h>

namespace attnc::tool {

static bool line(bool ok, const std::string &what, const std::string &found, const std::string &remedy) {
  llvm::outs() << fmt::format("{:<8} {:<28} {}\n", ok ? "ok" : "missing", what, ok ? found : remedy);
  return ok;
}

/// A file of the tree that attnc is in.
static bool checkFile(const std::string &what, const std::string &path) {
  return line(llvm::sys::fs::exists(path), what, path, "expected at " + path + "; " + emit::kKeepTogether);
}

static int run(llvm::ArrayRef<const char *> arguments) {
  if (std::optional<int> done = parse(doctorVerb, arguments))
    return *done;
  auto host = codegen::parseTarget("host");
  line(true, "processor", host->name + " (" + codegen::describeTarget(*host) + ")", "");
  line(true, "threads", std::to_string(attnc_default_threads()), "");
  bool ok = checkFile("libattnc_rt.a", emit::runtimeLibraryDirectory() + "/libattnc_rt.a");
  ok &= checkFile("libattnc_main.a", emit::runtimeLibraryDirectory() + "/libattnc_main.a");
  if (llvm::Error failure = emit::checkCLibrary())
    ok &= line(false, "C library for linking", "", llvm::toString(std::move(failure)));
  else
    line(true, "C library for linking", "libc6-dev", "");
  auto compiler = llvm::sys::findProgramByName("cc");
  line(bool(compiler), "cc (only for C examples)", compiler ? *compiler : "", "install the package gcc");
  std::string page = emit::installedTree() + "/share/man/man1/attnc.1";
  checkFile("manual pages (only for man)", llvm::sys::fs::exists(page + ".gz") ? page + ".gz" : page);
  return ok ? kOk : kUnfit;
}

const Verb doctorVerb{"doctor", "",    "look for what compiling and linking need, and name what is missing",
                      "",       [] {}, run};

} // namespace attnc::tool
