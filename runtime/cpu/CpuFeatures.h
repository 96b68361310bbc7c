//===- CpuFeatures.h - What this CPU can run --------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/cpu/Text.h"

namespace attnc::rt {

/// ATTNC_CPU_* bits of the machine, by cpuid and xgetbv.
uint64_t detectCpuFeatures();

/// Keeps of `features` what `level` ("v1" .. "v4", or "x86-64-v3") has; false
/// if there is no such level.
bool limitCpuFeatures(const char *level, uint64_t &features);

/// detectCpuFeatures limited by ATTNC_CPU; false, with the reason, if that
/// variable makes no sense.
bool cpuFeatures(uint64_t &features, Text &why);

/// "x86-64-v2, x86-64-v3, avx512-bf16", or "baseline x86-64 only".
void addCpuFeatures(Text &text, uint64_t features);

/// The name of one ATTNC_CPU_* bit; null for a bit that has none.
const char *cpuFeatureName(uint64_t bit);

} // namespace attnc::rt
