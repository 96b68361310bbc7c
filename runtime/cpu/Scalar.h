//===- Scalar.h - A number as one element of a tensor -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/cpu/Npy.h"

namespace attnc::rt {

/// Writes the number `text` as an element of `type`, rounded to nearest even.
/// False if the text is no number, or one that the type cannot hold.
bool parseScalar(const char *text, ElementType type, void *element);

} // namespace attnc::rt
