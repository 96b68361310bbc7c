//===- Context.h - Where a kernel's parallel loops run ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/cpu/ThreadPool.h"
#include "runtime/cuda/Device.h"

/// What kernels get as their opaque context. The function comes first and is
/// all that attnc_rt_parallel_for looks at: a library's kernels bring their own
/// copy of that function, of another version perhaps than the caller's runtime.
struct attnc_context {
  void (*parallelFor)(attnc_context *self, int64_t count, attnc_body body, void *data);
  attnc::rt::ThreadPool *pool;
  int32_t limit; // threads to use, 0: all
  attnc_parallel_for hostParallelFor;
  void *hostUser;
  attnc::rt::cuda::Device *device; // made by the first call that needs one; only with a pool
};

namespace attnc::rt {

/// The context of one call: the host's loop, else the pool, else no threads.
attnc_context contextOfCall(const attnc_options &options);

/// The context's GPU, made if it is the first call; null, with the reason.
cuda::Device *deviceOf(attnc_context &context, Text &why);

} // namespace attnc::rt
