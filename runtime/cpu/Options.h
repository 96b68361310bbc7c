//===- Options.h - attnc_options as the runtime sees them -------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/cpu/Text.h"

#include <stdlib.h>

namespace attnc::rt {

/// A copy of the caller's options. Fields that an older caller's struct does
/// not have are zero.
struct Options : attnc_options {
  Text why; // the caller's message
  attnc_status status;

  explicit Options(const attnc_options *given)
      : attnc_options(known(given)), why(message, message_capacity), status(ATTNC_OK) {
    if (struct_size == 0)
      status = ATTNC_INVALID_ARGUMENT; // start from attnc_options_init()
    else if (!allocate != !release)
      reject("set both allocate and release, or none");
    else if (num_threads < 0)
      reject("num_threads is negative");
  }

  void *allocateMemory(size_t size) { return allocate ? allocate(allocator_user, size) : malloc(size); }
  void releaseMemory(void *memory) { release ? release(allocator_user, memory) : free(memory); }

private:
  void reject(const char *reason) {
    status = ATTNC_INVALID_ARGUMENT;
    why.add("options: %s", reason);
  }

  static attnc_options known(const attnc_options *given) {
    attnc_options options = attnc_options_init();
    if (!given)
      return options;
    size_t size = given->struct_size;
    memcpy(&options, given, size < sizeof options ? size : sizeof options);
    options.struct_size = given->struct_size;
    if (!options.message)
      options.message_capacity = 0;
    return options;
  }
};

} // namespace attnc::rt
