//===- OpWork.h - What one op of a call computes and moves ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Of an op at level fused, for the extents of one call:
//
//   operations   of attentions and matmuls as Flops.h counts them; of other ops one for each float that their bodies
//                compute, whatever it costs: an exponential is one
//   bytes        each tensor that is read and each that is written once, weights and constants included; of a table that
//                indices choose from, what is chosen; of windows, what they are windows of
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/Target.h"
#include "compiler/tools/attnc/measure/Flops.h"
#include "compiler/tools/attnc/measure/Peak.h"

namespace attnc::tool {

struct OpWork {
  std::string
      kind; ///< "attention", "matmul", "convolution", "elementwise", "reduction", "rows" of several, else the op's name
  double flops = 0, bytes = 0;
  Arithmetic arithmetic = Arithmetic::f32; ///< whose peak counts
  bool isKnown = true;                     ///< false: some extent is known to the run alone
};

/// The work of `ops`, which stand in the function of `counter`, as code for `target`. Several are computed row by row,
/// and what they hand to each other alone is never written.
OpWork workOf(llvm::ArrayRef<mlir::Operation *> ops, WorkCounter &counter, const codegen::TargetInfo &target);

/// What shows memory of another tensor. A copy, where it needs one, is for the run to show.
bool isView(mlir::Operation *op);

/// "attention", "matmul", ...
std::string kindOf(mlir::Operation *op);

} // namespace attnc::tool
