//===- Parser.h - Tokens of a .attn file to its syntax tree -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/syntax/AST.h"
#include "compiler/frontend/spec/syntax/Diagnostics.h"

namespace attnc::spec {

/// A larger file is refused: it may come from anyone.
inline constexpr size_t kMaxFileBytes = 1 << 20;

/// Parses one buffer. Reports every syntax error; what could be read is
/// returned all the same, so that names and types are checked in the same run.
File parse(llvm::StringRef buffer, Diagnostics &diagnostics);

} // namespace attnc::spec
