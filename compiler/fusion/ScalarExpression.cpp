//===- ScalarExpression.cpp - A tensor's element as scalar code -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/ScalarExpression.h"
#include "compiler/fusion/Contraction.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::fusion {

/// Plain arithmetic that has no other use, or that reads no floats one by one (it broadcasts them, or computes on
/// indices, masks and constants): cheaper to compute again than to write and read, and a condition can become a mask.
static bool isWorthInlining(linalg::LinalgOp op) {
  bool cheap = llvm::all_of(op.getBlock()->without_terminator(), [](Operation &inner) {
    return isa<arith::ArithDialect>(inner.getDialect()) || isa<linalg::IndexOp>(inner);
  });
  bool readsFloats = llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
    return op.getMatchingIndexingMap(operand).isPermutation() &&
           isa<FloatType>(getElementTypeOrSelf(operand->get().getType())) && !getSlicedConstant(operand->get());
  });
  return cheap && (!readsFloats || op->getResult(0).hasOneUse());
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

ScalarExpression::ScalarExpression(AxisSpace &axes, Access leaf) : axes(axes), leaf(std::move(leaf)) {}

LogicalResult ScalarExpression::read(const Access &access) {
  root = visit(access);
  return success(root != nullptr);
}

bool ScalarExpression::dependsOnLeaf(Value tensor) {
  if (tensor == leaf.tensor)
    return true;
  auto [it, inserted] = depends.try_emplace(tensor, false);
  Operation *owner = tensor.getDefiningOp(), *leafOwner = leaf.tensor.getDefiningOp();
  if (!inserted || !owner)
    return it->second;
  // What stands before the leaf is not made of it: all layers before this one are not looked through.
  if (leafOwner && owner->getBlock() == leafOwner->getBlock() && owner->isBeforeInBlock(leafOwner))
    return false;
  bool result = llvm::any_of(owner->getOperands(), [&](Value v) { return dependsOnLeaf(v); });
  return depends[tensor] = result;
}

ScalarExpression::Node *ScalarExpression::fail(Operation *op, std::string message) {
  if (!blocker) {
    blocker = op;
    reason = std::move(message);
  }
  return nullptr;
}

ScalarExpression::Node *ScalarExpression::visit(Access access) {
  while (access.tensor != leaf.tensor && followView(axes, access, /*broadcasts=*/true)) {
  }
  for (Node &node : nodes)
    if (node.access.tensor == access.tensor && axes.resolve(node.access.index) == axes.resolve(access.index))
      return &node;
  if (access.tensor == leaf.tensor) {
    for (auto [wanted, known] : llvm::zip(access.index, leaf.index))
      if (failed(axes.unify(wanted, known)))
        return fail(leaf.tensor.getDefiningOp(), "its result is read at different places");
    return &nodes.emplace_back(Node{Node::Leaf, access, {}, {}, {}});
  }
  Operation *op = access.tensor.getDefiningOp();
  bool inlined = dependsOnLeaf(access.tensor);
  if (isPointwise(op) && (inlined || isWorthInlining(cast<linalg::LinalgOp>(op))))
    return visitPointwise(cast<linalg::LinalgOp>(op), access);
  if (inlined)
    return fail(op, fmt::format("'{}' is not elementwise", op->getName().getStringRef().str()));
  return &nodes.emplace_back(Node{Node::Read, access, {}, {}, {}});
}

ScalarExpression::Node *ScalarExpression::visitPointwise(linalg::LinalgOp op, const Access &access) {
  std::optional<Index> loops = loopsOf(op, access.index);
  SmallVector<Node *> inputs;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    std::optional<Index> index = indexThrough(op.getMatchingIndexingMap(operand), *loops);
    if (op.getMatchingBlockArgument(operand).use_empty() || !isa<RankedTensorType>(operand->get().getType())) {
      inputs.push_back(nullptr);
      continue;
    }
    if (!index)
      return fail(op, "an operand is read at computed places");
    inputs.push_back(visit({operand->get(), *index}));
    if (!inputs.back())
      return nullptr;
  }
  if (!op.getMatchingBlockArgument(op.getDpsInitOperand(0)).use_empty())
    return fail(op, "it reads its destination");
  return &nodes.emplace_back(Node{Node::Pointwise, access, *loops, inputs, {}});
}

bool ScalarExpression::readsWhole(ArrayRef<DimIndex> groups) const {
  auto isWhole = [&](const DimIndex &index) {
    DimIndex dim = axes.resolve(index);
    for (ArrayRef<Axis> rest = dim; !rest.empty();) {
      const DimIndex *group = llvm::find_if(
          groups, [&](const DimIndex &g) { return !g.empty() && rest.take_front(g.size()) == ArrayRef<Axis>(g); });
      if (group == groups.end())
        return false;
      rest = rest.drop_front(group->size());
    }
    return true;
  };
  return llvm::all_of(
      nodes, [&](const Node &node) { return node.kind != Node::Read || llvm::all_of(node.access.index, isWhole); });
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// f(select(c, x, y)) = select(c, f(x), f(y)) for constants x and y; null if `op` is no such f. So what is computed from a
/// mask is a mask: 1 - select(c, 1, 0) == 0 is c.
static Value foldSelect(OpBuilder &builder, Operation *op) {
  arith::SelectOp select;
  for (Value operand : op->getOperands())
    if (!select)
      select = operand.getDefiningOp<arith::SelectOp>();
  if (!select || op->getNumResults() != 1 || op->getNumRegions() != 0)
    return {};
  auto fold = [&](Value chosen) -> TypedAttr {
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands())
      if (!matchPattern(operand == select.getResult() ? chosen : operand, m_Constant(&operands.emplace_back())))
        return {};
    SmallVector<OpFoldResult> results;
    if (failed(op->fold(operands, results)) || results.empty())
      return {};
    if (auto attribute = dyn_cast<Attribute>(results.front()))
      return dyn_cast<TypedAttr>(attribute);
    for (auto [operand, constant] : llvm::zip(op->getOperands(), operands))
      if (operand == cast<Value>(results.front()))
        return dyn_cast<TypedAttr>(constant);
    return {};
  };
  TypedAttr yes = fold(select.getTrueValue()), no = fold(select.getFalseValue());
  if (!yes || !no)
    return {};
  auto constant = [&](TypedAttr value) { return arith::ConstantOp::create(builder, op->getLoc(), value).getResult(); };
  if (yes == no)
    return constant(yes);
  if (!yes.getType().isInteger(1))
    return arith::SelectOp::create(builder, op->getLoc(), select.getCondition(), constant(yes), constant(no));
  if (cast<IntegerAttr>(yes).getValue().isOne())
    return select.getCondition();
  return arith::XOrIOp::create(builder, op->getLoc(), select.getCondition(), constant(no));
}

/// Clones `op`; results that fold are constants or earlier values. A value that was narrowed only to be widened again
/// (f16 products, f32 softmax) stays as wide as it was.
static void cloneFolded(OpBuilder &builder, Operation &op, IRMapping &mapping) {
  if (auto extend = dyn_cast<arith::ExtFOp>(op)) {
    auto truncate = mapping.lookupOrDefault(extend.getIn()).getDefiningOp<arith::TruncFOp>();
    if (truncate && truncate.getIn().getType() == extend.getType())
      return mapping.map(extend.getResult(), truncate.getIn());
  }
  Operation *clone = builder.clone(op, mapping);
  SmallVector<Value> folded;
  // An op that folds in place (a constant moves to the right) stays, and gives no results or its own.
  if (failed(builder.tryFold(clone, folded)) || folded.empty() || folded.front() == clone->getResult(0)) {
    Value select = foldSelect(builder, clone);
    if (!select)
      return;
    folded.assign(1, select);
  }
  for (auto [result, value] : llvm::zip(op.getResults(), folded))
    mapping.map(result, value);
  clone->erase();
}

Value ScalarExpression::emitBody(OpBuilder &builder, Location loc, const Environment &environment, Node *node) {
  auto op = cast<linalg::LinalgOp>(node->access.tensor.getDefiningOp());
  IRMapping mapping;
  for (auto [operand, input] : llvm::zip(op.getDpsInputOperands(), node->inputs))
    mapping.map(op.getMatchingBlockArgument(operand), input ? emit(builder, loc, environment, input) : operand->get());
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      mapping.map(index.getResult(), environment.index(builder, axes.resolve(node->loops[index.getDim()])));
    else
      cloneFolded(builder, inner, mapping);
  }
  return mapping.lookupOrDefault(op.getBlock()->getTerminator()->getOperand(0));
}

/// A read of a splat constant is that constant, of a constant mask comparisons, of anything else a tensor.extract.
Value ScalarExpression::emitRead(OpBuilder &builder, Location loc, const Environment &environment, Node *node) {
  const Access &access = node->access;
  Type element = cast<RankedTensorType>(access.tensor.getType()).getElementType();
  DenseElementsAttr dense;
  if (matchPattern(access.tensor, m_Constant(&dense)) && dense.isSplat())
    return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(dense.getSplatValue<Attribute>()));
  if (std::optional<APFloat> splat = getSplatFloat(access.tensor))
    return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(element, *splat));
  SmallVector<Value> indices;
  for (const DimIndex &dim : access.index)
    indices.push_back(environment.index(builder, axes.resolve(dim)));
  if (DenseElementsAttr constant = getSlicedConstant(access.tensor))
    if (std::optional<StaticMask> mask =
            environment.masks ? environment.masks->find(constant) : readStaticMask(constant)) {
      comparedConstants.push_back(constant.getType());
      return emitStaticMask(builder, loc, *mask, emitSlicedIndices(builder, loc, access.tensor, indices));
    }
  return tensor::ExtractOp::create(builder, loc, access.tensor, indices);
}

Value ScalarExpression::emit(OpBuilder &builder, Location loc, const Environment &environment, Node *node) {
  if (node->emitted)
    return node->emitted;
  switch (node->kind) {
  case Node::Leaf: {
    Type element = cast<RankedTensorType>(leaf.tensor.getType()).getElementType();
    node->emitted = environment.leaf;
    if (environment.leaf.getType() != element)
      node->emitted = arith::TruncFOp::create(builder, loc, element, environment.leaf);
    break;
  }
  case Node::Read:
    node->emitted = emitRead(builder, loc, environment, node);
    break;
  case Node::Pointwise:
    node->emitted = emitBody(builder, loc, environment, node);
    break;
  }
  return node->emitted;
}

Value ScalarExpression::emit(OpBuilder &builder, Location loc, const Environment &environment) {
  for (Node &node : nodes)
    node.emitted = {};
  comparedConstants.clear();
  return emit(builder, loc, environment, root);
}

//===----------------------------------------------------------------------===//
// Scratch blocks
//===----------------------------------------------------------------------===//

/// The ops at the top of `scratch` that `results` need, in order.
static SmallVector<Operation *> neededOps(Block &scratch, ValueRange results) {
  DenseSet<Value> needed(results.begin(), results.end());
  SmallVector<Operation *> ops;
  for (Operation &op : llvm::reverse(scratch)) {
    if (llvm::none_of(op.getResults(), [&](Value result) { return needed.contains(result); }))
      continue;
    ops.push_back(&op);
    op.walk([&](Operation *inner) { needed.insert(inner->operand_begin(), inner->operand_end()); });
  }
  return SmallVector<Operation *>(llvm::reverse(ops));
}

/// Values that `ops` or `results` use and `scratch` does not make.
static llvm::SetVector<Value> outerValues(Block &scratch, ArrayRef<Operation *> ops, ValueRange results) {
  llvm::SetVector<Value> outer;
  auto collect = [&](ValueRange values) {
    for (Value value : values)
      if (value.getParentBlock() != &scratch && !scratch.findAncestorOpInBlock(*value.getParentBlock()->getParentOp()))
        outer.insert(value);
  };
  for (Operation *op : ops)
    op->walk([&](Operation *inner) { collect(inner->getOperands()); });
  collect(results);
  return outer;
}

llvm::SetVector<Value> collectCaptures(Block &scratch, ValueRange results) {
  llvm::SetVector<Value> captures = outerValues(scratch, neededOps(scratch, results), results);
  captures.remove_if(
      [](Value value) { return matchPattern(value, m_Constant()) && !isa<ShapedType>(value.getType()); });
  return captures;
}

Value cloneScratch(OpBuilder &builder, Block &scratch, Value result, IRMapping &mapping) {
  SmallVector<Operation *> ops = neededOps(scratch, result);
  for (Value outer : outerValues(scratch, ops, result))
    if (!mapping.contains(outer))
      mapping.map(outer, builder.clone(*outer.getDefiningOp())->getResult(cast<OpResult>(outer).getResultNumber()));
  for (Operation *op : ops)
    builder.clone(*op, mapping);
  return mapping.lookup(result);
}

void fillRegion(Block &block, ValueRange arguments, Block &scratch, ValueRange captures, Value result) {
  IRMapping mapping;
  for (auto [from, to] : llvm::zip(arguments, block.getArguments()))
    mapping.map(from, to);
  for (auto [from, to] : llvm::zip(captures, block.getArguments().take_back(captures.size())))
    mapping.map(from, to);
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  Location loc = result.getLoc();
  attn::YieldOp::create(builder, loc, cloneScratch(builder, scratch, result, mapping));
}

void eraseDeadOps(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

} // namespace attnc::fusion
