//===- CheckWeights.cpp - config.json against the weights -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/huggingface/CheckWeights.h"
#include "compiler/support/Printable.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

using namespace mlir;
using namespace attnc;
using namespace attnc::hf;

std::optional<int64_t> hf::matchLayer(StringRef name, StringRef pattern) {
  auto [before, after] = pattern.split('*');
  if (!name.consume_back(after))
    return std::nullopt;
  StringRef digits = name.take_back(name.size() - name.find_last_not_of("0123456789") - 1);
  name = name.drop_back(digits.size());
  int64_t layer;
  if (digits.getAsInteger(10, layer) || !name.consume_back(before) || !(name.empty() || name.ends_with(".")))
    return std::nullopt;
  return layer;
}

namespace {
class WeightChecker {
public:
  WeightChecker(const Config &config, const Bindings &bindings, const weights::Weights &weights)
      : config(config), bindings(bindings), weights(weights) {}

  void check(const WeightRule &rule);
  LogicalResult report(StringRef modelType);

private:
  /// Extents and the keys behind them.
  struct Expected {
    llvm::SmallVector<int64_t> shape;
    llvm::SmallVector<std::string> origins;
  };
  Expected expectedShape(const WeightRule &rule);
  void checkTensor(const weights::Tensor &tensor, const WeightRule &rule, const Expected &expected);
  void checkMissing(const WeightRule &rule, const std::set<int64_t> &found, const Bound &layers);
  void problem(std::string text) { problems.push_back(std::move(text)); }

  const Config &config;
  const Bindings &bindings;
  const weights::Weights &weights;
  std::vector<std::string> problems;
};
} // namespace

WeightChecker::Expected WeightChecker::expectedShape(const WeightRule &rule) {
  Expected expected;
  for (StringRef dim : rule.dims)
    if (std::optional<Bound> extent = evaluate(dim, "", config, bindings)) {
      expected.shape.push_back(extent->integer());
      for (std::string &origin : extent->origins)
        if (!llvm::is_contained(expected.origins, origin))
          expected.origins.push_back(std::move(origin));
    }
  return expected;
}

void WeightChecker::checkTensor(const weights::Tensor &tensor, const WeightRule &rule, const Expected &expected) {
  if (llvm::Error unknown = weights::requireKnownType(tensor))
    problem(llvm::toString(std::move(unknown)));
  if (llvm::ArrayRef(tensor.shape) != llvm::ArrayRef(expected.shape))
    problem(fmt::format("tensor '{}' has shape [{}], but [{}] = [{}] is expected: {}", printable(tensor.name),
                        fmt::join(tensor.shape, ", "),
                        fmt::join(map_range(rule.dims, [](StringRef dim) { return dim.trim().str(); }), ", "),
                        fmt::join(expected.shape, ", "), fmt::join(expected.origins, ", ")));
}

/// Layers are few in the file, but config.json may name any number of them.
void WeightChecker::checkMissing(const WeightRule &rule, const std::set<int64_t> &found, const Bound &layers) {
  int64_t missing = 0;
  while (found.contains(missing))
    ++missing;
  auto count = static_cast<int64_t>(found.size());
  if (rule.isRequired && missing < layers.integer())
    problem(fmt::format("tensor '{}' is missing in {} of {} layers, first in layer {}: {}", rule.pattern.str(),
                        layers.integer() - count, layers.integer(), missing, fmt::join(layers.origins, ", ")));
}

void WeightChecker::check(const WeightRule &rule) {
  Expected expected = expectedShape(rule);
  const Bound &layers = bindings.find(rule.layers)->second;
  std::set<int64_t> found;
  for (const weights::Tensor &tensor : weights.tensors()) {
    std::optional<int64_t> layer = matchLayer(tensor.name, rule.pattern);
    if (!layer)
      continue;
    if (*layer < layers.integer())
      found.insert(*layer);
    else
      problem(fmt::format("tensor '{}' is of layer {}, but the last layer is {}: {}", printable(tensor.name), *layer,
                          layers.integer() - 1, fmt::join(layers.origins, ", ")));
    checkTensor(tensor, rule, expected);
  }
  checkMissing(rule, found, layers);
}

LogicalResult WeightChecker::report(StringRef modelType) {
  constexpr size_t kMaxShown = 20;
  if (problems.empty())
    return success();
  InFlightDiagnostic error = emitError(config.location());
  error << "the weights do not fit this " << modelType << " configuration in " << problems.size()
        << (problems.size() == 1 ? " place" : " places");
  for (const std::string &text : llvm::ArrayRef(problems).take_front(kMaxShown))
    error.attachNote() << text;
  if (problems.size() > kMaxShown)
    error.attachNote() << "and " << problems.size() - kMaxShown << " more";
  return failure();
}

LogicalResult hf::checkWeights(const Architecture &architecture, const Config &config, const Bindings &bindings,
                               const weights::Weights &weights) {
  WeightChecker checker(config, bindings, weights);
  for (const WeightRule &rule : architecture.weights)
    checker.check(rule);
  return checker.report(architecture.modelType);
}
