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

#include "compiler/tools/attnc/Extents.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/OwningOpRef.h"

namespace attnc::tool {

struct Work {
  double flops = 0;
  double weightBytes = 0; // constants that each call reads
  /// What could not be counted exactly, in words; empty if all was.
  std::vector<std::string> gaps;
};

/// Counts the ops of one function, which calls none, on one set of inputs. A mask that reads tensors is evaluated on
/// them where they are inputs themselves.
class WorkCounter {
public:
  WorkCounter(mlir::func::FuncOp function, const Tensors &inputs)
      : function(function), inputs(inputs), extents(function, inputs) {}

  /// The work of a call.
  Work count();
  /// That of an attention or contraction; nothing where only the run knows how large it is, and for other ops.
  std::optional<double> countProducts(mlir::Operation *op);
  static bool hasProducts(mlir::Operation *op);
  Extents &extentsOfCall() { return extents; }

private:
  using Operands = llvm::ArrayRef<std::pair<llvm::StringRef, mlir::Value>>;
  void add(mlir::Operation *op, std::optional<double> flops);
  std::optional<int64_t> extent(char letter, Operands operands);
  std::optional<double> countContract(attn::ContractOp op);
  std::optional<double> countContraction(mlir::linalg::LinalgOp op);
  std::optional<double> countAttention(attn::AttentionOp op);
  std::optional<double> countPairs(attn::AttentionOp op, llvm::ArrayRef<int64_t> bhmn);

  mlir::func::FuncOp function;
  const Tensors &inputs;
  Extents extents;
  Work work;
};

/// Puts what layers compute in the place of their calls; `module` is at level fused.
void inlineCalls(mlir::ModuleOp module);
/// A copy of `module`, at level fused, in which what layers compute stands in the place of their calls.
mlir::OwningOpRef<mlir::ModuleOp> withoutCalls(mlir::ModuleOp module);

} // namespace attnc::tool
