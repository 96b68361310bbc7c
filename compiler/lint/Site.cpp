//===- Site.cpp - One softmax between two products ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Site.h"
#include "compiler/fusion/AttentionScore.h"
#include "compiler/fusion/Passes.h"
#include "compiler/lint/Reshapes.h"
#include "dialects/Common/DimNames.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace attnc::lint {

bool Site::isWritten() const {
  bool inText = false;
  op->getLoc()->walk([&](Location part) {
    auto place = dyn_cast<FileLineColLoc>(part);
    inText |= place && place.getLine();
    return WalkResult::advance();
  });
  return attention() && inText;
}

//===----------------------------------------------------------------------===//
// Of a graph
//===----------------------------------------------------------------------===//

static Site siteOf(linalg::SoftmaxOp softmax, const ExtentNames &names) {
  Site site;
  site.op = softmax;
  site.match = fusion::matchAttention(softmax, site.mismatch, /*shared=*/true);
  if (!site.match) {
    site.kind = Site::Softmax;
    return site;
  }
  fusion::AttentionMatch &match = *site.match;
  Value q = match.q.tensor, k = match.k.tensor;
  fusion::KeyRole role = fusion::roleOfKeys(match);
  if (movesPositions(q) || movesPositions(k)) // what it runs over is torn pieces of positions
    role = fusion::KeyRole::Positions;
  site.kind = role == fusion::KeyRole::Heads      ? Site::HeadMixture
              : role == fusion::KeyRole::Channels ? Site::Channels
                                                  : Site::Attention;
  match.resolve(); // asking has followed Q and K further
  site.code = std::make_unique<Block>();
  OpBuilder outside(match.result.tensor.getDefiningOp());
  fusion::ScoreCode code = fusion::writeScore(outside, match, *site.code);
  site.scale = match.scale * code.parts.scale, site.outerScale = match.scale;
  site.score = code.parts.score, site.mask = code.parts.mask;
  site.p = code.p, site.weight = code.weight;
  site.q = match.q.tensor, site.k = match.k.tensor, site.v = match.v.tensor, site.result = match.result.tensor;
  auto extent = [&](const fusion::DimIndex &dim) { return names.of(match.axes, dim); };
  site.batch = extent(match.batch), site.heads = extent(match.heads), site.groups = extent(match.groups);
  site.queries = extent(match.queries), site.keys = extent(match.keys), site.features = extent(match.features);
  return site;
}

//===----------------------------------------------------------------------===//
// Of the op
//===----------------------------------------------------------------------===//

/// Clones `region` into `code`; its value, or null if there is no region.
static Value inlineRegion(attn::AttentionOp op, Region &region, Block &code) {
  if (region.empty())
    return {};
  IRMapping mapping;
  StringRef letters = attn::AttentionOp::argumentLetters(region);
  for (auto [at, letter] : llvm::enumerate(letters))
    mapping.map(region.getArgument(at), code.getArgument(StringRef("sbhijMN").find(letter)));
  for (BlockArgument argument : region.getArguments().drop_front(letters.size()))
    mapping.map(argument, op.captureOf(argument));
  OpBuilder builder(op.getContext());
  builder.setInsertionPointToEnd(&code);
  for (Operation &inner : region.front().without_terminator())
    builder.clone(inner, mapping);
  return mapping.lookupOrDefault(region.front().getTerminator()->getOperand(0));
}

static Site siteOf(attn::AttentionOp op, const ExtentNames &names) {
  Site site;
  site.op = op;
  site.code = std::make_unique<Block>();
  site.code->addArgument(op.getAccumulatorType(), op.getLoc());
  for (unsigned i = 0; i < attn::AttentionOp::kMaskIndices; ++i)
    site.code->addArgument(IndexType::get(op.getContext()), op.getLoc());
  site.score = inlineRegion(op, op.getScore(), *site.code);
  if (!site.score)
    site.score = site.code->getArgument(0);
  site.mask = inlineRegion(op, op.getMask(), *site.code);
  site.scale = op.getScaleValue();
  for (Value operand : {op.getQ(), op.getK()}) { // a graph may scale them before
    fusion::AxisSpace axes;
    fusion::Access access{operand, axes.createIndex(operand)};
    fusion::followScaled(axes, access, /*broadcasts=*/false, &site.outerScale);
  }
  site.scale *= site.outerScale;
  site.q = op.getQ(), site.k = op.getK(), site.v = op.getV(), site.result = op->getResult(0);
  auto extent = [&](Value tensor, StringRef layout, char letter) {
    int64_t dim = attn::AttentionOp::dimOf(layout, letter);
    return dim < 0 ? Extent() : names.of(tensor, dim);
  };
  auto ofQ = [&](char letter) { return extent(site.q, op.getQLayout(), letter); };
  auto ofK = [&](char letter) { return extent(site.k, op.getKLayout(), letter); };
  site.batch = ofQ('B'), site.heads = ofQ('H'), site.queries = ofQ('M'), site.features = ofQ('D');
  site.groups = ofK('G'), site.keys = ofK('N');
  if (op.isPaged()) {
    attn::ExtentSource keys = op.findExtent('N');
    site.keys = names.of(keys.operand, keys.dim);
    site.keys.name = (DimName::parse(site.keys.name).symbol + " * " + llvm::Twine(keys.factor)).str();
    site.keys.size *= site.keys.isStatic() ? keys.factor : 1;
  }
  return site;
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

FailureOr<std::vector<Site>> findSites(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.addPass(fusion::createFoldWeights());
  OpPassManager &functions = passes.nest<func::FuncOp>();
  functions.addPass(fusion::createSimplifyGraph());
  functions.addPass(createCSEPass());
  if (failed(passes.run(module)))
    return failure();
  std::vector<Site> sites;
  for (auto function : module.getOps<func::FuncOp>()) {
    ExtentNames names(function);
    std::vector<Operation *> found;
    function.walk([&](Operation *op) {
      if (isa<linalg::SoftmaxOp, attn::AttentionOp>(op))
        found.push_back(op);
    });
    for (Operation *op : found) {
      auto softmax = dyn_cast<linalg::SoftmaxOp>(op);
      sites.push_back(softmax ? siteOf(softmax, names) : siteOf(cast<attn::AttentionOp>(op), names));
      sites.back().function = function;
      if (sites.back().isAttention())
        sites.back().shape = shapeOf(sites.back());
    }
  }
  return sites;
}

} // namespace attnc::lint
