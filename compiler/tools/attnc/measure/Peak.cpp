//===- Peak.cpp - What this machine could do at most ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/measure/Peak.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <algorithm>
#include <atomic>
#include <emmintrin.h>
#include <thread>
#include <time.h>

namespace attnc::tool {

static double seconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}
double wallSeconds() { return seconds(CLOCK_MONOTONIC); }
double threadSeconds() { return seconds(CLOCK_THREAD_CPUTIME_ID); }

/// Runs `burst` once on each of `threads` threads, started together; the time
/// until the last is done.
static double timeTogether(int threads, llvm::function_ref<void(int)> burst) {
  if (threads == 1) {
    double start = threadSeconds();
    burst(0);
    return threadSeconds() - start;
  }
  std::atomic<int> ready = 0;
  auto body = [&](int index) {
    ++ready;
    while (ready.load() < threads)
      std::this_thread::yield();
    burst(index);
  };
  std::vector<std::thread> others;
  for (int index = 1; index < threads; ++index)
    others.emplace_back(body, index);
  ++ready;
  while (ready.load() < threads)
    std::this_thread::yield();
  double start = wallSeconds();
  burst(0);
  for (std::thread &other : others)
    other.join();
  return wallSeconds() - start;
}

//===----------------------------------------------------------------------===//
// Multiply-adds
//===----------------------------------------------------------------------===//
// Twelve independent chains a = a * x + y hide the latency of every CPU we
// know; dot products take longer (twelve chains of bf16 read 7% too low on Zen 5)
// and have 24. The whole loop is assembly, so that no compiler setting changes it.
// The constants keep the numbers ordinary: a goes to y / (1 - x) = 1.

#define ATTNC_EACH_CHAIN(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)
#define ATTNC_EACH_OF_24(F) ATTNC_EACH_CHAIN(F) F(16) F(17) F(18) F(19) F(20) F(21) F(22) F(23) F(24) F(25) F(26) F(27)
#define ATTNC_MORE_CLOBBERS                                                                                            \
  "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",
#define ATTNC_CLOBBERS                                                                                                 \
  "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14",     \
      "xmm15"

// One burst: `SETUP` fills registers 14 (x) and 15 (y), `CHAIN(i)` is one step
// of chain i.
#define ATTNC_BURST(...) ATTNC_BURST_OF(ATTNC_EACH_CHAIN, , __VA_ARGS__)
#define ATTNC_BURST24(...) ATTNC_BURST_OF(ATTNC_EACH_OF_24, ATTNC_MORE_CLOBBERS, __VA_ARGS__)
#define ATTNC_BURST_OF(EACH, MORE, NAME, TYPE, TARGET, SETUP, START, CHAIN)                                            \
  TARGET static void NAME(long iterations) {                                                                           \
    TYPE x = static_cast<TYPE>(0.999), y = static_cast<TYPE>(0.001);                                                   \
    asm volatile(SETUP EACH(START) ".p2align 5\n1:\n" EACH(CHAIN) "dec %[n]\njnz 1b\n"                                 \
                 : [n] "+r"(iterations)                                                                                \
                 : [x] "m"(x), [y] "m"(y)                                                                              \
                 : MORE ATTNC_CLOBBERS);                                                                               \
  }

#define ATTNC_SETUP(R, S) "vbroadcasts" S " %[x], %%" R "14\nvbroadcasts" S " %[y], %%" R "15\n"
#define ATTNC_START512(i) "vmovaps %%zmm15, %%zmm" #i "\n"
#define ATTNC_START256(i) "vmovaps %%ymm15, %%ymm" #i "\n"
#define ATTNC_START128(i) "movaps %%xmm15, %%xmm" #i "\n"
#define ATTNC_FMA512S(i) "vfmadd213ps %%zmm15, %%zmm14, %%zmm" #i "\n"
#define ATTNC_FMA512D(i) "vfmadd213pd %%zmm15, %%zmm14, %%zmm" #i "\n"
#define ATTNC_DOT512(i) "vdpbf16ps %%zmm15, %%zmm14, %%zmm" #i "\n"
#define ATTNC_BYTES512(i) "vpdpbusd %%zmm15, %%zmm14, %%zmm" #i "\n"
#define ATTNC_FMA256S(i) "vfmadd213ps %%ymm15, %%ymm14, %%ymm" #i "\n"
#define ATTNC_FMA256D(i) "vfmadd213pd %%ymm15, %%ymm14, %%ymm" #i "\n"
#define ATTNC_MULADD128S(i) "mulps %%xmm14, %%xmm" #i "\naddps %%xmm15, %%xmm" #i "\n"
#define ATTNC_MULADD128D(i) "mulpd %%xmm14, %%xmm" #i "\naddpd %%xmm15, %%xmm" #i "\n"
#define ATTNC_SETUP128S                                                                                                \
  "movss %[x], %%xmm14\nshufps $0, %%xmm14, %%xmm14\nmovss %[y], "                                                     \
  "%%xmm15\nshufps $0, %%xmm15, %%xmm15\n"
#define ATTNC_SETUP128D                                                                                                \
  "movsd %[x], %%xmm14\nunpcklpd %%xmm14, %%xmm14\nmovsd %[y], "                                                       \
  "%%xmm15\nunpcklpd %%xmm15, %%xmm15\n"

ATTNC_BURST(burst512s, float, __attribute__((target("avx512f"))), ATTNC_SETUP("zmm", "s"), ATTNC_START512,
            ATTNC_FMA512S)
ATTNC_BURST(burst512d, double, __attribute__((target("avx512f"))), ATTNC_SETUP("zmm", "d"), ATTNC_START512,
            ATTNC_FMA512D)
ATTNC_BURST24(burstDots, float, __attribute__((target("avx512bf16"))), ATTNC_SETUP("zmm", "s"), ATTNC_START512,
              ATTNC_DOT512)
ATTNC_BURST24(burstBytes, float, __attribute__((target("avx512vnni"))), ATTNC_SETUP("zmm", "s"), ATTNC_START512,
              ATTNC_BYTES512)
ATTNC_BURST(burst256s, float, __attribute__((target("avx2,fma"))), ATTNC_SETUP("ymm", "s"), ATTNC_START256,
            ATTNC_FMA256S)
ATTNC_BURST(burst256d, double, __attribute__((target("avx2,fma"))), ATTNC_SETUP("ymm", "d"), ATTNC_START256,
            ATTNC_FMA256D)
ATTNC_BURST(burst128s, float, , ATTNC_SETUP128S, ATTNC_START128, ATTNC_MULADD128S)
ATTNC_BURST(burst128d, double, , ATTNC_SETUP128D, ATTNC_START128, ATTNC_MULADD128D)

double measureFlops(unsigned vectorBits, Arithmetic arithmetic, int threads) {
  bool doubles = arithmetic == Arithmetic::f64;
  auto *burst = arithmetic == Arithmetic::bf16Dots   ? burstDots
                : arithmetic == Arithmetic::byteDots ? burstBytes
                : vectorBits == 512                  ? (doubles ? burst512d : burst512s)
                : vectorBits == 256                  ? (doubles ? burst256d : burst256s)
                                                     : (doubles ? burst128d : burst128s);
  bool dots = arithmetic == Arithmetic::bf16Dots || arithmetic == Arithmetic::byteDots;
  double elementBits = doubles                              ? 64
                       : arithmetic == Arithmetic::bf16Dots ? 16
                       : arithmetic == Arithmetic::byteDots ? 8
                                                            : 32;
  int chains = dots ? 24 : 12;
  const long iterations = 18'000'000 / chains;
  double elapsed = timeTogether(threads, [&](int) { burst(iterations); });
  double lanes = vectorBits / elementBits;
  return 2.0 * chains * lanes * iterations * threads / elapsed * 1e-9;
}

//===----------------------------------------------------------------------===//
// Reading memory
//===----------------------------------------------------------------------===//

static constexpr size_t kBurstBytes = size_t(64) << 20;

BandwidthMeter::BandwidthMeter(size_t bytes) : memory(bytes / sizeof(uint64_t), 1) {}

/// Sums `bytes` (a multiple of 64) from `from`. Four sums of their own: an array of them stays in memory where loops are
/// not unrolled (-O1), and its latency then is the limit, at half of what memory gives.
static void readAll(const char *from, size_t bytes) {
  __m128i sum0 = {}, sum1 = {}, sum2 = {}, sum3 = {};
  auto load = [](const char *at) { return _mm_loadu_si128(reinterpret_cast<const __m128i *>(at)); };
  for (const char *end = from + bytes; from != end; from += 64) {
    sum0 = _mm_add_epi64(sum0, load(from));
    sum1 = _mm_add_epi64(sum1, load(from + 16));
    sum2 = _mm_add_epi64(sum2, load(from + 32));
    sum3 = _mm_add_epi64(sum3, load(from + 48));
  }
  __m128i total = _mm_add_epi64(_mm_add_epi64(sum0, sum1), _mm_add_epi64(sum2, sum3));
  asm volatile("" : : "x"(total)); // the sum is used
}

double BandwidthMeter::measure(int threads) {
  size_t whole = memory.size() * sizeof(uint64_t);
  size_t each = std::min(kBurstBytes, whole / static_cast<size_t>(threads)) & ~size_t(63);
  const char *base = reinterpret_cast<const char *>(memory.data());
  size_t start = next;
  auto place = [&](int index) {
    return (start + static_cast<size_t>(index) * each) % (whole - each + 1) & ~size_t(63);
  };
  double elapsed = timeTogether(threads, [&](int index) { readAll(base + place(index), each); });
  next = (start + static_cast<size_t>(threads) * each) % whole;
  return static_cast<double>(each) * threads / elapsed;
}

} // namespace attnc::tool
