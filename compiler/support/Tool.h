//===- Tool.h - What our llvm::cl tools have in common ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"

namespace attnc {

/// At the start of a tool's main(): --help shows the options that the tool registers from here on, not the 400 that
/// libLLVM has registered (those are in --help-hidden, and work); --version is attnc's with LLVM's.
void setUpTool(llvm::StringRef name);

} // namespace attnc
