//===- Limits.h - How large tensors may be ----------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/include/attnc/attnc.h"

namespace attnc {

/// No extent of a tensor may be larger, 2^29: files that have such a one are refused, and so are calls.
inline constexpr int64_t kMaxExtent = ATTNC_MAX_EXTENT;

/// The most elements of a tensor of fixed extents: sums of indices fit 64 bits.
inline constexpr int64_t kMaxElements = int64_t(1) << 40;

} // namespace attnc
