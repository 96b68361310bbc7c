//===- Program.h - What a compiled program does -----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "attnc/attnc.h"

namespace attnc::rt {

/// Reads .npy files, runs an entry of the module, and writes .npy files, as the
/// arguments say (see ProgramOptions). Messages go to stderr. Returns the
/// process's exit status: 0 ok, 1 bad input, 2 usage, 4 not for this CPU. Also
/// serves a module that was loaded from a shared library.
int runProgram(const attnc_module &module, int argc, char **argv);

} // namespace attnc::rt
