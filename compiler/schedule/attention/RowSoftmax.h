//===- RowSoftmax.h - The streaming softmax of rows of scores ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   for each query q, of some scores s'[q][..]:
//     %mx = tile.reduce max s'[q][..]
//     if %mx raises m:  O[q], l *= 2^(u (m - mx));  m = mx          // u = log2(e)
//     l += tile.reduce add { s'[q][n] = 2^(u (s'[q][n] - m)) }
//
// The arithmetic is that of dialects/Common/StreamingSoftmax.h, as in tile.softmax_step, which does the same for queries in
// the lanes. Where no score was met s' - 0 is taken, so that no inf - inf occurs.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Context.h"

namespace attnc::schedule {

/// scores[row][0 .. end) of the rows of a block of queries become weights, in place; m, l and O follow. They are those
/// of some more keys, or of all: then nothing was added up before.
void emitRowSoftmax(AttentionContext &c, const QueryBlock &queries, mlir::Value scores, mlir::Value end, bool areAll);

} // namespace attnc::schedule
