//===- Probe.cpp - The value of a score at one place ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Probe.h"
#include "compiler/fusion/Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/ScopeExit.h"
#include <cmath>

using namespace mlir;

namespace attnc::lint {

constexpr int kMaxSteps = 5000; // of one question: shared code is evaluated again at each use in another tensor
constexpr int kMaxDepth = 200;  // of recursion: files may be long on purpose

//===----------------------------------------------------------------------===//
// Numbers and attributes
//===----------------------------------------------------------------------===//

static Attribute toAttribute(double number, Type type) {
  if (auto floatType = dyn_cast<FloatType>(type))
    return FloatAttr::get(floatType, number);
  if (type.isIntOrIndex() && std::abs(number) < 0x1p62)
    return IntegerAttr::get(type, static_cast<int64_t>(number));
  return {};
}

static Probe::Number toNumber(Attribute attribute) {
  if (auto number = dyn_cast_or_null<FloatAttr>(attribute))
    return number.getValueAsDouble();
  auto number = dyn_cast_or_null<IntegerAttr>(attribute);
  if (!number || number.getValue().getSignificantBits() > 64)
    return std::nullopt;
  return number.getType().isInteger(1) ? static_cast<double>(number.getValue().getBoolValue())
                                       : static_cast<double>(number.getValue().getSExtValue());
}

/// A logical op of which one operand decides.
static Probe::Number decide(Operation *op, Probe::Number a, Probe::Number b) {
  bool isAnd = isa<arith::AndIOp>(op);
  if ((!isAnd && !isa<arith::OrIOp>(op)) || !op->getResult(0).getType().isInteger(1))
    return std::nullopt;
  double deciding = isAnd ? 0 : 1;
  return a == deciding || b == deciding ? Probe::Number(deciding) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Scalar code
//===----------------------------------------------------------------------===//

Probe::Number Probe::evaluate(Value value, Values &values) {
  if (auto found = values.find(value); found != values.end())
    return found->second;
  Attribute constant;
  Number number;
  if (matchPattern(value, m_Constant(&constant)))
    number = toNumber(constant);
  else if (Operation *op = value.getDefiningOp(); op && ++steps < kMaxSteps && depth < kMaxDepth) {
    ++depth;
    number = evaluateOp(op, values);
    --depth;
  }
  return values[value] = number;
}

Probe::Number Probe::evaluateOp(Operation *op, Values &values) {
  if (isa<tensor::ExtractOp>(op))
    return extract(op, values);
  if (op->getNumResults() != 1 || op->getNumRegions())
    return std::nullopt;
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    Number condition = evaluate(select.getCondition(), values);
    if (condition)
      return evaluate(*condition ? select.getTrueValue() : select.getFalseValue(), values);
    Number yes = evaluate(select.getTrueValue(), values), no = evaluate(select.getFalseValue(), values);
    return yes == no ? yes : std::nullopt;
  }
  SmallVector<Attribute> attributes;
  SmallVector<Number> numbers;
  for (Value operand : op->getOperands()) {
    numbers.push_back(evaluate(operand, values));
    attributes.push_back(numbers.back() ? toAttribute(*numbers.back(), operand.getType()) : Attribute());
  }
  if (llvm::is_contained(attributes, Attribute()))
    return numbers.size() == 2 ? decide(op, numbers[0], numbers[1]) : std::nullopt;
  SmallVector<OpFoldResult> results;
  if (failed(op->fold(attributes, results)) || results.empty())
    return std::nullopt;
  auto value = dyn_cast<Value>(results.front());
  return value ? evaluate(value, values) : toNumber(cast<Attribute>(results.front()));
}

Probe::Number Probe::extract(Operation *op, Values &values) {
  auto read = cast<tensor::ExtractOp>(op);
  Indices indices(std::in_place);
  for (Value index : read.getIndices()) {
    Number at = evaluate(index, values);
    if (!at) {
      indices = std::nullopt;
      break;
    }
    indices->push_back(static_cast<int64_t>(*at));
  }
  return element(read.getTensor(), indices);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Probe::Number Probe::leafOf(Value tensor, const Indices &indices) {
  if (Number number = leaf ? leaf(tensor, indices) : std::nullopt)
    return number;
  return isa<FloatType>(getElementTypeOrSelf(tensor.getType())) ? Number(0) : std::nullopt;
}

static Probe::Number elementOf(DenseElementsAttr constant, ArrayRef<int64_t> indices, bool areKnown) {
  if (constant.isSplat())
    return toNumber(constant.getSplatValue<Attribute>());
  if (!areKnown)
    return std::nullopt;
  int64_t flat = 0;
  for (auto [extent, index] : llvm::zip(constant.getType().getShape(), indices)) {
    if (index < 0 || index >= extent)
      return std::nullopt;
    flat = flat * extent + index;
  }
  return toNumber(constant.getValues<Attribute>()[flat]);
}

/// The extents of all dimensions of a group but the first, whose extent no place depends on; nothing if one is not
/// known.
static std::optional<SmallVector<int64_t>> inner(RankedTensorType type, ArrayRef<int64_t> group) {
  SmallVector<int64_t> extents;
  for (int64_t dim : group.drop_front())
    extents.push_back(type.getDimSize(dim));
  return llvm::any_of(extents, ShapedType::isDynamic) ? std::nullopt : std::optional(std::move(extents));
}

/// A group of dimensions without those of extent 1, at whose index 0 alone something stands.
static SmallVector<int64_t> withoutUnits(RankedTensorType type, ArrayRef<int64_t> group) {
  return SmallVector<int64_t>(llvm::make_filter_range(group, [&](int64_t dim) { return type.getDimSize(dim) != 1; }));
}

/// Where an element of an expanded tensor stands in the source: [i, j] of a group at i * extent(j) + j.
static Probe::Indices throughExpand(tensor::ExpandShapeOp op, ArrayRef<int64_t> indices) {
  SmallVector<int64_t> source;
  for (const ReassociationIndices &whole : op.getReassociationIndices()) {
    SmallVector<int64_t> group = withoutUnits(op.getResultType(), whole);
    int64_t place = group.empty() ? 0 : indices[group.front()];
    auto extents = group.empty() ? SmallVector<int64_t>() : inner(op.getResultType(), group);
    if (!extents)
      return std::nullopt;
    for (auto [at, extent] : llvm::enumerate(*extents))
      place = place * extent + indices[group[at + 1]];
    source.push_back(place);
  }
  return source;
}

/// The other way round.
static Probe::Indices throughCollapse(tensor::CollapseShapeOp op, ArrayRef<int64_t> indices) {
  SmallVector<int64_t> source(op.getSrcType().getRank());
  for (auto [place, whole] : llvm::zip(indices, op.getReassociationIndices())) {
    SmallVector<int64_t> group = withoutUnits(op.getSrcType(), whole);
    auto extents = group.empty() ? SmallVector<int64_t>() : inner(op.getSrcType(), group);
    if (!extents)
      return std::nullopt;
    int64_t rest = place;
    for (size_t at = extents->size(); at-- > 0; rest /= std::max<int64_t>((*extents)[at], 1))
      source[group[at + 1]] = rest % std::max<int64_t>((*extents)[at], 1);
    if (!group.empty())
      source[group.front()] = rest;
  }
  return source;
}

/// Of a slice at a place that is known.
static Probe::Indices throughSlice(tensor::ExtractSliceOp op, ArrayRef<int64_t> indices) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  SmallVector<int64_t> source;
  size_t next = 0;
  for (unsigned dim = 0; dim < dropped.size(); ++dim) {
    int64_t offset = op.getStaticOffsets()[dim], stride = op.getStaticStrides()[dim];
    if (ShapedType::isDynamic(offset) || ShapedType::isDynamic(stride))
      return std::nullopt;
    source.push_back(offset + (dropped.test(dim) ? 0 : indices[next++] * stride));
  }
  return source;
}

/// A pointwise op: its body, on the elements that it reads.
Probe::Number Probe::elementOf(linalg::LinalgOp op, const Indices &indices) {
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<int64_t> loops(op.getNumLoops());
  for (unsigned at = 0; indices && at < out.getNumResults(); ++at)
    loops[out.getDimPosition(at)] = (*indices)[at];
  Values values;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(operand);
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (argument.use_empty())
      continue;
    if (!isa<RankedTensorType>(operand->get().getType())) {
      values[argument] = evaluate(operand->get(), values);
      continue;
    }
    values[argument] = element(operand->get(), indices ? Indices(map.compose(loops)) : std::nullopt);
  }
  for (Operation &inner : op.getBlock()->without_terminator())
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      values[index.getResult()] = indices ? Number(loops[index.getDim()]) : std::nullopt;
  return evaluate(op.getBlock()->getTerminator()->getOperand(0), values);
}

Probe::Number Probe::element(Value tensor, const Indices &indices) {
  if (++steps > kMaxSteps || depth >= kMaxDepth)
    return std::nullopt;
  llvm::scope_exit deeper([this] { --depth; });
  ++depth;
  DenseElementsAttr constant;
  if (matchPattern(tensor, m_Constant(&constant)))
    return lint::elementOf(constant, indices ? *indices : ArrayRef<int64_t>(), indices.has_value());
  if (std::optional<APFloat> splat = fusion::getSplatFloat(tensor))
    return splat->convertToDouble();
  Operation *op = tensor.getDefiningOp();
  if (fusion::isPointwise(op))
    return elementOf(cast<linalg::LinalgOp>(op), indices);
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(op))
    return element(cast.getSource(), indices);
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op))
    return element(expand.getSrc(), indices ? throughExpand(expand, *indices) : std::nullopt);
  if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(op))
    return element(collapse.getSrc(), indices ? throughCollapse(collapse, *indices) : std::nullopt);
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op))
    return element(slice.getSource(), indices ? throughSlice(slice, *indices) : std::nullopt);
  return leafOf(tensor, indices);
}

//===----------------------------------------------------------------------===//
// Questions
//===----------------------------------------------------------------------===//

Probe::Values &Probe::at(const Point &point) {
  steps = depth = 0;
  if (last == point)
    return known;
  last = point;
  known.clear();
  double numbers[] = {point.s,
                      static_cast<double>(point.b),
                      static_cast<double>(point.h),
                      static_cast<double>(point.i),
                      static_cast<double>(point.j),
                      static_cast<double>(point.queries),
                      static_cast<double>(point.keys)};
  for (auto [argument, number] : llvm::zip(site.code->getArguments(), numbers))
    known[argument] = number;
  return known;
}

Probe::Number Probe::value(Value value, const Point &point) { return evaluate(value, at(point)); }

Probe::Number Probe::score(const Point &point) {
  Number allowed = site.mask ? value(site.mask, point) : Number(1);
  if (allowed == 0.0)
    return -INFINITY;
  return allowed ? value(site.score, point) : std::nullopt;
}

Probe::Number Probe::weight(double p, const Point &point) {
  Values values = at(point);
  values[site.p] = p;
  return evaluate(site.weight, values);
}

} // namespace attnc::lint
