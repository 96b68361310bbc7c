//===- SimplifyGraph.cpp - What exporters write and nobody needs ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %1 = linalg.generic { math.sqrt %in } ins(%c)       // c = dense<64.0>
//   %2 = linalg.generic { divf %in, %by } ins(%x, %1)   // a factor in a tensor
//   %3 = linalg.generic { mulf %in, 1.0 } ins(%2)
//   %m = linalg.generic { maximumf } ins(%3)            // the maximum of each row
//   %4 = linalg.generic { subf } ins(%3, %m)
//   %5 = linalg.softmax ins(%4)
// ->
//   %2 = linalg.generic { divf %in, 8.0 } ins(%x)
//   %5 = linalg.softmax ins(%2)
//
// Reshape and transpose chains, identities and arithmetic are upstream's
// canonicalisations, applied along with the patterns of this file.
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Contraction.h"
#include "compiler/fusion/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace attnc::fusion {
#define GEN_PASS_DEF_SIMPLIFYGRAPH
#include "compiler/fusion/Passes.h.inc"

/// The value of every element of `tensor`, or null.
static TypedAttr getSplat(Value tensor) {
  DenseElementsAttr dense;
  if (matchPattern(tensor, m_Constant(&dense)) && dense.isSplat())
    return cast<TypedAttr>(dense.getSplatValue<Attribute>());
  if (std::optional<APFloat> value = getSplatFloat(tensor))
    return FloatAttr::get(getElementTypeOrSelf(tensor.getType()), *value);
  return {};
}

/// Folds the body of `op` with `inputs` for its block arguments (null where
/// unknown). Null if it does not fold.
static TypedAttr foldBody(linalg::LinalgOp op, ArrayRef<TypedAttr> inputs) {
  DenseMap<Value, Attribute> known;
  for (auto [argument, value] : llvm::zip(op.getBlock()->getArguments(), inputs))
    known[argument] = value;
  auto lookup = [&](Value value) {
    Attribute constant = known.lookup(value);
    if (!constant)
      matchPattern(value, m_Constant(&constant));
    return constant;
  };
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (inner.getNumResults() != 1)
      return {};
    auto operands = llvm::map_to_vector(inner.getOperands(), lookup);
    SmallVector<OpFoldResult> results;
    if (failed(inner.fold(operands, results)) || results.empty())
      return {};
    auto value = dyn_cast<Value>(results.front());
    known[inner.getResult(0)] = value ? lookup(value) : cast<Attribute>(results.front());
  }
  return dyn_cast_or_null<TypedAttr>(lookup(op.getBlock()->getTerminator()->getOperand(0)));
}

namespace {

/// An elementwise op on splats makes a splat.
struct FoldSplats : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    if (!isPointwise(op) || isa<linalg::FillOp>(op) || op.hasIndexSemantics())
      return rewriter.notifyMatchFailure(op, "not elementwise");
    SmallVector<TypedAttr> inputs;
    for (OpOperand &operand : op->getOpOperands())
      inputs.push_back(op.isDpsInput(&operand) ? getSplat(operand.get()) : TypedAttr());
    TypedAttr value = foldBody(op, inputs);
    if (!value)
      return rewriter.notifyMatchFailure(op, "its operands are not all splats");
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    if (type.hasStaticShape())
      rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, DenseElementsAttr::get(type, value));
    else
      rewriter.replaceOpWithNewOp<linalg::FillOp>(
          op, arith::ConstantOp::create(rewriter, op.getLoc(), value).getResult(), op.getDpsInits()[0]);
    return success();
  }
};

/// softmax(x - max(x)) = softmax(x), which subtracts the maximum itself.
struct DropMaximum : OpRewritePattern<linalg::SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::SoftmaxOp op, PatternRewriter &rewriter) const override {
    auto difference = op.getInput().getDefiningOp<linalg::GenericOp>();
    if (!isPointwise(difference) || difference.getNumDpsInputs() != 2 || !subtractsInOrder(difference))
      return rewriter.notifyMatchFailure(op, "its input is no difference");
    AxisSpace axes;
    Index index = axes.createIndex(op.getInput());
    std::optional<Index> loops = loopsOf(difference, index);
    auto read = [&](unsigned i) {
      OpOperand *operand = difference.getDpsInputOperand(i);
      Access access{operand->get(), {}};
      if (auto at = indexThrough(difference.getMatchingIndexingMap(operand), *loops))
        access.index = *at;
      else
        access.tensor = {};
      return access;
    };
    Access minuend = read(0), maximum = read(1);
    if (!minuend.tensor || !maximum.tensor || minuend.index != index)
      return rewriter.notifyMatchFailure(op, "the difference is read at other places");
    followViews(axes, maximum, /*broadcasts=*/true);
    Index rest = index;
    rest.erase(rest.begin() + op.getDimension());
    if (!isMaximumOf(maximum.tensor, minuend.tensor, op.getDimension()) || flat(maximum.index) != flat(rest))
      return rewriter.notifyMatchFailure(op, "what is subtracted is not the maximum along the softmax");
    rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(minuend.tensor); });
    return success();
  }

  static DimIndex flat(const Index &index) {
    DimIndex all;
    for (const DimIndex &dim : index)
      llvm::append_range(all, dim);
    return all;
  }

  /// The body is first input - second input.
  static bool subtractsInOrder(linalg::GenericOp op) {
    auto subtract = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::SubFOp>();
    return subtract && subtract.getLhs() == op.getBody()->getArgument(0) &&
           subtract.getRhs() == op.getBody()->getArgument(1);
  }

  /// `tensor` is the maximum of `source` along `dimension`, which is dropped or
  /// kept with extent 1.
  static bool isMaximumOf(Value tensor, Value source, int64_t dimension) {
    auto reduce = tensor.getDefiningOp<linalg::LinalgOp>();
    if (!reduce || !isa<linalg::GenericOp, linalg::ReduceOp>(reduce) || reduce.getNumReductionLoops() != 1 ||
        reduce.getDpsInputs().size() != 1 || reduce.getDpsInputs()[0] != source)
      return false;
    auto loop = dyn_cast<AffineDimExpr>(reduce.getIndexingMapsArray()[0].getResult(dimension));
    Operation *combine = reduce.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
    return reduce.getIndexingMapsArray()[0].isIdentity() && loop &&
           reduce.getIteratorTypesArray()[loop.getPosition()] == utils::IteratorType::reduction &&
           isa_and_nonnull<arith::MaximumFOp, arith::MaxNumFOp>(combine) &&
           llvm::all_of(combine->getOperands(), [](Value value) { return isa<BlockArgument>(value); });
  }
};

/// A product that is added to a tensor (Gemm, baddbmm) and a sum are the same thing: a product from zero and a bias.
struct SeparateDestination : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    if (!isContraction(op) || isZeroTensor(op.getDpsInitOperand(0)->get()))
      return rewriter.notifyMatchFailure(op, "no contraction, or it starts from zero");
    rewriter.modifyOpInPlace(op, [&] { separateDestination(rewriter, op); });
    return success();
  }
};

struct SimplifyGraph : impl::SimplifyGraphBase<SimplifyGraph> {
  using SimplifyGraphBase::SimplifyGraphBase;

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<FoldSplats, DropMaximum, SeparateDestination>(context);
    // Of the elementwise fusions only those that move constants into bodies.
    linalg::populateElementwiseOpsFusionPatterns(patterns, [](OpOperand *) { return false; });
    for (StringRef name : {"tensor", "linalg"})
      context->getLoadedDialect(name)->getCanonicalizationPatterns(patterns);
    for (RegisteredOperationName op : context->getRegisteredOperations())
      if (isa<tensor::TensorDialect, linalg::LinalgDialect, arith::ArithDialect>(op.getDialect()))
        op.getCanonicalizationPatterns(patterns, context);
    GreedyRewriteConfig config; // there are no branches
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace
} // namespace attnc::fusion
