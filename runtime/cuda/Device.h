//===- Device.h - One GPU, and the code it has compiled ---------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiling PTX takes a driver tens of milliseconds, so what a device has compiled is kept as long as the attnc_context
// that owns it. A call without a context has a device of its own, and compiles each time.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/cuda/Driver.h"

#include <pthread.h>

namespace attnc::rt::cuda {

class Device {
public:
  /// The first GPU; null, with the reason. The caller destroys it.
  static Device *create(Text &why);
  void destroy();

  /// The kernel `name` of `ptx`, compiled if need be; null, with the reason. The device's context must be current.
  Function find(const char *ptx, const char *name, Text &why);

  const Driver &api() const { return driver; }
  Context context() const { return primary; }

private:
  static constexpr size_t nameLength = 19; // "// 0123456789abcdef": codegen/emit/Ptx.h
  struct Loaded {
    char name[nameLength]; // of the text; not its address, which an unloaded library leaves to the next
    Module module;
    Loaded *next;
  };
  Module load(const char *ptx, Text &why);

  Driver driver;
  DeviceNumber number;
  Context primary;
  Loaded *modules;
  pthread_mutex_t mutex; // of `modules`
};

/// Makes the device's context current on this thread for a while.
class Current {
public:
  explicit Current(const Device &device) : device(device) { device.api().cuCtxPushCurrent_v2(device.context()); }
  ~Current() {
    Context popped;
    device.api().cuCtxPopCurrent_v2(&popped);
  }
  Current(const Current &) = delete;

private:
  const Device &device;
};

} // namespace attnc::rt::cuda
