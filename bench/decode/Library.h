//===- Library.h - A compiled library, called as users call it --*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "attnc/attnc.h"
#include "bench/decode/Memory.h"
#include <array>

namespace decode {

/// The only entry of a shared library, with a workspace and threads of its own, so that a call allocates nothing. It
/// takes q, k, v and, where it asks for them, `tree` and `lengths`.
class Library {
public:
  /// With `seenOnly` the library gets the keys that are seen, as a part of the caches, and no others. Ends the program
  /// with what the runtime says if the library does not fit the problem.
  Library(const std::string &path, const Problem &problem, const Tensors &tensors, int threads, bool seenOnly);
  void call();

private:
  static constexpr int kMostInputs = 8;
  template <typename Function>
  Function *find(const char *name) const;
  void require(attnc_status status) const;
  void describe(const attnc_tensor_info &info, void *data, DLTensor &tensor, std::array<int64_t, 4> &shape);
  void viewSeenKeys(DLTensor &tensor, std::array<int64_t, 4> &shape);

  std::string path;
  const Problem &problem;
  void *handle;
  const attnc_entry *entry;
  decltype(attnc_call) *callEntry;
  attnc_options options;
  char message[512] = "";
  DLTensor inputs[kMostInputs], result;
  std::array<int64_t, 4> shapes[kMostInputs], resultShape, strides;
  const DLTensor *inputPointers[kMostInputs];
  DLTensor *resultPointer;
  std::unique_ptr<char[]> workspace;
};

} // namespace decode
