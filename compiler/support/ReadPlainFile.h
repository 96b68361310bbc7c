//===- ReadPlainFile.h - Files that a user has named ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

namespace attnc {

/// The bytes of `path`, at most `maxBytes`, with a null behind them if `isText`. Links are followed, but what is in the
/// end no plain file (a folder, a pipe, /dev/zero) is refused: nothing makes us wait, or read without end. The error
/// does not name the path.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readPlainFile(llvm::StringRef path, uint64_t maxBytes,
                                                                  bool isText = false);

/// Standard input to its end, at most `maxBytes`, with a null behind it: a pipe that the user has asked for.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readStandardInput(uint64_t maxBytes);

} // namespace attnc
