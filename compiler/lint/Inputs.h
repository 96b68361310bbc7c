//===- Inputs.h - Which inputs a value is made of ---------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/lint/Probe.h"

namespace attnc::lint {

/// The inputs of the function whose elements `value` (a tensor, or code of a site) is computed from by ops that are no
/// products: masks, biases, positions, not activations.
llvm::SmallVector<mlir::BlockArgument> inputsOf(const Site &site, mlir::Value value);
/// The inputs that `value` depends on in any way; extents do not count.
llvm::SmallVector<mlir::BlockArgument> allInputsOf(mlir::Value value);

/// Whether a tensor is made of a model's weights, or of a table of more than two numbers, by ops that are no products.
bool readsWeights(mlir::Value tensor);

/// What `tensor` is computed from by ops that are no products, itself included.
llvm::SmallVector<mlir::Value> sourcesOf(mlir::Value tensor);

/// The name of an input, as its file has it.
std::string nameOf(mlir::BlockArgument input);
/// Whether the name has one of `parts` in it, in small or capital letters.
bool isNamed(mlir::BlockArgument input, llvm::ArrayRef<llvm::StringRef> parts);
/// Its elements are whole numbers or booleans.
bool isWhole(mlir::BlockArgument input);

/// The score, before the softmax, of a pair of a query and a key that positions allow, where every element of `input`
/// is `number` and the product is `s`; nothing if it depends on more.
Probe::Number scoreWith(const Site &site, mlir::BlockArgument input, double number, double s = 0);

} // namespace attnc::lint
