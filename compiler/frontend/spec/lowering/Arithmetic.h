//===- Arithmetic.h - The language's operations as arith, math --*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every operation is total: no input traps and none has an undefined result.
// The rules stand in docs/language.md.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/analysis/Names.h"
#include "compiler/frontend/spec/lowering/Interval.h"
#include "compiler/frontend/spec/syntax/AST.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseSet.h"

namespace attnc::spec {

/// A value of an expression while it is lowered.
struct Operand {
  enum Type { Poison, Int, Float, Bool, Tensor };
  Type type = Poison;  // Poison: an error has been reported
  mlir::Value value;   // index, the accumulator type, i1, or the tensor
  Interval range = {}; // Int: of the number; Bool: within [0, 1]
  size_t tensor = 0;   // Tensor: which parameter

  bool isPoison() const { return type == Poison; }
  bool isNumber() const { return type == Int || type == Float; }
};

/// Operations are the same that compute the same from the same operands.
struct SameOperation : llvm::DenseMapInfo<mlir::Operation *> {
  static unsigned getHashValue(const mlir::Operation *op);
  static bool isEqual(const mlir::Operation *x, const mlir::Operation *y);
};

/// Emits operations at the builder's insertion point, each only once; constants are folded. Operand types must have
/// been checked.
class Arithmetic {
public:
  Arithmetic(mlir::OpBuilder builder, mlir::FloatType floatType) : builder(builder), floatType(floatType) {}

  void setLoc(mlir::Location newLoc) { loc = newLoc; }

  Operand integer(int64_t value);
  Operand number(double value);
  Operand boolean(bool value);

  /// An element of a captured tensor or a captured scalar, converted to index,
  /// the accumulator type or i1.
  Operand captured(mlir::Value element);

  Operand toFloat(Operand x);
  Operand toInt(Operand x);
  Operand negate(Operand x);
  Operand logicalNot(Operand x);
  Operand binary(Operator op, Operand x,
                 Operand y); // int with int, float with float, bool with bool
  Operand select(Operand condition, Operand x, Operand y);
  Operand minimum(Operand x, Operand y);
  Operand maximum(Operand x, Operand y);
  Operand absolute(Operand x);
  Operand function(Builtin builtin, Operand x); // of one float
  /// The angle position * base^(-numerator / denominator), less its whole turns.
  Operand phase(Operand position, Operand base, Operand numerator, Operand denominator);

  /// Feature `position`, which must be in range, of the row under way.
  Operand feature(Operand position);
  /// Starts a sum over the features of the row: until `closeSum`, operations are emitted for feature `d`, which this
  /// returns.
  Operand openSum(int64_t features);
  Operand closeSum(Operand summand);

  /// `tensor`[indices], which must be in range.
  Operand extract(mlir::Value tensor, mlir::ValueRange indices);
  /// max(min(index, extent - 1), 0)
  Operand clampIndex(Operand index, Operand extent);

private:
  template <typename Op, typename... Args>
  mlir::Value emit(Args... args) {
    return unique(builder.createOrFold<Op>(*loc, args...));
  }
  mlir::Value unique(mlir::Value value);
  Operand intBinary(Operator op, Operand x, Operand y);
  Operand floatBinary(Operator op, Operand x, Operand y);
  Operand compare(Operator op, Operand x, Operand y);
  Operand floorDivide(Operand x, Operand y);

  mlir::OpBuilder builder;
  mlir::FloatType floatType;
  std::optional<mlir::Location> loc;
  using Emitted = llvm::DenseSet<mlir::Operation *, SameOperation>;
  Emitted emitted;
  llvm::SmallVector<std::pair<mlir::OpBuilder::InsertPoint, Emitted>> open; // around the sums under construction
};

} // namespace attnc::spec
