//===- Modules.cpp - Any module against the interpreter -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/numerics/Modules.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <cstdlib>
#include <fmt/format.h>
#include <random>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;
using attn::RefTensor;

std::string numerics::testTarget() {
  const char *name = std::getenv("ATTNC_TEST_TARGET");
  return name ? name : "host";
}

double numerics::limitFor(Type elementType) {
  if (!isa<FloatType>(elementType))
    return 0;
  return elementType.isF64() ? 1e-12 : elementType.isF32() ? 1e-5 : elementType.isF16() ? 2e-3 : 1.6e-2;
}

std::string numerics::nameOf(const Extents &extents) {
  std::vector<std::string> parts;
  for (const auto &entry : extents)
    parts.push_back(fmt::format("{}={}", entry.getKey().str(), entry.getValue()));
  llvm::sort(parts);
  return llvm::join(parts, " ");
}

Checked::Checked(OwningOpRef<ModuleOp> given) : module(std::move(given)) {
  if (module)
    compiled = Compiled::create(*module, testTarget());
}

static RefTensor random(Type type, ArrayRef<int64_t> shape, std::mt19937 &generator) {
  RefTensor tensor(type, shape);
  std::uniform_real_distribution<double> real(-2, 2);
  for (double &value : tensor.floats)
    value = attn::roundTo(cast<FloatType>(type), real(generator));
  for (int64_t &value : tensor.ints)
    value = generator() % (type.isInteger(1) ? 2 : 4);
  return tensor;
}

static func::FuncOp firstFunction(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

std::vector<RefTensor> Checked::makeInputs(const Extents &extents, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<RefTensor> inputs;
  func::FuncOp function = firstFunction(*module);
  for (auto [n, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto ranked = cast<RankedTensorType>(type);
    auto dims = function.getArgAttrOfType<ArrayAttr>(n, "attnc.dims");
    SmallVector<int64_t> shape(ranked.getShape());
    for (auto [extent, symbol] : llvm::zip(shape, dims.getAsValueRange<StringAttr>()))
      if (ShapedType::isDynamic(extent))
        extent = extents.lookup(symbol);
    inputs.push_back(random(ranked.getElementType(), shape, generator));
  }
  return inputs;
}

std::string Checked::compare(ArrayRef<RefTensor> inputs) {
  auto expected = attn::interpret(firstFunction(*module), inputs);
  if (failed(expected))
    return "the interpreter failed";
  std::string error;
  auto got = compiled->run(inputs, error);
  if (!got)
    return "the runtime refused: " + error;
  for (auto [n, mine, other] : llvm::enumerate(*got, *expected))
    if (attn::Comparison comparison = attn::compare(mine, other); !comparison.within(limitFor(mine.elementType)))
      return fmt::format("output {}: {}", n, describe(comparison, mine, other));
  return "";
}
