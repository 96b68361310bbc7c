//===- Views.cpp - Reading tensors through ops that move elements ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Views.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace attnc::fusion {

//===----------------------------------------------------------------------===//
// Structured ops
//===----------------------------------------------------------------------===//

std::optional<Index> indexThrough(AffineMap map, const Index &loops) {
  Index index;
  for (AffineExpr expr : map.getResults()) {
    if (auto loop = dyn_cast<AffineDimExpr>(expr))
      index.push_back(loops[loop.getPosition()]);
    else if (auto constant = dyn_cast<AffineConstantExpr>(expr); constant && constant.getValue() == 0)
      index.push_back({});
    else
      return std::nullopt;
  }
  return index;
}

std::optional<Index> loopsOf(linalg::LinalgOp op, const Index &index) {
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!map.isPermutation())
    return std::nullopt;
  Index loops(index.size());
  for (auto [result, dim] : llvm::enumerate(index))
    loops[map.getDimPosition(result)] = dim;
  return loops;
}

bool isPointwise(Operation *op) {
  auto structured = dyn_cast_or_null<linalg::LinalgOp>(op);
  return structured && structured.hasPureTensorSemantics() && op->getNumResults() == 1 &&
         structured.getNumLoops() == structured.getNumParallelLoops() &&
         structured.getMatchingIndexingMap(structured.getDpsInitOperand(0)).isPermutation();
}

static OpOperand *getYieldedOperand(linalg::LinalgOp op, bool converted) {
  if (!isPointwise(op))
    return nullptr;
  Value yielded = op.getBlock()->getTerminator()->getOperand(0);
  if (Operation *convert = yielded.getDefiningOp();
      converted && isa_and_nonnull<arith::ExtFOp, arith::TruncFOp>(convert))
    yielded = convert->getOperand(0);
  auto argument = dyn_cast<BlockArgument>(yielded);
  if (!argument || argument.getOwner() != op.getBlock())
    return nullptr;
  OpOperand *operand = op.getMatchingOpOperand(argument);
  return op.isDpsInit(operand) || !isa<RankedTensorType>(operand->get().getType()) ? nullptr : operand;
}

OpOperand *getCopiedOperand(linalg::LinalgOp op) { return getYieldedOperand(op, /*converted=*/false); }
OpOperand *getConvertedOperand(linalg::LinalgOp op) { return getYieldedOperand(op, /*converted=*/true); }

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

/// result dim i of expand_shape belongs to the source dim whose group holds i:
/// src[.., [i, j], ..].
static std::optional<Access> follow(tensor::ExpandShapeOp op, const Access &access, AxisSpace &axes) {
  Index index;
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    DimIndex &dim = index.emplace_back();
    for (int64_t position : group) {
      DimIndex read = axes.resolve(access.index[position]);
      if (auto size = dyn_cast<Value>(sizes[position]); size && read.size() == 1)
        axes.know(read.front(), size);
      llvm::append_range(dim, read);
    }
  }
  return Access{op.getSrc(), index};
}

/// The index of a collapsed dim is split into one axis per source dim of its
/// group.
static std::optional<Access> follow(tensor::CollapseShapeOp op, const Access &access, AxisSpace &axes) {
  Index index = axes.createIndex(op.getSrc());
  for (auto [dim, group] : llvm::zip(access.index, op.getReassociationIndices())) {
    DimIndex pieces;
    for (int64_t position : group)
      llvm::append_range(pieces, index[position]);
    if (failed(axes.unify(pieces, dim)))
      return std::nullopt;
  }
  return Access{op.getSrc(), index};
}

static std::optional<Access> follow(linalg::LinalgOp op, const Access &access, bool broadcasts) {
  OpOperand *source = getCopiedOperand(op);
  std::optional<Index> loops = source ? loopsOf(op, access.index) : std::nullopt;
  if (!loops)
    return std::nullopt;
  AffineMap map = op.getMatchingIndexingMap(source);
  std::optional<Index> index = indexThrough(map, *loops);
  if (!index || !map.isProjectedPermutation(/*allowZeroInResults=*/true))
    return std::nullopt;
  for (unsigned loop = 0; !broadcasts && loop < loops->size(); ++loop)
    if (!(*loops)[loop].empty() && !map.isFunctionOfDim(loop))
      return std::nullopt;
  return Access{source->get(), *index};
}

static std::optional<Access> follow(const Access &access, AxisSpace &axes, bool broadcasts) {
  Operation *op = access.tensor.getDefiningOp();
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(op))
    return Access{cast.getSource(), access.index};
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op))
    return follow(expand, access, axes);
  if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(op))
    return follow(collapse, access, axes);
  if (auto structured = dyn_cast_or_null<linalg::LinalgOp>(op))
    return follow(structured, access, broadcasts);
  return std::nullopt;
}

bool isView(Operation *op, bool broadcasts) {
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return true;
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return isa<RankedTensorType>(cast.getSource().getType()) && isa<RankedTensorType>(cast.getType());
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  OpOperand *source = structured ? getCopiedOperand(structured) : nullptr;
  return source && (broadcasts || structured.getMatchingIndexingMap(source).isPermutation());
}

bool followView(AxisSpace &axes, Access &access, bool broadcasts) {
  std::optional<Access> source = follow(access, axes, broadcasts);
  if (!source || !isa<RankedTensorType>(source->tensor.getType()))
    return false;
  // A dimension of extent 1 has no axis, whatever read it.
  for (auto [dim, extent] : llvm::zip(source->index, cast<ShapedType>(source->tensor.getType()).getShape()))
    if (extent == 1)
      dim.clear();
  access = *source;
  return true;
}

void followViews(AxisSpace &axes, Access &access, bool broadcasts) {
  while (followView(axes, access, broadcasts)) {
  }
}

/// The index of a dim that is expanded is split into one axis per result dim of its group.
static std::optional<Index> forwards(tensor::ExpandShapeOp op, const Index &source, AxisSpace &axes) {
  Index index = axes.createIndex(op.getResult(), /*measure=*/false);
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  for (auto [dim, group] : llvm::zip(source, op.getReassociationIndices())) {
    DimIndex pieces;
    for (int64_t position : group) {
      if (auto size = dyn_cast<Value>(sizes[position]))
        axes.know(index[position].front(), size);
      llvm::append_range(pieces, index[position]);
    }
    if (failed(axes.unify(pieces, dim)))
      return std::nullopt;
  }
  return index;
}

static Index forwards(tensor::CollapseShapeOp op, const Index &source) {
  Index index;
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    DimIndex &dim = index.emplace_back();
    for (int64_t position : group)
      llvm::append_range(dim, source[position]);
  }
  return index;
}

/// A permutation: loops by the source's map, the result's index by the result's map.
static std::optional<Index> forwards(linalg::LinalgOp op, const Access &access) {
  OpOperand *source = getCopiedOperand(op);
  if (!source || source->get() != access.tensor || !op.getMatchingIndexingMap(source).isPermutation())
    return std::nullopt;
  Index loops(access.index.size());
  for (auto [dim, index] : llvm::enumerate(access.index))
    loops[op.getMatchingIndexingMap(source).getDimPosition(dim)] = index;
  return indexThrough(op.getMatchingIndexingMap(op.getDpsInitOperand(0)), loops);
}

bool followViewForwards(AxisSpace &axes, Access &access, Operation *user) {
  std::optional<Index> index;
  if (auto cast = dyn_cast<tensor::CastOp>(user); cast && isa<RankedTensorType>(cast.getType()))
    index = access.index;
  else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(user); expand && expand.getSrc() == access.tensor)
    index = forwards(expand, access.index, axes);
  else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(user))
    index = forwards(collapse, access.index);
  else if (auto structured = dyn_cast<linalg::LinalgOp>(user))
    index = forwards(structured, access);
  if (!index)
    return false;
  access = {user->getResult(0), *index};
  return true;
}

//===----------------------------------------------------------------------===//
// regroup
//===----------------------------------------------------------------------===//

/// Cuts every dimension of `have` where a dimension of `want` ends: have [[b],
/// [h, d]], want [[b, h], [d]] gives
/// [[b], [h], [d]]. Empty dimensions of `have` stay.
static SmallVector<Index> cut(const Index &have, const Index &want) {
  llvm::SmallDenseSet<size_t> ends;
  size_t position = 0;
  for (const DimIndex &dim : want)
    ends.insert(position += dim.size());
  position = 0;
  SmallVector<Index> groups;
  for (const DimIndex &dim : have) {
    Index &group = groups.emplace_back();
    group.emplace_back();
    for (auto [i, axis] : llvm::enumerate(dim)) {
      group.back().push_back(axis);
      if (ends.contains(++position) && i + 1 < dim.size())
        group.emplace_back();
    }
  }
  return groups;
}

/// Expands the dimensions of `tensor` that consist of several groups.
static Value expand(OpBuilder &builder, Location loc, const AxisSpace &axes, Value tensor, ArrayRef<Index> groups) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<ReassociationIndices> reassociation;
  SmallVector<OpFoldResult> sizes;
  int64_t position = 0;
  for (auto [dim, pieces] : llvm::enumerate(groups)) {
    ReassociationIndices &group = reassociation.emplace_back();
    for (const DimIndex &piece : pieces) {
      group.push_back(position++);
      sizes.push_back(pieces.size() == 1 ? tensor::getMixedSize(builder, loc, tensor, dim)
                                         : axes.materializeExtent(builder, loc, piece));
      if (!sizes.back())
        return {};
    }
  }
  if (position == type.getRank())
    return tensor;
  auto [shape, values] = decomposeMixedValues(sizes);
  return tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), tensor, reassociation, sizes);
}

/// Collapses `pieces` into the dimensions of `want`; dimensions of extent 1
/// join a neighbour. Empty dimensions of `want` are left out.
static Value collapse(OpBuilder &builder, Location loc, Value tensor, const Index &pieces, const Index &want) {
  SmallVector<ReassociationIndices> reassociation;
  size_t position = 0;
  for (const DimIndex &dim : want) {
    if (dim.empty())
      continue;
    ReassociationIndices &group = reassociation.emplace_back();
    for (size_t seen = 0; seen < dim.size(); ++position) {
      group.push_back(position);
      seen += pieces[position].size();
    }
  }
  for (; !reassociation.empty() && position < pieces.size(); ++position) // trailing extents of 1
    reassociation.back().push_back(position);
  if (reassociation.size() == pieces.size())
    return tensor;
  return tensor::CollapseShapeOp::create(builder, loc, tensor, reassociation);
}

/// Inserts the dimensions of extent 1 that `want` has as empty entries.
static Value insertUnits(OpBuilder &builder, Location loc, Value tensor, const Index &want) {
  if (llvm::none_of(want, [](const DimIndex &dim) { return dim.empty(); }))
    return tensor;
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<ReassociationIndices> reassociation(type.getRank());
  SmallVector<OpFoldResult> sizes;
  int64_t dim = -1;
  for (auto [position, axesOfDim] : llvm::enumerate(want)) {
    if (!axesOfDim.empty())
      ++dim;
    if (type.getRank())
      reassociation[std::max<int64_t>(dim, 0)].push_back(position);
    sizes.push_back(axesOfDim.empty() ? OpFoldResult(builder.getIndexAttr(1))
                                      : tensor::getMixedSize(builder, loc, tensor, dim));
  }
  auto [shape, values] = decomposeMixedValues(sizes);
  return tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), tensor, reassociation, sizes);
}

Value regroup(OpBuilder &builder, Location loc, const AxisSpace &axes, Value tensor, const Index &have,
              const Index &want) {
  SmallVector<Index> groups = cut(have, want);
  Value result = expand(builder, loc, axes, tensor, groups);
  if (!result)
    return {};
  Index pieces;
  for (const Index &group : groups)
    llvm::append_range(pieces, group);
  return insertUnits(builder, loc, collapse(builder, loc, result, pieces, want), want);
}

} // namespace attnc::fusion
