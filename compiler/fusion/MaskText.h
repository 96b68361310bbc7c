//===- MaskText.h - A mask in words -----------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %0 = arith.addi %i, %c4
//   %1 = arith.cmpi sgt, %j, %0       ->    "key <= query + 4"
//   %2 = arith.xori %1, %true
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Block.h"
#include <string>

namespace attnc::fusion {

/// What `mask`, scalar code in `scratch` (s b h i j M N), says of positions; empty where it reads tensors, or would be too
/// long to be read.
std::string describeMask(mlir::Value mask, mlir::Block &scratch);

} // namespace attnc::fusion
