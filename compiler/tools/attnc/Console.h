//===- Console.h - How attnc talks: messages and exit codes -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace attnc::tool {

/// What the process returns; the same numbers for attnc and for the programs it
/// makes.
enum ExitCode {
  kOk = 0,
  kBadInput = 1,
  kUsage = 2,
  kInaccurate = 3,
  kUnfit = 4,
  kOurBug = 70,
};

/// Colours as `--color` says: "auto" means on a terminal, unless NO_COLOR is
/// set.
void setColors(llvm::StringRef mode);

/// "attnc: error: ..." on stderr; returns kBadInput, for `return error(...)`.
int error(const llvm::Twine &message);
int error(llvm::Error failure);

/// "attnc: error: ..." and a line that says where help is; returns kUsage.
int usageError(llvm::StringRef verb, const llvm::Twine &message);

/// "attnc: warning|note: ..." on stderr.
void warning(const llvm::Twine &message);
void note(const llvm::Twine &message);

} // namespace attnc::tool
