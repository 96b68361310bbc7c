//===- Weights.h - Weights in a file beside the code ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/cpu/Text.h"

namespace attnc::rt {

/// Whether the kernels of `entry` cannot read their weights yet.
inline bool lacksWeights(const attnc_entry &entry) {
  return entry.weights && entry.weights->address && !__atomic_load_n(entry.weights->address, __ATOMIC_ACQUIRE);
}

/// Maps the weights of `entry` from the file `path`; null: the one beside the program or library that holds `entry`.
/// ATTNC_INVALID_ARGUMENT where the file is missing, is another one, or not whole.
attnc_status loadWeights(const attnc_entry &entry, const char *path, Text &why);

} // namespace attnc::rt
