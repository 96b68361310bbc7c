//===- Codegen.cpp - The order of the code-generation passes --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace attnc::codegen;

namespace attnc::codegen {
#define GEN_PASS_DEF_EXPANDMATH
#include "codegen/common/Passes.h.inc"
} // namespace attnc::codegen

namespace {
/// x / c -> x * (1 / c), at most one ulp off and an eighth of the time: exporters write GELU with a division by sqrt(2).
struct DivideByConstant : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::DivFOp op, PatternRewriter &rewriter) const override {
    APFloat divisor(0.0f);
    if (!matchPattern(op.getRhs(), m_ConstantFloat(&divisor)))
      return rewriter.notifyMatchFailure(op, "the divisor is no constant");
    APFloat reciprocal(divisor.getSemantics(), 1);
    reciprocal.divide(divisor, APFloat::rmNearestTiesToEven);
    if (!reciprocal.isNormal())
      return rewriter.notifyMatchFailure(op, "the reciprocal is not a normal number");
    Type type = op.getType();
    TypedAttr value = rewriter.getFloatAttr(getElementTypeOrSelf(type), reciprocal);
    if (auto shaped = dyn_cast<ShapedType>(type))
      value = DenseElementsAttr::get(shaped, Attribute(value));
    Value factor = arith::ConstantOp::create(rewriter, op.getLoc(), value);
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, op.getLhs(), factor);
    return success();
  }
};

/// exp, log, tanh, erf ... as polynomials on vectors: libm would be called once per lane.
struct ExpandMathPass : attnc::codegen::impl::ExpandMathBase<ExpandMathPass> {
  using ExpandMathBase::ExpandMathBase;
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    math::populateExpansionPatterns(patterns, {"exp2", "powf", "rsqrt", "fpowi", "ipowi", "clampf", "sinh", "cosh"});
    populateMathPolynomialApproximationPatterns(patterns, MathPolynomialApproximationOptions());
    patterns.add<DivideByConstant>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    if (fma)
      return;
    RewritePatternSet split(&getContext()); // after the polynomials, which are made of multiply-adds
    math::populateExpansionPatterns(split, {"fma"});
    if (failed(applyPatternsGreedily(getOperation(), std::move(split))))
      signalPassFailure();
  }
};
} // namespace

void attnc::codegen::buildCodegenPipeline(OpPassManager &pm, const TargetInfo &target) {
  // Bodies become functions first: scratch memory and loops are then per body, and lowering sees plain scf.for.
  pm.addPass(createOutlineParallel());
  pm.addPass(createLowerTile(LowerTileOptions{target.name}));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  // After vectorisation, because the expansions are elementwise and cheap to vectorise but not to recognise.
  pm.addPass(createExpandMath(ExpandMathOptions{target.hasFma}));
  // Addresses of rows are computed once per tile, not once per k.
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());

  pm.addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.x86Vector = true;
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass()); // canonicalisation leaves ub.poison
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  // Last: it wraps functions whose memref arguments have become descriptor fields.
  pm.addPass(createPackEntries());
}
