//===- LowerTile.cpp - Every tile op to vectors ---------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass around LowerContract, LowerRows and LowerTranspose, whose files show the IR before and after.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Lowering.h"
#include "codegen/common/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace attnc::codegen {
#define GEN_PASS_DEF_LOWERTILE
#include "codegen/common/Passes.h.inc"
} // namespace attnc::codegen

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

std::unique_ptr<VectorTarget> codegen::makeVectorTarget(const TargetInfo &info) {
  switch (info.family) {
  case Family::x86:
    return makeX86Vectors(info);
  case Family::nvptx:
    return makeNvptxVectors(info);
  }
  llvm_unreachable("unknown family");
}

std::unique_ptr<VectorTarget> codegen::makeVectorTarget(Operation *user, StringRef name) {
  if (FailureOr<TargetInfo> info = parseTarget(name); succeeded(info))
    return makeVectorTarget(*info);
  emitError(user->getLoc()) << "unknown target '" << name << "'";
  return nullptr;
}

namespace {
struct LowerTilePass : codegen::impl::LowerTileBase<LowerTilePass> {
  using LowerTileBase::LowerTileBase;

  LogicalResult lower(RewriterBase &rewriter, Operation *op, const VectorTarget &vectors) {
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case<tile::ContractOp>([&](auto contract) {
          ++numContractions;
          return lowerContract(rewriter, contract, vectors);
        })
        .Case<tile::MapOp>([&](auto map) { return lowerMap(rewriter, map, vectors); })
        .Case<tile::ReduceOp>([&](auto reduce) { return lowerReduce(rewriter, reduce, vectors); })
        .Case<tile::TransposeOp>([&](auto transpose) { return lowerTranspose(rewriter, transpose, vectors); })
        .Default([](Operation *) { return success(); });
  }

  void runOnOperation() override {
    std::unique_ptr<VectorTarget> vectors = makeVectorTarget(getOperation(), target);
    if (!vectors)
      return signalPassFailure();
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<tile::ContractOp, tile::MapOp, tile::ReduceOp, tile::TransposeOp>(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : ops)
      if (failed(lower(rewriter, op, *vectors)))
        return signalPassFailure();
  }
};
} // namespace
