//===- CostModel.h - Which form of an attention costs least -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compares what the forms say that they cost (Form::cyclesPerKey).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/Forms.h"
#include "llvm/ADT/SmallVector.h"

namespace attnc::schedule {

/// Numbers of queries, both included.
struct QueryRange {
  int64_t first, last;
};

/// The numbers of queries of a head, up to four vectors of them, for which `form` is cheaper than `other`. There may be
/// gaps: 16 queries fill a vector of 16 lanes, 17 leave 15 lanes of a second one idle.
llvm::SmallVector<QueryRange> queriesThatPay(const Form &form, const Form &other, const AttentionShape &shape,
                                             const Machine &machine);

/// Of some forms the one that costs least where a head has `queries` queries.
const Form *cheapestForm(llvm::ArrayRef<const Form *> known, const AttentionShape &shape, int64_t queries,
                         const Machine &machine);

/// A form, and another one for some numbers of queries that are known at run time only; null if there is none.
struct FormChoice {
  const Form *form, *few = nullptr;
  llvm::SmallVector<QueryRange> fewQueries = {};
};

/// The choice for `op` with blocks of these sizes. With `oneBody` there is one form: else would be too much code.
FormChoice chooseForm(attn::AttentionOp op, const Schedule &sizes, bool oneBody, const Machine &machine);

/// "form: decode for 1 to 14 queries of a head, ...; cycles for each key with 14 queries: transposed 142, ...".
std::string explainChoice(const FormChoice &choice, attn::AttentionOp op, const Schedule &sizes,
                          const Machine &machine);

} // namespace attnc::schedule
