//===- Unsupported.cpp - What a user may ask for and we cannot do yet -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/Unsupported.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

static constexpr llvm::StringLiteral kMark = "attnc.unsupported";

InFlightDiagnostic attnc::emitUnsupported(Operation *op) {
  op->getParentOfType<ModuleOp>()->setAttr(kMark, UnitAttr::get(op->getContext()));
  return op->emitError();
}

bool attnc::isUnsupported(ModuleOp module) { return module->hasAttr(kMark); }
