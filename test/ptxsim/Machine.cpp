//===- Machine.cpp - Executes PTX, one thread at a time -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/ptxsim/Machine.h"
#include "test/ptxsim/Values.h"
#include <algorithm>
#include <cstring>

using namespace ptxsim;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

uint64_t Memory::allocate(int64_t bytes, int64_t align) {
  Block block{bytes, std::make_unique<char[]>(static_cast<size_t>(bytes + align))};
  memset(block.memory.get(), 0xff, static_cast<size_t>(bytes + align)); // NaN: nothing may rely on zeros
  uint64_t address = (reinterpret_cast<uint64_t>(block.memory.get()) + align - 1) / align * align;
  blocks.emplace(address, std::move(block));
  return address;
}

bool Memory::release(uint64_t address) {
  lastBegin = 1, lastEnd = 0;
  return blocks.erase(address) != 0;
}

bool Memory::contains(uint64_t address, int64_t bytes) const {
  if (address >= lastBegin && address + bytes <= lastEnd)
    return true;
  auto after = blocks.upper_bound(address);
  if (after == blocks.begin())
    return false;
  auto &[begin, block] = *std::prev(after);
  if (address + bytes > begin + block.bytes)
    return false;
  lastBegin = begin, lastEnd = begin + block.bytes;
  return true;
}

//===----------------------------------------------------------------------===//
// Frames
//===----------------------------------------------------------------------===//

namespace {
constexpr size_t kLocalBytes = 512 << 10; // what a GPU thread may have at most
} // namespace

/// A GPU thread: its place, and its local memory as a stack.
struct Machine::Thread {
  int64_t specials[6]; // by Special
  std::unique_ptr<char[]> memory{new char[kLocalBytes + 64]};
  char *local = reinterpret_cast<char *>((reinterpret_cast<uint64_t>(memory.get()) + 63) / 64 * 64);
  size_t used = 0;
  int depth = 0;

  bool contains(uint64_t address, int64_t bytes) const {
    auto begin = reinterpret_cast<uint64_t>(local);
    return address >= begin && address + bytes <= begin + used;
  }
};

/// One function in execution.
struct Machine::Frame {
  Thread &thread;
  const Function &function;
  std::vector<uint64_t> registers;
  char *params; // incoming, results, and those of calls
  char *local;
  const std::vector<uint64_t> &globals;

  uint64_t get(const Operand &operand) const {
    switch (operand.kind) {
    case Operand::inRegister:
      return registers[operand.reg];
    case Operand::constant:
      return static_cast<uint64_t>(operand.value);
    case Operand::special:
      return static_cast<uint64_t>(thread.specials[operand.reg]);
    case Operand::local:
      return reinterpret_cast<uint64_t>(local + operand.value);
    case Operand::param:
      return reinterpret_cast<uint64_t>(params + operand.value);
    case Operand::global:
      return globals[operand.value];
    case Operand::none:
    case Operand::list:
      break;
    }
    throw Error("an operand of this kind has no value");
  }
  void set(const Operand &operand, uint64_t value) {
    if (operand.kind == Operand::inRegister)
      registers[operand.reg] = value;
    else if (operand.kind != Operand::none)
      throw Error("a result must be a register");
  }
};

[[noreturn]] static void fail(const Function &function, const Instruction &instruction, const std::string &why) {
  throw Error(function.name + ", line " + std::to_string(instruction.line) + ": " + why);
}

//===----------------------------------------------------------------------===//
// Loads, stores, moves
//===----------------------------------------------------------------------===//

/// Checked: inside what the space has, and aligned.
char *Machine::address(Frame &frame, const Instruction &instruction, const Operand &operand, int64_t bytes) {
  uint64_t at = frame.get(operand) + static_cast<uint64_t>(operand.offset);
  if (operand.kind == Operand::param) {
    if (operand.value + operand.offset + bytes > frame.function.paramBytes)
      fail(frame.function, instruction, "outside the parameters");
    return reinterpret_cast<char *>(at);
  }
  if (at % static_cast<uint64_t>(bytes))
    fail(frame.function, instruction, "misaligned address");
  bool isLocal = frame.thread.contains(at, bytes), isGlobal = !isLocal && memory.contains(at, bytes);
  bool fits = instruction.space == Space::local    ? isLocal
              : instruction.space == Space::global ? isGlobal
                                                   : isLocal || isGlobal;
  if (!fits)
    fail(frame.function, instruction, "illegal address");
  return reinterpret_cast<char *>(at);
}

static uint64_t extend(uint64_t bits, Type type) {
  return type.kind == Type::sign ? static_cast<uint64_t>(signExtend(bits, type.width)) : bits;
}

void Machine::load(Frame &frame, const Instruction &instruction) {
  const Operand &result = instruction.a[0];
  int64_t width = instruction.type.bytes();
  int count = result.kind == Operand::list ? result.count : 1;
  const char *from = address(frame, instruction, instruction.a[1], width * count);
  for (int i = 0; i < count; ++i) {
    uint64_t value = 0;
    memcpy(&value, from + i * width, static_cast<size_t>(width));
    frame.set(result.kind == Operand::list ? frame.function.lists[result.reg + i] : result,
              extend(value, instruction.type));
  }
}

void Machine::store(Frame &frame, const Instruction &instruction) {
  const Operand &source = instruction.a[1];
  int64_t width = instruction.type.bytes();
  int count = source.kind == Operand::list ? source.count : 1;
  char *to = address(frame, instruction, instruction.a[0], width * count);
  for (int i = 0; i < count; ++i) {
    uint64_t value = frame.get(source.kind == Operand::list ? frame.function.lists[source.reg + i] : source);
    memcpy(to + i * width, &value, static_cast<size_t>(width));
  }
}

/// mov packs and unpacks where one side is a list.
void Machine::move(Frame &frame, const Instruction &instruction) {
  const Operand &result = instruction.a[0], &source = instruction.a[1];
  const std::vector<Operand> &lists = frame.function.lists;
  if (source.kind == Operand::list) {
    unsigned part = instruction.type.width / static_cast<unsigned>(source.count);
    uint64_t value = 0;
    for (int i = 0; i < source.count; ++i)
      value |= truncate(frame.get(lists[source.reg + i]), part) << (part * static_cast<unsigned>(i));
    return frame.set(result, value);
  }
  uint64_t value = truncate(frame.get(source), instruction.type.width);
  if (result.kind != Operand::list)
    return frame.set(result, value);
  unsigned part = instruction.type.width / static_cast<unsigned>(result.count);
  for (int i = 0; i < result.count; ++i)
    frame.set(lists[result.reg + i], truncate(value >> (part * static_cast<unsigned>(i)), part));
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

void Machine::step(Frame &frame, const Instruction &instruction) {
  auto operand = [&](int index) { return index < instruction.count ? frame.get(instruction.a[index]) : 0; };
  switch (instruction.op) {
  case Op::ld:
    return load(frame, instruction);
  case Op::st:
    return store(frame, instruction);
  case Op::mov:
    return move(frame, instruction);
  case Op::cvta: // every space is seen at its generic address
    return frame.set(instruction.a[0], operand(1));
  case Op::cvt:
    return frame.set(instruction.a[0], convert(instruction, operand(1), operand(2)));
  case Op::setp:
    return frame.set(instruction.a[0], compare(instruction, operand(1), operand(2)));
  case Op::selp:
    return frame.set(instruction.a[0], truncate(operand(3) ? operand(1) : operand(2), instruction.type.width));
  case Op::bfi:
    fail(frame.function, instruction, "bfi is not simulated");
  default:
    return frame.set(instruction.a[0], arithmetic(instruction, operand(1), operand(2), operand(3)));
  }
}

void Machine::callFunction(Frame &frame, const Instruction &instruction) {
  const Function &callee = program.functions[instruction.target];
  std::vector<char> params(static_cast<size_t>(callee.paramBytes) + 8);
  if (callee.params.size() != instruction.arguments.size() || callee.results.size() != instruction.results.size())
    fail(frame.function, instruction, "a call of " + callee.name + " with other arguments than it takes");
  for (size_t i = 0; i < callee.params.size(); ++i)
    memcpy(params.data() + callee.params[i].offset, frame.params + instruction.arguments[i].value,
           static_cast<size_t>(callee.params[i].bytes));
  call(frame.thread, callee, params.data());
  for (size_t i = 0; i < callee.results.size(); ++i)
    memcpy(frame.params + instruction.results[i].value, params.data() + callee.results[i].offset,
           static_cast<size_t>(callee.results[i].bytes));
}

void Machine::call(Thread &thread, const Function &function, char *params) {
  size_t before = thread.used, bytes = (static_cast<size_t>(function.localBytes) + 63) / 64 * 64;
  if (before + bytes > kLocalBytes || ++thread.depth > 64)
    throw Error(function.name + ": more local memory or deeper calls than a GPU thread has");
  Frame frame{
      thread, function, std::vector<uint64_t>(static_cast<size_t>(function.registers)), params, thread.local + before,
      globals};
  thread.used += bytes;
  memset(frame.local, 0xff, bytes);
  for (size_t at = 0; at < function.code.size();) {
    const Instruction &instruction = function.code[at++];
    if (instruction.guard >= 0 && (frame.registers[instruction.guard] != 0) == instruction.guardNegated)
      continue;
    if (instruction.op == Op::bra)
      at = static_cast<size_t>(instruction.target);
    else if (instruction.op == Op::brx)
      at = static_cast<size_t>(instruction.targets.at(truncate(frame.get(instruction.a[0]), 32)));
    else if (instruction.op == Op::call)
      callFunction(frame, instruction);
    else if (instruction.op == Op::ret)
      break;
    else if (instruction.op == Op::exit || instruction.op == Op::trap)
      fail(function, instruction, "the kernel gives up (exit or trap)");
    else
      step(frame, instruction);
  }
  thread.used = before;
  --thread.depth;
}

void Machine::launch(const Function &kernel, int64_t blocks, int64_t blockThreads, void *const *parameters) {
  std::vector<char> params(static_cast<size_t>(kernel.paramBytes) + 8);
  Thread thread;
  for (int64_t block = blocks; block-- > 0;)
    for (int64_t index = 0; index < blockThreads; ++index) {
      int64_t specials[] = {index, blockThreads, block, blocks, 0, 1};
      std::copy(std::begin(specials), std::end(specials), thread.specials);
      for (size_t i = 0; i < kernel.params.size(); ++i)
        memcpy(params.data() + kernel.params[i].offset, parameters[i], static_cast<size_t>(kernel.params[i].bytes));
      call(thread, kernel, params.data());
    }
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Machine::Machine(Memory &memory, const std::string &ptx) : memory(memory), program(parse(ptx)) {
  for (const Global &global : program.globals) {
    uint64_t address = memory.allocate(std::max<int64_t>(global.bytes, 1));
    memset(reinterpret_cast<void *>(address), 0, static_cast<size_t>(global.bytes));
    memcpy(reinterpret_cast<void *>(address), global.initial.data(), global.initial.size());
    globals.push_back(address);
  }
}

Machine::~Machine() {
  for (uint64_t address : globals)
    memory.release(address);
}
