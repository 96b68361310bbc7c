//===- Inputs.cpp - Which inputs a value is made of -----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Inputs.h"
#include "compiler/fusion/Contraction.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"
#include <set>

using namespace mlir;

namespace attnc::lint {

/// Calls `visit` with all that `value` is computed from, extents left out.
static void walkSources(Value value, bool throughProducts, llvm::function_ref<void(Value)> visit) {
  llvm::SetVector<Value> seen;
  seen.insert(value);
  for (size_t at = 0; at < seen.size(); ++at) {
    Operation *op = seen[at].getDefiningOp();
    visit(seen[at]);
    bool isProduct = op && (fusion::isContraction(op) || isa<linalg::SoftmaxOp, attn::AttentionOp>(op));
    if (!op || isa<tensor::DimOp>(op) || (isProduct && !throughProducts))
      continue;
    for (Value operand : op->getOperands())
      seen.insert(operand);
    for (Region &body : op->getRegions())
      body.walk([&](Operation *inner) { // uses of what stands outside
        for (Value operand : inner->getOperands())
          if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
            seen.insert(operand);
      });
  }
}

static SmallVector<BlockArgument> collect(Value value, const Block *code, bool throughProducts) {
  SmallVector<BlockArgument> inputs;
  walkSources(value, throughProducts, [&](Value source) {
    auto argument = dyn_cast<BlockArgument>(source);
    if (argument && argument.getOwner() != code && isa_and_nonnull<func::FuncOp>(argument.getOwner()->getParentOp()))
      inputs.push_back(argument);
  });
  return inputs;
}

SmallVector<BlockArgument> inputsOf(const Site &site, Value value) {
  return value ? collect(value, site.code.get(), /*throughProducts=*/false) : SmallVector<BlockArgument>();
}

SmallVector<BlockArgument> allInputsOf(Value value) { return collect(value, nullptr, /*throughProducts=*/true); }

SmallVector<Value> sourcesOf(Value tensor) {
  SmallVector<Value> sources;
  walkSources(tensor, /*throughProducts=*/false, [&](Value source) { sources.push_back(source); });
  return sources;
}

std::string nameOf(BlockArgument input) {
  auto function = cast<func::FuncOp>(input.getOwner()->getParentOp());
  auto name = function.getArgAttrOfType<StringAttr>(input.getArgNumber(), "attnc.name");
  return name ? name.str() : "input " + std::to_string(input.getArgNumber());
}

bool isNamed(BlockArgument input, ArrayRef<StringRef> parts) {
  std::string name = nameOf(input);
  return llvm::any_of(parts, [&](StringRef part) { return StringRef(name).contains_insensitive(part); });
}

/// A table of two numbers is a mask.
static bool isTable(DenseElementsAttr constant) {
  std::set<double> numbers;
  if (!isa<FloatType>(constant.getElementType()))
    return false;
  for (const APFloat &value : constant.getValues<APFloat>())
    if (numbers.insert(value.convertToDouble()); numbers.size() > 2)
      return true;
  return false;
}

bool readsWeights(Value tensor) {
  bool found = false;
  walkSources(tensor, /*throughProducts=*/false, [&](Value source) {
    DenseElementsAttr constant;
    if (matchPattern(source, m_Constant(&constant)))
      found |= isTable(constant);
    else
      found |= isa_and_nonnull<attn::WeightOp>(source.getDefiningOp());
  });
  return found;
}

bool isWhole(BlockArgument input) { return getElementTypeOrSelf(input.getType()).isIntOrIndex(); }

Probe::Number scoreWith(const Site &site, BlockArgument input, double number, double s) {
  for (Probe::Number others : {Probe::Number(), Probe::Number(1), Probe::Number(0)}) {
    auto leaf = [&](Value tensor, const Probe::Indices &) -> Probe::Number {
      if (tensor == input)
        return number;
      return isa<BlockArgument>(tensor) ? others : Probe::Number();
    };
    if (Probe::Number score = Probe(site, leaf).score({s, 0, 0, 5, 5, 8, 8}))
      return score;
  }
  return std::nullopt;
}

} // namespace attnc::lint
