//===- LayerCheck.cpp - Compiled code against the reference, op by op -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/check/LayerCheck.h"
#include "compiler/tools/attnc/measure/OpWork.h"
#include "dialects/Common/Locations.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::attn;

namespace attnc::tool {

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

/// Changes that show how sensitive an op is: small beside its numbers, large beside the rounding of f64.
constexpr double kChange = 0x1p-20;
/// What one run of random changes may miss, and functions that are off by more than rounding.
constexpr double kSlack = 8;
/// What errors are relative to, at least: the smallest normal f32.
constexpr double kSmallest = std::numeric_limits<float>::min();

static double unitOf(FloatType type) {
  return std::ldexp(1.0, -static_cast<int>(llvm::APFloat::semanticsPrecision(type.getFloatSemantics())));
}

/// The coarsest rounding inside of `op`.
static double unitOf(Operation *op) {
  double unit = 0x1p-53;
  auto see = [&](Type type) {
    if (auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type)))
      unit = std::max(unit, unitOf(element));
  };
  op->walk([&](Operation *inner) {
    llvm::for_each(inner->getOperandTypes(), see);
    llvm::for_each(inner->getResultTypes(), see);
  });
  return unit;
}

/// A few units in the last place of `type`, for sums of some length, as Tensors.h has it for outputs.
static double typicalError(FloatType type, double unit) {
  double own = type.isBF16() ? 1.6e-2 : type.isF16() ? 2e-3 : type.isF32() ? 1e-5 : 1e-12;
  return std::max(own, unit > 0x1p-25 ? 1e-5 : 1e-12);
}

/// 1 or -1, always the same for the same place.
static double signAt(uint64_t place) {
  uint64_t z = (place + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  return ((z ^ (z >> 27)) * 0x94d049bb133111eb) >> 63 ? 1 : -1;
}

static void change(RefTensor &tensor, uint64_t seed) {
  for (auto [place, element] : llvm::enumerate(tensor.floats))
    element *= 1 + kChange * signAt((seed << 40) + place);
}

static double largestFinite(const RefTensor &tensor) {
  double largest = 0;
  for (double value : tensor.floats)
    if (std::isfinite(value))
      largest = std::max(largest, std::abs(value));
  return largest;
}

static double largestDifference(const RefTensor &a, const RefTensor &b) {
  double largest = 0;
  for (auto [x, y] : llvm::zip(a.floats, b.floats))
    if (std::isfinite(x) && std::isfinite(y))
      largest = std::max(largest, std::abs(x - y));
  return largest;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

namespace {
/// What the reference says of one value.
struct Expectation {
  RefTensor exact;                  ///< of the measured operands
  const RefTensor *bound = nullptr; ///< element by element, where one is known
  const RefTensor *estimate = nullptr;
};

class LayerComparer {
public:
  explicit LayerComparer(const LayerCall &call)
      : call(call), inputs(argumentsFor(call.function, call.inputs)), expected(call.probes.size()) {
    for (auto [tensor, type] : llvm::zip(call.outputs, func::FuncOp(call.function).getResultTypes()))
      outputs.push_back(toReference(tensor, cast<RankedTensorType>(type).getElementType()));
    for (auto [number, probe] : llvm::enumerate(call.probes))
      numbers[probe.value] = number;
  }
  bool run(std::vector<RefTensor> &exact);
  LayerRow row(size_t number, const RefTensor &exact);

private:
  const RefTensor &measured(size_t number) const { return outputs[call.probes[number].result]; }
  bool findSensitivity();
  double boundOf(size_t number);

  const LayerCall &call;
  std::vector<RefTensor> inputs, outputs;
  llvm::DenseMap<Value, size_t> numbers;
  std::vector<Expectation> expected;
  std::vector<double> moved; ///< by changes of its inputs; empty: not known yet
  ErrorBounds bounds;
};
} // namespace

/// Each op on what the program has computed before it.
bool LayerComparer::run(std::vector<RefTensor> &exact) {
  auto whole = interpret(call.function, inputs);
  if (failed(whole))
    return false;
  exact = std::move(*whole);
  TensorVisitor visit = [&](Value value, RefTensor &tensor) {
    auto found = numbers.find(value);
    if (found == numbers.end())
      return;
    expected[found->second].exact = std::move(tensor);
    tensor = measured(found->second);
  };
  bounds.bf16Dots = call.bf16Dots;
  if (failed(interpretVisiting(call.function, inputs, visit, &bounds)))
    return false;
  auto find = [](ArrayRef<std::optional<RefTensor>> known, unsigned result) {
    return result < known.size() && known[result] ? &*known[result] : nullptr;
  };
  for (auto [probe, value] : llvm::zip(call.probes, expected)) {
    value.bound = find(bounds.results, probe.result);
    value.estimate = find(bounds.estimates, probe.result);
  }
  return true;
}

/// The same with changed operands and arithmetic: how far each op's result moves.
bool LayerComparer::findSensitivity() {
  if (!moved.empty())
    return true;
  moved.assign(call.probes.size(), 0);
  TensorVisitor visit = [&](Value value, RefTensor &tensor) {
    auto found = numbers.find(value);
    if (found == numbers.end())
      return;
    size_t number = found->second;
    moved[number] = largestDifference(tensor, expected[number].exact);
    tensor = measured(number);
    change(tensor, number);
  };
  std::vector<RefTensor> changed = inputs;
  for (auto [number, input] : llvm::enumerate(changed))
    change(input, call.probes.size() + number);
  return succeeded(interpretVisiting(call.function, changed, visit, /*bounds=*/nullptr, kChange));
}

/// How far the value may be off where it is off by more than is typical, absolutely.
double LayerComparer::boundOf(size_t number) {
  const Expectation &value = expected[number];
  if (!findSensitivity())
    return 0;
  Operation *op = call.probes[number].value.getOwner();
  double sensitive = kSlack * unitOf(op) * moved[number] / kChange;
  if (value.estimate)
    sensitive = std::max(sensitive, largestFinite(*value.estimate));
  return value.bound ? std::min(sensitive, largestFinite(*value.bound)) : sensitive;
}

LayerRow LayerComparer::row(size_t number, const RefTensor &exact) {
  const Expectation &value = expected[number];
  const RefTensor &got = measured(number);
  OpResult probe = call.probes[number].value;
  LayerRow row;
  row.place = placeOf(probe.getLoc());
  row.op = kindOf(probe.getOwner());
  llvm::raw_string_ostream(row.shape) << got.type();
  Comparison own = compare(got, value.exact);
  auto type = dyn_cast<FloatType>(got.elementType);
  double scale = type ? std::max(largestFinite(value.exact), kSmallest) : 1;
  row.error = own.maxAbsolute / scale;
  row.drift = compare(got, exact).maxAbsolute / std::max(largestFinite(exact), kSmallest);
  row.bound = call.tolerance.value_or(type ? typicalError(type, unitOf(probe.getOwner())) : 0);
  bool isExact = own.sameShape && !own.mismatches;
  if (type && isExact && row.error > row.bound && !call.tolerance)
    row.bound = std::max(row.bound, boundOf(number) / scale);
  row.isOff = !isExact || row.error > row.bound;
  if (row.isOff)
    row.why = describe(own, got, value.exact);
  return row;
}

std::vector<RefTensor> argumentsFor(func::FuncOp function, const Tensors &inputs) {
  std::vector<RefTensor> arguments;
  for (auto [tensor, type] : llvm::zip(inputs, function.getArgumentTypes()))
    arguments.push_back(toReference(tensor, cast<RankedTensorType>(type).getElementType()));
  return arguments;
}

std::optional<std::vector<LayerRow>> compareLayers(const LayerCall &call, std::vector<RefTensor> &exact) {
  LayerComparer comparer(call);
  if (!comparer.run(exact))
    return std::nullopt;
  std::vector<LayerRow> rows;
  for (auto [number, probe] : llvm::enumerate(call.probes))
    rows.push_back(comparer.row(number, exact[probe.result]));
  return rows;
}

} // namespace attnc::tool
