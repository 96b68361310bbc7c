//===- CpuFeatures.cpp - What this CPU can run ----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A feature counts only if the operating system saves its registers (xgetbv).
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/CpuFeatures.h"

#include <atomic>
#include <initializer_list>
#include <stdlib.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

using namespace attnc::rt;

namespace {
struct FeatureName {
  uint64_t bit;
  const char *name;
};
constexpr FeatureName featureNames[] = {
    {ATTNC_CPU_X86_64_V2, "x86-64-v2"},
    {ATTNC_CPU_X86_64_V3, "x86-64-v3"},
    {ATTNC_CPU_X86_64_V4, "x86-64-v4"},
    {ATTNC_CPU_AVX512_BF16, "avx512-bf16"},
    {ATTNC_CPU_AVX512_FP16, "avx512-fp16"},
    {ATTNC_CPU_AVX512_VNNI, "avx512-vnni"},
    {ATTNC_CPU_AVX_VNNI, "avx-vnni"},
    {ATTNC_CPU_AMX_TILE, "amx-tile"},
    {ATTNC_CPU_AMX_BF16, "amx-bf16"},
    {ATTNC_CPU_AMX_INT8, "amx-int8"},
    {ATTNC_CPU_AMX_FP16, "amx-fp16"},
    {ATTNC_CUDA_SM_75, "sm_75"},
    {ATTNC_CUDA_SM_80, "sm_80"},
    {ATTNC_CUDA_SM_90, "sm_90"},
};
} // namespace

#if defined(__x86_64__)
namespace {
struct Leaf {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  Leaf(unsigned leaf, unsigned subleaf) { __get_cpuid_count(leaf, subleaf, &eax, &ebx, &ecx, &edx); }
};
} // namespace

static bool has(unsigned value, std::initializer_list<int> bits) {
  for (int bit : bits)
    if (!(value >> bit & 1))
      return false;
  return true;
}

static uint64_t savedRegisters(bool osxsave) {
  if (!osxsave)
    return 0;
  unsigned low, high;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

uint64_t attnc::rt::detectCpuFeatures() {
  Leaf basic(1, 0), extended(7, 0), extended1(7, 1), amd(0x80000001, 0);
  uint64_t saved = savedRegisters(has(basic.ecx, {27}));
  bool ymm = (saved & 0x06) == 0x06, zmm = (saved & 0xe6) == 0xe6, tiles = (saved & 0x60000) == 0x60000;

  uint64_t features = 0;
  auto set = [&](bool present, uint64_t bit) { features |= present ? bit : 0; };
  // SSE3, SSSE3, CX16, SSE4.1, SSE4.2, POPCNT; LAHF
  bool v2 = has(basic.ecx, {0, 9, 13, 19, 20, 23}) && has(amd.ecx, {0});
  // FMA, MOVBE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT
  bool v3 = v2 && ymm && has(basic.ecx, {12, 22, 28, 29}) && has(extended.ebx, {3, 5, 8}) && has(amd.ecx, {5});
  // AVX-512 F, DQ, CD, BW, VL
  bool v4 = v3 && zmm && has(extended.ebx, {16, 17, 28, 30, 31});
  set(v2, ATTNC_CPU_X86_64_V2);
  set(v3, ATTNC_CPU_X86_64_V3);
  set(v4, ATTNC_CPU_X86_64_V4);
  set(v4 && has(extended1.eax, {5}), ATTNC_CPU_AVX512_BF16);
  set(v4 && has(extended.edx, {23}), ATTNC_CPU_AVX512_FP16);
  set(v4 && has(extended.ecx, {11}), ATTNC_CPU_AVX512_VNNI);
  set(v3 && has(extended1.eax, {4}), ATTNC_CPU_AVX_VNNI);
  set(tiles && has(extended.edx, {24}), ATTNC_CPU_AMX_TILE);
  set(tiles && has(extended.edx, {22, 24}), ATTNC_CPU_AMX_BF16);
  set(tiles && has(extended.edx, {24, 25}), ATTNC_CPU_AMX_INT8);
  set(tiles && has(extended.edx, {24}) && has(extended1.eax, {21}), ATTNC_CPU_AMX_FP16);
  return features;
}
#else
uint64_t attnc::rt::detectCpuFeatures() { return 0; }
#endif

bool attnc::rt::limitCpuFeatures(const char *level, uint64_t &features) {
  constexpr char prefix[] = "x86-64-";
  if (strncmp(level, prefix, sizeof prefix - 1) == 0)
    level += sizeof prefix - 1;
  if (level[0] != 'v' || level[1] < '1' || level[1] > '4' || level[2])
    return false;
  uint64_t levels[] = {0, ATTNC_CPU_X86_64_V2, ATTNC_CPU_X86_64_V2 | ATTNC_CPU_X86_64_V3,
                       ATTNC_CPU_X86_64_V2 | ATTNC_CPU_X86_64_V3 | ATTNC_CPU_X86_64_V4};
  features &= levels[level[1] - '1'];
  return true;
}

// cpuid traps in virtual machines (several microseconds each), so the answer is
// kept. It is a fact of the machine: every thread computes the same.
static constexpr uint64_t known = UINT64_C(1) << 63;
static constexpr uint64_t badOverride = UINT64_C(1) << 62;
static std::atomic<uint64_t> cachedFeatures{0};

static uint64_t knownFeatures() {
  uint64_t features = cachedFeatures.load(std::memory_order_relaxed);
  if (features)
    return features;
  features = detectCpuFeatures();
  const char *level = getenv("ATTNC_CPU");
  if (level && *level && !limitCpuFeatures(level, features))
    features |= badOverride;
  features |= known;
  cachedFeatures.store(features, std::memory_order_relaxed);
  return features;
}

bool attnc::rt::cpuFeatures(uint64_t &features, Text &why) {
  features = knownFeatures();
  bool good = !(features & badOverride);
  features &= ~(known | badOverride);
  if (!good)
    why.add("the environment variable ATTNC_CPU must be v1, v2, v3 or v4");
  return good;
}

uint64_t attnc_cpu_features(void) { return knownFeatures() & ~(known | badOverride); }

const char *attnc::rt::cpuFeatureName(uint64_t bit) {
  for (const FeatureName &feature : featureNames)
    if (feature.bit == bit)
      return feature.name;
  return nullptr;
}

void attnc::rt::addCpuFeatures(Text &text, uint64_t features) {
  const char *separator = "";
  for (int i = 0; i < 64; ++i) {
    uint64_t bit = features & UINT64_C(1) << i;
    if (!bit)
      continue;
    if (const char *name = cpuFeatureName(bit))
      text.add("%s%s", separator, name);
    else
      text.add("%sfeature bit %d", separator, i);
    separator = ", ";
  }
  if (!*separator)
    text.add("baseline x86-64 only");
}
