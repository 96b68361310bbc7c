//===- Verdict.h - Whether an output is right -----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Unless the user gives one, an output is right if every element
//
//   keeps to its bound            where one is known: it is what rounding can do at most
//   is within the default         elsewhere: a few units in the last place of the type, or, if that is more,
//     or the estimate             what the magnitudes of an attention's scores lead to, or
//     or the sensitivity          many times what rounding each tensor of the graph once does to it
//
// Matmuls in bf16 or f16 (--dtype) keep to none of these: their operands are rounded to 8 or 11 bits, and so many times
// in a row as the model is deep.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/check/LayerCheck.h"
#include <cmath>

namespace attnc::tool {

/// What the outputs should be, and how far off compiled code may be where that is known.
struct Expected {
  std::vector<attn::RefTensor> outputs;
  attn::ErrorBounds bounds;
};

/// One output: what came and what should have come.
struct Compared {
  const attn::RefTensor &got, &exact;
  const attn::RefTensor *bound, *estimate; ///< null where nothing is known
  attn::Comparison comparison;

  Compared(const attn::RefTensor &got, const Expected &expected, size_t index)
      : got(got), exact(expected.outputs[index]), bound(find(expected.bounds.results, index)),
        estimate(find(expected.bounds.estimates, index)), comparison(attn::compare(got, exact)) {}

  /// What relative errors are relative to.
  double scale() const {
    double largest = 1;
    for (double value : exact.floats)
      if (std::isfinite(value))
        largest = std::max(largest, std::abs(value));
    return largest;
  }
  bool keepsBound(double otherwise) const;

private:
  static const attn::RefTensor *find(llvm::ArrayRef<std::optional<attn::RefTensor>> known, size_t index) {
    return index < known.size() && known[index] ? &*known[index] : nullptr;
  }
};

/// How far rounding every tensor of the graph moves an output of the reference, and whether some place becomes something
/// else: where a rounding flips a choice.
struct Sensitivity {
  double moved = 0;
  bool flips = false;
};

/// How one output is judged.
struct Verdict {
  std::string limit; ///< as a number, or "bound"
  bool isWithin, keepsBound;
  std::optional<Sensitivity> unclear = std::nullopt; ///< f32 does not determine it
  bool isOk() const { return isWithin && keepsBound; }
};
/// How far operands of `dtype` may move the outputs of a model; 0 where they are no rounder than f32.
double toleranceOfComputing(llvm::StringRef dtype);

/// The largest finite element.
double largestFinite(const attn::RefTensor &tensor);

/// What an evaluation of the reference with each tensor rounded to its type does to output `index`.
Sensitivity findSensitivity(mlir::func::FuncOp function, const Tensors &inputs, const attn::RefTensor &exact,
                            size_t index);

/// `typical` is what the type of the output leads to, `sensitivity` is asked for where that is not enough.
Verdict judge(const Compared &output, double typical, std::optional<double> tolerance,
              llvm::function_ref<Sensitivity()> sensitivity);

std::string spell(const Sensitivity &found);
llvm::StringRef spell(const Verdict &verdict);

} // namespace attnc::tool
