//===- ProgramOptions.h - The command line of compiled programs -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "attnc/attnc.h"

namespace attnc::rt {

/// What `./causal --q q.npy --k k.npy --v v.npy -o out.npy` asks for.
class ProgramOptions {
public:
  enum class Action { run, help, version, describe };

  ProgramOptions() = default;
  ~ProgramOptions();
  ProgramOptions(const ProgramOptions &) = delete;
  ProgramOptions &operator=(const ProgramOptions &) = delete;

  /// Prints every mistake to stderr, and returns false if there was one.
  bool parse(const attnc_module &module, int argc, char **argv);

  const char *program = nullptr; // as messages name it
  const attnc_entry *entry = nullptr;
  Action action = Action::run;
  const char **inputs = nullptr;  // [num_inputs] file, number, or null
  const char **outputs = nullptr; // [num_outputs] file or null
  const char *inputDirectory = nullptr, *outputDirectory = nullptr;
  int threads = 0; // 0: as many as suit the process
  int repeat = 0;  // 0: no timing

private:
  struct Arguments;
  bool chooseEntry(const attnc_module &module, Arguments &arguments);
  bool askAction(const char *argument);
  void parseOption(Arguments &arguments);
  void setTensor(const char **file, const Arguments &arguments, const char *value);
  void setValue(const Arguments &arguments, const char *value);
  const char **findTensor(const char *name);
  void unknownOption(const char *name);
  void checkComplete();
  __attribute__((format(printf, 2, 3))) void error(const char *format, ...);

  int errors = 0;
};

/// The text of --help.
void printHelp(const ProgramOptions &options, const attnc_module &module);

} // namespace attnc::rt
