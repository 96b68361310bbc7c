//===- ConstantPanels.h - Panels of a small constant ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/ContractEncodings.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace attnc::schedule {

/// The values of `get`, a matrix of `shape` whose rows (`sumFirst`) or columns are summed over, as a constant of panels
/// [P, words, width]: column n and k of it lie in word k / group of lane n % width of panel n / width. What is beyond is
/// 0. Null where the values are not known.
mlir::Value packConstant(mlir::OpBuilder &builder, mlir::memref::GetGlobalOp get, llvm::ArrayRef<int64_t> shape,
                         bool sumFirst, int64_t width, const ContractEncodings &encodings);

} // namespace attnc::schedule
