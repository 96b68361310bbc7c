//===- TransposedForm.cpp - Attention with queries in the lanes -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows of the table of forms: with elements of the arithmetic's type, and with pairs of bf16.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/TransposedForm.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// Whole vectors of queries; 7: the softmax of a vector; 0.95 is measured on Zen 4 (AVX-512).
static double cyclesOf(double features, int64_t queries, const Machine &machine) {
  return static_cast<double>(llvm::divideCeil(queries, machine.lanes)) * (features + 7) / 0.95;
}

double schedule::transposedCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  return cyclesOf(static_cast<double>(shape.featuresQK + shape.featuresV), queries, machine);
}

double schedule::pairsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  return cyclesOf(static_cast<double>(shape.featuresQK + shape.featuresV) / 2, queries, machine);
}

/// Elements along the last dimension are neighbours in memory. Of tensors that is what bufferization makes of them:
/// inputs and results of ops have no gaps there, slices may.
static bool hasNeighbours(Value value) {
  if (auto memref = dyn_cast<MemRefType>(value.getType()))
    return memref.getStridesAndOffset().first.back() == 1;
  Operation *made = value.getDefiningOp();
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(made)) {
    int64_t last = slice.getSourceType().getRank() - 1;
    return !slice.getDroppedDims().test(last) && slice.getStaticStrides()[last] == 1 &&
           hasNeighbours(slice.getSource());
  }
  if (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(made))
    return hasNeighbours(made->getOperand(0));
  return !isa_and_nonnull<RegionBranchOpInterface>(made);
}

/// Sums of weights as bf16 are too rough for an lse of f32 (8.6e-4 off).
bool schedule::takesPairs(AttentionOp op, const Schedule &sizes, const Machine &machine) {
  auto isBf16 = [](Value tensor) { return cast<ShapedType>(tensor.getType()).getElementType().isBF16(); };
  auto readsPairs = [](Value tensor, StringRef layout) { return layout.ends_with("D") && hasNeighbours(tensor); };
  double scale = op.getScaleValue();
  return machine.hasBf16Dot && isBf16(op.getQ()) && isBf16(op.getK()) && isBf16(op.getV()) &&
         op.getExtent('D') % 2 == 0 && readsPairs(op.getQ(), op.getQLayout()) &&
         readsPairs(op.getK(), op.getKLayout()) && sizes.attentionRows % 2 == 0 && !op.hasLse() &&
         op.getQuery().empty() && op.getKey().empty() && std::isnormal(scale) && std::isnormal(1 / scale);
}

void schedule::emitTransposedForm(OpBuilder &builder, AttentionOp op, const Blocking &blocking) {
  TransposedForm(builder, op, blocking, /*pairs=*/false).emit();
}

void schedule::emitPairsForm(OpBuilder &builder, AttentionOp op, const Blocking &blocking) {
  TransposedForm(builder, op, blocking, /*pairs=*/true).emit();
}
