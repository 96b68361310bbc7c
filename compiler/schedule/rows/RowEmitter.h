//===- RowEmitter.h - Row programs to loops and tile ops --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/rows/RowProgram.h"

namespace attnc::schedule {

/// Emits `group` at `builder`: one nest over the outer loops, whose body runs
/// the programs one after the other. All programs have as many outer loops, of
/// the same extents. Rows are shared among threads when the work may exceed
/// `grain` scalar operations; a task gets at least about that much.
void emitRows(mlir::OpBuilder &builder, llvm::ArrayRef<RowProgram> group, int64_t grain);

} // namespace attnc::schedule
