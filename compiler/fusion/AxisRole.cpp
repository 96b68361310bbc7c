//===- AxisRole.cpp - Does attention run over positions? ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/AxisRole.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace attnc::fusion {

namespace {

/// Follows one tensor's axes back to where they come from.
class Origin {
public:
  Origin(AxisSpace &axes, const Access &access, const DimIndex &keys, const DimIndex &features)
      : axes(axes), access(access), keys(keys), features(features) {}

  /// Walks to the tensor's projections until the two axes are told apart.
  void trace();

  bool keysAreColumns = false, featuresAreColumns = false;
  bool together = false; ///< columns of one projection, or parts of one dimension

private:
  bool follow();
  bool followSlice(tensor::ExtractSliceOp op);
  bool followPointwise(linalg::LinalgOp op);
  void followProjection(linalg::LinalgOp op, unsigned data);
  bool contains(const Index &index, const DimIndex &axesOfRole) const;
  bool shareDimension() const;

  AxisSpace &axes;
  Access access;
  DimIndex keys, features;
};

} // namespace

bool Origin::contains(const Index &index, const DimIndex &role) const {
  DimIndex wanted = axes.resolve(role);
  return llvm::any_of(index, [&](const DimIndex &dim) {
    return llvm::any_of(axes.resolve(dim), [&](Axis axis) { return llvm::is_contained(wanted, axis); });
  });
}

bool Origin::shareDimension() const {
  return llvm::any_of(access.index,
                      [&](const DimIndex &dim) { return contains({dim}, keys) && contains({dim}, features); });
}

/// A slice shows its dimensions at an offset; which axis runs along a dimension
/// stays the same. A dimension that is sliced gets an axis of its own, unless
/// one of ours runs along it.
bool Origin::followSlice(tensor::ExtractSliceOp op) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  Index index;
  unsigned next = 0;
  auto sourceShape = op.getSourceType().getShape();
  for (unsigned dim = 0; dim < sourceShape.size(); ++dim) {
    DimIndex read = dropped.test(dim) ? DimIndex() : access.index[next++];
    bool partial = op.getStaticSizes()[dim] != sourceShape[dim];
    bool ours = contains({read}, keys) || contains({read}, features);
    index.push_back(partial && !ours ? axes.createAxis(sourceShape[dim]) : read);
  }
  access = {op.getSource(), index};
  return true;
}

/// Through biases, norms and the like: to the operand that has both axes.
bool Origin::followPointwise(linalg::LinalgOp op) {
  std::optional<Index> loops = loopsOf(op, access.index);
  for (OpOperand *operand : op.getDpsInputOperands()) {
    std::optional<Index> index = indexThrough(op.getMatchingIndexingMap(operand), *loops);
    if (!index || !isa<RankedTensorType>(operand->get().getType()) || matchPattern(operand->get(), m_Constant()) ||
        !contains(*index, features) || (!keysAreColumns && !contains(*index, keys)))
      continue;
    access = {operand->get(), *index};
    return true;
  }
  return false;
}

bool Origin::follow() {
  if (followView(axes, access, /*broadcasts=*/true))
    return true;
  Operation *op = access.tensor.getDefiningOp();
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op))
    return followSlice(slice);
  return isPointwise(op) && followPointwise(cast<linalg::LinalgOp>(op));
}

/// Which operand of a projection each of our two axes indexes; then goes on
/// with the data.
void Origin::followProjection(linalg::LinalgOp op, unsigned data) {
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  Index loops(op.getNumLoops());
  for (auto [dim, read] : llvm::enumerate(access.index))
    loops[out.getDimPosition(dim)] = read;
  Index operands[] = {*indexThrough(op.getMatchingIndexingMap(op.getDpsInputOperand(0)), loops),
                      *indexThrough(op.getMatchingIndexingMap(op.getDpsInputOperand(1)), loops)};
  auto isColumn = [&](const DimIndex &role) {
    return !contains(operands[data], role) && contains(operands[1 - data], role);
  };
  together = isColumn(keys) && isColumn(features);
  keysAreColumns |= isColumn(keys);
  featuresAreColumns |= isColumn(features);
  access = {op.getDpsInputOperand(data)->get(), operands[data]};
}

/// The weights are the operand that is a constant; without one, nothing can be
/// said.
static std::optional<unsigned> findData(AxisSpace &axes, linalg::LinalgOp op) {
  bool constant[2];
  for (unsigned i : {0u, 1u}) {
    Access operand{op.getDpsInputOperand(i)->get(), axes.createIndex(op.getDpsInputOperand(i)->get())};
    followViews(axes, operand, /*broadcasts=*/true);
    constant[i] = matchPattern(operand.tensor, m_Constant());
  }
  if (constant[0] == constant[1])
    return std::nullopt;
  return constant[0] ? 1 : 0;
}

void Origin::trace() {
  while (!featuresAreColumns) {
    while (!(together = together || shareDimension()) && follow()) {
    }
    Operation *op = access.tensor.getDefiningOp();
    if (together || !isContraction(op))
      return;
    std::optional<unsigned> data = findData(axes, cast<linalg::LinalgOp>(op));
    if (!data)
      return;
    followProjection(cast<linalg::LinalgOp>(op), *data);
    if (together)
      return;
  }
}

/// Traces the rows (keys or queries) and the features of one operand of the product.
static Origin trace(AttentionMatch &match, const Access &operand, const DimIndex &rows) {
  Origin origin(match.axes, operand, rows, match.features);
  origin.trace();
  return origin;
}

KeyRole roleOfKeys(AttentionMatch &match) {
  if (match.keys.empty()) // the weight of one key is 1, whatever the key is
    return KeyRole::Positions;
  Origin keys = trace(match, match.k, match.keys);
  if (keys.together && (match.queries.empty() || trace(match, match.q, match.queries).together))
    return KeyRole::Heads;
  return keys.keysAreColumns && !keys.featuresAreColumns && !keys.together ? KeyRole::Channels : KeyRole::Positions;
}

bool keysArePositions(AttentionMatch &match, Mismatch &mismatch) {
  KeyRole role = roleOfKeys(match);
  linalg::SoftmaxOp softmax = match.softmax;
  if (role == KeyRole::Heads) {
    softmax.emitWarning() << "softmax runs over the head axis (dimension " << softmax.getDimension()
                          << "), so this layer mixes heads inside one position instead of attending over positions; "
                             "if that is not intended, transpose q, k, v to (B, H, S, D)";
    mismatch = {softmax, "its keys are the heads of one position"};
  }
  if (role == KeyRole::Channels)
    mismatch = {softmax, "its keys are channels and the product before it sums over positions"};
  return role == KeyRole::Positions;
}

} // namespace attnc::fusion
