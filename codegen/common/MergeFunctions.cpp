//===- MergeFunctions.cpp - Private functions that say the same -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The layers of a model differ in their weights, which are arguments of their parallel bodies. So the bodies of one layer
// are those of all:
//
//   func.func private @f_body(%begin, %end, %x, %w) { ... }
//   func.func private @f_body_0(%begin, %end, %x, %w) { the same }
//   call @f_body_launch(%context, %n, %x, %w0), call @f_body_0_launch(%context, %n, %y, %w1)
//
// becomes
//
//   func.func private @f_body(%begin, %end, %x, %w) { ... }
//   call @f_body_launch(%context, %n, %x, %w0), call @f_body_launch(%context, %n, %y, %w1)
//
// Two functions are the same if they print the same but for their names: values are numbered in order.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"

namespace attnc::codegen {
#define GEN_PASS_DEF_MERGEFUNCTIONS
#include "codegen/common/Passes.h.inc"
} // namespace attnc::codegen

using namespace mlir;

/// What `function` says, without its name.
static std::string textOf(func::FuncOp function) {
  StringAttr name = function.getSymNameAttr();
  function.setSymName("");
  std::string text;
  llvm::raw_string_ostream stream(text);
  function->print(stream, OpPrintingFlags().useLocalScope().assumeVerified());
  function.setSymNameAttr(name);
  return text;
}

/// Every symbol that `module` names is replaced by what `merged` has for it.
static void rename(ModuleOp module, const llvm::DenseMap<Attribute, FlatSymbolRefAttr> &merged) {
  module.walk([&](Operation *op) {
    SmallVector<NamedAttribute> renamed;
    for (NamedAttribute attribute : op->getAttrs())
      if (FlatSymbolRefAttr other = merged.lookup(attribute.getValue()))
        renamed.emplace_back(attribute.getName(), other);
    for (NamedAttribute attribute : renamed)
      op->setAttr(attribute.getName(), attribute.getValue());
  });
}

/// The functions that something in `module` names. What nothing names is called from outside: a plan.
static llvm::DenseSet<Attribute> findNamed(ModuleOp module) {
  llvm::DenseSet<Attribute> named;
  module.walk([&](Operation *op) {
    for (NamedAttribute attribute : op->getAttrs())
      if (isa<FlatSymbolRefAttr>(attribute.getValue()))
        named.insert(attribute.getValue());
  });
  return named;
}

/// Merges what is the same now; whether there was anything.
static bool mergeOnce(ModuleOp module) {
  llvm::DenseSet<Attribute> named = findNamed(module);
  llvm::StringMap<func::FuncOp> known;
  llvm::DenseMap<Attribute, FlatSymbolRefAttr> merged;
  for (func::FuncOp function : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    auto name = FlatSymbolRefAttr::get(function.getSymNameAttr());
    if (!function.isPrivate() || !named.contains(name))
      continue;
    auto [first, isNew] = known.try_emplace(textOf(function), function);
    if (isNew)
      continue;
    merged[FlatSymbolRefAttr::get(function.getSymNameAttr())] = FlatSymbolRefAttr::get(first->second.getSymNameAttr());
    function.erase();
  }
  rename(module, merged);
  return !merged.empty();
}

namespace {
struct MergeFunctionsPass : attnc::codegen::impl::MergeFunctionsBase<MergeFunctionsPass> {
  void runOnOperation() override {
    while (mergeOnce(getOperation())) // callers may now be the same too
      ;
  }
};
} // namespace
