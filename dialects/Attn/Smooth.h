//===- Smooth.h - Does anything hang on the last bit of a value -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Value.h"

namespace attnc::attn {

/// Only smooth functions read `value` and what is made of it, up to the end of its region: one more rounding shows in
/// the last bits of the result and nowhere else. What rounds, compares or converts to an integer is not smooth.
bool isReadSmoothly(mlir::Value value);

} // namespace attnc::attn
