//===- Calls.cpp - Who calls a function -----------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Common/Calls.h"

using namespace mlir;
using namespace attnc;

CalledFunctions attnc::findCalledFunctions(ModuleOp module) {
  CalledFunctions found;
  module.walk([&](func::CallOp call) {
    auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
    if (callee && !callee.isDeclaration())
      found[callee].push_back(call);
  });
  // A function is behind all that it calls once nobody left in the list is called by it.
  CalledFunctions sorted;
  for (size_t round = 0; round < found.size() && sorted.size() < found.size(); ++round)
    for (auto &[callee, calls] : found) {
      bool isReady = llvm::all_of(found, [&, caller = callee](auto &other) {
        return sorted.contains(other.first) || llvm::none_of(other.second, [&](func::CallOp call) {
                 return call->template getParentOfType<func::FuncOp>() == caller;
               });
      });
      if (isReady)
        sorted.insert({callee, calls});
    }
  return sorted;
}
