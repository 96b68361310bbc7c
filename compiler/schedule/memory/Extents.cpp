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
} // namespace

LogicalResult resolveExtents(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  patterns.add<DimOfDestination, DimOfSameSymbol>(module.getContext());
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
