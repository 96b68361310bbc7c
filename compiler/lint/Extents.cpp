//===- Extents.cpp - Extents as people call them --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Extents.h"
#include "dialects/Common/DimNames.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace attnc::lint {

ExtentNames::ExtentNames(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    for (int64_t dim = 0; type && dim < type.getRank(); ++dim)
      if (const void *key = fusion::extentKey(argument, dim)) {
        StringAttr symbol = DimNames::ofArgument(argument).symbol(dim);
        names.try_emplace(key, symbol ? symbol.str() : "?");
      }
  }
}

/// Sums and products of extents; what is larger than a few of them is a "?".
std::string ExtentNames::spellIndex(Value index, int depth) const {
  APInt number;
  if (matchPattern(index, m_ConstantInt(&number)))
    return std::to_string(number.getSExtValue());
  if (auto found = names.find(fusion::extentKey(index, 0)); found != names.end())
    return found->second;
  Operation *op = index.getDefiningOp();
  const char *sign = isa_and_nonnull<arith::AddIOp>(op)   ? " + "
                     : isa_and_nonnull<arith::SubIOp>(op) ? " - "
                     : isa_and_nonnull<arith::MulIOp>(op) ? "*"
                                                          : nullptr;
  if (!sign || depth > 2)
    return "?";
  std::string left = spellIndex(op->getOperand(0), depth + 1), right = spellIndex(op->getOperand(1), depth + 1);
  return left == "?" || right == "?" ? "?" : left + sign + right;
}

std::string ExtentNames::spell(Value tensor, int64_t dim) const {
  const void *key = tensor ? fusion::extentKey(tensor, dim) : nullptr;
  if (!key)
    return "?";
  if (auto found = names.find(key); found != names.end())
    return found->second;
  return spellIndex(Value::getFromOpaquePointer(key)); // every other key is an index
}

Extent ExtentNames::of(Value tensor, int64_t dim) const {
  int64_t size = tensor.getType().isIndex() ? ShapedType::kDynamic : cast<ShapedType>(tensor.getType()).getDimSize(dim);
  return {size, ShapedType::isDynamic(size) ? spell(tensor, dim) : std::to_string(size)};
}

Extent ExtentNames::of(const fusion::AxisSpace &axes, ArrayRef<fusion::Axis> dim) const {
  Extent extent{axes.extent(dim), ""};
  for (fusion::Axis axis : dim) {
    auto [value, position] = axes.source(axis);
    std::string name =
        ShapedType::isDynamic(axes.extent(axis)) ? spell(value, position) : std::to_string(axes.extent(axis));
    extent.name += (extent.name.empty() ? "" : "*") + name;
  }
  if (extent.isStatic())
    extent.name = std::to_string(extent.size);
  if (StringRef(extent.name).contains('?'))
    extent.name = "?";
  return extent;
}

} // namespace attnc::lint
