//===- PackEntries.cpp - The artefact's calling convention ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the LLVM dialect, where a memref argument has become its descriptor's fields:
//
//   llvm.func @f(%alloc, %aligned, %offset, %size0, %stride0, ..., %context: !llvm.ptr)   {attnc.ranks = [1, -1]}
//
// gets a wrapper that reads the fields from an array of pointers:
//
//   llvm.func @f__run(%args: !llvm.ptr) {
//     %d = load %args[0]; %alloc = load %d[0]; %aligned = load %d[8]; %offset = load %d[16]; ...
//     %context = load (load %args[1])
//     llvm.call @f(...)
//   }
//
// f__plan(args) calls f__plan's body and stores its index results to the array that the last argument points to.
// A launcher (see OutlineParallel.cpp) gets its body: captures in a struct, and a thunk that unpacks them:
//
//   llvm.func @f__parallel__launch(%context, %count, captures...) {
//     %data = alloca struct; store captures
//     llvm.call @attnc_rt_parallel_for(%context, %count, @f__parallel__thunk, %data)
//   }
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace attnc::codegen {
#define GEN_PASS_DEF_PACKENTRIES
#include "codegen/common/Passes.h.inc"
} // namespace attnc::codegen

using namespace mlir;
using namespace attnc::codegen;

namespace {

/// Emits wrappers into one module.
class Packer {
public:
  explicit Packer(ModuleOp module)
      : module(module), b(module.getContext()), pointer(LLVM::LLVMPointerType::get(module.getContext())),
        i64(b.getI64Type()), nothing(LLVM::LLVMVoidType::get(module.getContext())) {}

  void packRun(LLVM::LLVMFuncOp function);
  void packPlan(LLVM::LLVMFuncOp function);
  void buildLauncher(LLVM::LLVMFuncOp launcher);

private:
  LLVM::LLVMFuncOp create(Location loc, const Twine &name, ArrayRef<Type> arguments);
  Value loadAt(Location loc, Type type, Value base, int64_t index);
  SmallVector<Value> unpack(Location loc, LLVM::LLVMFuncOp function, Value args);

  ModuleOp module;
  OpBuilder b;
  Type pointer, i64, nothing;
};

} // namespace

LLVM::LLVMFuncOp Packer::create(Location loc, const Twine &name, ArrayRef<Type> arguments) {
  b.setInsertionPointToEnd(module.getBody());
  auto function = LLVM::LLVMFuncOp::create(b, loc, name.str(), LLVM::LLVMFunctionType::get(nothing, arguments));
  b.setInsertionPointToStart(function.addEntryBlock(b));
  return function;
}

/// The 8-byte word `index` behind `base`.
Value Packer::loadAt(Location loc, Type type, Value base, int64_t index) {
  Value address = LLVM::GEPOp::create(b, loc, pointer, i64, base, ArrayRef<LLVM::GEPArg>{int32_t(index)});
  return LLVM::LoadOp::create(b, loc, type, address);
}

/// The arguments of `function` out of `args`, by the ranks recorded in `attnc.ranks` (-1: the pointer itself).
SmallVector<Value> Packer::unpack(Location loc, LLVM::LLVMFuncOp function, Value args) {
  SmallVector<Value> values;
  auto ranks = function->getAttrOfType<DenseI64ArrayAttr>("attnc.ranks").asArrayRef();
  for (auto [index, rank] : llvm::enumerate(ranks)) {
    Value item = loadAt(loc, pointer, args, index);
    if (rank < 0) {
      values.push_back(LLVM::LoadOp::create(b, loc, pointer, item));
      continue;
    }
    values.push_back(loadAt(loc, pointer, item, 0));
    values.push_back(loadAt(loc, pointer, item, 1));
    for (int64_t word = 0; word < 1 + 2 * rank; ++word) // offset, sizes, strides
      values.push_back(loadAt(loc, i64, item, 2 + word));
  }
  return values;
}

void Packer::packRun(LLVM::LLVMFuncOp function) {
  Location loc = function.getLoc();
  LLVM::LLVMFuncOp wrapper = create(loc, function.getSymName() + "__run", {pointer});
  LLVM::CallOp::create(b, loc, function, unpack(loc, function, wrapper.getArgument(0)));
  LLVM::ReturnOp::create(b, loc, ValueRange());
  function.setLinkage(LLVM::Linkage::Internal);
}

void Packer::packPlan(LLVM::LLVMFuncOp function) {
  Location loc = function.getLoc();
  std::string name = function.getSymName().str();
  function.setSymName(name + "__body");
  function.setLinkage(LLVM::Linkage::Internal);
  LLVM::LLVMFuncOp wrapper = create(loc, name, {pointer});
  Value result = LLVM::CallOp::create(b, loc, function, unpack(loc, function, wrapper.getArgument(0))).getResult();
  size_t inputs = function->getAttrOfType<DenseI64ArrayAttr>("attnc.ranks").size();
  Value out = loadAt(loc, pointer, wrapper.getArgument(0), inputs);
  auto aggregate = dyn_cast<LLVM::LLVMStructType>(result.getType());
  for (unsigned i = 0, e = aggregate ? aggregate.getBody().size() : 1; i < e; ++i) {
    Value word = aggregate ? LLVM::ExtractValueOp::create(b, loc, result, i).getResult() : result;
    Value address = LLVM::GEPOp::create(b, loc, pointer, i64, out, ArrayRef<LLVM::GEPArg>{int32_t(i)});
    LLVM::StoreOp::create(b, loc, word, address);
  }
  LLVM::ReturnOp::create(b, loc, ValueRange());
}

void Packer::buildLauncher(LLVM::LLVMFuncOp launcher) {
  Location loc = launcher.getLoc();
  StringRef body = launcher->getAttrOfType<FlatSymbolRefAttr>("attnc.launches").getValue();
  ArrayRef<Type> types = launcher.getFunctionType().getParams().drop_front(2);
  auto captures = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  auto field = [&](Value data, unsigned index) {
    return LLVM::GEPOp::create(b, loc, pointer, captures, data, ArrayRef<LLVM::GEPArg>{0, int32_t(index)});
  };

  LLVM::LLVMFuncOp thunk = create(loc, body + "__thunk", {pointer, i64, i64});
  SmallVector<Value> arguments{thunk.getArgument(1), thunk.getArgument(2)};
  for (auto [index, type] : llvm::enumerate(types))
    arguments.push_back(LLVM::LoadOp::create(b, loc, type, field(thunk.getArgument(0), index)));
  LLVM::CallOp::create(b, loc, module.lookupSymbol<LLVM::LLVMFuncOp>(body), arguments);
  LLVM::ReturnOp::create(b, loc, ValueRange());
  thunk.setLinkage(LLVM::Linkage::Internal);

  auto parallelFor = module.lookupSymbol<LLVM::LLVMFuncOp>("attnc_rt_parallel_for");
  if (!parallelFor) {
    b.setInsertionPointToStart(module.getBody());
    parallelFor = LLVM::LLVMFuncOp::create(b, loc, "attnc_rt_parallel_for",
                                           LLVM::LLVMFunctionType::get(nothing, {pointer, i64, pointer, pointer}));
  }
  b.setInsertionPointToStart(launcher.addEntryBlock(b));
  Value one = LLVM::ConstantOp::create(b, loc, i64, 1);
  Value data = LLVM::AllocaOp::create(b, loc, pointer, captures, one);
  for (unsigned index = 0; index < types.size(); ++index)
    LLVM::StoreOp::create(b, loc, launcher.getArgument(2 + index), field(data, index));
  Value entry = LLVM::AddressOfOp::create(b, loc, thunk);
  LLVM::CallOp::create(b, loc, parallelFor, ValueRange{launcher.getArgument(0), launcher.getArgument(1), entry, data});
  LLVM::ReturnOp::create(b, loc, ValueRange());
  launcher.setLinkage(LLVM::Linkage::Internal);
}

namespace {
struct PackEntriesPass : attnc::codegen::impl::PackEntriesBase<PackEntriesPass> {
  using PackEntriesBase::PackEntriesBase;
  void runOnOperation() override {
    getOperation()->removeAttr("tile.target"); // spent
    Packer packer(getOperation());
    for (LLVM::LLVMFuncOp function : llvm::to_vector(getOperation().getOps<LLVM::LLVMFuncOp>())) {
      if (function->hasAttr("attnc.launches"))
        packer.buildLauncher(function);
      else if (!function->hasAttr("attnc.ranks"))
        continue;
      else if (function.getSymName().ends_with("__plan"))
        packer.packPlan(function);
      else
        packer.packRun(function);
    }
  }
};
} // namespace
