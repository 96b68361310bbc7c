//===- BuildKernels.cpp - A kernel for every parallel body ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before (see OutlineParallel.cpp; captures are already fields of descriptors):
//   llvm.func @f__parallel(%begin: i64, %end: i64, %x: !llvm.ptr, ...)
//   llvm.func @f__parallel__launch(%context: !llvm.ptr, %count: i64, %x: !llvm.ptr, ...)
//       {attnc.launches = @f__parallel}
// After:
//   llvm.func ptx_kernelcc @f__parallel__kernel(%count: i64, %x: !llvm.ptr, ...) {
//     %item = ctaid.x * ntid.x + tid.x
//     if %item < %count: llvm.call @f__parallel(%item, %item + 1, %x, ...)
//   }
//   llvm.func @f__parallel__launch(%context, %count, %x, ...) {            // on the host
//     %params = an array of pointers to %count, %x, ...                   // what cuLaunchKernel takes
//     llvm.call @attnc_rt_launch(%context, @attnc_ptx, "f__parallel__kernel", %count, %params)
//   }
//
//===----------------------------------------------------------------------===//

#include "codegen/nvptx/Passes.h"
#include "compiler/support/Unsupported.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace attnc::codegen {
#define GEN_PASS_DEF_BUILDKERNELS
#include "codegen/nvptx/Passes.h.inc"
} // namespace attnc::codegen

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

namespace {
class KernelBuilder {
public:
  explicit KernelBuilder(ModuleOp module)
      : module(module), b(module.getContext()), pointer(LLVM::LLVMPointerType::get(module.getContext())),
        i64(b.getI64Type()), nothing(LLVM::LLVMVoidType::get(module.getContext())) {}

  LogicalResult build(LLVM::LLVMFuncOp launcher);

private:
  LLVM::LLVMFuncOp buildKernel(LLVM::LLVMFuncOp launcher, LLVM::LLVMFuncOp body);
  void buildLauncher(LLVM::LLVMFuncOp launcher, StringRef kernel);
  Value position(Location loc, StringRef which);
  Value text(Location loc, StringRef value);
  LLVM::GlobalOp ptxText(Location loc);
  LLVM::LLVMFuncOp launchFunction(Location loc);

  ModuleOp module;
  OpBuilder b;
  Type pointer, i64, nothing;
};
} // namespace

/// %ctaid.x and the like, as i64.
Value KernelBuilder::position(Location loc, StringRef which) {
  auto name = b.getStringAttr("llvm.nvvm.read.ptx.sreg." + which + ".x");
  Value value = LLVM::CallIntrinsicOp::create(b, loc, b.getI32Type(), name, ValueRange()).getResult(0);
  return LLVM::ZExtOp::create(b, loc, i64, value);
}

LLVM::LLVMFuncOp KernelBuilder::buildKernel(LLVM::LLVMFuncOp launcher, LLVM::LLVMFuncOp body) {
  Location loc = launcher.getLoc();
  ArrayRef<Type> types = launcher.getFunctionType().getParams().drop_front(1); // all but the context
  b.setInsertionPointToEnd(module.getBody());
  auto kernel = LLVM::LLVMFuncOp::create(b, loc, (body.getSymName() + "__kernel").str(),
                                         LLVM::LLVMFunctionType::get(nothing, types));
  kernel.setCConv(LLVM::cconv::CConv::PTX_Kernel);
  // Without it a thread gets the registers of one among 1024.
  auto threads = b.getStrArrayAttr({"nvvm.maxntid", std::to_string(kBlockThreads)});
  kernel.setPassthroughAttr(b.getArrayAttr({threads}));

  Block *entry = kernel.addEntryBlock(b);
  Block *work = kernel.addBlock(), *exit = kernel.addBlock();
  b.setInsertionPointToStart(entry);
  Value first = LLVM::MulOp::create(b, loc, position(loc, "ctaid"), position(loc, "ntid"));
  Value item = LLVM::AddOp::create(b, loc, first, position(loc, "tid"));
  Value real = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::slt, item, kernel.getArgument(0));
  LLVM::CondBrOp::create(b, loc, real, work, exit);
  b.setInsertionPointToStart(work);
  SmallVector<Value> arguments{item, LLVM::AddOp::create(b, loc, item, LLVM::ConstantOp::create(b, loc, i64, 1))};
  llvm::append_range(arguments, kernel.getArguments().drop_front(1));
  LLVM::CallOp::create(b, loc, body, arguments);
  LLVM::BrOp::create(b, loc, exit);
  b.setInsertionPointToStart(exit);
  LLVM::ReturnOp::create(b, loc, ValueRange());
  body.setAlwaysInline(true); // so that pointers are seen to be global memory
  body.setLinkage(LLVM::Linkage::Internal);
  return kernel;
}

/// The address of a constant C string.
Value KernelBuilder::text(Location loc, StringRef value) {
  std::string bytes = value.str() + '\0';
  OpBuilder outside = OpBuilder::atBlockBegin(module.getBody());
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size());
  auto global = LLVM::GlobalOp::create(outside, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal,
                                       (value + "__name").str(), b.getStringAttr(bytes));
  return LLVM::AddressOfOp::create(b, loc, global);
}

/// The PTX text, declared: it is made from the kernels, later.
LLVM::GlobalOp KernelBuilder::ptxText(Location loc) {
  if (auto global = module.lookupSymbol<LLVM::GlobalOp>(kPtxSymbol))
    return global;
  OpBuilder outside = OpBuilder::atBlockBegin(module.getBody());
  return LLVM::GlobalOp::create(outside, loc, b.getI8Type(), /*isConstant=*/true, LLVM::Linkage::External, kPtxSymbol,
                                Attribute());
}

LLVM::LLVMFuncOp KernelBuilder::launchFunction(Location loc) {
  if (auto function = module.lookupSymbol<LLVM::LLVMFuncOp>("attnc_rt_launch"))
    return function;
  OpBuilder outside = OpBuilder::atBlockBegin(module.getBody());
  auto type = LLVM::LLVMFunctionType::get(nothing, {pointer, pointer, pointer, i64, pointer});
  return LLVM::LLVMFuncOp::create(outside, loc, "attnc_rt_launch", type);
}

void KernelBuilder::buildLauncher(LLVM::LLVMFuncOp launcher, StringRef kernel) {
  Location loc = launcher.getLoc();
  b.setInsertionPointToStart(launcher.addEntryBlock(b));
  auto parameters = launcher.getArguments().drop_front(1);
  Value one = LLVM::ConstantOp::create(b, loc, i64, 1);
  auto array = LLVM::LLVMArrayType::get(pointer, parameters.size());
  Value addresses = LLVM::AllocaOp::create(b, loc, pointer, array, one);
  for (auto [index, parameter] : llvm::enumerate(parameters)) {
    Value place = LLVM::AllocaOp::create(b, loc, pointer, parameter.getType(), one);
    LLVM::StoreOp::create(b, loc, parameter, place);
    Value at = LLVM::GEPOp::create(b, loc, pointer, array, addresses, ArrayRef<LLVM::GEPArg>{0, int32_t(index)});
    LLVM::StoreOp::create(b, loc, place, at);
  }
  Value ptx = LLVM::AddressOfOp::create(b, loc, ptxText(loc));
  LLVM::CallOp::create(b, loc, launchFunction(loc),
                       ValueRange{launcher.getArgument(0), ptx, text(loc, kernel), parameters.front(), addresses});
  LLVM::ReturnOp::create(b, loc, ValueRange());
  launcher.setLinkage(LLVM::Linkage::Internal);
  launcher->removeAttr("attnc.launches"); // PackEntries would build it for threads
}

LogicalResult KernelBuilder::build(LLVM::LLVMFuncOp launcher) {
  constexpr unsigned kMaxParameters = 4096 / 8; // bytes of a kernel's parameters, at most 8 each
  if (launcher.getNumArguments() > kMaxParameters)
    return launcher.emitError() << "a kernel of " << launcher.getNumArguments() << " parameters; a GPU takes "
                                << kMaxParameters;
  auto body =
      module.lookupSymbol<LLVM::LLVMFuncOp>(launcher->getAttrOfType<FlatSymbolRefAttr>("attnc.launches").getValue());
  LLVM::LLVMFuncOp kernel = buildKernel(launcher, body);
  buildLauncher(launcher, kernel.getSymName());
  return success();
}

/// What ExpandMath has left (f64, mostly) would be a call of a library that a GPU does not have.
static LogicalResult checkMath(ModuleOp module) {
  bool bad = false;
  module.walk([&](Operation *op) {
    if (!isa<LLVM::ExpOp, LLVM::Exp2Op, LLVM::Exp10Op, LLVM::LogOp, LLVM::Log2Op, LLVM::Log10Op, LLVM::PowOp,
             LLVM::PowIOp, LLVM::SinOp, LLVM::CosOp, LLVM::TanOp, LLVM::TanhOp, LLVM::SinhOp, LLVM::CoshOp>(op))
      return;
    StringRef name = op->getName().stripDialect();
    name.consume_front("intr.");
    emitUnsupported(op) << "'" << name << "' of " << op->getResult(0).getType() << " is not compiled for GPUs yet";
    bad = true;
  });
  return failure(bad);
}

namespace {
struct BuildKernelsPass : attnc::codegen::impl::BuildKernelsBase<BuildKernelsPass> {
  void runOnOperation() override {
    if (failed(checkMath(getOperation())))
      return signalPassFailure();
    KernelBuilder builder(getOperation());
    for (LLVM::LLVMFuncOp function : llvm::to_vector(getOperation().getOps<LLVM::LLVMFuncOp>()))
      if (function->hasAttr("attnc.launches") && failed(builder.build(function)))
        return signalPassFailure();
  }
};
} // namespace
