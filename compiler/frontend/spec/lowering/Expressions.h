//===- Expressions.h - Typing and lowering of expressions -------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/analysis/Shapes.h"
#include "compiler/frontend/spec/lowering/Arithmetic.h"

namespace attnc::spec {

/// Definitions expand in place; what they expand to is bounded.
inline constexpr unsigned kMaxOperations = 1 << 16;
inline constexpr unsigned kMaxExpansionDepth = 800;

/// What the names of an expression stand for in the IR.
struct Environment {
  mlir::Value s, b, h, i, j, g, d, M, N;       // null where the statement has no such name
  mlir::Value B;                               // the batch extent when it is run-time
  llvm::SmallVector<mlir::Value> params;       // per parameter; null for q, k, v, and all null in `scale`
  llvm::SmallVectorImpl<bool> *used = nullptr; // set for each parameter that is read

  /// Gives `names`, one letter each, the values of an op's block arguments.
  void bind(llvm::StringRef names, mlir::ValueRange values);
};

/// The leading block arguments of a statement's region, one letter each ("bhijMN"); "" for `scale`, which has none.
llvm::StringRef getRegionNames(llvm::StringRef statement);

/// The statement that an expression belongs to.
struct StatementContext {
  const Program &program;
  const Attention &attention;
  const Shapes &shapes;
  llvm::StringRef name; // one of getStatementNames()
};

/// Checks the types of a statement's expression and emits it at `builder`; floats have type `floatType`. The result is
/// a boolean for `mask`, a float for the others, or poison after errors, all of which are reported at places in the
/// user's file.
Operand lowerStatement(const Expr &expr, const StatementContext &context, const Environment &environment,
                       mlir::OpBuilder builder, mlir::FloatType floatType, Diagnostics &diagnostics);

} // namespace attnc::spec
