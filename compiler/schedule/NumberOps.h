//===- NumberOps.h - Numbers for the ops of functions -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace attnc::schedule {

/// Gives every op on tensors that stands in a function, or in a loop or branch of one, a number in its location; calls too.
void numberOps(mlir::ModuleOp module);

} // namespace attnc::schedule
