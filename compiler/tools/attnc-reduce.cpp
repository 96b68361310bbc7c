//===- attnc-reduce.cpp - The smallest IR that still shows a problem ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR's reducer with our dialects: it takes regions of attention and contractions and then ops away for as long as a
// script of the user's finds the rest interesting (exit code 1).
//
//   attnc-reduce bug.mlir -reduction-tree='traversal-mode=0 test=script.sh'
//   attnc-reduce bug.mlir -opt-reduction-pass='opt-pass=canonicalize test=script.sh'
//
//===----------------------------------------------------------------------===//

#include "compiler/pipeline/Dialects.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Reducer/ReductionPatternInterface.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

using namespace mlir;
using namespace attnc;

namespace {

/// Empties one optional region of an op: attn.attention ... mask { ... } becomes attn.attention ...
template <typename Op>
struct DropRegion : OpRewritePattern<Op> {
  DropRegion(MLIRContext *context, Region &(Op::*region)()) : OpRewritePattern<Op>(context), region(region) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Region &dropped = (op.*region)();
    if (dropped.empty())
      return failure();
    rewriter.modifyOpInPlace(op, [&] { rewriter.eraseBlock(&dropped.front()); });
    return success();
  }

  Region &(Op::*region)();
};

struct AttnReductions : DialectReductionPatternInterface {
  AttnReductions(Dialect *dialect) : DialectReductionPatternInterface(dialect) {}

  void populateReductionPatterns(RewritePatternSet &patterns) const override {
    MLIRContext *context = patterns.getContext();
    patterns.add(std::make_unique<DropRegion<attn::AttentionOp>>(context, &attn::AttentionOp::getMask));
    patterns.add(std::make_unique<DropRegion<attn::AttentionOp>>(context, &attn::AttentionOp::getScore));
    patterns.add(std::make_unique<DropRegion<attn::ContractOp>>(context, &attn::ContractOp::getEpilogue));
  }
};

} // namespace

int main(int argc, char **argv) {
  DialectRegistry registry;
  registerDialects(registry);
  registerPasses();
  registry.addExtension(+[](MLIRContext *, attn::AttnDialect *dialect) { dialect->addInterfaces<AttnReductions>(); });
  MLIRContext context(registry);
  return failed(mlirReduceMain(argc, argv, context));
}
