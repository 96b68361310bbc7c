//===- NarrowPositions.h - Positions as i32 where they fit ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scores and masks compute with positions of type `index`: in the lanes of vectors each takes 64 bits, and as many
// lanes as a vector of f32 has take two registers and two instructions. A region is cloned with i32 wherever an
// interval analysis shows that operands and result fit:
//
//   %p = arith.addi %i, %d : index               %p = arith.addi %i32, %d32 overflow<nsw> : i32
//   %x = arith.subi %j, %p : index        ->     %x = arith.subi %j32, %p overflow<nsw> : i32
//   %y = arith.index_cast %x : index to i64
//   %z = arith.sitofp %y : i64 to f32            %z = arith.sitofp %x : i32 to f32
//
// It can, because a call is refused if an extent of a tensor is above 2^29 (kMaxExtent). Extents that are
// computed from others, and positions below them, stay as wide as they are.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/IntegerRanges.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseMap.h"

namespace attnc::schedule {

class PositionNarrower {
public:
  /// Clones at `builder`; `mapping` holds what the values of the region become.
  PositionNarrower(mlir::OpBuilder &builder, mlir::IRMapping &mapping) : b(builder), mapping(mapping) {}

  /// `argument`, an index of the region, is `extent` or less.
  void setPosition(mlir::Value argument, mlir::Value extent);
  void clone(mlir::Operation &op);
  /// What `value` has become, in its own type.
  mlir::Value wide(mlir::Value value);

private:
  bool fits(mlir::Value value);
  bool isNarrowable(mlir::Operation &op);
  mlir::Value narrow(mlir::Value value);
  void cloneNarrow(mlir::Operation &op);

  mlir::OpBuilder &b;
  mlir::IRMapping &mapping;
  IntegerRanges ranges;                              ///< of what is known to be less than its type allows
  llvm::DenseMap<mlir::Value, mlir::Value> narrowed; ///< index and i64 values of the region, as i32
};

} // namespace attnc::schedule
