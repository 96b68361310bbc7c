//===- Values.h - O += P V --------------------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A masked key must contribute nothing even when its V holds NaN or inf, and 0 * NaN is NaN. So where a pair is
// forbidden V is searched for non-finite values once, and only if one is found a slower loop adds allowed keys alone.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Walk.h"

namespace attnc::schedule {

/// Some V[n][e] of the block is NaN or infinite.
mlir::Value hasNonFinite(AttentionContext &c, const KeyBlock &keys);

/// O += P V of a pair of blocks: `add` adds all keys, `addAllowed` only those that are allowed and have weight; `search`
/// says whether some value is not finite.
void emitValues(AttentionContext &c, const Verdict &verdict, llvm::function_ref<mlir::Value()> search,
                llvm::function_ref<void()> add, llvm::function_ref<void()> addAllowed);

/// Adds what `contract` computes to those rows and columns of O. It starts from 0: so no sum is longer than a block,
/// and then than the blocks between two carries.
void addToOutput(AttentionContext &c, const BlockState &state, tile::ContractOp contract);

} // namespace attnc::schedule
