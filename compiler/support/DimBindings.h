//===- DimBindings.h - "H=16,D=64": extents fixed by the user ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <cstdint>

namespace attnc {

/// Extents by dimension symbol.
using DimBindings = llvm::StringMap<int64_t>;

/// Adds "H=16,D=64" to `dims`; spaces around the parts are allowed. Errors, in
/// words for the user: no `=`, no name, an extent that is no number from 0 to
/// 2^29, a symbol bound to two extents.
llvm::Error parseDimBindings(llvm::StringRef text, DimBindings &dims);

} // namespace attnc
