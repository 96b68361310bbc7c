//===- IntegerRanges.cpp - Intervals of integer values --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/IntegerRanges.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attnc::schedule;

void IntegerRanges::infer(Operation &op) {
  auto inferrable = dyn_cast<InferIntRangeInterface>(op);
  if (!inferrable || op.getNumRegions() || !llvm::all_of(op.getOperandTypes(), llvm::IsaPred<IntegerType, IndexType>))
    return;
  SmallVector<ConstantIntRanges> operands =
      llvm::map_to_vector(op.getOperands(), [&](Value operand) { return of(operand); });
  inferrable.inferResultRanges(
      operands, [&](Value result, const ConstantIntRanges &range) { known.insert_or_assign(result, range); });
}

ConstantIntRanges IntegerRanges::of(Value value) const {
  if (auto it = known.find(value); it != known.end())
    return it->second;
  APInt constant;
  unsigned width = ConstantIntRanges::getStorageBitwidth(value.getType());
  if (matchPattern(value, m_ConstantInt(&constant)))
    return ConstantIntRanges::constant(constant.sextOrTrunc(width));
  return ConstantIntRanges::maxRange(width);
}
