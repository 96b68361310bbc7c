//===- Layouts.h - Tensors as layouts of lettered axes ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From axes to the operands of attn ops: which letter each axis belongs to,
// tensors with one dimension per letter, and the value of an axis inside a
// region.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/fusion/Views.h"
#include <string>

namespace attnc::fusion {

/// A letter of a layout and the axes that it stands for, major first.
struct Role {
  char letter;
  DimIndex axes;
};

/// A tensor with one dimension per letter of `layout`, indexed by `index`.
struct LaidOut {
  mlir::Value tensor;
  std::string layout;
  Index index;
};

/// All axes of `index` in order.
DimIndex flatten(const Index &index);

/// Cuts `order` into whole roles: [b, m, h, d] is B, M, H, D. False if a role
/// is torn or mixed with another.
bool cutIntoRoles(llvm::ArrayRef<Axis> order, llvm::ArrayRef<Role> roles, std::string &layout, Index &index);

/// The tensor read by `access` with one dimension per role: in place, or
/// transposed once if the axes of a letter do not lie together. Fails if it
/// does not have exactly the axes of `roles`.
mlir::FailureOr<LaidOut> layOut(mlir::OpBuilder &builder, mlir::Location loc, const AxisSpace &axes,
                                const Access &access, llvm::ArrayRef<Role> roles);

/// An empty tensor with one dimension per role, in the order of `wanted` if
/// that keeps the axes of letters together.
mlir::FailureOr<LaidOut> makeDestination(mlir::OpBuilder &builder, mlir::Location loc, const AxisSpace &axes,
                                         const Index &wanted, llvm::ArrayRef<Role> roles, mlir::Type elementType);

/// `result`, which is laid out like `out`, in the dimensions of `wanted` and of
/// `type`. Null if an extent is unknown.
mlir::Value restore(mlir::OpBuilder &builder, mlir::Location loc, const AxisSpace &axes, mlir::Value result,
                    const LaidOut &out, const Index &wanted, mlir::Type type);

/// The values of axes inside a region that has one index argument per role.
class RegionIndices {
public:
  /// `arguments` are the values of `roles`; extents are materialised at
  /// `outside`.
  RegionIndices(mlir::OpBuilder &outside, mlir::Location loc, const AxisSpace &axes, llvm::ArrayRef<Role> roles,
                mlir::ValueRange arguments)
      : outside(outside), loc(loc), axes(axes), roles(roles), arguments(arguments) {}

  /// Row-major value of the combination `dim`, written at `inside`.
  mlir::Value get(mlir::OpBuilder &inside, llvm::ArrayRef<Axis> dim);

private:
  mlir::Value extent(mlir::OpBuilder &inside, Axis axis);
  mlir::Value digit(mlir::OpBuilder &inside, Axis axis);

  mlir::OpBuilder &outside;
  mlir::Location loc;
  const AxisSpace &axes;
  llvm::ArrayRef<Role> roles;
  mlir::ValueRange arguments;
};

} // namespace attnc::fusion
