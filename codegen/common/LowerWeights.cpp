//===- LowerWeights.cpp - tile.weight to a global of the artefact ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before:
//
//   weights.data @q "bert.onnx" at 4096 : tensor<768x768xf32>
//   %w = tile.weight @q : memref<768x768xf32>
//
// After: a declaration, whose place codegen/emit knows when all targets are compiled.
//
//   weights.data @q "bert.onnx" at 4096 : tensor<768x768xf32>
//   memref.global constant @".weight.q" : memref<768x768xf32>
//   %w = memref.get_global @".weight.q" : memref<768x768xf32>
//
// One of a stack is a view of the bytes of all, that many pitches from their beginning:
//
//   %q = tile.weight @layers.q[%layer] : memref<768x768xf32>
//
//   memref.global constant @".weight.layers.q" : memref<28311552xi8>
//   %all = memref.get_global @".weight.layers.q"
//   %q = memref.view %all[%layer * 2359296][] : memref<28311552xi8> to memref<768x768xf32>
//
// A GPU's code holds its constants: there the global is given its numbers, and the weights ops go.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Passes.h"
#include "dialects/Common/Alignment.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Target/LLVMIR/LLVMTranslationInterface.h"

namespace attnc::codegen {
#define GEN_PASS_DEF_LOWERWEIGHTS
#include "codegen/common/Passes.h.inc"
} // namespace attnc::codegen

using namespace mlir;
using namespace attnc;

/// The numbers of `weight` as they lie in `memory`; null, after an error, where no file has them.
static DenseElementsAttr numbersOf(Operation *weight, MemRefType memory) {
  FailureOr<weights::RecipePtr> recipe = weights::recipeOf(weight);
  if (failed(recipe))
    return nullptr;
  if (!(*recipe)->isKnown()) {
    weight->emitError("the numbers of this weight are not known: no file holds them");
    return nullptr;
  }
  std::vector<char> scratch;
  return DenseElementsAttr::getFromRawBuffer(RankedTensorType::get(memory.getShape(), memory.getElementType()),
                                             weights::make(**recipe, scratch));
}

namespace {
struct LowerWeightsPass : codegen::impl::LowerWeightsBase<LowerWeightsPass> {
  using LowerWeightsBase::LowerWeightsBase;

  /// The global of the weight that `use` names; null after an error.
  memref::GlobalOp globalOf(tile::WeightOp use, SymbolTable &symbols) {
    std::string name = (codegen::kWeightPrefix + use.getName()).str();
    if (auto known = symbols.lookup<memref::GlobalOp>(name))
      return known;
    Operation *weight = getOperation().lookupSymbol(use.getName());
    MemRefType type = memoryOf(use);
    Attribute numbers;
    if (embed && !(numbers = numbersOf(weight, type)))
      return nullptr;
    OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
    StringAttr visibility = embed ? builder.getStringAttr("private") : StringAttr();
    auto global = memref::GlobalOp::create(builder, weight->getLoc(), name, visibility, type, numbers,
                                           /*constant=*/true, builder.getI64IntegerAttr(kAlignment));
    symbols.insert(global);
    return global;
  }

  /// All that lies behind the name.
  MemRefType memoryOf(tile::WeightOp use) {
    auto stack = getOperation().lookupSymbol<weights::StackOp>(use.getName());
    if (!stack)
      return use.getType();
    int64_t bytes = static_cast<int64_t>(stack.getPitch() * stack.getSources().size());
    return MemRefType::get({bytes}, IntegerType::get(&getContext(), 8));
  }

  /// What `use` stands for, of the memory of `global`.
  Value placeOf(tile::WeightOp use, memref::GlobalOp global) {
    OpBuilder b(use);
    Location loc = use.getLoc();
    Value all = memref::GetGlobalOp::create(b, loc, global.getType(), global.getSymName());
    if (!use.getLayer())
      return all;
    auto stack = getOperation().lookupSymbol<weights::StackOp>(use.getName());
    Value pitch = constantIndex(b, loc, static_cast<int64_t>(stack.getPitch()));
    Value offset = arith::MulIOp::create(b, loc, use.getLayer(), pitch);
    return memref::ViewOp::create(b, loc, use.getType(), all, offset, ValueRange());
  }

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    SmallVector<tile::WeightOp> uses;
    getOperation().walk([&](tile::WeightOp use) { uses.push_back(use); });
    for (tile::WeightOp use : uses) {
      memref::GlobalOp global = globalOf(use, symbols);
      if (!global)
        return signalPassFailure();
      use.replaceAllUsesWith(placeOf(use, global));
      use.erase();
    }
    if (embed)
      weights::eraseUnused(getOperation());
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// LLVM IR
//===----------------------------------------------------------------------===//

namespace {
/// The ops stay in the module to its end, so that every stage loads again; LLVM IR has nothing for them.
struct NoTranslation : LLVMTranslationDialectInterface {
  using LLVMTranslationDialectInterface::LLVMTranslationDialectInterface;
  LogicalResult convertOperation(Operation *, llvm::IRBuilderBase &, LLVM::ModuleTranslation &) const override {
    return success();
  }
};
} // namespace

void attnc::codegen::registerWeightsTranslation(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *, weights::WeightsDialect *dialect) { dialect->addInterfaces<NoTranslation>(); });
}
