//===- WeightsGuard.h - Code behind a softmax that does nothing -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters write guards between the softmax and the product with V:
//
//   %p = linalg.softmax ...
//   %g = select(isnan(%p), 0.0, %p)      // a row without keys gives 0
//   %g = select(%keep, %p, 0.0)          // a masked key counts for nothing
//   %g = %p * uitofp(%keep)
//
// Attention gives a row without keys 0 (A5), and a key that its mask forbids counts for nothing (A4). So the first is p,
// and the others are where the mask implies %keep; if it does not, the weights that are left no longer sum to 1.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Value.h"

namespace attnc::fusion {

/// Is `weight`, scalar code computed from the softmax's result `p`, p itself for every key that `mask` (null: all)
/// allows, but for float conversions and NaN?
bool isGuardedWeight(mlir::Value weight, mlir::Value p, mlir::Value mask);

} // namespace attnc::fusion
