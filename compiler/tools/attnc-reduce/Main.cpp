//===- attnc-reduce - The smallest IR that still shows a problem ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   attnc-reduce bug.mlir --test='attnc-opt {} --fuse-rows' --shows='does not dominate' -o small.mlir
//
// A module is interesting while the command, with {} standing for its file, ends as it does for the whole one, and
// prints the text. As long as anything smaller is interesting, that is what goes on. Each reduction is tried at all of
// its places, then at half of them, at quarters, and one by one (after Zeller, Hildebrandt, 2002).
//
//===----------------------------------------------------------------------===//

#include "compiler/pipeline/Dialects.h"
#include "compiler/support/Tool.h"
#include "compiler/tools/attnc-reduce/Reductions.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#include <unistd.h>

using namespace mlir;
using namespace attnc;
namespace cl = llvm::cl;

//===----------------------------------------------------------------------===//
// The question
//===----------------------------------------------------------------------===//

namespace {
/// What a command did with a file.
struct Outcome {
  int code; // negative: ended by a signal, or too late
  std::string output;
};

/// The folder of all runs, which is their temporary one too: commands that fail leave things there. Removed at the end,
/// and on signals.
class Folder {
public:
  Folder() {
    llvm::SmallString<128> made;
    if (llvm::sys::fs::createUniqueDirectory("attnc-reduce", made))
      llvm::report_fatal_error("cannot make a temporary folder");
    path() = made.str().str();
    llvm::sys::SetInterruptFunction([] {
      remove();
      _exit(130);
    });
  }
  ~Folder() { remove(); }
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;

  std::string file(llvm::StringRef name) const { return path() + "/" + name.str(); }
  /// Removes all that is in it.
  void clear() const {
    remove();
    (void)llvm::sys::fs::create_directory(path());
  }

private:
  static std::string &path() {
    static std::string folder;
    return folder;
  }
  static void remove() { (void)llvm::sys::fs::remove_directories(path()); }
};

class Question {
public:
  Question(std::string command, std::string shows, unsigned seconds)
      : command(std::move(command)), shows(std::move(shows)), seconds(seconds) {}

  /// Asks for the whole module. False, after an error, if nothing is wrong with it.
  bool start(llvm::StringRef text);
  bool isInteresting(llvm::StringRef text) {
    Outcome outcome = run(text);
    return outcome.code == expected && llvm::StringRef(outcome.output).contains(shows);
  }
  unsigned asked = 0;

private:
  Outcome run(llvm::StringRef text);

  std::string command, shows;
  unsigned seconds;
  int expected = 0;
  Folder folder;
};
} // namespace

Outcome Question::run(llvm::StringRef text) {
  ++asked;
  folder.clear();
  std::string input = folder.file("module.mlir"), output = folder.file("output.txt");
  std::error_code failed;
  llvm::raw_fd_ostream(input, failed) << text;
  std::string line = "export TMPDIR='" + folder.file("") + "'; " + command;
  for (size_t at = line.find("{}"); at != std::string::npos; at = line.find("{}"))
    line.replace(at, 2, input);
  std::optional<llvm::StringRef> redirects[] = {"", output, output};
  int code = llvm::sys::ExecuteAndWait("/bin/sh", {"/bin/sh", "-c", line}, std::nullopt, redirects, seconds);
  auto bytes = llvm::MemoryBuffer::getFile(output);
  return {code, bytes ? (*bytes)->getBuffer().str() : ""};
}

static int error(const llvm::Twine &message) {
  llvm::WithColor::error(llvm::errs(), "attnc-reduce") << message << "\n";
  return 1;
}

bool Question::start(llvm::StringRef text) {
  Outcome outcome = run(text);
  expected = outcome.code;
  if (!llvm::StringRef(outcome.output).contains(shows))
    return error("'" + command + "' does not print '" + shows + "'; it prints:\n" + outcome.output), false;
  if (expected == 0 && shows.empty())
    return error("'" + command + "' succeeds: say with --shows what is wrong with its output"), false;
  return true;
}

//===----------------------------------------------------------------------===//
// The search
//===----------------------------------------------------------------------===//

static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, OpPrintingFlags().useLocalScope());
  return text + "\n";
}

namespace {
class Reducer {
public:
  Reducer(OwningOpRef<ModuleOp> module, Question &question) : module(std::move(module)), question(question) {}

  /// Goes on until nothing smaller is interesting.
  void run();
  ModuleOp result() { return *module; }

private:
  bool reduce(const reduce::Reduction &reduction);
  bool shrinkExtents();
  bool take(OwningOpRef<ModuleOp> candidate);

  OwningOpRef<ModuleOp> module;
  Question &question;
};
} // namespace

static size_t countOps(ModuleOp module) {
  size_t count = 0;
  module.walk([&](Operation *) { ++count; });
  return count;
}

/// Keeps `candidate` if it is a module, another one, and interesting.
bool Reducer::take(OwningOpRef<ModuleOp> candidate) {
  ScopedDiagnosticHandler silent(candidate->getContext(), [](Diagnostic &) { return success(); });
  if (failed(verify(*candidate)))
    return false;
  std::string text = print(*candidate);
  if (text == print(*module) || !question.isInteresting(text))
    return false;
  module = std::move(candidate);
  return true;
}

bool Reducer::reduce(const reduce::Reduction &reduction) {
  bool hasChanged = false;
  size_t count = reduction.count(*module);
  for (size_t chunk = count; chunk > 0; chunk /= 2)
    for (size_t end = count; end > 0;) { // from the end: what is used there may go next
      size_t begin = end > chunk ? end - chunk : 0;
      llvm::BitVector chosen(static_cast<unsigned>(count));
      chosen.set(static_cast<unsigned>(begin), static_cast<unsigned>(end));
      OwningOpRef<ModuleOp> candidate = module->clone();
      reduction.apply(*candidate, chosen);
      if (take(std::move(candidate))) {
        hasChanged = true;
        count = reduction.count(*module);
        end = std::min(begin, count);
      } else {
        end = begin;
      }
    }
  return hasChanged;
}

/// One extent at a time, wherever it stands.
bool Reducer::shrinkExtents() {
  for (const std::string &text : reduce::smallerExtents(print(*module))) {
    ScopedDiagnosticHandler silent(module->getContext(), [](Diagnostic &) { return success(); });
    OwningOpRef<ModuleOp> candidate = parseSourceString<ModuleOp>(text, module->getContext());
    if (candidate && take(std::move(candidate)))
      return true;
  }
  return false;
}

void Reducer::run() {
  for (bool hasChanged = true; hasChanged;) {
    hasChanged = false;
    for (const reduce::Reduction &reduction : reduce::reductions()) {
      bool isSmaller = reduce(reduction);
      hasChanged |= isSmaller;
      if (isSmaller)
        llvm::errs() << reduction.name << ": " << countOps(*module) << " ops\n";
    }
    while (shrinkExtents())
      hasChanged = true;
  }
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

int main(int argc, char **argv) {
  attnc::setUpTool("attnc-reduce");
  cl::OptionCategory options("attnc-reduce options");
  cl::opt<std::string> file(cl::Positional, cl::desc("FILE"), cl::Required, cl::cat(options));
  cl::opt<std::string> output("o", cl::desc("where the result goes"), cl::init("-"), cl::cat(options));
  cl::opt<std::string> test("test", cl::value_desc("command"), cl::Required, cl::cat(options),
                            cl::desc("what shows the problem; {} is the module's file"));
  cl::opt<std::string> shows("shows", cl::value_desc("text"), cl::cat(options),
                             cl::desc("what the command prints then"));
  cl::opt<unsigned> seconds("seconds", cl::init(60), cl::cat(options), cl::desc("a command that runs longer is ended"));
  cl::ParseCommandLineOptions(argc, argv, "makes a module smaller for as long as a command shows the same problem\n");

  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry);
  context.allowUnregisteredDialects();
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(file, &context);
  if (!module)
    return 1;
  Question question(test, shows, seconds);
  if (!question.start(print(*module)))
    return 1;
  Reducer reducer(std::move(module), question);
  reducer.run();
  std::error_code failed;
  llvm::raw_fd_ostream stream(output, failed);
  if (failed)
    return error("cannot write '" + output + "': " + failed.message());
  stream << print(reducer.result());
  llvm::errs() << countOps(reducer.result()) << " ops are left after " << question.asked << " runs\n";
  return 0;
}
