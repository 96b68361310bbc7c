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

/// No extent of a tensor may be larger: ATTNC_MAX_EXTENT of the runtime, 2^29.
inline constexpr int64_t kLargestExtent = int64_t(1) << 29;

/// Extents by dimension symbol.
using DimBindings = llvm::StringMap<int64_t>;

/// Adds "H=16,D=64" to `dims`; spaces around the parts are allowed. Errors, in
/// words for the user: no `=`, no name, an extent that is no number from 0 to
/// 2^40, a symbol bound to two extents.
llvm::Error parseDimBindings(llvm::StringRef text, DimBindings &dims);

} // namespace attnc
