//===- Split.cpp - One module in parts that compile alone -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Split.h"
#include "dialects/Tile/TileOps.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace attnc::emit {

/// A function of a smaller size stays, and a part with as many takes no more: a part costs about a millisecond, as
/// much as some 20 operations of level tile take.
constexpr size_t kLeast = 16, kEnough = 64;
/// More parts than that keep no machine busier, and each is a file for the linker.
constexpr size_t kMostParts = 64;

size_t estimateSize(Operation *op) {
  constexpr size_t kContraction = 100; // measured: 10 to 80 ms, where an operation takes 0.1
  size_t size = 0;
  op->walk([&](Operation *inner) {
    if (isa<tile::ContractOp>(inner))
      size += kContraction;
    else if (!isa<weights::WeightsDialect>(inner->getDialect())) // recipes are no code
      ++size;
  });
  return size;
}

/// A global without a value is a weight's, which WeightTable gives its place.
static bool isDeclaredGlobal(Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case([](memref::GlobalOp global) { return global.isExternal(); })
      .Case([](LLVM::GlobalOp global) { return !global.getValueOrNull() && global.getInitializerRegion().empty(); })
      .Default(false);
}

static OwningOpRef<ModuleOp> emptyLike(ModuleOp module) {
  OwningOpRef<ModuleOp> copy = ModuleOp::create(module.getLoc());
  (*copy)->setAttrs(module->getAttrs());
  return copy;
}

/// The name of `definition` for another module: no body, no value, and nothing to be done with it.
static Operation *declarationOf(Operation *definition) {
  Operation *copy = definition->cloneWithoutRegions();
  for (NamedAttribute attribute : llvm::to_vector(copy->getDiscardableAttrs()))
    if (attribute.getName().strref().starts_with("attnc."))
      copy->removeDiscardableAttr(attribute.getName());
  TypeSwitch<Operation *>(copy)
      .Case([](func::FuncOp function) { function.setPrivate(); })
      .Case([](memref::GlobalOp global) {
        global.removeInitialValueAttr();
        global.removeSymVisibilityAttr();
      })
      .Case([](LLVM::LLVMFuncOp function) { function.setLinkage(LLVM::Linkage::External); })
      .Case([](LLVM::GlobalOp global) {
        global.removeValueAttr();
        global.setLinkage(LLVM::Linkage::External);
      });
  return copy;
}

/// Whether `op` is code or data in the end; PackEntries gives launchers their bodies, lowered declarations name them.
static bool isDefinition(Operation *op) {
  if (auto function = dyn_cast<FunctionOpInterface>(op))
    return !function.isExternal() || op->hasAttr("attnc.launches");
  return !isDeclaredGlobal(op);
}

/// Declares what `part` uses of other parts, whose symbols `whole` knows.
static void declareOthers(ModuleOp part, const SymbolTable &whole, llvm::StringSet<> &shared) {
  llvm::StringSet<> known;
  SetVector<Operation *> others;
  for (Operation &op : *part.getBody())
    if (auto symbol = dyn_cast<SymbolOpInterface>(&op))
      known.insert(symbol.getName());
  std::optional<SymbolTable::UseRange> uses = SymbolTable::getSymbolUses(&part.getBodyRegion());
  for (SymbolTable::SymbolUse use : *uses)
    if (StringRef name = use.getSymbolRef().getRootReference(); known.insert(name).second)
      if (Operation *definition = whole.lookup(name))
        others.insert(definition);
  for (Operation *definition : others) {
    part.getBody()->push_front(declarationOf(definition));
    if (isDefinition(definition))
      shared.insert(SymbolTable::getSymbolName(definition).getValue());
  }
}

/// The size of `op` if it is a function that may leave; else 0.
static size_t movableSize(Operation &op, const llvm::StringSet<> &stay) {
  auto function = dyn_cast<FunctionOpInterface>(&op);
  size_t size = function && !function.isExternal() && !stay.contains(function.getName()) ? estimateSize(&op) : 0;
  return size < kLeast ? 0 : size;
}

std::vector<OwningOpRef<ModuleOp>> splitModule(OwningOpRef<ModuleOp> module, const llvm::StringSet<> &stay,
                                               llvm::StringSet<> &shared) {
  std::vector<OwningOpRef<ModuleOp>> parts;
  SymbolTable whole(*module);
  size_t all = 0;
  for (Operation &op : *module->getBody())
    all += movableSize(op, stay);
  size_t enough = std::max(kEnough, llvm::divideCeil(all, kMostParts)), size = enough;
  for (Operation &op : llvm::make_early_inc_range(*module->getBody())) {
    size_t more = movableSize(op, stay);
    if (more == 0)
      continue;
    if (size >= enough) {
      parts.push_back(emptyLike(*module));
      size = 0;
    }
    Block *body = parts.back()->getBody();
    op.moveBefore(body, body->end());
    size += more;
  }
  parts.push_back(std::move(module));
  for (OwningOpRef<ModuleOp> &part : parts)
    declareOthers(*part, whole, shared);
  return parts;
}

} // namespace attnc::emit
