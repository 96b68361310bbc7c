//===- Passes.h - Passes for NVIDIA GPUs ------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Pass/Pass.h"

namespace attnc::codegen {

/// Threads of a block. Few, because an item is a lot of work and blocks are what spreads over multiprocessors; the
/// runtime launches with the same number (runtime/cuda/Launch.cpp).
constexpr int kBlockThreads = 64;

/// The symbol of the PTX text in the host's half of a module; emit/Ptx.cpp gives it its value.
constexpr const char *kPtxSymbol = "attnc_ptx";

#define GEN_PASS_DECL
#include "codegen/nvptx/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "codegen/nvptx/Passes.h.inc"

} // namespace attnc::codegen
