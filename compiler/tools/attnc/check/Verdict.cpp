//===- Verdict.cpp - Whether an output is right ---------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/check/Verdict.h"
#include "llvm/ADT/StringSwitch.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::tool {

double toleranceOfComputing(llvm::StringRef dtype) {
  return llvm::StringSwitch<double>(dtype).Case("bf16", 2e-2).Case("f16", 2.5e-3).Default(0);
}

double largestFinite(const attn::RefTensor &tensor) {
  double largest = 0;
  for (double value : tensor.floats)
    if (std::isfinite(value))
      largest = std::max(largest, value);
  return largest;
}

/// Whether each element keeps to its bound, or is off by at most `otherwise` where none is stated. An infinite bound says
/// that rounding leaves nothing of an element: among scores near 1e9, f32 does not know differences of 30.
bool Compared::keepsBound(double otherwise) const {
  if (!bound || !comparison.sameShape)
    return true;
  for (auto [limit, mine, right] : llvm::zip(bound->floats, got.floats, exact.floats)) {
    bool isKept = std::isnan(limit) ? std::abs(mine - right) <= otherwise : std::abs(mine - right) <= limit;
    if (std::isfinite(right) && !(isKept && std::isfinite(mine)))
      return false;
  }
  return true;
}

Sensitivity findSensitivity(func::FuncOp function, const Tensors &inputs, const attn::RefTensor &exact, size_t index) {
  auto rounded = attn::interpretRounded(function, argumentsFor(function, inputs));
  if (failed(rounded))
    return {};
  attn::Comparison comparison = attn::compare((*rounded)[index], exact);
  return {comparison.maxRelative, comparison.mismatches > 0};
}

Verdict judge(const Compared &output, double typical, std::optional<double> tolerance,
              llvm::function_ref<Sensitivity()> sensitivity) {
  constexpr double kSums = 32; // what is summed up inside an op is rounded too, term by term
  constexpr double kUnclear = 100;
  const attn::Comparison &comparison = output.comparison;
  double limit = tolerance.value_or(typical);
  if (!tolerance && output.bound)
    return {"bound", comparison.sameShape && !comparison.mismatches, output.keepsBound(typical * output.scale())};
  if (!tolerance && output.estimate)
    limit = std::max(limit, largestFinite(*output.estimate) / output.scale());
  bool isOff = comparison.sameShape && !comparison.within(limit);
  if (tolerance || !isOff)
    return {fmt::format("{:.1e}", limit), !isOff && comparison.sameShape, output.keepsBound(INFINITY)};
  Sensitivity found = sensitivity();
  limit = std::max(limit, kSums * found.moved);
  Verdict verdict{fmt::format("{:.1e}", limit), found.flips || comparison.within(limit), output.keepsBound(INFINITY)};
  if (found.flips || limit > kUnclear * typical)
    verdict.unclear = found;
  return verdict;
}

std::string spell(const Sensitivity &found) {
  return found.flips ? "flips a choice in the reference itself"
                     : fmt::format("moves the reference itself by {:.1e}", found.moved);
}

llvm::StringRef spell(const Verdict &verdict) {
  if (!verdict.isWithin)
    return "OFF";
  if (!verdict.keepsBound)
    return "OVER ITS BOUND";
  return verdict.unclear ? "f32 DIFFERS" : "ok";
}

} // namespace attnc::tool
