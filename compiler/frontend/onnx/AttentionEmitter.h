//===- AttentionEmitter.h - Attention operators as attn.attention -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that are an attention become the op that has that meaning (dialects/Attn, A1 to A11):
//
//   s' = softcap(scale * q k^T) + mask        a mask of floats, whose -inf hides a key
//   allowed = mask and window and lengths     a mask of bools, and what is said about positions
//
// Key j stands at position j, query i at offset + i: offset is the length of the past, or lengths[b] - M where the keys of
// batch entry b end at lengths[b].
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
  Tensor *lengths = nullptr; ///< [B], integers: how many keys there are
  bool endsAtLengths = false;
  Sym offset;
  std::optional<int64_t> before, after; ///< a query sees that many positions before and after its own
  std::optional<double> scale;          ///< 1 / sqrt(D) if absent
  double softcap = 0;                   ///< none if 0

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

} // namespace attnc::onnx
