//===- Driver.cpp - The functions of NVIDIA's driver ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Driver.h"

#include <dlfcn.h>

using namespace attnc::rt;
using namespace attnc::rt::cuda;

void Driver::addError(Text &text, Result error) const {
  const char *name = nullptr;
  if (cuGetErrorName(error, &name) == success && name)
    text.add("%s", name);
  else
    text.add("error %d", error);
}

bool cuda::loadDriver(Driver &driver, Text &why) {
  // Never closed: drivers do not survive that. Loading it again only counts.
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    why.add("no NVIDIA driver (libcuda.so.1 cannot be loaded)");
    return false;
  }
  const char *missing = nullptr;
  auto find = [&](const char *name) {
    void *address = dlsym(library, name);
    if (!address)
      missing = name;
    return address;
  };
#define ATTNC_CUDA_FIND(result, name, ...) driver.name = reinterpret_cast<result (*)(__VA_ARGS__)>(find(#name));
  ATTNC_CUDA_FUNCTIONS(ATTNC_CUDA_FIND)
#undef ATTNC_CUDA_FIND
  if (missing) {
    why.add("the NVIDIA driver is too old (libcuda.so.1 has no %s)", missing);
    return false;
  }
  if (Result error = driver.cuInit(0); error != success) {
    why.add("the NVIDIA driver does not start (");
    driver.addError(why, error);
    why.add(")");
    return false;
  }
  return true;
}

uint64_t cuda::gpuFeatures(Text &why) {
  Driver driver;
  if (!loadDriver(driver, why))
    return 0;
  int count = 0, major = 0, minor = 0;
  DeviceNumber device;
  if (driver.cuDeviceGetCount(&count) != success || count == 0 || driver.cuDeviceGet(&device, 0) != success ||
      driver.cuDeviceGetAttribute(&major, computeCapabilityMajor, device) != success ||
      driver.cuDeviceGetAttribute(&minor, computeCapabilityMinor, device) != success) {
    why.add("the NVIDIA driver finds no GPU");
    return 0;
  }
  why.add("a GPU of compute capability %d.%d", major, minor);
  int capability = 10 * major + minor;
  return (capability >= 75 ? ATTNC_CUDA_SM_75 : 0) | (capability >= 80 ? ATTNC_CUDA_SM_80 : 0) |
         (capability >= 90 ? ATTNC_CUDA_SM_90 : 0);
}
