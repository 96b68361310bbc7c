//===- MaskClone.cpp - What a value of a mask is made of, emitted again ---===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/masks/MaskClone.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

void attnc::schedule::cloneFolded(OpBuilder &b, Operation &op, IRMapping &mapping, ArrayRef<Value> operands) {
  Operation *clone = b.clone(op, mapping);
  if (!operands.empty())
    clone->setOperands(operands);
  SmallVector<Value> folded;
  if (failed(b.tryFold(clone, folded)) || folded.empty()) // folded in place, perhaps
    return;
  mapping.map(op.getResults(), folded);
  clone->erase();
}

Value attnc::schedule::cloneNeeded(OpBuilder &b, Value value, IRMapping &mapping, Region &mask,
                                   llvm::function_ref<SmallVector<Value>(Operation &)> operandsOf) {
  SmallVector<Value> worklist{value};
  llvm::SmallSetVector<Operation *, 16> needed;
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    Operation *op = next.getDefiningOp();
    bool isInside = op && op->getParentRegion() == &mask && !mapping.contains(next);
    if (isInside && needed.insert(op))
      llvm::append_range(worklist, op->getOperands());
  }
  auto inOrder = needed.takeVector();
  llvm::sort(inOrder, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *op : inOrder)
    cloneFolded(b, *op, mapping, operandsOf ? operandsOf(*op) : SmallVector<Value>());
  return mapping.lookupOrDefault(value);
}
