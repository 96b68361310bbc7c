//===- Reductions.h - Ways to make a module smaller -------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A reduction finds places in a module where it can do its one thing, numbered in an order that depends on the module
// alone, and does it at the places that it is told. It may leave a module that does not verify: then the places were
// badly chosen, and others are tried.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/FunctionExtras.h"

namespace attnc::reduce {

struct Reduction {
  llvm::StringLiteral name;
  /// How many places `module` has.
  size_t (*count)(mlir::ModuleOp module);
  /// Reduces at the places that `chosen`, of `count` bits, has.
  void (*apply)(mlir::ModuleOp module, const llvm::BitVector &chosen);
};

/// All of them, those that take most away first.
llvm::ArrayRef<Reduction> reductions();

/// The texts of `module` in which one extent is smaller everywhere: every 768 a 4.
std::vector<std::string> smallerExtents(const std::string &text);

} // namespace attnc::reduce
