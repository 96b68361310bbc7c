//===- main.cpp - attnc: one program, one verb per task -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/InputFiles.h"
#include "compiler/support/Suggest.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/verbs/Verb.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/StringSaver.h"
#include "llvm/Support/VirtualFileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <fmt/format.h>
#include <new>
#include <unistd.h>

using namespace attnc::tool;

llvm::ArrayRef<const Verb *> attnc::tool::verbs() {
  static const Verb *const all[] = {&compileVerb, &runVerb, &checkVerb, &benchVerb, &profileVerb,    &tuneVerb,
                                    &maskVerb,    &fmtVerb, &lintVerb,  &opsVerb,   &completionVerb, &doctorVerb};
  return all;
}

static void printHelp() {
  llvm::outs() << "attnc: an ahead-of-time compiler for attention\n\nattnc VERB ...; attnc "
                  "VERB --help says more\n";
  for (const Verb *verb : verbs())
    llvm::outs() << fmt::format("  {:<12}{}\n", verb->name.str(), verb->summary.str());
  llvm::outs() << R"(
  --color=auto|always|never   colours in messages; auto heeds NO_COLOR
  --version                   the versions of attnc and LLVM
  @FILE                       read arguments from FILE

Exit codes: 0 ok, 1 the input is wrong, 2 usage, 3 accuracy check failed, 4 the code does not fit this machine,
70 our bug.
Environment: NO_COLOR; what is compiled heeds ATTNC_NUM_THREADS (1, 2, ...) and ATTNC_CPU (v1 to v4).
)";
}

static int printVersion() {
  llvm::outs() << "attnc " ATTNC_VERSION " (LLVM " LLVM_VERSION_STRING ")\n";
  return kOk;
}

/// Takes --color=MODE out of `arguments`; false if the mode is unknown.
static bool readColors(llvm::SmallVectorImpl<const char *> &arguments) {
  std::string mode = "auto";
  llvm::erase_if(arguments, [&](llvm::StringRef argument) {
    bool isColor = argument.consume_front("--color=");
    if (isColor)
      mode = argument.str();
    return isColor;
  });
  setColors(mode);
  if (mode == "auto" || mode == "always" || mode == "never")
    return true;
  usageError("", "--color is auto, always or never, not '" + mode + "'");
  return false;
}

static int dispatch(llvm::ArrayRef<const char *> arguments) {
  llvm::StringRef first = arguments.empty() ? "--help" : arguments.front();
  if (first == "--version")
    return printVersion();
  if (first == "--help" || first == "-h" || first == "help") {
    printHelp();
    return arguments.empty() ? kUsage : kOk;
  }
  llvm::SmallVector<llvm::StringRef> names;
  for (const Verb *verb : verbs()) {
    if (verb->name == first)
      return verb->run(arguments.drop_front());
    names.push_back(verb->name);
  }
  return usageError("", (first.starts_with("-") ? "expected a verb before '" : "unknown verb '") + first + "'" +
                            attnc::didYouMean(first, names));
}

namespace {
/// Files of arguments are plain and small: @/dev/zero has no end.
class PlainFiles : public llvm::vfs::ProxyFileSystem {
public:
  PlainFiles() : ProxyFileSystem(llvm::vfs::getRealFileSystem()) {}
  llvm::ErrorOr<std::unique_ptr<llvm::vfs::File>> openFileForRead(const llvm::Twine &path) override {
    constexpr uint64_t kMaxBytes = 1 << 20;
    llvm::ErrorOr<llvm::vfs::Status> found = status(path);
    if (found && !found->isRegularFile())
      return std::make_error_code(std::errc::operation_not_supported);
    if (found && found->getSize() > kMaxBytes)
      return std::make_error_code(std::errc::file_too_large);
    attnc::rememberInput(path.str());
    return ProxyFileSystem::openFileForRead(path);
  }
};
} // namespace

/// Memory that cannot be had ends the program with a message, wherever it is asked for.
static void endWithoutMemory() {
  constexpr llvm::StringLiteral text = "attnc: error: out of memory\n";
  (void)!write(STDERR_FILENO, text.data(), text.size());
  _exit(kBadInput);
}

int main(int argc, char **argv) {
  std::set_new_handler(endWithoutMemory);
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { endWithoutMemory(); });
  llvm::BumpPtrAllocator allocator;
  llvm::SmallVector<const char *, 32> arguments(argv + 1, argv + argc);
  llvm::cl::ExpansionContext expansion(allocator, llvm::cl::TokenizeGNUCommandLine);
  llvm::IntrusiveRefCntPtr<PlainFiles> plainFiles(new PlainFiles);
  expansion.setVFS(plainFiles.get());
  if (llvm::Error failure = expansion.expandResponseFiles(arguments))
    return error(std::move(failure)), kUsage;
  if (!readColors(arguments))
    return kUsage;
  return dispatch(arguments);
}
