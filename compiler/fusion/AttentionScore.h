//===- AttentionScore.h - A match's score as scalar code --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/fusion/AttentionMatch.h"
#include "compiler/fusion/ScoreRegion.h"

namespace attnc::fusion {

/// What stands between the two products of an attention, in one block.
struct ScoreCode {
  ScoreParts parts;   ///< from the first product to the softmax
  mlir::Value p;      ///< stands for an element of the softmax's result
  mlir::Value weight; ///< what the second product reads, computed from p
};

/// Writes it into the empty block `scratch`, which gets the arguments s b h i j M N (those of an `attn.attention`'s
/// score). Extents are computed at `outside`; `masks` are those that are known, where there are several attentions.
ScoreCode writeScore(mlir::OpBuilder &outside, AttentionMatch &match, mlir::Block &scratch,
                     StaticMasks *masks = nullptr);

} // namespace attnc::fusion
