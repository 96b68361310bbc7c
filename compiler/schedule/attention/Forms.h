//===- Forms.h - The ways to compute an attention ---------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One row for each form; everything else about a form is in its own file. Users, the tuner and the attribute of an op
// (#attn.attention_schedule) name forms as the rows do.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/Schedule.h"
#include "dialects/Attn/AttnOps.h"

namespace attnc::schedule {

struct Blocking;

/// What the cost of an attention depends on, beside M and N.
struct AttentionShape {
  int64_t featuresQK, featuresV; ///< D and E
  int64_t keys;                  ///< Nb: keys of a block
};

/// For how many queries a form is taken unasked.
enum class Use {
  Any,   ///< for all: one of these is there in every kernel
  Few,   ///< for few, by a branch on M where that is known at run time only
  Known, ///< where M is known at compile time
  Asked, ///< never
};

struct Form {
  llvm::StringLiteral name;
  Use use;
  /// What it needs of the op and the target, in words for an error, and whether they have it; null: nothing.
  llvm::StringLiteral needs;
  bool (*applies)(attn::AttentionOp op, const Schedule &sizes, const Machine &machine);
  /// Estimated cycles for one key and a block of `queries` queries. To compare forms, not to predict times.
  double (*cyclesPerKey)(const AttentionShape &shape, int64_t queries, const Machine &machine);
  void (*emit)(mlir::OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking);

  bool appliesTo(attn::AttentionOp op, const Schedule &sizes, const Machine &machine) const {
    return !applies || applies(op, sizes, machine);
  }
};

llvm::ArrayRef<Form> forms();

/// The form called `name`; null if there is none.
const Form *findForm(llvm::StringRef name);

} // namespace attnc::schedule
