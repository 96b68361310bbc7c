//===- ScalarExpression.h - A tensor's element as scalar code ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Both fusions of this room turn a chain of elementwise tensor ops into the
// scalar code of a region: the scores between Q K^T and softmax, and the
// epilogue of a contraction.
//
//   %0 = linalg.contract ... (%q, %k)                      // the leaf
//   %1 = linalg.generic { mulf %in, %cst } (%0)            ^bb0(%s, %b, %h, %i, %j, ...):
//   %2 = tensor.expand_shape %mask [[0, 1, 2], [3]]          %1 = arith.mulf %s, %cst
//   %3 = linalg.generic { addf } (%1, %2)            ->      %2 = tensor.extract %mask[%b, %j]
//                                                            %3 = arith.addf %1, %2
//
// It is done in two steps, because axes are still being split while the chain
// is read: `ScalarExpression::read` walks it, `emit` writes the code when all
// axes are known.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/fusion/StaticMask.h"
#include "compiler/fusion/Views.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"
#include <deque>
#include <string>

namespace attnc::fusion {

class ScalarExpression {
public:
  /// An expression in which `leaf.tensor` at `leaf.index` is the unknown.
  ScalarExpression(AxisSpace &axes, Access leaf);

  /// Reads how `root` is computed. Fails with `blocker` and `reason` set if
  /// something between it and the leaf is not elementwise or reads the leaf at
  /// two places.
  mlir::LogicalResult read(const Access &root);
  mlir::Operation *blocker = nullptr;
  std::string reason;

  /// True if every dimension that is read is indexed by whole members of
  /// `groups`: a residual [b, s, n] is not, if [b, s] is one group.
  bool readsWhole(llvm::ArrayRef<DimIndex> groups) const;

  /// True if `tensor` is computed from the leaf.
  bool dependsOnLeaf(mlir::Value tensor);

  /// What emit needs: the value of the leaf, the value of an index
  /// combination, and where it has them the masks that are known.
  struct Environment {
    mlir::Value leaf;
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, llvm::ArrayRef<Axis>)> index;
    StaticMasks *masks = nullptr;
  };
  /// Writes the scalar code at `builder` and returns the root's value, of the
  /// root's element type. The code names values outside (tensors it reads,
  /// scalars) directly.
  mlir::Value emit(mlir::OpBuilder &builder, mlir::Location loc, const Environment &environment);
  /// The types of the constants that are comparisons in what was emitted.
  llvm::SmallVector<mlir::ShapedType> comparedConstants;

private:
  /// `access.tensor` is the leaf, a tensor that is read, or the result of a
  /// pointwise op of which `inputs` are the operands that its body uses.
  struct Node {
    enum Kind { Leaf, Read, Pointwise } kind;
    Access access;
    Index loops;
    llvm::SmallVector<Node *> inputs; ///< by input operand; null if the body does not use it
    mlir::Value emitted;
  };
  Node *visit(Access access);
  Node *visitPointwise(mlir::linalg::LinalgOp op, const Access &access);
  Node *fail(mlir::Operation *op, std::string message);
  mlir::Value emit(mlir::OpBuilder &builder, mlir::Location loc, const Environment &environment, Node *node);
  mlir::Value emitRead(mlir::OpBuilder &builder, mlir::Location loc, const Environment &environment, Node *node);
  mlir::Value emitBody(mlir::OpBuilder &builder, mlir::Location loc, const Environment &environment, Node *node);

  AxisSpace &axes;
  Access leaf;
  Node *root = nullptr;
  std::deque<Node> nodes;
  llvm::DenseMap<mlir::Value, bool> depends;
};

/// Scalar code under construction: a block that belongs to no op and names
/// values of the function directly. What the code for `results` uses from the
/// function, constants left out: the captures of the region it will be.
llvm::SetVector<mlir::Value> collectCaptures(mlir::Block &scratch, mlir::ValueRange results);

/// Clones the part of `scratch` that `result` needs to `builder`; `mapping`
/// says what the arguments of `scratch` and the captures are there. Constants
/// of the function are cloned as well. Returns the clone of `result`.
mlir::Value cloneScratch(mlir::OpBuilder &builder, mlir::Block &scratch, mlir::Value result, mlir::IRMapping &mapping);

/// Fills `block` of an attn op's region with the code of `result` and a yield.
/// The first arguments of `block` stand for `arguments` of `scratch`, the last
/// ones for `captures`.
void fillRegion(mlir::Block &block, mlir::ValueRange arguments, mlir::Block &scratch, mlir::ValueRange captures,
                mlir::Value result);

/// Erases ops without use or effect.
void eraseDeadOps(mlir::Block &block);

} // namespace attnc::fusion
