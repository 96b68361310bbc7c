//===- merge.cpp - attnc_merge beside a plain read ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   merge [PARTS] [FEATURES] [SECONDS]
//
// Merges PARTS parts of FEATURES features, 256 MiB in all, on one thread, in
// turns with a plain read of the same memory. Prints the medians of both in
// bytes per second (a merge reads the parts and writes a result) and their
// quotient, for each type.
//
//===----------------------------------------------------------------------===//
#include "attnc/attnc.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

static double secondsOf(auto &&body) {
  auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

static double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

static uint64_t plainRead(const std::vector<uint64_t> &memory) {
  uint64_t sum = 0;
  for (uint64_t word : memory)
    sum ^= word;
  return sum;
}

static void measure(const char *name, DLDataType type, int numParts, int64_t features, double seconds) {
  constexpr int64_t total = 256 << 20;
  int64_t elementBytes = type.bits / 8, rows = total / (numParts * features * elementBytes);
  std::vector<uint64_t> memory(total / 8, type.bits == 32 ? 0x3f8000003f800000 : 0x3c003c003c003c00);
  std::vector<char> result(rows * features * elementBytes);
  std::vector<float> lses(numParts * rows, 1);
  int64_t shape[2] = {rows, features};
  std::vector<DLTensor> tensors(2 * numParts);
  std::vector<attnc_part> parts(numParts);
  for (int p = 0; p < numParts; ++p) {
    char *data = reinterpret_cast<char *>(memory.data()) + p * rows * features * elementBytes;
    tensors[2 * p] = {data, {kDLCPU, 0}, 2, type, shape, nullptr, 0};
    tensors[2 * p + 1] = {&lses[p * rows], {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, nullptr, 0};
    parts[p] = {&tensors[2 * p], &tensors[2 * p + 1]};
  }
  DLTensor o = {result.data(), {kDLCPU, 0}, 2, type, shape, nullptr, 0};
  std::vector<double> reads, merges;
  volatile uint64_t sink = 0;
  for (double spent = 0; spent < seconds; spent += reads.back() + merges.back()) {
    reads.push_back(secondsOf([&] { sink = sink ^ plainRead(memory); }));
    merges.push_back(secondsOf([&] {
      if (attnc_merge(parts.data(), numParts, &o, nullptr, nullptr) != ATTNC_OK)
        abort();
    }));
  }
  double read = total / median(reads), merged = (numParts + 1.0) / numParts * total / median(merges);
  printf("merge %d parts of %s, %lld features: %.1f GB/s, plain read %.1f GB/s: %.0f%%\n", numParts, name,
         static_cast<long long>(features), merged * 1e-9, read * 1e-9, 100 * merged / read);
}

int main(int argc, char **argv) {
  int parts = argc > 1 ? atoi(argv[1]) : 4;
  int features = argc > 2 ? atoi(argv[2]) : 128;
  double seconds = argc > 3 ? atof(argv[3]) : 1;
  if (parts < 1 || parts > ATTNC_MAX_PARTS || features < 1 || features > 1 << 20) {
    fprintf(stderr, "usage: merge [PARTS] [FEATURES] [SECONDS]\n");
    return 2;
  }
  measure("f32", {kDLFloat, 32, 1}, parts, features, seconds);
  measure("bf16", {kDLBfloat, 16, 1}, parts, features, seconds);
  measure("f16", {kDLFloat, 16, 1}, parts, features, seconds);
}
