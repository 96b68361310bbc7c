//===- Peer.h - Another implementation, in a process ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdio>
#include <string>

namespace decode {

/// A worker of bench/peers/Worker.h: it says "ready", and for each line what a call took.
class Peer {
public:
  explicit Peer(const std::string &command);
  ~Peer();
  Peer(const Peer &) = delete;

  /// What it settled on; or, if it cannot do the problem, why.
  const std::string &said() const { return text; }
  bool works() const { return ready; }
  /// Seconds of one call: on the wall, or of one thread, if that is less, of CPU time.
  double time(int threads);

private:
  std::string readLine();
  void pause();

  int process = -1;
  FILE *requests = nullptr, *answers = nullptr;
  std::string text;
  bool ready = false;
};

} // namespace decode
