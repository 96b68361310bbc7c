//===- Program.h - PTX, decoded ---------------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The subset that LLVM emits for code of one thread: no barriers, no shuffles, no shared memory, no textures. Whatever
// is not known here is refused with its line.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace ptxsim {

/// What a driver would report: bad text, or a kernel that does what it may not.
struct Error : std::runtime_error {
  using runtime_error::runtime_error;
};

/// .b32, .s64, .f32, .bf16, .pred
struct Type {
  enum Kind : uint8_t { none, pred, bits, unsign, sign, real, bfloat } kind = none;
  uint8_t width = 0;   // bits; of a predicate 1
  bool packed = false; // .f16x2, .bf16x2: two of half the width
  unsigned bytes() const { return width / 8; }
};

// Each is one PTX instruction, whatever its types.
enum class Op : uint8_t {
  abs,
  add,
  and_,
  bfe,
  bfi,
  bra,
  brev,
  brx,
  call,
  clz,
  copysign,
  cvt,
  cvta,
  div,
  ex2,
  exit,
  fma,
  ld,
  lg2,
  mad,
  max,
  min,
  mov,
  mul,
  neg,
  not_,
  or_,
  popc,
  prmt,
  rcp,
  rem,
  ret,
  rsqrt,
  selp,
  setp,
  shf,
  shl,
  shr,
  sqrt,
  st,
  sub,
  trap,
  xor_
};

struct Operand {
  enum Kind : uint8_t { none, inRegister, constant, special, local, param, global, list } kind = none;
  int reg = 0;            // register; special register; first index into Function::lists
  int count = 0;          // list: how many
  int64_t value = 0;      // constant; offset of local and param; index of global
  bool addressed = false; // [operand + offset]
  int64_t offset = 0;
};

enum Special { kTid, kNtid, kCtaid, kNctaid, kZero, kOne };
enum class Space : uint8_t { generic, global, local, param };
enum class Compare : uint8_t { eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };
enum class Rounding : uint8_t { nearest, zero, down, up, integerNearest, integerZero, integerDown, integerUp };

struct Instruction {
  Op op;
  Type type, from; // `from`: the second type of cvt
  Space space = Space::generic;
  Compare compare = Compare::eq;
  Rounding rounding = Rounding::nearest;
  bool wide = false, high = false, left = false, nan = false, saturate = false, wrap = false, ftz = false;
  bool unsignedOrder = false; // setp .lo .ls .hi .hs
  int guard = -1;             // predicate register; -1: always
  bool guardNegated = false;
  int target = -1; // bra: instruction; call: function
  Operand a[5];
  int count = 0;
  std::vector<int> targets;                // brx
  std::vector<Operand> results, arguments; // call: places in the caller's param memory
  int line = 0;
};

/// A place of .param or .local memory in a function's frame.
struct Place {
  int64_t offset = 0, bytes = 0;
};

struct Function {
  std::string name;
  bool isKernel = false;
  std::vector<Place> params, results; // in incoming memory; results in outgoing
  int64_t paramBytes = 0;             // all of .param memory: incoming, results, of calls
  int64_t localBytes = 0;
  int registers = 0;
  std::vector<Instruction> code;
  std::vector<Operand> lists; // elements of vector operands
};

struct Global {
  std::string name;
  int64_t bytes = 0, align = 1;
  std::vector<uint8_t> initial;
};

struct Program {
  std::vector<Function> functions;
  std::vector<Global> globals;
  int findFunction(const std::string &name) const;
};

/// Throws Error, with the line.
Program parse(const std::string &text);

} // namespace ptxsim
