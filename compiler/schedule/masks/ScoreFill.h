//===- ScoreFill.h - Scores that stand for forbidden keys -------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models forbid keys by a finite score:
//
//   %a = arith.cmpi sle, %j, %i : index
//   %r = arith.select %a, %s, %cst : f32          // -10000, or the least float
//   attn.yield %r : f32
//
// That is no mask: a row without an allowed key averages all of V, and an allowed score may lie below the fill. But in
// a row of which the largest allowed score is so far above the fill that e^(fill - max) rounds to 0, it is one. So keys
// are visited as if the fill were -inf, under the bounds of %a, and rows for which that was wrong are found afterwards
// (attention/FilledRows.h).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/MapVector.h"

namespace attnc::schedule {

class ScoreFill {
public:
  /// Finds the fills of `op`'s score, which may have none: selects between what is computed from s and constants that
  /// are at most -1000, by conditions that do not read s; one behind the other. None where they are not `wanted`.
  explicit ScoreFill(attn::AttentionOp op, bool wanted = true);

  explicit operator bool() const { return !fills.empty(); }

  /// `op` as if its fills were -inf: its mask also forbids the keys that are filled. `op` itself where there are none.
  attn::AttentionOp masked() { return copy ? *copy : op; }

  /// The largest score of a key that is filled.
  double largest() const { return most; }

  /// What `select`, one of the fills, chooses: for a key that is filled, or else. Null for other ops.
  mlir::Value filled(mlir::Operation *select) const;
  mlir::Value kept(mlir::Operation *select) const;

private:
  attn::AttentionOp op;
  llvm::MapVector<mlir::Operation *, bool> fills; ///< selects, the last one first: true where the condition keeps s
  double most;
  mlir::OwningOpRef<attn::AttentionOp> copy;
};

} // namespace attnc::schedule
