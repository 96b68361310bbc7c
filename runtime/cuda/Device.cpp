//===- Device.cpp - One GPU, and the code it has compiled -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Device.h"

#include <stdlib.h>
#include <string.h>

using namespace attnc::rt;
using namespace attnc::rt::cuda;

Device *Device::create(Text &why) {
  Driver driver;
  if (!loadDriver(driver, why))
    return nullptr;
  DeviceNumber number;
  Context primary;
  Result error = driver.cuDeviceGet(&number, 0);
  if (error == success)
    error = driver.cuDevicePrimaryCtxRetain(&primary, number);
  if (error != success) {
    why.add("the GPU cannot be used (");
    driver.addError(why, error);
    why.add(")");
    return nullptr;
  }
  auto *device = static_cast<Device *>(malloc(sizeof(Device)));
  if (!device) {
    driver.cuDevicePrimaryCtxRelease_v2(number);
    why.add("out of memory");
    return nullptr;
  }
  device->driver = driver;
  device->number = number;
  device->primary = primary;
  device->modules = nullptr;
  pthread_mutex_init(&device->mutex, nullptr);
  return device;
}

void Device::destroy() {
  {
    Current current(*this);
    while (Loaded *first = modules) {
      driver.cuModuleUnload(first->module);
      modules = first->next;
      free(first);
    }
  }
  driver.cuDevicePrimaryCtxRelease_v2(number);
  pthread_mutex_destroy(&mutex);
  free(this);
}

/// Under the mutex.
Module Device::load(const char *ptx, Text &why) {
  for (Loaded *at = modules; at; at = at->next)
    if (strncmp(at->name, ptx, nameLength) == 0)
      return at->module;
  char log[1024] = "";
  int options[] = {errorLogBuffer, errorLogBufferBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
  Module module;
  if (Result error = driver.cuModuleLoadDataEx(&module, ptx, 2, options, values); error != success) {
    why.add("the NVIDIA driver does not take the code (");
    driver.addError(why, error);
    why.add("): %s", log);
    return nullptr;
  }
  auto *loaded = static_cast<Loaded *>(malloc(sizeof(Loaded)));
  if (!loaded) {
    driver.cuModuleUnload(module);
    why.add("out of memory");
    return nullptr;
  }
  strncpy(loaded->name, ptx, nameLength);
  loaded->module = module;
  loaded->next = modules;
  modules = loaded;
  return module;
}

Function Device::find(const char *ptx, const char *name, Text &why) {
  pthread_mutex_lock(&mutex);
  Module module = load(ptx, why);
  pthread_mutex_unlock(&mutex);
  if (!module)
    return nullptr;
  Function function = nullptr;
  if (Result error = driver.cuModuleGetFunction(&function, module, name); error != success) {
    why.add("kernel %s: ", name);
    driver.addError(why, error);
    return nullptr;
  }
  return function;
}
