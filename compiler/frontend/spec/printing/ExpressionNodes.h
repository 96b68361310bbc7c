//===- ExpressionNodes.h - A region as a graph of expressions ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/syntax/AST.h"
#include "mlir/IR/Block.h"
#include "mlir/IR/Value.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/DenseMap.h"
#include <deque>
#include <string>

namespace attnc::spec {

/// One thing that the language has a word for.
struct Node {
  enum Kind { Leaf, Operation, Negation, Inversion, Call, Element, Conditional, Promotion };
  Kind kind = Leaf;
  Operator op = Operator::None;                    // Operation
  std::string text = {};                           // Leaf: all of it; Call, Element: the name
  llvm::SmallVector<mlir::Value, 3> operands = {}; // Conditional: condition, then, else; Promotion: the integer
  bool promotesAlone = false;                      // Call: an integer argument becomes a float by itself
  // Filled by the printer.
  unsigned uses = 0, height = 0;
  std::string let = {};
};

/// The nodes of a block, in its order.
struct ExpressionGraph {
  std::deque<Node> storage;
  llvm::DenseMap<mlir::Value, Node *> nodes;

  Node &operator[](mlir::Value value) { return *nodes.find(value)->second; }
  const Node &operator[](mlir::Value value) const { return *nodes.find(value)->second; }
};

/// One node per operation of `block`, where a few operations that Arithmetic.cpp emits together (clamped indices,
/// guarded divisions, conversions) become one node again. `names` holds what the block's arguments are called. Fails
/// with an error at an operation that the language has no word for.
mlir::LogicalResult buildGraph(mlir::Block &block, mlir::ArrayRef<std::string> names, ExpressionGraph &graph);

} // namespace attnc::spec
