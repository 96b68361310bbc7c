//===- CostModel.h - What each form of an attention costs -------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An estimate of cycles, from how many vectors each form touches. It is meant to compare forms, not to predict times;
// CostModel.cpp says where its figures come from.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/Schedule.h"
#include "llvm/ADT/SmallVector.h"

namespace attnc::schedule {

/// What the cost of an attention depends on, beside M and N.
struct AttentionShape {
  int64_t featuresQK, featuresV; ///< D and E
  int64_t keys;                  ///< Nb: keys of a block
  bool pairs = false;            ///< the transposed form takes pairs of bf16
};

/// Cycles for one key and a block of `queries` queries.
double cyclesPerKey(Form form, const AttentionShape &shape, int64_t queries, const Machine &machine);

/// Numbers of queries, both included.
struct QueryRange {
  int64_t first, last;
};

/// The numbers of queries of a head, up to four vectors of them, for which `form` is cheaper than the transposed one.
/// There may be gaps: 16 queries fill a vector of 16 lanes, 17 leave 15 lanes of a second one idle.
llvm::SmallVector<QueryRange> queriesThatPay(Form form, const AttentionShape &shape, const Machine &machine);

/// The form that costs least where a head has `queries` queries. Never the unfused one: it costs as much as rows, and
/// four passes over the scores.
Form cheapestForm(const AttentionShape &shape, int64_t queries, const Machine &machine);

} // namespace attnc::schedule
