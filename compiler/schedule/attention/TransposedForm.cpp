//===- TransposedForm.cpp - Attention with queries in the lanes -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before:  attn.attention q(%q) k(%k) v(%v) outs(%o) mask { causal }         (on memrefs)
// After, W queries in the lanes:
//   scf.forall (%item) in (B * H * ceil(M / (U * W))) {
//     for each of U blocks of W queries:
//       %qt = tile.transpose Q rows [q0, q0 + W) * scale;   %ot = 0;  %l = 0;  %m = -inf
//     for %n over the blocks of Nb keys that the mask leaves (MaskPlan.h) {
//       for each of U blocks of W queries:
//         some allowed?  (MaskPlan; empty blocks end here)
//         full block:    tile.contract K Qt epilogue { tile.softmax_step -> P }
//         partial block: the same with epilogue { s' = allowed ? acc : -inf; tile.softmax_step -> P }
//         tile.contract V^T P epilogue { ot += acc }           (long sums: LongSums.h)
//         or, where a partial block is mostly empty (the diagonal): the same for each vector of queries alone, with the
//         keys that the mask leaves to it
//     }
//     for each of U blocks of W queries:
//       a sink: l += e^(sink - m), the maximum raised first where it must be
//       tile.transpose O^T / l -> O,  rows with l = 0 become 0;  lse = m + log l
//   }
//
// Tensors of another float type than the arithmetic's are converted block by block, K and V once for the U blocks of
// queries of an item.
//
// Rows of q and k that a query or key region transforms (RowTransform.h) are staged likewise, so that no transformed
// tensor exists: a row of q once, a row of k once for the U blocks.
//
// Where the target has dot products of bf16 pairs and q, k, v are bf16, both contractions take pairs (tile.contract):
// of features for Q K^T, so that K is read where it lies, and of keys for P V, so that V is packed once per block of
// keys and P is stored as pairs. The scale is then applied to the f32 sums: q stays what it is.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/TransposedForm.h"
#include "compiler/schedule/attention/TransposedBlocks.h"
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
  TransposedBlocks(builder, op, blocking, /*pairs=*/false).emit();
}

void schedule::emitPairsForm(OpBuilder &builder, AttentionOp op, const Blocking &blocking) {
  TransposedBlocks(builder, op, blocking, /*pairs=*/true).emit();
}
