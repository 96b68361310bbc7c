//===- Alignment.h - Where memory of ours begins ----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace attnc {

/// Bytes: one cache line, one vector of 512 bits. Scratch, temporaries in a workspace, constants, and weights in an
/// artefact begin at multiples of it.
inline constexpr int64_t kAlignment = 64;

} // namespace attnc
