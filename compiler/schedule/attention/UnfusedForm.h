//===- UnfusedForm.h - Attention with all scores in memory ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   S[q][n] = sum_d Q[q][d] Kt[d][n]  for all keys;   P = 2^(S - max S);   O[q][e] = sum_n P[q][n] V[n][e]
//
// Three walks after one another, as libraries of matrix products do attention. The maximum is exact and nothing is
// rescaled; S takes B * H * M * N elements of the workspace. What other schedules are measured against.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Forms.h"

namespace attnc::schedule {

// A row of forms().
double unfusedCycles(const AttentionShape &shape, int64_t queries, const Machine &machine);
void emitUnfusedForm(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);

} // namespace attnc::schedule
