//===- Axes.cpp - Loops of the mathematics behind tensor dims -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Axes.h"
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
  axes.push_back({extent, {source, dim}, {0, 0}, false, {}});
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
  if (!into.quotient.second)
    into.quotient = from.quotient;
  replace(a, {b});
  return success();
}

void AxisSpace::splitMinor(Axis axis, int64_t minor) {
  int64_t extent = axes[axis].extent;
  bool dynamic = ShapedType::isDynamic(extent);
  DimIndex pieces = createAxis(dynamic ? extent : extent / minor);
  if (dynamic)
    axes[pieces.front()].quotient = {axis, minor};
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

LogicalResult AxisSpace::unify(ArrayRef<Axis> first, ArrayRef<Axis> second) {
  DimIndex a = resolve(first), b = resolve(second);
  auto isDynamic = [&](Axis axis) { return ShapedType::isDynamic(axes[axis].extent); };
  // Two dynamic axes on each side may be stored in either order: then only
  // equal extents prove which is which.
  bool ambiguous = llvm::count_if(a, isDynamic) > 1 && llvm::count_if(b, isDynamic) > 1;
  while (!a.empty() || !b.empty()) {
    if (a == b)
      return success();
    if (a.empty() || b.empty())
      return failure();
    if (a.size() != 1 && (b.size() == 1 || extent(b.back()) > extent(a.back())))
      std::swap(a, b); // below: `a` is a single axis, or its minor axis is the
                       // one to split
    Axis x = a.back(), y = b.back();
    if (a.size() == 1 && b.size() > 1) { // x is all that is left on one side
      int64_t product = extent(b);
      if (llvm::is_contained(b, x) || (!isDynamic(x) && !ShapedType::isDynamic(product) && extent(x) != product))
        return failure();
      replace(x, b);
      return success();
    }
    if ((extent(x) == 0) != (extent(y) == 0))
      return failure();
    if (isDynamic(x) && isDynamic(y) && ambiguous && !haveSameExtent(x, y))
      return failure();
    bool single = a.size() == 1 && b.size() == 1;
    if (single || extent(x) == extent(y)) {
      if (failed(merge(x, y)))
        return failure();
    } else if (isDynamic(x) || isDynamic(y)) {
      auto [open, known] = isDynamic(x) ? std::pair(x, y) : std::pair(y, x);
      splitMinor(open, extent(known));
    } else if (extent(x) % extent(y) == 0) {
      splitMinor(x, extent(y));
    } else if (extent(y) % extent(x) == 0) {
      splitMinor(y, extent(x));
    } else {
      return failure();
    }
    a = resolve(a), b = resolve(b);
    if (!a.empty() && !b.empty() && a.back() == b.back())
      a.pop_back(), b.pop_back();
  }
  return success();
}

/// The extent of an axis whose extent is not a number: measured, or a measured
/// extent divided; null if neither.
Value AxisSpace::materializeDynamic(OpBuilder &builder, Location loc, Axis axis) const {
  const Info &info = axes[axis];
  if (auto [source, dim] = info.source; source && source.getType().isIndex())
    return source;
  else if (source)
    return tensor::DimOp::create(builder, loc, source, dim);
  auto [whole, divisor] = info.quotient;
  Value dividend = divisor ? materializeDynamic(builder, loc, whole) : Value();
  if (!dividend)
    return {};
  Value by = arith::ConstantIndexOp::create(builder, loc, divisor);
  return arith::DivUIOp::create(builder, loc, dividend, by);
}

OpFoldResult AxisSpace::materializeExtent(OpBuilder &builder, Location loc, ArrayRef<Axis> dim) const {
  int64_t factor = 1;
  Value product;
  for (Axis axis : dim) {
    if (!ShapedType::isDynamic(axes[axis].extent)) {
      factor *= axes[axis].extent;
      continue;
    }
    Value extent = materializeDynamic(builder, loc, axis);
    if (!extent)
      return {};
    product = product ? arith::MulIOp::create(builder, loc, product, extent).getResult() : extent;
  }
  if (!product)
    return builder.getIndexAttr(factor);
  if (factor == 1)
    return product;
  return arith::MulIOp::create(builder, loc, product, arith::ConstantIndexOp::create(builder, loc, factor)).getResult();
}

//===----------------------------------------------------------------------===//
// Equal extents
//===----------------------------------------------------------------------===//

/// The symbol in `attnc.dims` of an argument, or null.
static const void *argumentSymbol(BlockArgument argument, int64_t dim) {
  auto function = dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
  if (!function)
    return nullptr;
  auto dims = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "attnc.dims");
  return dims && dim < static_cast<int64_t>(dims.size()) ? dims[dim].getAsOpaquePointer() : nullptr;
}

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
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    if (const void *symbol = argumentSymbol(argument, dim))
      return symbol;
  Operation *producer = tensor.getDefiningOp();
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(producer))
    return extentKey(cast.getSource(), dim);
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(producer))
    return extentKey(empty.getMixedSizes(), dim);
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(producer))
    return extentKey(expand.getMixedOutputShape(), dim);
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(producer); slice && slice.getDroppedDims().none())
    return extentKey(slice.getMixedSizes(), dim);
  if (auto destination = dyn_cast_or_null<DestinationStyleOpInterface>(producer))
    return extentKey(destination.getDpsInitOperand(cast<OpResult>(tensor).getResultNumber())->get(), dim);
  return nullptr;
}

} // namespace attnc::fusion
