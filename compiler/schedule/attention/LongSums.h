//===- LongSums.h - Sums over many keys -------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A million equal addends, added one by one in f32, lose up to 3% of their sum. So O is added up in three steps: the
// keys of a block (tile.contract starts from 0); the blocks of an epoch of kEpochKeys = 1024 keys; the epochs, whose
// roundings are carried on:
//
//   before the first block of an epoch:  (total, o) := total + o, and what that rounding lost (Knuth's TwoSum)
//   at the end:                          o := o + total
//
// An epoch is a range of positions, so that what a row gets does not depend on which blocks its neighbours visit: to
// carry once more changes nothing. With N <= 1024 none of this runs; where a static N says so, none is emitted. Sums of
// rows, which are few, are carried before every block.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Walk.h"

namespace attnc::schedule {

/// There may be keys beyond the first epoch.
bool hasTotals(AttentionContext &c);

/// Totals before the first keys.
void emitClearTotals(AttentionContext &c, const QueryBlock &queries);

/// s = total + sum;  carried = s - total;  sum = (total - (s - carried)) + (sum - carried), 0 where that is NaN: s is
/// infinite then, or NaN itself;  total = s.
void emitCarry(AttentionContext &c, mlir::Value sums, mlir::ValueRange at, mlir::Value totals,
               mlir::ValueRange totalAt);

/// The sums of rows of a block.
void emitCarrySums(AttentionContext &c, const BlockState &state);

/// The blocks of queries of an item are about to visit the keys from `key` on: O, at the border of an epoch.
void emitCarryBefore(AttentionContext &c, mlir::Value key, const Item &item);

/// O of a block, where N leaves the first epoch. Of a form whose blocks have fewer than kFewestKeys keys, more often.
void emitCarryOutput(AttentionContext &c, const QueryBlock &queries);

/// The totals become part of the sums.
void emitAddTotals(AttentionContext &c, const QueryBlock &queries);

} // namespace attnc::schedule
