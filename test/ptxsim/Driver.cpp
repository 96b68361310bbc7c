//===- Driver.cpp - libcuda.so.1 on the simulator -------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The functions of NVIDIA's driver that our runtime uses, on a machine that is simulated. With this library's folder in
// LD_LIBRARY_PATH, everything from the command line to the kernels runs as it does on a GPU. Errors of a kernel appear,
// as there, at the next synchronisation; what the simulator has to say goes to stderr.
//
//   PTXSIM_CAPABILITY  "9.0": the GPU that it pretends to be; "none": a driver without a GPU
//
//===----------------------------------------------------------------------===//

#include "test/ptxsim/Machine.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

using namespace ptxsim;

namespace {
enum Result {
  success = 0,
  invalidValue = 1,
  outOfMemory = 2,
  noDevice = 100,
  invalidPtx = 218,
  notFound = 500,
  failed = 700
};

struct Simulator {
  std::mutex mutex; // one thread at a time, as there is one machine
  Memory memory;
  Result pending = success;
};

Simulator &simulator() {
  static auto *made = new Simulator; // as long as the process: destructors of the host may still call
  return *made;
}

const char *capability() {
  const char *text = getenv("PTXSIM_CAPABILITY");
  return text ? text : "9.0";
}

struct Kernel {
  Machine *machine;
  const Function *function;
};
struct Module {
  Machine machine;
  std::vector<std::unique_ptr<Kernel>> kernels;
};
using Lock = std::lock_guard<std::mutex>;
} // namespace

#define EXPORT extern "C" __attribute__((visibility("default"))) int

EXPORT cuInit(unsigned) { return strcmp(capability(), "none") == 0 ? noDevice : success; }
EXPORT cuDeviceGetCount(int *count) { return *count = 1, success; }
EXPORT cuDeviceGet(int *device, int) { return *device = 0, success; }
EXPORT cuDeviceGetAttribute(int *value, int attribute, int) {
  *value = attribute == 75 ? atoi(capability()) : attribute == 76 ? atoi(strchr(capability(), '.') + 1) : 0;
  return success;
}
EXPORT cuDevicePrimaryCtxRetain(void **context, int) { return *context = &simulator(), success; }
EXPORT cuDevicePrimaryCtxRelease_v2(int) { return success; }
EXPORT cuCtxPushCurrent_v2(void *) { return success; }
EXPORT cuCtxPopCurrent_v2(void **) { return success; }

EXPORT cuCtxSynchronize() {
  Lock lock(simulator().mutex);
  return std::exchange(simulator().pending, success);
}

EXPORT cuModuleLoadDataEx(Module **module, const char *text, unsigned count, int *options, void **values) {
  Lock lock(simulator().mutex);
  try {
    *module = new Module{Machine(simulator().memory, text), {}};
    return success;
  } catch (const Error &error) {
    char *log = nullptr;
    size_t bytes = 0;
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == 5)
        log = static_cast<char *>(values[i]);
      else if (options[i] == 6)
        bytes = reinterpret_cast<size_t>(values[i]);
    if (log && bytes)
      snprintf(log, bytes, "%s", error.what());
    return invalidPtx;
  }
}

EXPORT cuModuleUnload(Module *module) {
  Lock lock(simulator().mutex);
  return delete module, success;
}

EXPORT cuModuleGetFunction(Kernel **kernel, Module *module, const char *name) {
  Lock lock(simulator().mutex);
  int index = module->machine.code().findFunction(name);
  if (index < 0 || !module->machine.code().functions[index].isKernel)
    return notFound;
  module->kernels.push_back(
      std::make_unique<Kernel>(Kernel{&module->machine, &module->machine.code().functions[index]}));
  return *kernel = module->kernels.back().get(), success;
}

EXPORT cuLaunchKernel(Kernel *kernel, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                      unsigned blockZ, unsigned sharedBytes, void *, void **parameters, void **) {
  if (!gridX || gridY != 1 || gridZ != 1 || !blockX || blockX > 1024 || blockY != 1 || blockZ != 1 || sharedBytes)
    return invalidValue;
  Lock lock(simulator().mutex);
  if (simulator().pending != success)
    return simulator().pending;
  try {
    kernel->machine->launch(*kernel->function, gridX, blockX, parameters);
  } catch (const Error &error) {
    fprintf(stderr, "ptxsim: %s\n", error.what());
    simulator().pending = failed;
  }
  return success;
}

EXPORT cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  Lock lock(simulator().mutex);
  if (bytes == 0)
    return invalidValue;
  if (bytes > size_t(8) << 30)
    return outOfMemory;
  return *address = simulator().memory.allocate(static_cast<int64_t>(bytes)), success;
}

EXPORT cuMemFree_v2(uint64_t address) {
  Lock lock(simulator().mutex);
  return simulator().memory.release(address) ? success : invalidValue;
}

EXPORT cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  Lock lock(simulator().mutex);
  if (!simulator().memory.contains(to, static_cast<int64_t>(bytes)))
    return invalidValue;
  return memcpy(reinterpret_cast<void *>(to), from, bytes), success;
}

EXPORT cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  Lock lock(simulator().mutex);
  if (!simulator().memory.contains(from, static_cast<int64_t>(bytes)))
    return invalidValue;
  return memcpy(to, reinterpret_cast<const void *>(from), bytes), success;
}

EXPORT cuGetErrorName(int error, const char **name) {
  switch (error) {
  case noDevice:
    return *name = "CUDA_ERROR_NO_DEVICE", success;
  case invalidPtx:
    return *name = "CUDA_ERROR_INVALID_PTX", success;
  case failed:
    return *name = "CUDA_ERROR_ILLEGAL_ADDRESS", success;
  case outOfMemory:
    return *name = "CUDA_ERROR_OUT_OF_MEMORY", success;
  case notFound:
    return *name = "CUDA_ERROR_NOT_FOUND", success;
  default:
    return *name = "CUDA_ERROR_INVALID_VALUE", success;
  }
}
