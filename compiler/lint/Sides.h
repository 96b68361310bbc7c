//===- Sides.h - The tensors of a site, by axes -----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/lint/Site.h"

namespace attnc::lint {

/// q, k and v as the tensors that views were made of, the result as the tensor that views have made of it; each
/// dimension with the axes that run along it.
struct Sides {
  fusion::AxisSpace axes;
  fusion::Access q, k, v, result;
  fusion::DimIndex heads, queries, keys, features, outputs;

  fusion::DimIndex resolve(const fusion::DimIndex &dim) const { return axes.resolve(dim); }
};

Sides sidesOf(const Site &site);

/// Whether `dim` has an axis of `role`.
bool hasAxisOf(llvm::ArrayRef<fusion::Axis> dim, llvm::ArrayRef<fusion::Axis> role);

} // namespace attnc::lint
