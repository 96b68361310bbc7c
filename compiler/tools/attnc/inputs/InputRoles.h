//===- InputRoles.h - What the elements of an input mean --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Made-up inputs test something only if they look like real ones. What an input is follows from how it is used:
//
//   mask = j < lengths[b]                    lengths: from 0 to N, the ends of the range of j
//   mask = causal and distance < w           w: a number of keys
//   mask = ids[b, i] == ids[b, j]            ids: a few documents
//   score = s + bias[h, bucket[b, i]]        bucket: below the extent that it indexes
//   Cast(attention_mask) -> 1 - x -> ...     attention_mask: 0 or 1
//   (1 - x) * -10000                         x: 0 or 1, floats too
//   cos(position[b, i] * frequency)          position: increasing
//   k: paged f32[..] by table                table: pages, each of one sequence
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/Extents.h"
#include "llvm/ADT/SmallVector.h"

namespace attnc::tool {

/// Whole numbers from `low` to `high`.
struct Range {
  int64_t low, high;
};

/// What is known of the elements of one input.
struct InputRole {
  std::optional<Range> index;    ///< they choose an element of a tensor: others are out of bounds
  std::optional<Range> compared; ///< they are compared with positions and distances in this range
  std::set<int64_t> constants;   ///< they are compared with these
  bool isPosition = false;       ///< angles come out of them
  bool isTable = false;          ///< they name the pages of sequences
  bool isFlag = false;           ///< a graph turns them into factors or booleans: 0 or 1
};

/// What the uses of argument `input` of `function` say, for a call whose extents `extents` knows.
InputRole roleOf(mlir::func::FuncOp function, unsigned input, Extents &extents);

} // namespace attnc::tool
