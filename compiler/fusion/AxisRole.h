//===- AxisRole.h - Does attention run over positions? ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A layer that forgets to transpose its heads computes softmax(Q K^T) V with
// the shapes of attention, but its softmax mixes the heads of one position:
//
//   %k  = linalg.contract (b, s, c), (c, e) -> (b, s, e) ins(%x, %weight)
//   %k4 = tensor.expand_shape %k [[0], [1], [2, 3]]          // B S (H D)
//   ... Q K^T and softmax over H
//
// The rule: follow the key axis n and the feature axis d of K to the projection that
// made them, and the query axis m and d of Q to theirs. A projection gives a tensor its
// columns: axes that index its weights and not its data. If both pairs are columns of
// one projection, or share a dimension of a tensor (someone split a feature vector in
// two), the softmax runs over heads. If only K's pair is, a vector was cut into tokens
// (prompt tokens of an image), and these are positions.
//
//   attention           x[b, n, c] w[c, (h, d)]            n is a row, d a column
//   heads mixed         x[b, s, c] w[c, (n, d)]            both are columns: a warning
//   keys projected      (x[b, s, c] w[c, (h, d)]) p[s, n]  n is a column of p, d is not: attention
//   channels (XCA)      x[b, d, c] w[c, (h, n)]            d is a row: features run over positions
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/fusion/AttentionMatch.h"

namespace attnc::fusion {

/// What the softmax of `match` runs over.
enum class KeyRole { Positions, Heads, Channels };
KeyRole roleOfKeys(AttentionMatch &match);

/// True if the keys of `match` are positions. If not, `mismatch` says what they
/// are, and a softmax over heads is reported as a warning at the softmax.
bool keysArePositions(AttentionMatch &match, Mismatch &mismatch);

} // namespace attnc::fusion
