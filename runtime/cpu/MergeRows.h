//===- MergeRows.h - The arithmetic of attnc_merge --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "attnc/attnc.h"

namespace attnc::rt {

/// A call of attnc_merge that has been checked.
struct Merge {
  const attnc_part *parts;
  int numParts;
  const DLTensor *o, *lse; ///< lse may be null

  /// Dimensions of rows: those that the strides of all tensors step through as one are one.
  int numDims;
  int64_t extents[ATTNC_MAX_RANK];
  int position[ATTNC_MAX_RANK]; ///< the dimension of the tensors whose stride is that of rows
  int64_t compactO[ATTNC_MAX_RANK], compactLse[ATTNC_MAX_RANK]; ///< strides of tensors that say none

  int64_t rows, features;
};

/// Merges rows [begin, end).
void mergeRows(const Merge &merge, int64_t begin, int64_t end);

} // namespace attnc::rt
