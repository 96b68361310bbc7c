//===- Launch.cpp - One call on a GPU -------------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Launch.h"

#include <inttypes.h>

using namespace attnc::rt;
using namespace attnc::rt::cuda;

void attnc_rt_launch(void *context, const char *ptx, const char *name, int64_t count, void **parameters) {
  auto *self = static_cast<LaunchContext *>(context);
  if (count > 0)
    self->launch(self, ptx, name, count, parameters);
}

static attnc_status failed(const Driver &driver, Result error, const char *what, Text &why) {
  why.add("%s failed on the GPU: ", what);
  driver.addError(why, error);
  return error == outOfMemory ? ATTNC_OUT_OF_MEMORY : ATTNC_DEVICE_FAILED;
}

static void launch(LaunchContext *self, const char *ptx, const char *name, int64_t count, void **parameters) {
  constexpr int64_t blockThreads = 64, maxBlocks = INT32_MAX; // 64: codegen/nvptx/Passes.h
  if (self->status != ATTNC_OK)
    return;
  int64_t blocks = (count - 1) / blockThreads + 1;
  if (blocks > maxBlocks) {
    self->why->add("%s: %" PRId64 " work items are too many for one launch", name, count);
    self->status = ATTNC_INVALID_ARGUMENT;
    return;
  }
  Function kernel = self->device->find(ptx, name, *self->why);
  if (!kernel) {
    self->status = ATTNC_DEVICE_FAILED;
    return;
  }
  const Driver &driver = self->device->api();
  Result error = driver.cuLaunchKernel(kernel, static_cast<unsigned>(blocks), 1, 1, blockThreads, 1, 1, 0, nullptr,
                                       parameters, nullptr);
  if (error != success)
    self->status = failed(driver, error, name, *self->why);
}

//===----------------------------------------------------------------------===//
// A call
//===----------------------------------------------------------------------===//

/// `total` grows by `bytes`, rounded up; false if that does not fit.
static bool reserve(int64_t bytes, int64_t &total) {
  return !__builtin_add_overflow(total, bytes, &total) && !__builtin_add_overflow(total, int64_t(255), &total) &&
         (total &= ~int64_t(255), true);
}

namespace {
/// The GPU's memory of one call.
struct Memory {
  const Driver &driver;
  Address base = 0;
  ~Memory() {
    if (base)
      driver.cuMemFree_v2(base);
  }
};
} // namespace

static attnc_status callOn(Device &device, const Buffer *buffers, int numInputs, int numBuffers, int64_t workspaceBytes,
                           void **workspace, void (*body)(void *user, LaunchContext *context), void *user, Text &why) {
  const Driver &driver = device.api();
  Current current(device);
  int64_t total = 1;
  bool fits = reserve(workspaceBytes, total);
  for (int i = 0; i < numBuffers; ++i)
    fits &= reserve(buffers[i].bytes, total);
  Memory memory{driver};
  if (!fits) {
    why.add("the tensors of this call are larger than 2^63 bytes");
    return ATTNC_OUT_OF_MEMORY;
  }
  if (Result error = driver.cuMemAlloc_v2(&memory.base, static_cast<size_t>(total)); error != success)
    return failed(driver, error, "allocating memory", why);

  int64_t offset = 0;
  for (int i = 0; i < numBuffers; ++i) {
    Address address = memory.base + static_cast<Address>(offset);
    *buffers[i].place = reinterpret_cast<void *>(address);
    reserve(buffers[i].bytes, offset);
    if (i >= numInputs || buffers[i].bytes == 0)
      continue;
    if (Result error = driver.cuMemcpyHtoD_v2(address, buffers[i].host, static_cast<size_t>(buffers[i].bytes));
        error != success)
      return failed(driver, error, "copying an input", why);
  }
  *workspace = reinterpret_cast<void *>(memory.base + static_cast<Address>(offset));

  LaunchContext context = {launch, &device, &why, ATTNC_OK};
  body(user, &context);
  Result error = driver.cuCtxSynchronize(); // in any case: kernels may still use the memory
  if (context.status != ATTNC_OK)
    return context.status;
  if (error != success)
    return failed(driver, error, "a kernel", why);
  for (int i = numInputs; i < numBuffers; ++i) {
    auto from = reinterpret_cast<Address>(*buffers[i].place);
    if (buffers[i].bytes == 0)
      continue;
    if (Result copied = driver.cuMemcpyDtoH_v2(buffers[i].host, from, static_cast<size_t>(buffers[i].bytes));
        copied != success)
      return failed(driver, copied, "copying an output", why);
  }
  return ATTNC_OK;
}

attnc_status cuda::call(Device *device, const Buffer *buffers, int numInputs, int numBuffers, int64_t workspaceBytes,
                        void **workspace, void (*body)(void *user, LaunchContext *context), void *user, Text &why) {
  Device *own = device ? nullptr : Device::create(why);
  if (!device && !own)
    return ATTNC_DEVICE_FAILED;
  attnc_status status =
      callOn(device ? *device : *own, buffers, numInputs, numBuffers, workspaceBytes, workspace, body, user, why);
  if (own)
    own->destroy();
  return status;
}
