//===- BlockTruths.h - What a block of a mask really holds ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/masks/MaskProbe.h"
#include "dialects/Attn/RefTensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <gtest/gtest.h>

namespace attnc::test {

/// A block: whether some pair of it is allowed, and some masked; and what the compiler said of it.
struct BlockTruths {
  bool someAllowed, someMasked;
  bool saidAllowed, saidMasked, isWalked;

  /// No pair is lost, and no mask left out where it is needed.
  bool isSound() const { return saidAllowed >= someAllowed && saidMasked >= someMasked && isWalked >= someAllowed; }
};

/// Calls `check` for every block of `answers`, those of a mask probe to `question`, until one has failed.
inline void forEachBlock(llvm::ArrayRef<attn::RefTensor> answers, const schedule::MaskQuestion &question,
                         llvm::function_ref<void(const BlockTruths &)> check) {
  const attn::RefTensor &pairs = answers[schedule::kAllowed], &some = answers[schedule::kSomeAllowed];
  int64_t M = pairs.shape[0], N = pairs.shape[1], rows = question.blockRows, columns = question.blockCols;
  for (int64_t at = 0; at < some.shape[0] * some.shape[1] && !testing::Test::HasFailure(); ++at) {
    int64_t row = at / some.shape[1], column = at % some.shape[1];
    BlockTruths truths{false, false, some.ints[at] != 0, answers[schedule::kSomeMasked].ints[at] != 0,
                       answers[schedule::kWalked].ints[at] != 0};
    for (int64_t i = row * rows; i < std::min(M, (row + 1) * rows); ++i)
      for (int64_t j = column * columns; j < std::min(N, (column + 1) * columns); ++j)
        (pairs.ints[i * N + j] ? truths.someAllowed : truths.someMasked) = true;
    SCOPED_TRACE(testing::Message() << "block " << row << ", " << column << " of " << rows << " x " << columns << ", M "
                                    << M << ", N " << N);
    check(truths);
  }
}

} // namespace attnc::test
