//===- Loaded.h - Compiled code in this process -----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/Compilation.h"
#include "compiler/tools/attnc/Tensors.h"

namespace attnc::tool {

/// A compilation's code, linked as a shared library in a folder of its own,
/// loaded, and removed from disk again.
class Loaded {
public:
  ~Loaded();
  /// Compiles and loads; returns an exit code.
  int load(Compilation &compilation, int threads);

  /// Makes `name`, one of the compilation's entries, the one that is called; the first is when nobody chooses.
  void select(llvm::StringRef name);

  /// Allocates the outputs for `inputs`; `workspaceBytes` may be null. Returns
  /// an exit code (kBadInput when the inputs do not fit, kUnfit when the CPU
  /// does not).
  int plan(const Tensors &inputs, Tensors &outputs, int64_t *workspaceBytes = nullptr);

  /// Calls the entry once. Returns an exit code.
  int call(const Tensors &inputs, Tensors &outputs);

  /// Memory for all calls that follow, so that a measured call allocates
  /// nothing.
  void keepWorkspace(int64_t bytes);

  /// Calls that follow run their parallel loops by `loop`, which may use the threads of `pool()`.
  void provideLoops(attnc_parallel_for loop, void *user);
  attnc_context *pool() const { return context; }

  const attnc_module *module() const { return descriptor; }
  /// The name of the target whose code runs here.
  const char *variant();
  /// Whether that is a GPU.
  bool isOnGpu();
  /// The vector width of that target, one of `targets`.
  codegen::TargetInfo target(llvm::ArrayRef<codegen::TargetInfo> targets);
  int threads() const { return attnc_context_threads(context); }

private:
  int report(attnc_status status);

  void *library = nullptr;
  const attnc_module *descriptor = nullptr;
  const attnc_entry *entry = nullptr;
  attnc_context *context = nullptr;
  attnc_options options = attnc_options_init();
  std::vector<char> workspace;
  char message[512] = "";
};

} // namespace attnc::tool
