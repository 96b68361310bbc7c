//===- ContractEncodings.h - What a contraction multiplies ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Tile/TileOps.h"

namespace attnc::schedule {

/// What the operands of a contraction hold once the rhs is packed into panels.
struct ContractEncodings {
  mlir::Type sums;          ///< f32, f64 or i32
  mlir::Type rhs;           ///< elements of the rhs, before they are packed
  tile::EncodingAttr left;  ///< null: what lhs holds
  tile::EncodingAttr panel; ///< null: elements of the sums' type

  /// Elements along k in a word of a panel.
  int64_t group() const { return panel ? panel.getGroup() : 1; }
  /// Elements along k that share a scale; 0 if they have none.
  int64_t block() const { return panel ? panel.getBlock() : 0; }
  /// Rows of words that `count` elements along k fill, a multiple of the block where there are any.
  int64_t rowsOf(int64_t count) const { return block() ? count / block() * (block() / group() + 1) : count / group(); }
  /// What a panel's memref holds.
  mlir::Type word() const { return panel ? tile::EncodingAttr(panel).getWord() : sums; }
};

/// Groups where `target` has an instruction for them, and lhs holds elements `sideBySide` along k. Otherwise panels are
/// widened to the type of the sums while they are packed.
ContractEncodings chooseEncodings(tile::TargetAttr target, mlir::Type lhs, mlir::Type rhs, mlir::Type sums,
                                  bool sideBySide);

} // namespace attnc::schedule
