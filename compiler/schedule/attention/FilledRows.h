//===- FilledRows.h - Rows for which a fill counts --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A score such as select(j <= i, s, -1e4) is walked as a mask (masks/ScoreFill.h), and once more where that was wrong:
//
//   fill[q] = -inf for all queries of an item
//   do {
//     walk over keys: score = select(j <= i, s, -1e4 + fill[q])         // first: blocks of keys that j <= i leaves
//     fill[q] = weight of -1e4 under max[q] is 0 ? -inf : 0
//   } while (this was the first time, and some fill[q] is 0);           // again: all blocks of keys
//
// Rows for which it was right get the same bits again: their fill stays -inf, which adds nothing.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Walk.h"

namespace attnc::schedule {

/// Runs `walk`, which begins with empty sums, once or twice. `isFirst` is an i1: the mask with the fills may be asked.
void emitFilledWalk(AttentionContext &c, const Item &item, llvm::function_ref<void(mlir::Value isFirst)> walk);

} // namespace attnc::schedule
