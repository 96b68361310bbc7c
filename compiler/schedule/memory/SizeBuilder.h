//===- SizeBuilder.h - Sizes of temporaries, computed elsewhere -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/memory/Slots.h"
#include "mlir/IR/IRMapping.h"

namespace attnc::schedule {

/// Recomputes values of a function elsewhere: of F in its plan, of a layer where it is called.
class SizeBuilder {
public:
  /// Before the end of the plan, which returns the extents of outputs already.
  static SizeBuilder inPlan(mlir::func::FuncOp function, mlir::func::ReturnOp ret);
  /// Before a call of the layer `function`.
  static SizeBuilder atCall(mlir::func::FuncOp function, mlir::func::CallOp call);

  /// The extents of `slots` here, one slot behind the other. Fails, with an error, where one does not follow from the
  /// extents of inputs.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> extentsOf(llvm::ArrayRef<Slot> slots);

  /// The bytes of all slots, or `overflow` where they leave 63 bits.
  mlir::Value emitTotal(llvm::ArrayRef<Slot> slots, llvm::ArrayRef<mlir::Value> extents, int64_t overflow);

private:
  SizeBuilder(mlir::func::FuncOp function, mlir::Operation *place)
      : function(function), loc(place->getLoc()), builder(place) {}

  mlir::Value constant(int64_t value);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value lhs, mlir::Value rhs);
  mlir::Value both(mlir::Value lhs, mlir::Value rhs);
  mlir::Value productFits(int64_t scale, mlir::ValueRange extents);

  mlir::Value clone(mlir::Value value);
  mlir::Value cloneDim(mlir::memref::DimOp dim);
  mlir::Value cloneExtent(mlir::Value memref, int64_t dim);
  mlir::Value cloneSize(mlir::OpFoldResult size);
  mlir::Value cloneArgumentExtent(mlir::BlockArgument argument, int64_t dim);
  mlir::Value emitExtent(mlir::Value memref, int64_t dim);
  unsigned extentsBefore(mlir::BlockArgument argument);

  mlir::func::FuncOp function;
  mlir::Location loc;
  mlir::OpBuilder builder;
  mlir::IRMapping inputs, mapping;
  llvm::SmallVector<mlir::Value> outputExtents;
};

} // namespace attnc::schedule
