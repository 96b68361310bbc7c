//===- Driver.h - The functions of NVIDIA's driver --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Our own prototypes, so that no CUDA toolkit is needed to build or to run: the driver's library comes with the driver.
// Names with _v2 are the ones that cuda.h really means.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/cpu/Text.h"

namespace attnc::rt::cuda {

using Result = int; // CUresult
using DeviceNumber = int;
using Address = uint64_t; // CUdeviceptr
using Context = struct CUctx_st *;
using Module = struct CUmod_st *;
using Function = struct CUfunc_st *;
using Stream = struct CUstream_st *;

constexpr Result success = 0, outOfMemory = 2;
constexpr int computeCapabilityMajor = 75, computeCapabilityMinor = 76; // CUdevice_attribute
constexpr int errorLogBuffer = 5, errorLogBufferBytes = 6;              // CUjit_option

/// Every function that we use. X(result, name, parameters...)
#define ATTNC_CUDA_FUNCTIONS(X)                                                                                        \
  X(Result, cuInit, unsigned flags)                                                                                    \
  X(Result, cuDeviceGetCount, int *count)                                                                              \
  X(Result, cuDeviceGet, DeviceNumber *device, int ordinal)                                                            \
  X(Result, cuDeviceGetAttribute, int *value, int attribute, DeviceNumber device)                                      \
  X(Result, cuDevicePrimaryCtxRetain, Context *context, DeviceNumber device)                                           \
  X(Result, cuDevicePrimaryCtxRelease_v2, DeviceNumber device)                                                         \
  X(Result, cuCtxPushCurrent_v2, Context context)                                                                      \
  X(Result, cuCtxPopCurrent_v2, Context *context)                                                                      \
  X(Result, cuCtxSynchronize, )                                                                                        \
  X(Result, cuModuleLoadDataEx, Module *module, const void *image, unsigned count, int *options, void **values)        \
  X(Result, cuModuleUnload, Module module)                                                                             \
  X(Result, cuModuleGetFunction, Function *function, Module module, const char *name)                                  \
  X(Result, cuLaunchKernel, Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,        \
    unsigned blockY, unsigned blockZ, unsigned sharedBytes, Stream stream, void **parameters, void **extra)            \
  X(Result, cuMemAlloc_v2, Address *address, size_t bytes)                                                             \
  X(Result, cuMemFree_v2, Address address)                                                                             \
  X(Result, cuMemcpyHtoD_v2, Address to, const void *from, size_t bytes)                                               \
  X(Result, cuMemcpyDtoH_v2, void *to, Address from, size_t bytes)                                                     \
  X(Result, cuGetErrorName, Result error, const char **name)

struct Driver {
#define ATTNC_CUDA_MEMBER(result, name, ...) result (*name)(__VA_ARGS__);
  ATTNC_CUDA_FUNCTIONS(ATTNC_CUDA_MEMBER)
#undef ATTNC_CUDA_MEMBER

  /// "CUDA_ERROR_NO_DEVICE", or "error 100".
  void addError(Text &text, Result error) const;
};

/// The driver, initialised; false, with the reason, where there is none. What was loaded stays loaded.
bool loadDriver(Driver &driver, Text &why);

/// ATTNC_CUDA_SM_* bits of the first GPU; 0, with the reason, where there is none that we have code for.
uint64_t gpuFeatures(Text &why);

} // namespace attnc::rt::cuda
