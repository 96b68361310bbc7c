//===- Extents.h - Extents as people call them ------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/fusion/Axes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include <string>

namespace attnc::lint {

/// An extent as a person reads it: a number, the name of a dimension, or a sum of such; "?" where nobody has named it.
struct Extent {
  int64_t size = 1;
  std::string name = "1";

  bool isStatic() const { return !mlir::ShapedType::isDynamic(size); }
  bool isNamed() const { return name != "?"; }
  bool operator==(const Extent &) const = default;
};

/// The names of one function's dimensions.
class ExtentNames {
public:
  explicit ExtentNames(mlir::func::FuncOp function);

  Extent of(mlir::Value tensor, int64_t dim) const;
  /// Of a product of axes.
  Extent of(const fusion::AxisSpace &axes, llvm::ArrayRef<fusion::Axis> dim) const;

private:
  std::string spell(mlir::Value tensor, int64_t dim) const;
  std::string spellIndex(mlir::Value index, int depth = 0) const;

  llvm::DenseMap<const void *, std::string> names; // by fusion::extentKey
};

} // namespace attnc::lint
