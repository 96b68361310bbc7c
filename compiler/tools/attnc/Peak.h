//===- Peak.h - What this machine could do at most -------------*- C++ -*-===//
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

/// Multiply-adds as fast as they come, in vectors of `vectorBits` (512, 256,
/// 128) on `threads` threads, for about 3 ms: the rate in GFLOP/s. The widths
/// must be ones that this CPU has; `doubles` means f64 elements, else f32.
double measureFlops(unsigned vectorBits, bool doubles, int threads);

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
