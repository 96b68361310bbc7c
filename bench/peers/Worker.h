//===- Worker.h - One implementation of attention, in a process -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   peer-NAME WAY KEY=VALUE,... INPUTS OUTPUT
//
// reads INPUTS/{q,k,v}.bin (elements in memory order, nothing else), computes
// attention once into the file OUTPUT and prints "ready" and what it settled
// on. Then every line of its standard input is a number of calls: it makes them
// and prints seconds on the wall and of CPU time for one. It ends with its
// input. What it cannot do it says after "cannot".
//
// One process each, because the libraries bring thread pools of their own.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <time.h>
#include <vector>

namespace peers {

[[noreturn]] inline void cannot(const std::string &why) {
  std::cout << "cannot " << why << std::endl;
  std::exit(0);
}

/// bf16 as its upper half of an f32.
inline float widen(uint16_t half) { return __builtin_bit_cast(float, static_cast<uint32_t>(half) << 16); }
inline uint16_t narrow(float value) { // to nearest, ties to even; no NaN here
  auto bits = __builtin_bit_cast(uint32_t, value);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// Keys [begin, end) that a query may see, or that some query of a block may.
struct Keys {
  int64_t begin, end;
};

/// q [B, H, M, D] (or [B, M, H, D]: heads inside rows), k and v the same with G heads and N keys.
struct Problem {
  std::map<std::string, std::string> settings;
  int64_t B, H, G, M, N, D;
  bool causal, bf16, headsInsideRows;
  int64_t window; // 0: none
  int threads;

  explicit Problem(const std::string &text) {
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, ',');)
      settings[part.substr(0, part.find('='))] = part.substr(part.find('=') + 1);
    B = number("B"), H = number("H"), G = number("G"), M = number("M"), N = number("N"), D = number("D");
    causal = number("causal"), window = number("window"), threads = static_cast<int>(number("threads"));
    bf16 = settings["dtype"] == "bf16", headsInsideRows = settings["layout"] == "BMHD";
  }
  int64_t number(const std::string &name) const {
    auto it = settings.find(name);
    return it == settings.end() ? 0 : std::stoll(it->second);
  }

  size_t elementBytes() const {
    const std::string &dtype = settings.at("dtype");
    return dtype == "f64" ? 8 : dtype == "f32" ? 4 : 2;
  }
  size_t queryElements() const { return B * H * M * D; }
  size_t keyElements() const { return B * G * N * D; }
  /// The first element of head `head` of a tensor with `heads` heads and `rows` rows, and from row to row.
  int64_t start(int64_t batch, int64_t head, int64_t heads, int64_t rows) const {
    return headsInsideRows ? (batch * rows * heads + head) * D : (batch * heads + head) * rows * D;
  }
  int64_t rowStride(int64_t heads) const { return headsInsideRows ? heads * D : D; }

  /// What query `i` sees: the ends of queries and keys are aligned.
  Keys keysOf(int64_t i) const {
    int64_t end = causal ? i + N - M + 1 : N;
    return {window ? std::max<int64_t>(0, end - window) : 0, end};
  }
  /// What queries [begin, end) see between them.
  Keys keysOf(int64_t begin, int64_t end) const { return {keysOf(begin).begin, keysOf(end - 1).end}; }
};

/// Memory on a boundary of 64 bytes.
template <typename T>
struct Free {
  void operator()(T *memory) const { std::free(memory); }
};
template <typename T>
using Buffer = std::unique_ptr<T[], Free<T>>;
template <typename T>
Buffer<T> allocate(size_t count) {
  return Buffer<T>(static_cast<T *>(std::aligned_alloc(64, (count * sizeof(T) + 127) / 64 * 64)));
}

struct Tensors {
  Buffer<char> q, k, v, o;

  Tensors(const Problem &problem, const std::string &folder)
      : q(read(folder + "/q.bin", problem.queryElements() * problem.elementBytes())),
        k(read(folder + "/k.bin", problem.keyElements() * problem.elementBytes())),
        v(read(folder + "/v.bin", problem.keyElements() * problem.elementBytes())),
        o(allocate<char>(problem.queryElements() * problem.elementBytes())) {}

private:
  static Buffer<char> read(const std::string &path, size_t bytes) {
    Buffer<char> data = allocate<char>(bytes);
    std::ifstream file(path, std::ios::binary);
    if (!file.read(data.get(), static_cast<std::streamsize>(bytes)))
      cannot("read " + std::to_string(bytes) + " bytes of " + path);
    return data;
  }
};

inline double seconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Calls as the standard input asks for them.
template <typename Call>
void answer(Call call) {
  for (int calls; std::cin >> calls;) {
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < calls; ++i)
      call();
    wall = seconds(CLOCK_MONOTONIC) - wall, cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    std::printf("%.9g %.9g\n", wall / calls, cpu / calls);
    std::fflush(stdout);
  }
}

/// The whole life of a worker after it is set up; `call` computes tensors.o.
template <typename Call>
void serve(const Problem &problem, const Tensors &tensors, const std::string &output, const std::string &settled,
           Call call) {
  call();
  std::ofstream(output, std::ios::binary)
      .write(tensors.o.get(), static_cast<std::streamsize>(problem.queryElements() * problem.elementBytes()));
  std::cout << "ready " << settled << std::endl;
  answer(call);
}

/// The fastest of `candidates`, each called twice; candidates(i) must not keep state that matters.
template <typename Candidate, typename Call>
Candidate fastest(const std::vector<Candidate> &candidates, Call call) {
  const Candidate *best = &candidates.front();
  double least = INFINITY;
  for (const Candidate &candidate : candidates) {
    call(candidate);
    double start = seconds(CLOCK_MONOTONIC);
    call(candidate);
    double took = seconds(CLOCK_MONOTONIC) - start;
    if (took < least)
      least = took, best = &candidate;
  }
  return *best;
}

} // namespace peers
