//===- CompoundOps.h - Tensor ops with a simpler spelling -------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace attnc::schedule {

/// Spells linalg.softmax, tensor.concat and tensor.pad on tensors with ops that
/// bufferize well.
void decomposeCompoundOps(mlir::ModuleOp module);

} // namespace attnc::schedule
