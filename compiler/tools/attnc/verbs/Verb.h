//===- Verb.h - What attnc can be told to do --------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace attnc::tool {

/// `attnc NAME ...`. `options` registers the verb's options with llvm::cl
/// (once, and only for the verb that runs, so that verbs may use one name for
/// different things); `run` gets what follows the verb and returns an exit
/// code.
struct Verb {
  llvm::StringLiteral name, usage, summary, examples;
  void (*options)();
  int (*run)(llvm::ArrayRef<const char *> arguments);
};

extern const Verb compileVerb, runVerb, checkVerb, benchVerb, profileVerb, tuneVerb, maskVerb, fmtVerb, lintVerb,
    opsVerb, completionVerb, doctorVerb;

/// All of them, in the order of --help.
llvm::ArrayRef<const Verb *> verbs();

} // namespace attnc::tool
