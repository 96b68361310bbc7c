//===- Options.h - The options of one verb, parsed by llvm::cl --*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libLLVM registers some 2,800 options of its own. They are taken out of the
// parser before a verb adds its own, so that help, did-you-mean and completion
// know only what attnc has. The options live until the process ends: lld, which
// runs in this process, resets every registered option when it starts. Verbs
// therefore copy the values into plain structs before they do anything.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/Target.h"
#include "compiler/schedule/Schedule.h"
#include "compiler/support/DimBindings.h"
#include "compiler/tools/attnc/Tensors.h"
#include "compiler/tools/attnc/verbs/Verb.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/CommandLine.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace attnc::tool {

namespace cl = llvm::cl;

/// The category of all our options.
cl::OptionCategory &options();

/// Those of our options that take a whole number.
llvm::DenseSet<const cl::Option *> &numbers();
/// Those that are on or off.
llvm::DenseSet<const cl::Option *> &switches();

/// An option of text, a switch and a number, in our category.
struct Text : cl::opt<std::string> {
  Text(const char *name, const char *value, const char *help, std::string initial = "")
      : opt(llvm::StringRef(name), cl::value_desc(value), cl::desc(help), cl::init(std::move(initial)),
            cl::cat(options())) {}
};
struct Switch : cl::opt<bool> {
  Switch(const char *name, const char *help) : opt(llvm::StringRef(name), cl::desc(help), cl::cat(options())) {
    switches().insert(this);
  }
};
struct Number : cl::opt<int> {
  Number(const char *name, const char *value, const char *help, int initial)
      : opt(llvm::StringRef(name), cl::value_desc(value), cl::desc(help), cl::init(initial), cl::cat(options())) {
    numbers().insert(this);
  }
};

/// What every verb that compiles takes.
struct CompileFlags {
  cl::opt<std::string> file{cl::Positional, cl::desc("FILE"), cl::cat(options())};
  cl::list<std::string> dims{"dims", cl::value_desc("H=16,D=64"), cl::cat(options()),
                             cl::desc("fix dimension symbols of the file")};
  cl::list<std::string> fix{"fix", cl::value_desc("NAME=FILE.npy"), cl::cat(options()),
                            cl::desc("compile for this value of an input of an ONNX model that decides shapes")};
  Text target{"target", "T,...",
              "host, x86-64-v4, x86-64-v3, x86-64-v2, x86-64, sm_90, sm_80 or "
              "sm_75; several: picked at load",
              "host"};
  Text dtype{"dtype", "f32|bf16|f16",
             "what matmuls and attention compute in, with sums of f32 (default: as the file says)"};
  Text from{"from", "STAGE", "the stage a .mlir file is at (default attn)"};
  Text schedule{"schedule", "NAME=SIZE,...", "force block sizes: attention.keys=128, contract.rows=6, ..."};
  cl::opt<std::string> tuned{"tuned", cl::ValueOptional, cl::cat(options()),
                             cl::desc("block sizes that attnc tune found best; --tuned=DB: in that database")};
  Switch checks{
      "checks",
      "the code checks at each call what the file promises of its inputs (sorted; ids inside of their table)"};
  Number jobs{"jobs", "N", "compile with at most N threads; 0: with as many as there are cores", 0};
  Switch remarks{"remarks", "say what was fused, and what stopped fusion"};
  Switch verbose{"v", "show each step with its time"};
  Switch timeReport{"time-report", "a table of times at the end"};
};

/// What verbs that measure calls take beside it.
struct MeasureFlags : CompileFlags {
  Text inputs{"inputs", "FOLDER",
              "take every input from NAME.npy there; without, inputs that no --NAME FILE gives are made up"};
  Text entry{"entry", "NAME", "which entry to measure; the first if not given"};
  Number threads{"threads", "N", "threads to use; 0: as many as programs do", 0};
  Number seconds{"seconds", "S", "how long to measure", 3};
};

/// The same as plain values.
struct CompileRequest {
  std::string file, from;
  std::string dtype; // of matmuls and attention; as the file says if empty
  DimBindings dims;
  std::map<std::string, std::string> fix; // files with values of inputs
  TensorFiles values;                     // the same, to be taken where they are needed
  std::vector<codegen::TargetInfo> targets;
  /// Block sizes that are forced, for each of `targets`.
  std::vector<schedule::Schedule> schedules;
  std::optional<std::string> tuned; // take them from that database
  DimBindings callDims;             // every extent that the user has named
  int threads = 0;                  // of the calls, if known: what a tuned schedule was measured with
  int jobs = 0;                     // threads that compile; 0: all cores
  bool marks = false;               // for a profile: the code says which op it has come to
  bool checks = false, remarks = false, verbose = false, timeReport = false;
};

/// Checks and copies the values; reports all that is wrong. Empty: usage error,
/// reported.
std::optional<CompileRequest> readRequest(const CompileFlags &flags, llvm::StringRef verb);

/// Takes away the extents that a call chooses (B, M and N of a .attn file,
/// every symbol of other files), so that what is checked and measured is the
/// code that serves all of them.
void dropRunTimeDims(CompileRequest &request);

/// Parses `arguments` for `verb`. An exit code if there is nothing left to do:
/// 0 after --help, kUsage after errors. With `rest`, options that are none of
/// the verb's go there with their values: `--q`, `q.npy`.
std::optional<int> parse(const Verb &verb, llvm::ArrayRef<const char *> arguments,
                         std::vector<std::string> *rest = nullptr);

/// Registers the options of `verb` alone; returns them sorted by name.
std::vector<cl::Option *> optionsOf(const Verb &verb);

} // namespace attnc::tool
