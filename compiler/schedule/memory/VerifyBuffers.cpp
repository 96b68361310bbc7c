//===- VerifyBuffers.cpp - The checkpoint after bufferization -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_VERIFYBUFFERS
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;

static bool isTensor(Type type) { return isa<TensorType>(type); }

/// Every op that still makes or takes a tensor, by its own location.
static bool reportTensors(func::FuncOp function) {
  bool bad = false;
  function.walk([&](Operation *op) {
    if (op != function &&
        (llvm::any_of(op->getOperandTypes(), isTensor) || llvm::any_of(op->getResultTypes(), isTensor))) {
      op->emitError() << "'" << op->getName() << "' still works on tensors after bufferization";
      bad = true;
    }
  });
  return bad;
}

static bool reportSignature(func::FuncOp function) {
  bool bad = false;
  for (Type type : function.getArgumentTypes())
    if (isTensor(type)) {
      function.emitError() << "argument of type " << type << " after bufferization";
      bad = true;
    }
  for (Type type : function.getResultTypes())
    if (!function.isPrivate() || !type.isIndex()) {
      function.emitError() << "returns a value of type " << type << "; results must be written to arguments, and "
                           << "only a plan returns indices";
      bad = true;
    }
  return bad;
}

namespace {
struct VerifyBuffersPass : attnc::schedule::impl::VerifyBuffersBase<VerifyBuffersPass> {
  void runOnOperation() override {
    bool bad = false;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>()) {
      bad |= reportSignature(function);
      bad |= reportTensors(function);
    }
    if (bad)
      signalPassFailure();
  }
};
} // namespace
