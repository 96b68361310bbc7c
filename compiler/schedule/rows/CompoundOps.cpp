//===- CompoundOps.cpp - Tensor ops with a simpler spelling ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/rows/CompoundOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"

using namespace mlir;

namespace {

/// Builds the steps of a softmax over dimension `dim` of a tensor.
class SoftmaxBuilder {
public:
  SoftmaxBuilder(OpBuilder &builder, linalg::SoftmaxOp op)
      : builder(builder), loc(op.getLoc()), type(cast<RankedTensorType>(op.getInput().getType())),
        dim(op.getDimension()), whole(builder.getMultiDimIdentityMap(type.getRank())), rows(whole.dropResult(dim)) {}

  using Combine = llvm::function_ref<Value(OpBuilder &, Value, Value)>;

  /// Combines along `dim`, starting from `start`.
  Value reduce(Value x, const llvm::APFloat &start, Combine combine) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
    sizes.erase(sizes.begin() + dim);
    Value empty = tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
    Value first = arith::ConstantOp::create(builder, loc, FloatAttr::get(type.getElementType(), start));
    Value init = linalg::FillOp::create(builder, loc, first, empty).getResult(0);
    SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
    loops[dim] = utils::IteratorType::reduction;
    return linalg::GenericOp::create(builder, loc, init.getType(), ValueRange(x), ValueRange(init),
                                     ArrayRef<AffineMap>{whole, rows}, loops,
                                     [&](OpBuilder &b, Location, ValueRange args) {
                                       linalg::YieldOp::create(b, loc, combine(b, args[0], args[1]));
                                     })
        .getResult(0);
  }

  /// combine(x, row) for every element, into `out`; in place where x is `out`.
  Value map(Value x, Value row, Value out, Combine combine) {
    SmallVector<Value> inputs{row};
    SmallVector<AffineMap> maps{rows, whole};
    if (x != out) {
      inputs.push_back(x);
      maps.push_back(whole);
    }
    SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
    return linalg::GenericOp::create(builder, loc, out.getType(), inputs, ValueRange(out), maps, loops,
                                     [&](OpBuilder &b, Location, ValueRange args) {
                                       linalg::YieldOp::create(b, loc, combine(b, args[1], args[0]));
                                     })
        .getResult(0);
  }

private:
  OpBuilder &builder;
  Location loc;
  RankedTensorType type;
  int64_t dim;
  AffineMap whole, rows;
};

/// Upstream's decomposition starts the maximum from NaN, which only a maximum
/// that ignores NaN can do. Ours starts from -inf and lets NaN through: a row
/// with NaN is NaN, and so is a row of -inf alone (-inf - -inf), as ONNX says.
struct DecomposeSoftmax : OpRewritePattern<linalg::SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::SoftmaxOp op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op.getInput().getType());
    auto element = type ? dyn_cast<FloatType>(type.getElementType()) : FloatType();
    if (!element)
      return rewriter.notifyMatchFailure(op, "not on a tensor of floats");
    const llvm::fltSemantics &semantics = element.getFloatSemantics();
    Location loc = op.getLoc();
    SoftmaxBuilder softmax(rewriter, op);
    // m = max(x);  e = exp(x - m);  s = sum(e);  y = e / s
    Value m = softmax.reduce(op.getInput(), APFloat::getInf(semantics, /*Negative=*/true),
                             [&](OpBuilder &b, Value x, Value m) { return arith::MaximumFOp::create(b, loc, x, m); });
    Value e = softmax.map(op.getInput(), m, op.getOutput(), [&](OpBuilder &b, Value x, Value m) {
      return math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, x, m));
    });
    Value s = softmax.reduce(e, APFloat::getZero(semantics),
                             [&](OpBuilder &b, Value e, Value s) { return arith::AddFOp::create(b, loc, e, s); });
    Value y = softmax.map(e, s, op.getOutput(),
                          [&](OpBuilder &b, Value e, Value s) { return arith::DivFOp::create(b, loc, e, s); });
    rewriter.replaceOp(op, y);
    return success();
  }
};
} // namespace

void attnc::schedule::decomposeCompoundOps(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  patterns.add<DecomposeSoftmax>(module.getContext());
  tensor::populateDecomposeTensorConcatPatterns(patterns);
  linalg::populateDecomposePadPatterns(patterns);
  (void)applyPatternsGreedily(module, std::move(patterns));
}
