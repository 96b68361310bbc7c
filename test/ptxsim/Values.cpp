//===- Values.cpp - Arithmetic of PTX on register contents ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f32 is computed in float with one rounding, f16 and bf16 in double with one rounding (53 >= 2 * 11 + 2 bits make the
// double rounding of +, -, *, / and fma harmless for them). "approx" instructions are computed exactly and rounded:
// what depends on their last bits is not tested here.
//
//===----------------------------------------------------------------------===//

#include "test/ptxsim/Values.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace ptxsim;

template <typename To, typename From>
static To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

int64_t ptxsim::signExtend(uint64_t bits, unsigned width) {
  return width >= 64 ? static_cast<int64_t>(bits) : static_cast<int64_t>(bits << (64 - width)) >> (64 - width);
}

uint64_t ptxsim::truncate(uint64_t bits, unsigned width) {
  return width >= 64 ? bits : bits & ((uint64_t(1) << width) - 1);
}

//===----------------------------------------------------------------------===//
// Floats as numbers
//===----------------------------------------------------------------------===//

double ptxsim::toDouble(uint64_t bits, Type type) {
  if (type.width == 64)
    return bitCast<double>(bits);
  if (type.width == 32)
    return bitCast<float>(static_cast<uint32_t>(bits));
  if (type.kind == Type::bfloat)
    return bitCast<float>(static_cast<uint32_t>(bits << 16));
  int exponent = (bits >> 10) & 31;
  double fraction = static_cast<double>(bits & 1023), sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31)
    return fraction != 0 ? NAN : sign * INFINITY;
  return sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24));
}

/// `value` as a float of 16 bits: `digits` bits of significand, exponents from `lowest`, magnitudes below 2^`top`.
static uint64_t pack(double value, int digits, int lowest, int top) {
  uint64_t sign = std::signbit(value) ? 0x8000 : 0, infinity = 0x8000 - (uint64_t(1) << (digits - 1));
  if (std::isnan(value))
    return 0x7fff;
  double magnitude = std::fabs(value);
  if (std::isinf(magnitude))
    return sign | infinity;
  int exponent = magnitude == 0 ? lowest : std::max(std::ilogb(magnitude), lowest);
  double units = std::nearbyint(std::ldexp(magnitude, digits - 1 - exponent)); // to even
  if (std::ldexp(units, exponent - digits + 1) >= std::ldexp(1.0, top))
    return sign | infinity;
  // Subnormals have units < 2^(digits-1) and a zero exponent field; a carry into the exponent comes out right.
  return sign | (static_cast<uint64_t>(exponent - lowest) << (digits - 1)) + static_cast<uint64_t>(units);
}

uint64_t ptxsim::fromDouble(double value, Type type) {
  if (type.width == 64)
    return bitCast<uint64_t>(value);
  if (type.width == 32)
    return bitCast<uint32_t>(static_cast<float>(value));
  if (type.kind == Type::bfloat)
    return pack(value, 8, -126, 128);
  return pack(value, 11, -14, 16);
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

template <typename T>
static T pick(const Instruction &instruction, T a, T b) {
  bool isMin = instruction.op == Op::min;
  if (std::isnan(a) || std::isnan(b))
    return instruction.nan ? T(NAN) : std::isnan(a) ? b : a;
  if (a == b) // -0 < +0
    return std::signbit(a) == isMin ? a : b;
  return (a < b) == isMin ? a : b;
}

template <typename T>
static T real(const Instruction &instruction, T a, T b, T c) {
  switch (instruction.op) {
  case Op::abs:
    return std::fabs(a);
  case Op::neg:
    return -a;
  case Op::add:
    return a + b;
  case Op::sub:
    return a - b;
  case Op::mul:
    return a * b;
  case Op::div:
    return a / b;
  case Op::fma:
  case Op::mad:
    return std::fma(a, b, c);
  case Op::min:
  case Op::max:
    return pick(instruction, a, b);
  case Op::copysign: // the sign comes first
    return std::copysign(b, a);
  case Op::rcp:
    return T(1) / a;
  case Op::sqrt:
    return std::sqrt(a);
  case Op::rsqrt:
    return static_cast<T>(1 / std::sqrt(static_cast<double>(a)));
  case Op::ex2:
    return static_cast<T>(std::exp2(static_cast<double>(a)));
  case Op::lg2:
    return static_cast<T>(std::log2(static_cast<double>(a)));
  default:
    throw Error("line " + std::to_string(instruction.line) + ": this instruction has no form for floats");
  }
}

static uint64_t multiply(const Instruction &instruction, uint64_t a, uint64_t b) {
  unsigned width = instruction.type.width;
  if (instruction.type.kind == Type::sign) {
    __int128 product = static_cast<__int128>(signExtend(a, width)) * signExtend(b, width);
    return static_cast<uint64_t>(instruction.high ? product >> width : product);
  }
  unsigned __int128 product = static_cast<unsigned __int128>(truncate(a, width)) * truncate(b, width);
  return static_cast<uint64_t>(instruction.high ? product >> width : product);
}

/// Division by zero gives unspecified bits on a GPU; here it is a mistake.
static uint64_t divide(const Instruction &instruction, uint64_t a, uint64_t b) {
  unsigned width = instruction.type.width;
  bool isRest = instruction.op == Op::rem;
  if (truncate(b, width) == 0)
    throw Error("line " + std::to_string(instruction.line) + ": division by zero");
  if (instruction.type.kind != Type::sign)
    return isRest ? truncate(a, width) % truncate(b, width) : truncate(a, width) / truncate(b, width);
  int64_t x = signExtend(a, width), y = signExtend(b, width);
  if (y == -1)
    return isRest ? 0 : static_cast<uint64_t>(0) - static_cast<uint64_t>(x);
  return static_cast<uint64_t>(isRest ? x % y : x / y);
}

static uint64_t shift(const Instruction &instruction, uint64_t a, uint64_t by) {
  unsigned width = instruction.type.width;
  by = std::min<uint64_t>(truncate(by, 32), width); // clamps
  if (instruction.op == Op::shl)
    return by >= 64 ? 0 : a << by;
  if (instruction.type.kind == Type::sign)
    return static_cast<uint64_t>(signExtend(a, width) >> std::min<uint64_t>(by, 63));
  return by >= 64 ? 0 : truncate(a, width) >> by;
}

/// shf: the 64 bits b:a shifted; the upper (left) or the lower half.
static uint64_t funnel(const Instruction &instruction, uint64_t a, uint64_t b, uint64_t by) {
  by = instruction.wrap ? by & 31 : std::min<uint64_t>(truncate(by, 32), 32);
  uint64_t both = truncate(b, 32) << 32 | truncate(a, 32);
  return instruction.left ? both << by >> 32 : both >> by;
}

static uint64_t permute(uint64_t a, uint64_t b, uint64_t selector) {
  uint64_t both = truncate(b, 32) << 32 | truncate(a, 32), result = 0;
  for (int byte = 0; byte < 4; ++byte) {
    uint64_t choice = selector >> (4 * byte) & 15, value = both >> (8 * (choice & 7)) & 255;
    if (choice & 8)
      value = value & 128 ? 255 : 0;
    result |= value << (8 * byte);
  }
  return result;
}

static uint64_t extractField(const Instruction &instruction, uint64_t value, uint64_t from, uint64_t length) {
  unsigned width = instruction.type.width;
  from &= 255, length &= 255;
  uint64_t field = from >= width ? 0 : truncate(value, width) >> from;
  if (length == 0)
    return 0;
  bool isSigned = instruction.type.kind == Type::sign;
  if (isSigned && from + length > width)
    return static_cast<uint64_t>(signExtend(value, width) >> std::min<uint64_t>(from, 63));
  if (length >= 64)
    return field;
  return isSigned ? static_cast<uint64_t>(signExtend(field, static_cast<unsigned>(length)))
                  : truncate(field, static_cast<unsigned>(length));
}

static uint64_t integer(const Instruction &instruction, uint64_t a, uint64_t b, uint64_t c) {
  unsigned width = instruction.type.width;
  bool isSigned = instruction.type.kind == Type::sign;
  auto less = [&] {
    return isSigned ? signExtend(a, width) < signExtend(b, width) : truncate(a, width) < truncate(b, width);
  };
  switch (instruction.op) {
  case Op::abs:
    return signExtend(a, width) < 0 ? 0 - a : a;
  case Op::neg:
    return 0 - a;
  case Op::not_:
    return ~a;
  case Op::add:
    return a + b;
  case Op::sub:
    return a - b;
  case Op::mul:
    return multiply(instruction, a, b);
  case Op::mad:
    return multiply(instruction, a, b) + c;
  case Op::div:
  case Op::rem:
    return divide(instruction, a, b);
  case Op::min:
    return less() ? a : b;
  case Op::max:
    return less() ? b : a;
  case Op::and_:
    return a & b;
  case Op::or_:
    return a | b;
  case Op::xor_:
    return a ^ b;
  case Op::shl:
  case Op::shr:
    return shift(instruction, a, b);
  case Op::shf:
    return funnel(instruction, a, b, c);
  case Op::prmt:
    return permute(a, b, c);
  case Op::bfe:
    return extractField(instruction, a, b, c);
  case Op::popc:
    return static_cast<uint64_t>(__builtin_popcountll(truncate(a, width)));
  case Op::clz:
    return truncate(a, width) ? static_cast<uint64_t>(__builtin_clzll(truncate(a, width))) - (64 - width) : width;
  case Op::brev: {
    uint64_t result = 0;
    for (unsigned bit = 0; bit < width; ++bit)
      result |= (a >> bit & 1) << (width - 1 - bit);
    return result;
  }
  default:
    throw Error("line " + std::to_string(instruction.line) + ": this instruction has no form for integers");
  }
}

/// Both halves, each by itself.
static uint64_t packed(Instruction instruction, uint64_t a, uint64_t b, uint64_t c) {
  instruction.type = {instruction.type.kind, 16};
  uint64_t low = arithmetic(instruction, a & 0xffff, b & 0xffff, c & 0xffff);
  uint64_t high = arithmetic(instruction, a >> 16 & 0xffff, b >> 16 & 0xffff, c >> 16 & 0xffff);
  return high << 16 | low;
}

uint64_t ptxsim::arithmetic(const Instruction &instruction, uint64_t a, uint64_t b, uint64_t c) {
  Type type = instruction.type;
  if (type.packed)
    return packed(instruction, a, b, c);
  if (type.kind == Type::real && type.width == 32)
    return bitCast<uint32_t>(real<float>(instruction, bitCast<float>(static_cast<uint32_t>(a)),
                                         bitCast<float>(static_cast<uint32_t>(b)),
                                         bitCast<float>(static_cast<uint32_t>(c))));
  if (type.kind == Type::real || type.kind == Type::bfloat)
    return fromDouble(real<double>(instruction, toDouble(a, type), toDouble(b, type), toDouble(c, type)), type);
  unsigned width = instruction.wide ? 2 * type.width : type.width;
  return truncate(integer(instruction, a, b, c), width);
}

//===----------------------------------------------------------------------===//
// Comparison and conversion
//===----------------------------------------------------------------------===//

template <typename T>
static bool ordered(Compare compare, T a, T b, int line) {
  switch (compare) {
  case Compare::eq:
  case Compare::equ:
    return a == b;
  case Compare::ne:
  case Compare::neu:
    return a != b;
  case Compare::lt:
  case Compare::ltu:
    return a < b;
  case Compare::le:
  case Compare::leu:
    return a <= b;
  case Compare::gt:
  case Compare::gtu:
    return a > b;
  case Compare::ge:
  case Compare::geu:
    return a >= b;
  default:
    throw Error("line " + std::to_string(line) + ": unknown comparison");
  }
}

bool ptxsim::compare(const Instruction &instruction, uint64_t a, uint64_t b) {
  Type type = instruction.type;
  if (type.packed)
    throw Error("line " + std::to_string(instruction.line) + ": comparing pairs is not simulated");
  if (type.kind == Type::real || type.kind == Type::bfloat) {
    double x = toDouble(a, type), y = toDouble(b, type);
    bool unordered = std::isnan(x) || std::isnan(y);
    if (instruction.compare == Compare::num || instruction.compare == Compare::nan)
      return unordered == (instruction.compare == Compare::nan);
    if (unordered)
      return instruction.compare >= Compare::equ;
    return ordered(instruction.compare, x, y, instruction.line);
  }
  if (type.kind == Type::sign && !instruction.unsignedOrder)
    return ordered(instruction.compare, signExtend(a, type.width), signExtend(b, type.width), instruction.line);
  return ordered(instruction.compare, truncate(a, type.width), truncate(b, type.width), instruction.line);
}

static double roundInteger(double value, Rounding rounding) {
  switch (rounding) {
  case Rounding::integerNearest:
  case Rounding::nearest:
    return std::nearbyint(value);
  case Rounding::integerZero:
  case Rounding::zero:
    return std::trunc(value);
  case Rounding::integerDown:
  case Rounding::down:
    return std::floor(value);
  default:
    return std::ceil(value);
  }
}

/// Out of range gives the nearest integer that there is; NaN gives 0.
static uint64_t realToInteger(double value, Type type, Rounding rounding) {
  value = roundInteger(value, rounding);
  if (std::isnan(value))
    return 0;
  bool isSigned = type.kind == Type::sign;
  double limit = std::ldexp(1.0, static_cast<int>(type.width) - isSigned);
  if (value >= limit)
    return truncate(~uint64_t(0), type.width - isSigned);
  if (isSigned)
    return truncate(
        static_cast<uint64_t>(value < -limit ? INT64_MIN >> (64 - type.width) : static_cast<int64_t>(value)),
        type.width);
  return value < 0 ? 0 : static_cast<uint64_t>(value);
}

static uint64_t integerToReal(uint64_t bits, Type from, Type type) {
  bool isSigned = from.kind == Type::sign;
  if (type.width == 32 && type.kind == Type::real) { // not by way of double: that would round twice
    float value =
        isSigned ? static_cast<float>(signExtend(bits, from.width)) : static_cast<float>(truncate(bits, from.width));
    return bitCast<uint32_t>(value);
  }
  double value =
      isSigned ? static_cast<double>(signExtend(bits, from.width)) : static_cast<double>(truncate(bits, from.width));
  return fromDouble(value, type);
}

uint64_t ptxsim::convert(const Instruction &instruction, uint64_t value, uint64_t low) {
  Type to = instruction.type, from = instruction.from;
  if (to.packed) {
    Instruction half = instruction;
    half.type = {to.kind, 16};
    return convert(half, value, 0) << 16 | convert(half, low, 0);
  }
  auto isReal = [](Type type) { return type.kind == Type::real || type.kind == Type::bfloat; };
  if (!isReal(from) && !isReal(to))
    return truncate(from.kind == Type::sign ? static_cast<uint64_t>(signExtend(value, from.width))
                                            : truncate(value, from.width),
                    to.width);
  if (!isReal(from))
    return integerToReal(value, from, to);
  double number = toDouble(value, from);
  if (!isReal(to))
    return realToInteger(number, to, instruction.rounding);
  if (instruction.rounding >= Rounding::integerNearest)
    number = std::isinf(number) ? number : std::copysign(roundInteger(number, instruction.rounding), number);
  else if (instruction.rounding != Rounding::nearest)
    throw Error("line " + std::to_string(instruction.line) + ": only rounding to nearest is known");
  if (instruction.saturate)
    number = std::isnan(number) ? 0 : std::clamp(number, 0.0, 1.0);
  return fromDouble(number, to);
}
