//===- Decisions.h - Floats that integers come out of -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bucket, an index or a mask that is made of floats has one value, whatever computes it:
//
//   %n = arith.sitofp %distance   decides: each is rounded to its type, and the functions are correctly rounded
//   %l = math.log %n              decides
//   %x = arith.mulf %l, %c        decides
//   %k = arith.fptosi %x
//   %y = arith.mulf %s, %t        does not: rounding is left to whoever computes it
//
// The interpreter and compiled code both ask here. Only floats that are made element by element of positions, constants
// and inputs can decide: a score and a sum are rounded as the order of additions has it, and what is compared with them
// is as exact as they are.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseSet.h"

namespace attnc::attn {

/// The floats (scalars, or tensors of them) under `root` whose rounding an integer or a boolean depends on.
llvm::DenseSet<mlir::Value> findDecidingFloats(mlir::Operation *root);

} // namespace attnc::attn
