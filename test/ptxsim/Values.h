//===- Values.h - Arithmetic of PTX on register contents --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A register is 64 bits; an instruction's type says how many of them count. All functions take and return bits.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "test/ptxsim/Program.h"

namespace ptxsim {

/// The value as a number: floats of 16 and 32 bits are exact in a double.
double toDouble(uint64_t bits, Type type);
/// Rounded to nearest even.
uint64_t fromDouble(double value, Type type);
int64_t signExtend(uint64_t bits, unsigned width);
uint64_t truncate(uint64_t bits, unsigned width);

uint64_t arithmetic(const Instruction &instruction, uint64_t a, uint64_t b, uint64_t c);
bool compare(const Instruction &instruction, uint64_t a, uint64_t b);
/// `low`: the second operand of a conversion to a pair.
uint64_t convert(const Instruction &instruction, uint64_t value, uint64_t low);

} // namespace ptxsim
