//===- DecodeForm.h - One read of K and V for all query heads ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Forms.h"

namespace attnc::schedule {

double decodeCycles(const AttentionShape &shape, int64_t queries, const Machine &machine);
void emitDecodeForm(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);

} // namespace attnc::schedule
