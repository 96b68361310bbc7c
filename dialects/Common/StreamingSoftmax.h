//===- StreamingSoftmax.h - Numbers that several rooms agree on -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code and the bound of its errors (dialects/Attn/ErrorBound.h) are about the same softmax.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace attnc {

/// What has risen rises on: a maximum that must be raised again goes so many log2 units beyond its score. The weight
/// of that score is then 2^-20.
inline constexpr int kRaisedAhead = 20;

/// Keys of a block: so many at once have their weights added up from 0.
inline constexpr int64_t kFewestKeys = 16, kMostKeys = 256;

} // namespace attnc
