//===- Extents.cpp - Extents as functions of argument extents -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/memory/Extents.h"
#include "dialects/Common/DimNames.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;

namespace attnc::schedule {
namespace {

/// dim(result of a destination-style op) -> dim(its init). Makes attn.attention
/// and attn.contract as transparent as linalg ops.
struct DimOfDestination : OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::DimOp dim, PatternRewriter &rewriter) const override {
    auto result = dyn_cast<OpResult>(dim.getSource());
    auto producer = result ? dyn_cast<DestinationStyleOpInterface>(result.getOwner()) : nullptr;
    if (!producer)
      return rewriter.notifyMatchFailure(dim, "not made by a destination-style op");
    Value init = producer.getTiedOpOperand(result)->get();
    rewriter.modifyOpInPlace(dim, [&] { dim.getSourceMutable().assign(init); });
    return success();
  }
};

/// dim(argument, i) -> dim(first argument that names the same symbol): equal
/// symbols are equal extents.
struct DimOfSameSymbol : OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::DimOp dim, PatternRewriter &rewriter) const override {
    auto argument = dyn_cast<BlockArgument>(dim.getSource());
    std::optional<int64_t> position = dim.getConstantIndex();
    if (!argument || !position)
      return rewriter.notifyMatchFailure(dim, "not a known dimension of a function argument");
    StringAttr symbol = DimNames::ofArgument(argument).symbol(*position);
    if (!symbol)
      return rewriter.notifyMatchFailure(dim, "the dimension has no symbol");
    for (BlockArgument other : argument.getOwner()->getArguments().take_front(argument.getArgNumber() + 1)) {
      auto type = dyn_cast<RankedTensorType>(other.getType());
      DimNames names = DimNames::ofArgument(other);
      for (int64_t d = 0, e = type ? type.getRank() : 0; d < e; ++d) {
        if (names.symbol(d) != symbol)
          continue;
        if (other == argument && d == *position)
          return rewriter.notifyMatchFailure(dim, "already the first of its symbol");
        rewriter.replaceOpWithNewOp<tensor::DimOp>(dim, other, d);
        return success();
      }
    }
    return failure();
  }
};
/// The function that `call` calls; null if it has no body here.
func::FuncOp calleeOf(func::CallOp call) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
  return callee && !callee.isDeclaration() ? callee : func::FuncOp();
}

/// dim(result of a layer) -> dim(the operand whose dimension has the same name in the layer).
struct DimOfCall : OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::DimOp dim, PatternRewriter &rewriter) const override {
    auto call = dim.getSource().getDefiningOp<func::CallOp>();
    std::optional<int64_t> position = dim.getConstantIndex();
    if (!call || !position)
      return rewriter.notifyMatchFailure(dim, "not a known dimension of what a call returns");
    Value extent = extentOfResult(rewriter, call, cast<OpResult>(dim.getSource()).getResultNumber(), *position);
    if (!extent)
      return rewriter.notifyMatchFailure(dim, "no argument has an extent of this name");
    rewriter.replaceOp(dim, extent);
    return success();
  }
};

/// What a layer computes is its results.
struct EraseDeadCall : OpRewritePattern<func::CallOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(func::CallOp call, PatternRewriter &rewriter) const override {
    bool isPure = llvm::all_of(call.getResultTypes(), llvm::IsaPred<TensorType>) && calleeOf(call);
    if (!call.use_empty() || call->getNumResults() == 0 || !isPure)
      return rewriter.notifyMatchFailure(call, "has uses or effects");
    rewriter.eraseOp(call);
    return success();
  }
};
} // namespace

Value extentOfResult(OpBuilder &b, func::CallOp call, unsigned result, int64_t dim) {
  func::FuncOp callee = calleeOf(call);
  StringAttr symbol = callee ? DimNames::ofResult(callee, result).symbol(dim) : StringAttr();
  for (BlockArgument argument : symbol ? callee.getArguments() : MutableArrayRef<BlockArgument>()) {
    DimNames names = DimNames::ofArgument(argument);
    for (int64_t d = 0; d < names.size(); ++d)
      if (names.symbol(d) == symbol)
        return b.createOrFold<tensor::DimOp>(call.getLoc(), call.getOperand(argument.getArgNumber()), d);
  }
  return Value();
}

LogicalResult resolveExtents(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  patterns.add<DimOfDestination, DimOfSameSymbol, DimOfCall, EraseDeadCall>(module.getContext());
  memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
  memref::populateResolveShapedTypeResultDimsPatterns(patterns);
  for (Dialect *dialect : module.getContext()->getLoadedDialects())
    if (isa<tensor::TensorDialect, arith::ArithDialect>(dialect))
      dialect->getCanonicalizationPatterns(patterns);
  for (StringRef name :
       {tensor::DimOp::getOperationName(), tensor::CastOp::getOperationName(), tensor::ExtractOp::getOperationName(),
        tensor::FromElementsOp::getOperationName(), tensor::EmptyOp::getOperationName()})
    if (auto info = RegisteredOperationName::lookup(name, module.getContext()))
      info->getCanonicalizationPatterns(patterns, module.getContext());
  // Failure means that the iteration limit was met: the caller's own check says
  // what is left.
  (void)applyPatternsGreedily(module, std::move(patterns));
  return success();
}

} // namespace attnc::schedule
