//===- Context.h - Where a kernel's parallel loops run ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/cpu/ThreadPool.h"
#include "runtime/cuda/Device.h"

namespace attnc::rt {

/// Row-major element `element` of an input is `value`, and indexes nothing: there are `extent`.
struct BadIndex {
  int64_t input = -1, element = 0, value = 0, extent = 0; // no input: there is none
};

} // namespace attnc::rt

/// What kernels get as their opaque context. The functions come first and are
/// all that attnc_rt_parallel_for and attnc_rt_bad_index look at: a library's
/// kernels bring their own copies of those, of another version perhaps than the
/// caller's runtime.
struct attnc_context {
  void (*parallelFor)(attnc_context *self, int64_t count, attnc_body body, void *data);
  void (*refuse)(attnc_context *self, int64_t input, int64_t element, int64_t value, int64_t extent);
  attnc::rt::ThreadPool *pool;
  int32_t limit; // threads to use, 0: all
  attnc_parallel_for hostParallelFor;
  void *hostUser;
  attnc::rt::cuda::Device *device; // made by the first call that needs one; only with a pool
  attnc::rt::BadIndex bad;         // of a call's own context: what its kernel has found first
};

namespace attnc::rt {

/// The context of one call: the host's loop, else the pool, else no threads.
attnc_context contextOfCall(const attnc_options &options);

/// The context's GPU, made if it is the first call; null, with the reason.
cuda::Device *deviceOf(attnc_context &context, Text &why);

} // namespace attnc::rt
