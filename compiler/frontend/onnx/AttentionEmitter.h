//===- AttentionEmitter.h - Attention operators as attn.attention -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that are an attention become the op that has that meaning (dialects/Attn, A1 to A11):
//
//   s' = softcap(scale * q k^T) + mask + bias  a mask of floats, whose -inf hides a key
//   allowed = mask and window and lengths      a mask of bools, and what is said about positions
//
// Key j stands at position j, query i at offset + i: offset is the length of the past, starts[b], or lengths[b] - M where the
// keys of batch entry b end at lengths[b].
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Ops.h"

namespace attnc::onnx {

/// What an attention operator says, however it is spelt.
struct AttentionCase {
  Tensor *q = nullptr, *k = nullptr, *v = nullptr;
  std::string qLayout, kLayout, vLayout, outLayout; ///< as those of attn.attention
  Tensor *mask = nullptr;    ///< bool or float, broadcast to [B, H, M, N]; keys beyond its end are hidden
  Tensor *bias = nullptr;    ///< float, as a mask may be, beside a mask of bools
  Tensor *lengths = nullptr; ///< [B], integers: how many keys there are
  Tensor *begins = nullptr;  ///< [B], integers: the first key
  bool endsAtLengths = false;
  Sym offset;
  Tensor *starts = nullptr;             ///< [B], integers: where the first query stands, instead of an offset
  std::optional<int64_t> before, after; ///< a query sees that many positions before and after its own
  std::optional<double> scale;          ///< 1 / sqrt(D) if absent
  double softcap = 0;                   ///< none if 0
  std::optional<double> sink;           ///< the score of one key more, of value 0 (A10)
  Tensor *sinks = nullptr;              ///< [H], floats: the same for each head

  const Sym &extent(char letter) const;
};

/// Which scores an operator also returns.
enum class ScoresOf { Product, Softcap, Mask, Softmax };

/// The attention, in its layout; null if it cannot be, which has been said.
Tensor *emitAttention(NodeContext &ctx, const AttentionCase &attention);

/// Its scores [B, H, M, N], computed once more.
Tensor *emitScores(NodeContext &ctx, const AttentionCase &attention, ScoresOf which);

/// [B, S, heads * D] as [B, S, heads, D]; null if that cannot be, which has been said.
Tensor *splitHeads(NodeContext &ctx, Tensor *x, int64_t heads);
/// The other way round.
Tensor *mergeHeads(NodeContext &ctx, Tensor *x);

/// The attention as result 0, with its heads inside the features where they lie there.
mlir::LogicalResult finishAttention(NodeContext &ctx, const AttentionCase &attention);
/// Puts the past [B, heads, P, D] before K and V, which are the results `present` from then on.
mlir::LogicalResult readPast(NodeContext &ctx, AttentionCase &attention, Tensor *pastKey, Tensor *pastValue,
                             size_t present);

/// What a rotary embedding says: x [B, S, heads, D] with angles' cosines and sines [B, S, R / 2], of which the first R
/// features are turned, in halves or in neighbouring pairs.
Tensor *rotated(NodeContext &ctx, Tensor *x, Tensor *cosines, Tensor *sines, const Sym &turned, bool interleaved);
/// Rows of a table of angles [positions, R / 2] for each of `positions` [B, S].
Tensor *anglesAt(NodeContext &ctx, Tensor *table, Tensor *positions);

} // namespace attnc::onnx
