//===- RowTransform.h - A row of q or k as its region makes it --*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/attention/FeatureSplit.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Builders.h"
#include "mlir/IR/Builders.h"

namespace attnc::schedule {

/// Emits what the query or key region of an attention makes of one row (A11), as loops over runs of features.
class RowTransform : IndexMath {
public:
  /// `region` is op.getQuery() or op.getKey(). An empty one only copies.
  RowTransform(mlir::OpBuilder &builder, attn::AttentionOp op, mlir::Region &region);

  /// `to`[toRow, *] = transformed `from`[fromRow, *]; `place` is b h i (b g j), then M and N. In `to`, of the
  /// accumulator type, even features come first where `isPermuted(op)`.
  void emit(mlir::Value from, mlir::Value fromRow, mlir::Value to, mlir::Value toRow,
            mlir::ArrayRef<mlir::Value> place);

  /// Prefetches what a later row of k will need: the row itself, `row` of `rows`, and those of captured tensors that are
  /// read at j. `place` is b g j of the later row, then M and N.
  void emitPrefetch(mlir::Value rows, mlir::Value row, mlir::ArrayRef<mlir::Value> place);

  /// Both q and k are stored with even features before odd ones: a region distinguishes them, and the product of q and
  /// k does not care.
  static bool isPermuted(attn::AttentionOp op);

private:
  /// The block under way: the region's or a sum's.
  struct Scope {
    mlir::Value e; ///< the position in `run`
    FeatureRun run;
    FeatureKnowledge knowledge;
    llvm::DenseMap<mlir::Value, mlir::Value> emitted{}; ///< in this run
  };
  mlir::Value emitValue(mlir::Value value, Scope &scope);
  mlir::Value emitIndex(AffineIndex index, mlir::Value e);
  void prefetchLines(mlir::Value memref, mlir::SmallVector<mlir::Value> at);
  mlir::Value emitLoad(mlir::Value position);
  void emitRuns(mlir::ArrayRef<FeatureRun> runs, mlir::Value to, mlir::Value toRow, int64_t first);
  mlir::Value emitSum(attn::SumOp sum);

  attn::AttentionOp op;
  mlir::Region &region;
  int64_t features, step;
  mlir::Value from, fromRow;
  llvm::DenseMap<mlir::Value, mlir::Value> uniform; ///< block arguments besides the feature, and sums
  mlir::OpBuilder::InsertPoint rowPoint;            ///< where sums are emitted
};

} // namespace attnc::schedule
