//===- MaskBounds.cpp - What a mask says about a whole block --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/masks/MaskBounds.h"
#include "compiler/schedule/masks/MaskClone.h"
#include "compiler/schedule/masks/MaskFormula.h"
#include "compiler/schedule/masks/MaskRanges.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include <optional>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

namespace {

/// What is known of one value over the block.
struct Fact {
  Value uniform;                   ///< the value itself, when it is the same everywhere
  std::optional<IndexRange> range; ///< an index or integer with bounds
  std::optional<BlockTruth> truth; ///< an i1
};

/// An index of a load that differs within the block.
struct VaryingIndex {
  unsigned dim;
  IndexRange range;
};

class IntervalEmitter {
public:
  IntervalEmitter(OpBuilder &builder, Location loc, Region &mask, const IRMapping &uniform)
      : b(builder), loc(loc), uniform(uniform), values(mask) {}

  void setRange(Value value, IndexRange range) { facts[value] = {Value(), range, std::nullopt}; }
  void visit(Operation &op);
  BlockTruth truthOf(Value value);

private:
  Fact factOf(Value value);
  std::optional<IndexRange> rangeOf(Value value);
  Fact visitArithmetic(Operation &op);
  Fact visitCompare(arith::CmpIOp op);
  Fact differ(Value x, Value y, bool negated);
  Fact visitSelect(arith::SelectOp op);
  Fact visitLoad(Operation &op);
  Value reduce(Operation &op, ArrayRef<VaryingIndex> varying, IRMapping mapping, tile::ReductionKind kind);
  IndexRange withinBuffer(IndexRange range, Value buffer, unsigned dim);
  std::optional<IndexRange> multiply(IndexRange lhs, IndexRange rhs);
  IndexRange add(Operation &op, IndexRange lhs, IndexRange rhs);
  std::optional<IndexRange> remainder(Operation &op);
  std::optional<IndexRange> divide(Operation &op, IndexRange lhs, IndexRange rhs);

  template <typename Op>
  Value make(Value lhs, Value rhs) {
    return b.createOrFold<Op>(loc, lhs, rhs);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return b.createOrFold<arith::CmpIOp>(loc, predicate, lhs, rhs);
  }
  Value flag(bool value) { return arith::ConstantIntOp::create(b, loc, value, 1); }
  Fact ranged(Value low, Value high) { return {Value(), IndexRange{low, high}, std::nullopt}; }
  Fact truth(Value allowed, Value masked) { return {Value(), std::nullopt, BlockTruth{allowed, masked}}; }

  OpBuilder &b;
  Location loc;
  const IRMapping &uniform;
  ValueRanges values;
  DenseMap<Value, Fact> facts;
};

} // namespace

Fact IntervalEmitter::factOf(Value value) {
  auto it = facts.find(value);
  if (it != facts.end())
    return it->second;
  return {uniform.lookupOrDefault(value), std::nullopt, std::nullopt};
}

std::optional<IndexRange> IntervalEmitter::rangeOf(Value value) {
  Fact fact = factOf(value);
  if (fact.range)
    return fact.range;
  if (fact.uniform && isa<IndexType, IntegerType>(value.getType()))
    return IndexRange{fact.uniform, fact.uniform};
  return std::nullopt;
}

BlockTruth IntervalEmitter::truthOf(Value value) {
  Fact fact = factOf(value);
  if (fact.truth)
    return *fact.truth;
  if (fact.uniform) {
    Value negated = make<arith::XOrIOp>(fact.uniform, flag(true));
    return {fact.uniform, negated};
  }
  return {flag(true), flag(true)}; // opaque: both may occur
}

std::optional<IndexRange> IntervalEmitter::multiply(IndexRange lhs, IndexRange rhs) {
  SmallVector<Value> products;
  for (Value left : {lhs.low, lhs.high})
    for (Value right : {rhs.low, rhs.high})
      products.push_back(make<arith::MulIOp>(left, right));
  IndexRange range{products[0], products[0]};
  for (Value product : products) {
    range.low = make<arith::MinSIOp>(range.low, product);
    range.high = make<arith::MaxSIOp>(range.high, product);
  }
  return range;
}

/// A sum or difference; anything where an end of it wraps around, if that can be.
IndexRange IntervalEmitter::add(Operation &op, IndexRange lhs, IndexRange rhs) {
  bool isSum = isa<arith::AddIOp>(op);
  Type type = op.getResult(0).getType();
  auto constant = [&](const APInt &value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
  };
  unsigned width = ConstantIntRanges::getStorageBitwidth(type);
  Value zero = constant(APInt::getZero(width)), wraps;
  auto end = [&](Value x, Value y) {
    Value sum = isSum ? make<arith::AddIOp>(x, y) : make<arith::SubIOp>(x, y);
    if (!values.mayWrap(&op))
      return sum;
    // The sign of the sum differs from those of both addends; the sign of the difference from x's, and y's did.
    Value other = isSum ? make<arith::XOrIOp>(y, sum) : make<arith::XOrIOp>(x, y);
    Value sign = make<arith::AndIOp>(make<arith::XOrIOp>(x, sum), other);
    Value wrapped = compare(arith::CmpIPredicate::slt, sign, zero);
    wraps = wraps ? make<arith::OrIOp>(wraps, wrapped) : wrapped;
    return sum;
  };
  IndexRange range{end(lhs.low, isSum ? rhs.low : rhs.high), end(lhs.high, isSum ? rhs.high : rhs.low)};
  if (!wraps)
    return range;
  return {b.createOrFold<arith::SelectOp>(loc, wraps, constant(APInt::getSignedMinValue(width)), range.low),
          b.createOrFold<arith::SelectOp>(loc, wraps, constant(APInt::getSignedMaxValue(width)), range.high)};
}

/// Floor division and remainders by a positive constant.
std::optional<IndexRange> IntervalEmitter::divide(Operation &op, IndexRange lhs, IndexRange rhs) {
  std::optional<int64_t> divisor = getConstantIntValue(rhs.low);
  if (!divisor || *divisor <= 0 || getConstantIntValue(rhs.high) != divisor)
    return std::nullopt;
  if (isa<arith::FloorDivSIOp>(op)) // monotone
    return IndexRange{make<arith::FloorDivSIOp>(lhs.low, rhs.low), make<arith::FloorDivSIOp>(lhs.high, rhs.low)};
  if (isa<arith::DivSIOp>(op)) // truncation is monotone too
    return IndexRange{make<arith::DivSIOp>(lhs.low, rhs.low), make<arith::DivSIOp>(lhs.high, rhs.low)};
  // |x rem c| < c, and x rem c has the sign of x.
  Type type = rhs.low.getType();
  Value zero = arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, 0));
  Value last = arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, *divisor - 1));
  Value first = arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, 1 - *divisor));
  Value nonNegative = compare(arith::CmpIPredicate::sge, lhs.low, zero);
  return IndexRange{b.createOrFold<arith::SelectOp>(loc, nonNegative, zero, first),
                    make<arith::MinSIOp>(make<arith::MaxSIOp>(lhs.high, zero), last)};
}

/// x - (x // c) c, the remainder of the front ends: from the first to the last when no multiple of c lies in between,
/// else anything below c.
std::optional<IndexRange> IntervalEmitter::remainder(Operation &op) {
  auto product = op.getOperand(1).getDefiningOp<arith::MulIOp>();
  auto quotient = product ? product.getLhs().getDefiningOp<arith::FloorDivSIOp>() : arith::FloorDivSIOp();
  std::optional<int64_t> divisor = quotient ? getConstantIntValue(quotient.getRhs()) : std::nullopt;
  std::optional<IndexRange> x = rangeOf(op.getOperand(0));
  if (!isa<arith::SubIOp>(op) || !x || divisor.value_or(0) <= 0 || quotient.getLhs() != op.getOperand(0) ||
      getConstantIntValue(product.getRhs()) != divisor)
    return std::nullopt;
  Type type = op.getResult(0).getType();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
  };
  Value c = constant(*divisor), first = make<arith::FloorDivSIOp>(x->low, c),
        last = make<arith::FloorDivSIOp>(x->high, c);
  Value same = compare(arith::CmpIPredicate::eq, first, last), start = make<arith::MulIOp>(first, c);
  Value low = make<arith::SubIOp>(x->low, start), high = make<arith::SubIOp>(x->high, start);
  return IndexRange{b.createOrFold<arith::SelectOp>(loc, same, low, constant(0)),
                    b.createOrFold<arith::SelectOp>(loc, same, high, constant(*divisor - 1))};
}

Fact IntervalEmitter::visitArithmetic(Operation &op) {
  if (isa<arith::IndexCastOp, arith::ExtSIOp>(op)) {
    std::optional<IndexRange> range = rangeOf(op.getOperand(0));
    if (!range || values.mayWrap(&op))
      return {};
    auto cast = [&](Value value) {
      IRMapping mapping;
      mapping.map(op.getOperand(0), value);
      return b.clone(op, mapping)->getResult(0);
    };
    return ranged(cast(range->low), cast(range->high));
  }
  if (op.getNumOperands() != 2)
    return {};
  if (std::optional<IndexRange> range = remainder(op))
    return {Value(), range, std::nullopt};
  std::optional<IndexRange> lhs = rangeOf(op.getOperand(0)), rhs = rangeOf(op.getOperand(1));
  if (!lhs || !rhs)
    return {};
  std::optional<IndexRange> range;
  if (isa<arith::AddIOp, arith::SubIOp>(op))
    range = add(op, *lhs, *rhs);
  else if (isa<arith::MaxSIOp>(op))
    range = {make<arith::MaxSIOp>(lhs->low, rhs->low), make<arith::MaxSIOp>(lhs->high, rhs->high)};
  else if (isa<arith::MinSIOp>(op))
    range = {make<arith::MinSIOp>(lhs->low, rhs->low), make<arith::MinSIOp>(lhs->high, rhs->high)};
  else if (isa<arith::MulIOp>(op) && !values.mayWrap(&op))
    range = multiply(*lhs, *rhs);
  else if (isa<arith::FloorDivSIOp, arith::DivSIOp, arith::RemSIOp>(op))
    range = divide(op, *lhs, *rhs);
  return {Value(), range, std::nullopt};
}

/// x xor y, negated perhaps: different somewhere; equal somewhere.
Fact IntervalEmitter::differ(Value x, Value y, bool negated) {
  BlockTruth lhs = truthOf(x), rhs = truthOf(y);
  Value different = make<arith::OrIOp>(make<arith::AndIOp>(lhs.someAllowed, rhs.someMasked),
                                       make<arith::AndIOp>(lhs.someMasked, rhs.someAllowed));
  Value equal = make<arith::OrIOp>(make<arith::AndIOp>(lhs.someAllowed, rhs.someAllowed),
                                   make<arith::AndIOp>(lhs.someMasked, rhs.someMasked));
  return negated ? truth(equal, different) : truth(different, equal);
}

/// lhs < rhs may hold somewhere iff lhs.low < rhs.high, may fail somewhere iff lhs.high >= rhs.low; and so on.
Fact IntervalEmitter::visitCompare(arith::CmpIOp op) {
  using P = arith::CmpIPredicate;
  if (op.getLhs().getType().isInteger(1))
    return op.getPredicate() == P::eq || op.getPredicate() == P::ne
               ? differ(op.getLhs(), op.getRhs(), op.getPredicate() == P::eq)
               : Fact();
  std::optional<IndexRange> lhs = rangeOf(op.getLhs()), rhs = rangeOf(op.getRhs());
  if (!lhs || !rhs)
    return {};
  switch (op.getPredicate()) {
  case P::slt:
    return truth(compare(P::slt, lhs->low, rhs->high), compare(P::sge, lhs->high, rhs->low));
  case P::sle:
    return truth(compare(P::sle, lhs->low, rhs->high), compare(P::sgt, lhs->high, rhs->low));
  case P::sgt:
    return truth(compare(P::sgt, lhs->high, rhs->low), compare(P::sle, lhs->low, rhs->high));
  case P::sge:
    return truth(compare(P::sge, lhs->high, rhs->low), compare(P::slt, lhs->low, rhs->high));
  case P::eq:
  case P::ne: {
    // Equal somewhere: the ranges meet. Different somewhere: not both are the same single point.
    Value meet = make<arith::AndIOp>(compare(P::sle, lhs->low, rhs->high), compare(P::sle, rhs->low, lhs->high));
    Value differ = make<arith::OrIOp>(compare(P::ne, lhs->low, rhs->high), compare(P::ne, lhs->high, rhs->low));
    return op.getPredicate() == P::eq ? truth(meet, differ) : truth(differ, meet);
  }
  default:
    return {}; // unsigned: not used by the front ends on signed indices
  }
}

Fact IntervalEmitter::visitSelect(arith::SelectOp op) {
  BlockTruth condition = truthOf(op.getCondition());
  if (op.getType().isInteger(1)) {
    BlockTruth yes = truthOf(op.getTrueValue()), no = truthOf(op.getFalseValue());
    auto either = [&](Value whenTrue, Value whenFalse) {
      return make<arith::OrIOp>(make<arith::AndIOp>(condition.someAllowed, whenTrue),
                                make<arith::AndIOp>(condition.someMasked, whenFalse));
    };
    return truth(either(yes.someAllowed, no.someAllowed), either(yes.someMasked, no.someMasked));
  }
  std::optional<IndexRange> yes = rangeOf(op.getTrueValue()), no = rangeOf(op.getFalseValue());
  if (!yes || !no)
    return {};
  // The hull of the branches that occur.
  auto pick = [&](Value whenTrue, Value whenFalse, Value both) {
    Value value = b.createOrFold<arith::SelectOp>(loc, condition.someMasked, both, whenTrue);
    return b.createOrFold<arith::SelectOp>(loc, condition.someAllowed, value, whenFalse);
  };
  return ranged(pick(yes->low, no->low, make<arith::MinSIOp>(yes->low, no->low)),
                pick(yes->high, no->high, make<arith::MaxSIOp>(yes->high, no->high)));
}

Value attnc::schedule::emitCombined(OpBuilder &b, Location loc, tile::ReductionKind kind, Value lhs, Value rhs) {
  switch (kind) {
  case tile::ReductionKind::Min:
    return arith::MinSIOp::create(b, loc, lhs, rhs);
  case tile::ReductionKind::Max:
    return arith::MaxSIOp::create(b, loc, lhs, rhs);
  case tile::ReductionKind::And:
    return arith::AndIOp::create(b, loc, lhs, rhs);
  case tile::ReductionKind::Or:
    return arith::OrIOp::create(b, loc, lhs, rhs);
  default:
    llvm_unreachable("bounds of ids and flags need no other");
  }
}

/// Combines the elements that `op` may read: `varying` of its indices over their ranges, the last in a tile.reduce and
/// the others in loops around it; the other indices are in `mapping`.
Value IntervalEmitter::reduce(Operation &op, ArrayRef<VaryingIndex> varying, IRMapping mapping,
                              tile::ReductionKind kind) {
  auto [dim, range] = varying.front();
  Value index = op.getOperand(dim + 1); // the indices stand behind the buffer
  auto at = [&](Value place) -> Value {
    mapping.map(index, place);
    return varying.size() > 1 ? reduce(op, varying.drop_front(), mapping, kind) : b.clone(op, mapping)->getResult(0);
  };
  Value first = at(range.low), one = constantIndex(b, loc, 1);
  Value end = make<arith::AddIOp>(range.high, one);
  OpBuilder::InsertionGuard guard(b);
  if (varying.size() > 1) {
    auto loop = scf::ForOp::create(b, loc, make<arith::AddIOp>(range.low, one), end, one, ValueRange{first});
    b.setInsertionPointToStart(loop.getBody());
    Value element = at(loop.getInductionVar());
    scf::YieldOp::create(b, loc, emitCombined(b, loc, kind, loop.getRegionIterArgs()[0], element));
    return loop.getResult(0);
  }
  auto result = tile::ReduceOp::create(b, loc, first.getType(), kind, range.low, end, first);
  Block *body = b.createBlock(&result.getBody(), {}, {b.getIndexType()}, {loc});
  tile::YieldOp::create(b, loc, at(body->getArgument(0)));
  return result.getResult();
}

/// `index` moves by one where the mask's index moves by eight or more: a block reads few elements along it.
static bool isCoarse(Value index) {
  Operation *op = index.getDefiningOp();
  if (!op)
    return false;
  if (isa<arith::FloorDivSIOp>(op))
    return getConstantIntValue(op->getOperand(1)).value_or(0) >= 8;
  return isa<arith::MinSIOp, arith::MaxSIOp, arith::IndexCastOp>(op) && llvm::any_of(op->getOperands(), isCoarse);
}

Value attnc::schedule::emitWithinBuffer(OpBuilder &b, Location loc, Value index, Value buffer, unsigned dim) {
  Value zero = constantIndex(b, loc, 0), one = constantIndex(b, loc, 1);
  Value extent = isa<TensorType>(buffer.getType()) ? b.createOrFold<tensor::DimOp>(loc, buffer, dim)
                                                   : b.createOrFold<memref::DimOp>(loc, buffer, dim);
  Value last = b.createOrFold<arith::SubIOp>(loc, extent, one);
  return b.createOrFold<arith::MaxSIOp>(loc, zero, b.createOrFold<arith::MinSIOp>(loc, index, last));
}

/// Elements that are asked for exist; a range may say more than is asked for.
IndexRange IntervalEmitter::withinBuffer(IndexRange range, Value buffer, unsigned dim) {
  return {emitWithinBuffer(b, loc, range.low, buffer, dim), emitWithinBuffer(b, loc, range.high, buffer, dim)};
}

/// ids[b, j] over a block: its smallest and largest id, or whether any and whether all flags are set; table[i // 64,
/// j // 64] likewise, over the few elements that the block holds. `op` is a memref.load, or a tensor.extract where a
/// mask is looked at before buffers exist.
Fact IntervalEmitter::visitLoad(Operation &op) {
  Value buffer = factOf(op.getOperand(0)).uniform;
  Type element = op.getResult(0).getType();
  if (!buffer || !isa<IntegerType>(element))
    return {};
  SmallVector<VaryingIndex> varying;
  IRMapping mapping;
  mapping.map(op.getOperand(0), buffer);
  for (auto [dim, index] : llvm::enumerate(op.getOperands().drop_front())) {
    if (Value value = factOf(index).uniform) {
      mapping.map(index, value);
      continue;
    }
    std::optional<IndexRange> range = rangeOf(index);
    if (!range)
      return {};
    varying.push_back({static_cast<unsigned>(dim), withinBuffer(*range, buffer, dim)});
  }
  auto at = [&](Value place) {
    mapping.map(op.getOperand(varying.front().dim + 1), place);
    return b.clone(op, mapping)->getResult(0);
  };
  bool allCoarse = llvm::all_of(varying, [&](const VaryingIndex &v) { return isCoarse(op.getOperand(v.dim + 1)); });
  if (varying.empty() || (varying.size() > 1 && !allCoarse))
    return {};
  if (isSorted(*op.getParentRegion(), op.getOperand(0)) && varying.size() == 1 &&
      varying.front().dim + 2 == op.getNumOperands()) // along the last dimension: the ends say it
    return ranged(at(varying.front().range.low), at(varying.front().range.high));
  auto reduced = [&](tile::ReductionKind kind) { return reduce(op, varying, mapping, kind); };
  if (!element.isInteger(1))
    return ranged(reduced(tile::ReductionKind::Min), reduced(tile::ReductionKind::Max));
  Value all = reduced(tile::ReductionKind::And);
  return truth(reduced(tile::ReductionKind::Or), make<arith::XOrIOp>(all, flag(true)));
}

void IntervalEmitter::visit(Operation &op) {
  if (op.getNumResults() != 1 || op.getNumRegions() != 0) {
    for (Value result : op.getResults())
      facts[result] = {}; // opaque
    return;
  }
  Value result = op.getResult(0);
  // Uniform operands: the op itself, once per block.
  if (llvm::all_of(op.getOperands(), [&](Value operand) { return bool(factOf(operand).uniform); })) {
    IRMapping mapping;
    for (Value operand : op.getOperands())
      mapping.map(operand, factOf(operand).uniform);
    cloneFolded(b, op, mapping);
    facts[result] = {mapping.lookup(result), std::nullopt, std::nullopt};
    return;
  }
  Fact fact;
  if (auto compareOp = dyn_cast<arith::CmpIOp>(op)) {
    fact = visitCompare(compareOp);
  } else if (auto select = dyn_cast<arith::SelectOp>(op)) {
    fact = visitSelect(select);
  } else if (isa<memref::LoadOp, tensor::ExtractOp>(op)) {
    fact = visitLoad(op);
  } else if (result.getType().isInteger(1) && isa<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(op)) {
    BlockTruth lhs = truthOf(op.getOperand(0)), rhs = truthOf(op.getOperand(1));
    if (isa<arith::AndIOp>(op)) // both may hold; one may fail
      fact = truth(make<arith::AndIOp>(lhs.someAllowed, rhs.someAllowed),
                   make<arith::OrIOp>(lhs.someMasked, rhs.someMasked));
    else if (isa<arith::OrIOp>(op))
      fact = truth(make<arith::OrIOp>(lhs.someAllowed, rhs.someAllowed),
                   make<arith::AndIOp>(lhs.someMasked, rhs.someMasked));
    else
      fact = differ(op.getOperand(0), op.getOperand(1), /*negated=*/false);
  } else {
    fact = visitArithmetic(op);
  }
  facts[result] = fact;
}

/// A mask of more operations is not evaluated on intervals: that is a dozen scalar operations for each of them, wherever
/// a block is judged.
constexpr size_t kMaxOperations = 192;

BlockTruth attnc::schedule::emitBlockTruth(OpBuilder &builder, Location loc, Region &mask,
                                           const DenseMap<Value, IndexRange> &ranges, const IRMapping &uniform) {
  if (mask.front().getOperations().size() > kMaxOperations) {
    Value unknown = arith::ConstantIntOp::create(builder, loc, 1, 1);
    return {unknown, unknown};
  }
  IntervalEmitter emitter(builder, loc, mask, uniform);
  for (auto [value, range] : ranges)
    emitter.setRange(value, range);
  for (Operation &op : mask.front().without_terminator())
    emitter.visit(op);
  return emitter.truthOf(mask.front().getTerminator()->getOperand(0));
}
