//===- RepeatedOps.h - Parts of a function that say the same ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The layers of a model are runs of ops of the same form: equal but for the values that they take from outside, and the
// scalar constants in their regions.
//
//   ops     e a b c a b c a b c f        one letter for each form
//   layers    -----|-----|-----          period 3, three times
//
//   ops     e a b c d a b c f            what is unlike the rest may stand between two
//   layers    -----   -----
//
// Constants, weights, empty tensors and extents are no part of the sequence: equal ones are one value that all layers
// use, or each layer has its own, and both are the same layer.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include <map>
#include <vector>

namespace attnc::fusion {

/// Where ops of one form may differ: an operand from outside, or a scalar constant of a region.
struct Leaf {
  mlir::OpOperand *use = nullptr;
  mlir::Operation *constant = nullptr;
};

/// The leaves of `op`, in an order that all ops of its form share.
llvm::SmallVector<Leaf> leavesOf(mlir::Operation *op);

/// The ops of `block` that are no part of the sequence: they make a constant, an extent of an argument, a tensor without
/// elements or of one constant.
llvm::DenseSet<mlir::Operation *> findSharedOps(mlir::Block &block);

/// Numbers the forms of ops.
class OpForms {
public:
  unsigned operator()(mlir::Operation *op);

private:
  std::map<std::vector<uintptr_t>, unsigned> numbers;
};

/// The ops of one layer, in order.
using Occurrence = llvm::ArrayRef<mlir::Operation *>;

/// Ops in a row that do the same again and again: each takes results of its own occurrence from the same places, others
/// from outside. `occurrences` are views into the sequence.
struct Repetition {
  llvm::SmallVector<Occurrence> occurrences;
  size_t period() const { return occurrences.front().size(); }
  size_t savedOps() const { return (occurrences.size() - 1) * period(); }
};

/// The repetition in `sequence`, ops of one block in order, that saves most ops; of those that start at several places,
/// one with the fewest results that later ops use. Repetitions that `isRejected` says no to are passed over. None if nothing
/// worth a function repeats.
std::optional<Repetition> findRepetition(llvm::ArrayRef<mlir::Operation *> sequence,
                                         llvm::function_ref<bool(const Repetition &)> isRejected);

/// The results of an occurrence's ops that something outside of any occurrence uses, as (op, result).
llvm::SmallVector<std::pair<size_t, unsigned>> resultsOf(const Repetition &repetition);

/// Where in `occurrence` the value is made, as (op, result); nothing if outside.
std::optional<std::pair<size_t, unsigned>> placeIn(Occurrence occurrence, mlir::Value value);

} // namespace attnc::fusion
