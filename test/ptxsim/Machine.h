//===- Machine.h - Executes PTX, one thread at a time -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A functional model: what a kernel computes, not how fast. Device memory is host memory that the machine has handed
// out; every access must lie inside one allocation and be aligned to its size, as on a GPU, but to the byte. Threads
// run one after the other, last block first, so a kernel whose items are not independent is seen to be wrong.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "test/ptxsim/Program.h"
#include <memory>

namespace ptxsim {

/// Blocks of memory and who may be touched.
class Memory {
public:
  uint64_t allocate(int64_t bytes, int64_t align = 256);
  /// False if `address` is not the start of an allocation.
  bool release(uint64_t address);
  /// Whether [address, address + bytes) lies in one allocation.
  bool contains(uint64_t address, int64_t bytes) const;

private:
  struct Block {
    int64_t bytes;
    std::unique_ptr<char[]> memory;
  };
  std::map<uint64_t, Block> blocks;
  mutable uint64_t lastBegin = 1, lastEnd = 0; // most accesses hit the block of the one before
};

class Machine {
public:
  explicit Machine(Memory &memory, const std::string &ptx);
  ~Machine();

  const Program &code() const { return program; }
  /// Runs every thread of a one-dimensional grid; `parameters[i]` points to parameter i. Throws Error.
  void launch(const Function &kernel, int64_t blocks, int64_t blockThreads, void *const *parameters);

private:
  struct Frame;
  struct Thread;
  void call(Thread &thread, const Function &function, char *params);
  void callFunction(Frame &frame, const Instruction &instruction);
  void step(Frame &frame, const Instruction &instruction);
  void move(Frame &frame, const Instruction &instruction);
  void load(Frame &frame, const Instruction &instruction);
  void store(Frame &frame, const Instruction &instruction);
  char *address(Frame &frame, const Instruction &instruction, const Operand &operand, int64_t bytes);

  Memory &memory;
  Program program;
  std::vector<uint64_t> globals;
};

} // namespace ptxsim
