//===- RowForm.h - Attention with keys or features in lanes -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Queries are rows (RowBlocks.h). `rows` packs K, `dots` reads it where it lies. Each row has a maximum and a sum; they
// are those of one row program per row and block of keys.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Forms.h"

namespace attnc::schedule {

// Rows of forms().
double rowsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine);
void emitRowsForm(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);
double dotsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine);
void emitDotsForm(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);

} // namespace attnc::schedule
