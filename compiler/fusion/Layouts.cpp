//===- Layouts.cpp - Tensors as layouts of lettered axes ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Layouts.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"

using namespace mlir;

namespace attnc::fusion {

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

DimIndex flatten(const Index &index) {
  DimIndex flat;
  for (const DimIndex &dim : index)
    llvm::append_range(flat, dim);
  return flat;
}

bool cutIntoRoles(ArrayRef<Axis> order, ArrayRef<Role> roles, std::string &layout, Index &index) {
  while (!order.empty()) {
    const Role *role = llvm::find_if(roles, [&](const Role &role) {
      return !role.axes.empty() && role.axes.size() <= order.size() &&
             order.take_front(role.axes.size()) == ArrayRef<Axis>(role.axes);
    });
    if (role == roles.end())
      return false;
    layout.push_back(role->letter);
    index.push_back(role->axes);
    order = order.drop_front(role->axes.size());
  }
  return true;
}

/// The roles one after the other.
static LaidOut canonicalOrder(ArrayRef<Role> roles) {
  LaidOut result;
  for (const Role &role : roles) {
    if (role.axes.empty())
      continue;
    result.layout.push_back(role.letter);
    result.index.push_back(role.axes);
  }
  return result;
}

static Index oneAxisPerDim(ArrayRef<Axis> order) {
  return llvm::map_to_vector<4>(order, [](Axis axis) { return DimIndex{axis}; });
}

/// Reorders a tensor from one combination of dimensions to another of the same
/// axes.
static Value transpose(OpBuilder &builder, Location loc, const AxisSpace &axes, Value tensor, const Index &have,
                       const Index &want) {
  DimIndex from = flatten(have), to = flatten(want);
  tensor = regroup(builder, loc, axes, tensor, have, oneAxisPerDim(from));
  if (!tensor)
    return {};
  SmallVector<int64_t> permutation;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tensor), permuted;
  for (Axis axis : to) {
    permutation.push_back(llvm::find(from, axis) - from.begin());
    permuted.push_back(sizes[permutation.back()]);
  }
  Value init = tensor::EmptyOp::create(builder, loc, permuted, getElementTypeOrSelf(tensor.getType()));
  tensor = linalg::TransposeOp::create(builder, loc, tensor, init, permutation)->getResult(0);
  return regroup(builder, loc, axes, tensor, oneAxisPerDim(to), want);
}

FailureOr<LaidOut> layOut(OpBuilder &builder, Location loc, const AxisSpace &axes, const Access &access,
                          ArrayRef<Role> roles) {
  LaidOut canonical = canonicalOrder(roles), result;
  DimIndex order = flatten(access.index), wanted = flatten(canonical.index);
  if (order.size() != wanted.size() ||
      !llvm::all_of(wanted, [&](Axis axis) { return llvm::is_contained(order, axis); }))
    return failure();
  if (cutIntoRoles(order, roles, result.layout, result.index)) {
    result.tensor = regroup(builder, loc, axes, access.tensor, access.index, result.index);
  } else {
    result = canonical;
    result.tensor = transpose(builder, loc, axes, access.tensor, access.index, result.index);
  }
  if (!result.tensor)
    return failure();
  return result;
}

FailureOr<LaidOut> makeDestination(OpBuilder &builder, Location loc, const AxisSpace &axes, const Index &wanted,
                                   ArrayRef<Role> roles, Type elementType) {
  LaidOut out;
  if (!cutIntoRoles(flatten(wanted), roles, out.layout, out.index))
    out = canonicalOrder(roles);
  SmallVector<OpFoldResult> sizes;
  for (const DimIndex &dim : out.index) {
    OpFoldResult size = axes.materializeExtent(builder, loc, dim);
    if (!size)
      return failure();
    sizes.push_back(size);
  }
  out.tensor = tensor::EmptyOp::create(builder, loc, sizes, elementType);
  return out;
}

Value restore(OpBuilder &builder, Location loc, const AxisSpace &axes, Value result, const LaidOut &out,
              const Index &wanted, Type type) {
  if (flatten(out.index) == flatten(wanted))
    result = regroup(builder, loc, axes, result, out.index, wanted);
  else
    result = transpose(builder, loc, axes, result, out.index, wanted);
  if (result && result.getType() != type)
    result = tensor::CastOp::create(builder, loc, type, result);
  return result;
}

//===----------------------------------------------------------------------===//
// Indices in regions
//===----------------------------------------------------------------------===//

Value RegionIndices::extent(OpBuilder &inside, Axis axis) {
  OpFoldResult extent = axes.materializeExtent(outside, loc, ArrayRef(axis));
  return getValueOrCreateConstantIndexOp(inside, loc, extent);
}

/// An axis is a digit of the index that its role has: (index / extents behind
/// it) % its extent.
Value RegionIndices::digit(OpBuilder &inside, Axis axis) {
  for (auto [role, argument] : llvm::zip(roles, arguments)) {
    const Axis *position = llvm::find(role.axes, axis);
    if (position == role.axes.end())
      continue;
    Value value = argument;
    for (Axis minor : llvm::reverse(ArrayRef<Axis>(position + 1, role.axes.end())))
      value = inside.createOrFold<arith::DivUIOp>(loc, value, extent(inside, minor));
    if (position != role.axes.begin())
      value = inside.createOrFold<arith::RemUIOp>(loc, value, extent(inside, axis));
    return value;
  }
  llvm_unreachable("an axis without a role in the region");
}

Value RegionIndices::get(OpBuilder &inside, ArrayRef<Axis> dim) {
  for (auto [role, argument] : llvm::zip(roles, arguments))
    if (!dim.empty() && dim == ArrayRef<Axis>(role.axes))
      return argument;
  Value value;
  for (Axis axis : dim) {
    if (value)
      value = inside.createOrFold<arith::MulIOp>(loc, value, extent(inside, axis));
    Value next = digit(inside, axis);
    value = value ? inside.createOrFold<arith::AddIOp>(loc, value, next) : next;
  }
  return value ? value : constantIndex(inside, loc, 0);
}

} // namespace attnc::fusion
