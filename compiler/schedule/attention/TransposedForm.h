//===- TransposedForm.h - Attention with queries in the lanes ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Of elements of the arithmetic's type, or of pairs of bf16 (TransposedBlocks.h).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Forms.h"

namespace attnc::schedule {

// Rows of forms().
double transposedCycles(const AttentionShape &shape, int64_t queries, const Machine &machine);
void emitTransposedForm(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);

constexpr llvm::StringLiteral kPairsNeed = "q, k and v of bf16 with an even number of neighbouring features, no lse, "
                                           "no query or key region, an even number of "
                                           "rows, and a target with dot products of bf16";
bool takesPairs(attn::AttentionOp op, const Schedule &sizes, const Machine &machine);
double pairsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine);
void emitPairsForm(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);

} // namespace attnc::schedule
