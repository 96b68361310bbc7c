//===- Interpreted.h - One run against the interpreter ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Attn/Interpreter.h"
#include "test/numerics/Compiled.h"
#include <gtest/gtest.h>

namespace attnc::numerics {

/// Every output of `compiled` is within `limit` of what the interpreter makes of `function`.
inline void expectInterpreted(mlir::func::FuncOp function, Compiled &compiled, llvm::ArrayRef<attn::RefTensor> inputs,
                              double limit) {
  auto expected = attn::interpret(function, inputs);
  ASSERT_TRUE(succeeded(expected));
  std::string error;
  auto found = compiled.run(inputs, error);
  ASSERT_TRUE(found) << error;
  for (auto [mine, other] : llvm::zip(*found, *expected)) {
    attn::Comparison comparison = attn::compare(mine, other);
    ASSERT_TRUE(comparison.within(limit)) << describe(comparison, mine, other);
  }
}

} // namespace attnc::numerics
