//===- Memory.h - Pages, and what lies in them ------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "bench/decode/Problem.h"
#include <memory>

namespace decode {

/// Small pages are what malloc gives where huge ones are not asked for; both are asked for here, whatever the system's
/// setting is.
enum class Pages { small, huge };

struct Unmap {
  size_t bytes;
  void operator()(char *memory) const;
};
using Memory = std::unique_ptr<char[], Unmap>;
Memory allocate(size_t bytes, Pages pages);

/// Numbers from -1.7 to 1.7, the same in every run; rows of 4096 of them repeat, from anywhere in a table.
void fill(char *memory, int64_t elements, Type type, unsigned seed);
double element(const char *memory, int64_t index, Type type);

/// The inputs of one problem and where the result goes. K and V lie behind one another, so that one read can have both.
struct Tensors {
  Memory q, cache, result;
  char *k, *v;
  std::unique_ptr<bool[]> tree; // [M, M]
  std::unique_ptr<int32_t[]> lengths;

  Tensors(const Problem &problem, Pages pages);
};

/// Largest difference between the result and attention in f64, of some rows, over the largest element of such a row.
double largestError(const Problem &problem, const Tensors &tensors, const char *result, Type type);

} // namespace decode
