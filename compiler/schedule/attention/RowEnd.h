//===- RowEnd.h - The softmax of rows at their end --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Context.h"

namespace attnc::schedule {

/// O / l, 0 where l = 0 (A5), with the sink as one more key (A10); lse = m + log l, -inf where l = 0. `finish` is given
/// the rows of the output and writes O * sum to them, where `sum` has become 1 / l.
void emitRowEnds(AttentionContext &c, const QueryBlock &queries,
                 llvm::function_ref<void(const QueryBlock &queries, mlir::Value out)> finish);

/// The same, of rows whose totals are added already (emitAddTotals).
void emitAddedRowEnds(AttentionContext &c, const QueryBlock &queries,
                      llvm::function_ref<void(const QueryBlock &queries, mlir::Value out)> finish);

} // namespace attnc::schedule
