//===- Peak.h - What this machine could do at most --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Short bursts that are run between the calls of what is measured, so that both
// see the same clock frequency and the same neighbours. A share of a peak that
// was measured at another time says little on a shared machine.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace attnc::tool {

/// Seconds on the wall, and seconds that this thread has had a CPU.
double wallSeconds();
double threadSeconds();

/// The clock for `threads` threads. One thread is measured by the CPU time it
/// had, which other processes cannot take away; several by the wall.
inline double clockSeconds(int threads) { return threads == 1 ? threadSeconds() : wallSeconds(); }

/// What a burst adds and multiplies. Dot products of bf16 pairs count two multiplications and two additions a lane, those
/// of four bytes four of each; both are 512 bits wide.
enum class Arithmetic { f32, f64, bf16Dots, byteDots };

/// Multiply-adds as fast as they come, in vectors of `vectorBits` (512, 256,
/// 128) on `threads` threads, for about 3 ms: the rate in GFLOP/s. The widths
/// and instructions must be ones that this CPU has.
double measureFlops(unsigned vectorBits, Arithmetic arithmetic, int threads);

/// Reads memory that no cache holds.
class BandwidthMeter {
public:
  /// `bytes` should be several times the last-level cache.
  explicit BandwidthMeter(size_t bytes);
  /// The rate in bytes/s of `threads` threads, from about 64 MB each.
  double measure(int threads);

private:
  std::vector<uint64_t> memory;
  size_t next = 0; // where the following burst starts
};

} // namespace attnc::tool
