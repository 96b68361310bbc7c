//===- Scalar.cpp - A number as one element of a tensor -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Scalar.h"

#include <errno.h>
#include <stdlib.h>

using namespace attnc::rt;

/// Rounds a float to its upper 16 bits.
static uint16_t toBfloat(float value) {
  uint32_t bits = __builtin_bit_cast(uint32_t, value);
  if (value != value)
    return static_cast<uint16_t>(bits >> 16 | 0x40); // stays a NaN
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// By hand: the compiler would call a helper of libgcc.
static uint16_t toHalf(float value) {
  uint32_t bits = __builtin_bit_cast(uint32_t, value);
  auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  bits &= 0x7fffffff;
  if (bits > 0x7f800000)
    return sign | 0x7e00;
  if (bits >= 0x477ff000) // 65520 and more round to infinity
    return sign | 0x7c00;
  if (bits < 0x38800000) {
    // Subnormal: adding 0.5 leaves units of 2^-24 in the lowest bits.
    float shifted = __builtin_bit_cast(float, bits) + 0.5f;
    return static_cast<uint16_t>(sign | (__builtin_bit_cast(uint32_t, shifted) - 0x3f000000));
  }
  // Exponent bias 127 -> 15, and 13 bits of the mantissa rounded away.
  bits += 0xfff + (bits >> 13 & 1);
  return static_cast<uint16_t>(sign | ((bits - 0x38000000) >> 13));
}

static bool parseFloat(const char *text, int bits, bool brain, void *element) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end)
    return false;
  auto single = static_cast<float>(value);
  if (bits == 64)
    memcpy(element, &value, 8);
  else if (bits == 32)
    memcpy(element, &single, 4);
  else {
    uint16_t small = brain ? toBfloat(single) : toHalf(single);
    memcpy(element, &small, 2);
  }
  return true;
}

static bool parseInteger(const char *text, ElementType type, void *element) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (end == text || *end || errno)
    return false;
  bool isSigned = type.code == kDLInt;
  int magnitudeBits = type.code == ATTNC_DL_BOOL ? 1 : type.bits - isSigned;
  long long most = magnitudeBits >= 63 ? INT64_MAX : (1LL << magnitudeBits) - 1;
  if (value > most || value < (isSigned ? -most - 1 : 0))
    return false;
  memcpy(element, &value, type.bits / 8u); // little-endian
  return true;
}

bool attnc::rt::parseScalar(const char *text, ElementType type, void *element) {
  switch (type.code) {
  case kDLFloat:
  case kDLBfloat:
    return parseFloat(text, type.bits, type.code == kDLBfloat, element);
  case kDLInt:
  case kDLUInt:
  case ATTNC_DL_BOOL:
    return parseInteger(text, type, element);
  }
  return false;
}
