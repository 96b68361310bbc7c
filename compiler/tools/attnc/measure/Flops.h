//===- Flops.h - How much arithmetic a call is ------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counted from the IR at level fused and the extents of one call:
//
//   attention   2 (D + Dv) for each pair (b, h, i, j) that the mask allows;
//               without a mask that is 2 B H M N (D + Dv)
//   matmul      2 M N K
//
// Exponentials, norms and other elementwise work are not counted, as is usual,
// so the figures of different programs for one task can be compared.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/Tensors.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attnc::tool {

struct Work {
  double flops = 0;
  double weightBytes = 0; // constants that each call reads
  /// What could not be counted exactly, in words; empty if all was.
  std::vector<std::string> gaps;
};

/// The work of one call of `function` on `inputs`. A mask that reads tensors is
/// evaluated on them where they are inputs themselves.
Work countWork(mlir::func::FuncOp function, const Tensors &inputs);

} // namespace attnc::tool
