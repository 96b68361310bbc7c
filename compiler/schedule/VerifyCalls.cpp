//===- VerifyCalls.cpp - The checkpoint for functions that others call ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "compiler/support/Unsupported.h"
#include "dialects/Common/Calls.h"
#include "dialects/Common/DimNames.h"
#include "llvm/ADT/StringSet.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_VERIFYCALLS
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;

/// Memory for results is the caller's, who must know how large they are.
static LogicalResult verifyResult(func::CallOp call, func::FuncOp callee, unsigned number) {
  auto type = dyn_cast<RankedTensorType>(callee.getResultTypes()[number]);
  if (!type)
    return emitUnsupported(call) << "result " << number << " of @" << callee.getSymName()
                                 << " is no ranked tensor: functions that others call return only those";
  llvm::StringSet<> symbols;
  for (BlockArgument argument : callee.getArguments())
    for (int64_t d = 0; d < DimNames::ofArgument(argument).size(); ++d)
      if (StringAttr symbol = DimNames::ofArgument(argument).symbol(d))
        symbols.insert(symbol.getValue());
  for (int64_t d = 0; d < type.getRank(); ++d) {
    StringAttr symbol = DimNames::ofResult(callee, number).symbol(d);
    if (type.isDynamicDim(d) && (!symbol || !symbols.contains(symbol.getValue())))
      return emitUnsupported(call) << "dimension " << d << " of result " << number << " of @" << callee.getSymName()
                                   << " has no extent of an argument: give both the same name in attnc.dims";
  }
  return success();
}

static LogicalResult verifyCall(func::CallOp call) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
  if (!callee || callee.isDeclaration() || !callee.getBody().hasOneBlock() || !callee.isPrivate())
    return emitUnsupported(call) << "@" << call.getCallee()
                                 << " cannot be called: only private functions of one block, with a body, can";
  if (!isa<func::FuncOp>(call->getParentOp()))
    return emitUnsupported(call) << "a call inside of a loop or branch is not compiled yet";
  for (unsigned number = 0; number < callee.getNumResults(); ++number)
    if (failed(verifyResult(call, callee, number)))
      return failure();
  return success();
}

namespace {
struct VerifyCallsPass : attnc::schedule::impl::VerifyCallsBase<VerifyCallsPass> {
  void runOnOperation() override {
    bool bad = false;
    SmallVector<func::CallOp> calls;
    getOperation().walk([&](func::CallOp call) { calls.push_back(call); });
    for (func::CallOp call : calls)
      bad |= failed(verifyCall(call));
    if (!bad) { // what is in a cycle is behind nothing
      CalledFunctions sorted = findCalledFunctions(getOperation());
      for (func::CallOp call : calls)
        if (!sorted.contains(getOperation().lookupSymbol<func::FuncOp>(call.getCallee()))) {
          emitUnsupported(call) << "@" << call.getCallee() << " calls itself, directly or through others";
          bad = true;
        }
    }
    if (bad)
      signalPassFailure();
  }
};
} // namespace
