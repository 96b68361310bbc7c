//===- Lowering.h - tile ops to vector and scf ------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each function replaces one op by loops of native-width vector operations and
// erases it. They fail, with a diagnostic at the op, on code that has no form on
// lanes.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/LaneEmitter.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"

namespace attnc::codegen {

mlir::LogicalResult lowerContract(mlir::RewriterBase &rewriter, tile::ContractOp op, const VectorTarget &target);
mlir::LogicalResult lowerMap(mlir::RewriterBase &rewriter, tile::MapOp op, const VectorTarget &target);
mlir::LogicalResult lowerReduce(mlir::RewriterBase &rewriter, tile::ReduceOp op, const VectorTarget &target);
mlir::LogicalResult lowerTranspose(mlir::RewriterBase &rewriter, tile::TransposeOp op, const VectorTarget &target);

/// The softmax step on a register tile; called by the contraction's emitter when it meets the op.
mlir::LogicalResult emitSoftmaxStep(LaneEmitter &emitter, tile::SoftmaxStepOp op, mlir::Value firstRow,
                                    const VectorTarget &target);

/// The function that `step` calls where it raises a maximum, for arguments of these types; made once a module.
mlir::func::FuncOp getSoftmaxRaise(tile::SoftmaxStepOp step, mlir::TypeRange types, const VectorTarget &target);

/// weights[row...][column...] = 2^t for as many rows as are stored together; `sum` plus what was stored.
mlir::Value emitWeights(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<mlir::Value> t, mlir::Value sum,
                        mlir::Value weights, mlir::Value row, mlir::Value column, const VectorTarget &target);

/// Two vectors of f32, cut off to bf16, as one of i32: `low` in the low halves.
mlir::Value packPairs(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value low, mlir::Value high,
                      mlir::VectorType ints);

/// `scf.for` from `begin` to `end`, loop-carried values `inits`; `body` gets the index and the values and returns the
/// next ones.
mlir::ValueRange buildLoop(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value begin, mlir::Value end,
                           int64_t step, mlir::ValueRange inits,
                           llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);

/// A round of a transposition: lanes of `first` that have bit `size` set in their number change places with those of
/// `second`, `size` lanes below, that have it clear.
std::pair<mlir::Value, mlir::Value> exchangeLanes(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value first,
                                                  mlir::Value second, int64_t size);

/// Transposes the square whose rows are `rows` and whose elements are as many chunks of neighbouring lanes of each row.
llvm::SmallVector<mlir::Value> exchangeChunks(mlir::OpBuilder &builder, mlir::Location loc,
                                              llvm::SmallVector<mlir::Value> rows);

/// A scratch tile at the entry of the function (or parallel body) around `user`, where allocas are free.
mlir::Value scratchTile(mlir::OpBuilder &builder, mlir::Operation *user, int64_t rows, int64_t width,
                        mlir::Type element);

} // namespace attnc::codegen
