//===- Launch.h - One call on a GPU -----------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A call copies its inputs to the GPU, lets the entry's host code launch kernels on them, and copies the outputs back.
// One block of GPU memory holds all of it:
//
//   input 0 | ... | output 0 | ... | workspace          each at a multiple of 256 bytes
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/cuda/Device.h"

namespace attnc::rt::cuda {

/// Memory of the host with a twin on the GPU.
struct Buffer {
  void *host;
  int64_t bytes;
  void **place; // where the entry's code wants the address on the GPU
};

/// What the entry's code gets as its context. attnc_rt_launch looks at the function only: a library's code brings its
/// own copy of that.
struct LaunchContext {
  void (*launch)(LaunchContext *self, const char *ptx, const char *name, int64_t count, void **parameters);
  Device *device;
  Text *why;
  attnc_status status; // of the launches so far: after a failure the rest is left out
};

/// Runs `body(context)` with `numInputs` inputs and then outputs in `buffers`, and `workspaceBytes` at `*workspace`.
/// `device` may be null: one is then made for the call.
attnc_status call(Device *device, const Buffer *buffers, int numInputs, int numBuffers, int64_t workspaceBytes,
                  void **workspace, void (*body)(void *user, LaunchContext *context), void *user, Text &why);

} // namespace attnc::rt::cuda
