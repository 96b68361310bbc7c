//===- Printable.h - Names from untrusted files in messages -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include <string>

namespace attnc {

/// A name from a file, safe to print: control characters escaped, cut when absurdly long.
std::string printable(llvm::StringRef text);

} // namespace attnc
