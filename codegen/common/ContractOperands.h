//===- ContractOperands.h - What a contraction multiplies -------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/VectorTarget.h"
#include "dialects/Tile/TileOps.h"

namespace attnc::codegen {

/// Reads words of the operands of one contraction and adds their products, by the target's instruction for what they
/// hold or, where it has none, widened to the type of the sums.
class ContractOperands {
public:
  ContractOperands(mlir::OpBuilder &builder, tile::ContractOp op, const VectorTarget &target);

  /// A word in the lanes of a vector of i32, for an instruction; otherwise its elements, each in a vector of the type of
  /// the sums.
  using Word = llvm::SmallVector<mlir::Value, 4>;
  /// lhs[row, word], the same in every lane.
  Word readLhs(mlir::Value row, mlir::Value word);
  /// The elements of lhs behind the whole groups, which it holds side by side; 0 beyond them.
  Word readLhsRest(mlir::Value row);
  /// A vector of columns from `column` on of rhs[word].
  Word readRhs(mlir::Value word, mlir::Value column);
  /// sum + lhs * rhs
  mlir::Value multiplyAdd(mlir::Value sum, const Word &lhs, const Word &rhs);

  /// Words of a row that can be read whole, and elements that are left then; null: none ever.
  mlir::Value words, rest;

  /// What must be added to the sums of these vector columns: a signed lhs is read as lhs + 128 where the instruction
  /// wants it unsigned. Empty: nothing.
  llvm::SmallVector<mlir::Value> corrections(unsigned columns);

private:
  void countWords();
  Word spread(mlir::Value scalar);
  Word elementsOf(mlir::Value words, tile::EncodingAttr encoding);
  Word readSingles(mlir::Value row, mlir::Value first, mlir::Value last);
  mlir::Value loadPanel(mlir::Value row, mlir::Value column);
  mlir::Value widened(mlir::Value vector, mlir::Type element);
  mlir::VectorType lanesOf(mlir::Type element) { return mlir::VectorType::get({target.info.lanes(32)}, element); }

  mlir::OpBuilder &b;
  tile::ContractOp op;
  const VectorTarget &target;
  mlir::Location loc;
  mlir::Type sums;
  tile::EncodingAttr left, right;
  const DotInstruction *dot = nullptr; ///< null: none, the operands are widened
  bool offsetLhs = false;              ///< `dot` takes lhs + 128
};

} // namespace attnc::codegen
