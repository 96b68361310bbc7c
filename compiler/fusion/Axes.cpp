//===- Axes.cpp - Loops of the mathematics behind tensor dims -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Axes.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Builders.h"
#include "dialects/Common/DimNames.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;

namespace attnc::fusion {

Index AxisSpace::createIndex(Value tensor, bool measure) {
  Index index;
  for (auto [dim, extent] : llvm::enumerate(cast<ShapedType>(tensor.getType()).getShape()))
    index.push_back(extent == 1 ? DimIndex() : createAxis(extent, measure ? tensor : Value(), dim));
  return index;
}

DimIndex AxisSpace::createAxis(int64_t extent, Value source, int64_t dim) {
  if (extent == 1)
    return {};
  axes.push_back({extent, {source, dim}, false, {}});
  return {static_cast<Axis>(axes.size() - 1)};
}

DimIndex AxisSpace::resolve(ArrayRef<Axis> dim) const {
  DimIndex resolved;
  for (Axis axis : dim) {
    if (axes[axis].replaced)
      llvm::append_range(resolved, resolve(axes[axis].pieces));
    else
      resolved.push_back(axis);
  }
  return resolved;
}

Index AxisSpace::resolve(const Index &index) const {
  return llvm::map_to_vector<4>(index, [&](const DimIndex &dim) { return resolve(dim); });
}

int64_t AxisSpace::extent(ArrayRef<Axis> dim) const {
  int64_t product = 1;
  for (Axis axis : dim) {
    if (ShapedType::isDynamic(axes[axis].extent))
      return ShapedType::kDynamic;
    product *= axes[axis].extent;
  }
  return product;
}

void AxisSpace::replace(Axis axis, ArrayRef<Axis> pieces) {
  axes[axis].replaced = true;
  axes[axis].pieces.assign(pieces.begin(), pieces.end());
}

LogicalResult AxisSpace::merge(Axis a, Axis b) {
  if (a == b)
    return success();
  Info &from = axes[a], &into = axes[b];
  if (ShapedType::isDynamic(into.extent))
    into.extent = from.extent;
  else if (!ShapedType::isDynamic(from.extent) && from.extent != into.extent)
    return failure();
  if (!into.source.first)
    into.source = from.source;
  replace(a, {b});
  return success();
}

void AxisSpace::splitMinor(Axis axis, int64_t minor) {
  DimIndex pieces = createAxis(axes[axis].extent / minor);
  llvm::append_range(pieces, createAxis(minor));
  replace(axis, pieces);
}

bool AxisSpace::haveSameExtent(Axis a, Axis b) const {
  auto key = [&](Axis axis) {
    auto [source, dim] = axes[axis].source;
    return source ? extentKey(source, dim) : nullptr;
  };
  return a == b || (key(a) && key(a) == key(b));
}

LogicalResult AxisSpace::unify(ArrayRef<Axis> a, ArrayRef<Axis> b) {
  SmallVector<Info> before = axes;
  LogicalResult result = unifyResolved(resolve(a), resolve(b));
  if (failed(result))
    axes = before;
  return result;
}

/// Both combinations count through the same extent, so they are compared from the minor end on.
LogicalResult AxisSpace::unifyResolved(DimIndex a, DimIndex b) {
  auto isDynamic = [&](Axis axis) { return ShapedType::isDynamic(axes[axis].extent); };
  // Two dynamic axes on each side may be stored in either order: then only equal extents prove which is which.
  bool ambiguous = llvm::count_if(a, isDynamic) > 1 && llvm::count_if(b, isDynamic) > 1;
  while (a != b) {
    if (a.empty() || b.empty())
      return failure();
    if (b.size() == 1)
      std::swap(a, b);
    Axis x = a.back(), y = b.back();
    if (a.size() == 1) { // x is all that is left on one side, so it is what is left on the other
      int64_t product = extent(b);
      if (b.size() == 1)
        return merge(x, y);
      if (llvm::is_contained(b, x) || (!isDynamic(x) && !ShapedType::isDynamic(product) && extent(x) != product))
        return failure();
      replace(x, b);
      return success();
    }
    if (isDynamic(x) != isDynamic(y) || (isDynamic(x) && ambiguous && !haveSameExtent(x, y)))
      return failure();
    if (extent(x) < extent(y))
      std::swap(x, y);
    if (x != y && extent(x) == extent(y)) {
      if (failed(merge(x, y)))
        return failure();
    } else if (x != y) {
      if (extent(y) == 0 || extent(x) % extent(y) != 0)
        return failure();
      splitMinor(x, extent(y));
    }
    a = resolve(a), b = resolve(b);
    if (a.back() == b.back())
      a.pop_back(), b.pop_back();
  }
  return success();
}

/// The extent of an axis whose extent is not a number; null if nothing tells it.
static Value materializeDynamic(OpBuilder &builder, Location loc, std::pair<Value, int64_t> source) {
  auto [value, dim] = source;
  if (!value || value.getType().isIndex())
    return value;
  return tensor::DimOp::create(builder, loc, value, dim);
}

OpFoldResult AxisSpace::materializeExtent(OpBuilder &builder, Location loc, ArrayRef<Axis> dim) const {
  int64_t factor = 1;
  Value product;
  for (Axis axis : dim) {
    if (!ShapedType::isDynamic(axes[axis].extent)) {
      factor *= axes[axis].extent;
      continue;
    }
    Value extent = materializeDynamic(builder, loc, axes[axis].source);
    if (!extent)
      return {};
    product = product ? arith::MulIOp::create(builder, loc, product, extent).getResult() : extent;
  }
  if (!product)
    return builder.getIndexAttr(factor);
  if (factor == 1)
    return product;
  return arith::MulIOp::create(builder, loc, product, constantIndex(builder, loc, factor)).getResult();
}

//===----------------------------------------------------------------------===//
// Equal extents
//===----------------------------------------------------------------------===//

static const void *extentKey(Value extent) {
  if (auto dim = extent.getDefiningOp<tensor::DimOp>())
    if (std::optional<int64_t> position = dim.getConstantIndex())
      return extentKey(dim.getSource(), *position);
  return extent.getAsOpaquePointer();
}

/// The size of the one dynamic dimension among `sizes` that stands at position
/// `dim`.
static const void *extentKey(ArrayRef<OpFoldResult> sizes, int64_t dim) {
  auto value = dyn_cast<Value>(sizes[dim]);
  return value ? extentKey(value) : nullptr;
}

const void *extentKey(Value tensor, int64_t dim) {
  if (tensor.getType().isIndex())
    return extentKey(tensor);
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    if (StringAttr symbol = DimNames::ofArgument(argument).symbol(dim))
      return symbol.getAsOpaquePointer();
    if (!isa<FunctionOpInterface>(argument.getOwner()->getParentOp()))
      return nullptr;
    std::string own = "%" + std::to_string(argument.getArgNumber()) + "#" + std::to_string(dim); // no symbol looks so
    return StringAttr::get(tensor.getContext(), own).getAsOpaquePointer();
  }
  Operation *producer = tensor.getDefiningOp();
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(producer))
    return extentKey(cast.getSource(), dim);
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(producer))
    return extentKey(empty.getMixedSizes(), dim);
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(producer))
    return extentKey(expand.getMixedOutputShape(), dim);
  if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(producer)) {
    ReassociationIndices group = collapse.getReassociationIndices()[dim];
    return group.size() == 1 ? extentKey(collapse.getSrc(), group.front()) : nullptr;
  }
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(producer); slice && slice.getDroppedDims().none())
    return extentKey(slice.getMixedSizes(), dim);
  if (auto windows = dyn_cast_or_null<attn::WindowsOp>(producer); windows && dim < windows.getFirstDim())
    return extentKey(windows.getSource(), dim);
  if (auto destination = dyn_cast_or_null<DestinationStyleOpInterface>(producer))
    return extentKey(destination.getDpsInitOperand(cast<OpResult>(tensor).getResultNumber())->get(), dim);
  return nullptr;
}

} // namespace attnc::fusion
