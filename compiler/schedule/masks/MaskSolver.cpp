//===- MaskSolver.cpp - Inequalities of a mask, solved for blocks ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/masks/MaskSolver.h"
#include "compiler/schedule/masks/MaskClone.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

//===----------------------------------------------------------------------===//
// Solving
//===----------------------------------------------------------------------===//

static void collectAddends(AffineExpr expr, SmallVectorImpl<AffineExpr> &addends) {
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!sum || sum.getKind() != AffineExprKind::Add)
    return addends.push_back(expr);
  collectAddends(sum.getLHS(), addends);
  collectAddends(sum.getRHS(), addends);
}

/// Number of symbols that `expr` may use, for the simplifier.
static unsigned symbolCount(AffineExpr expr) {
  unsigned count = 0;
  expr.walk([&](AffineExpr part) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
      count = std::max(count, symbol.getPosition() + 1);
  });
  return count;
}

static AffineExpr simplified(AffineExpr expr) { return simplifyAffineExpr(expr, 2, symbolCount(expr)); }

/// c * (u floordiv w) + rest >= 0 (or ceildiv), as an inequality on u.
static AffineExpr unfoldDivision(AffineBinaryOpExpr quotient, int64_t c, AffineExpr rest) {
  AffineExpr u = quotient.getLHS();
  int64_t w = cast<AffineConstantExpr>(quotient.getRHS()).getValue();
  bool isFloor = quotient.getKind() == AffineExprKind::FloorDiv;
  if (c > 0) { // the quotient is >= q:  u >= q w,  or u >= (q - 1) w + 1
    AffineExpr q = (-rest).ceilDiv(c);
    return isFloor ? u - q * w : u - (q - 1) * w - 1;
  }
  AffineExpr q = rest.floorDiv(-c); // the quotient is <= q:  u <= q w + w - 1,  or u <= q w
  return (isFloor ? q * w + (w - 1) : q * w) - u;
}

std::optional<SolvedBound> attnc::schedule::solveFor(AffineExpr expr, unsigned dim, const AffineRanges &ranges) {
  if (!ranges.fits(expr))
    return std::nullopt;
  SmallVector<AffineExpr> addends;
  collectAddends(simplified(expr), addends);
  AffineExpr term, rest = getAffineConstantExpr(0, expr.getContext());
  for (AffineExpr addend : addends) {
    if (!addend.isFunctionOfDim(dim)) {
      rest = rest + addend;
      continue;
    }
    if (term)
      return std::nullopt;
    term = addend;
  }
  if (!term)
    return std::nullopt;
  int64_t c = 1;
  if (auto product = dyn_cast<AffineBinaryOpExpr>(term); product && product.getKind() == AffineExprKind::Mul) {
    auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
    if (!factor || factor.getValue() == 0)
      return std::nullopt;
    c = factor.getValue();
    term = product.getLHS();
  }
  if (isa<AffineDimExpr>(term)) { // c x + rest >= 0
    SolvedBound bound = c > 0 ? SolvedBound{true, (-rest).ceilDiv(c)} : SolvedBound{false, rest.floorDiv(-c)};
    return ranges.fits(bound.at) ? std::optional(bound) : std::nullopt;
  }
  auto quotient = dyn_cast<AffineBinaryOpExpr>(term);
  bool divides = quotient && isa<AffineConstantExpr>(quotient.getRHS()) &&
                 llvm::is_contained({AffineExprKind::FloorDiv, AffineExprKind::CeilDiv}, quotient.getKind());
  if (divides)
    return solveFor(unfoldDivision(quotient, c, rest), dim, ranges);
  return std::nullopt;
}

/// A constant that `expr` never falls below: only constants and remainders have one.
static std::optional<int64_t> lowerLimit(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  if (binary.getKind() == AffineExprKind::Mod)
    return 0;
  if (binary.getKind() == AffineExprKind::Add) {
    std::optional<int64_t> lhs = lowerLimit(binary.getLHS()), rhs = lowerLimit(binary.getRHS());
    return lhs && rhs ? std::optional(*lhs + *rhs) : std::nullopt;
  }
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  auto remainder = dyn_cast<AffineBinaryOpExpr>(binary.getLHS());
  if (binary.getKind() != AffineExprKind::Mul || !factor || !remainder || remainder.getKind() != AffineExprKind::Mod ||
      !isa<AffineConstantExpr>(remainder.getRHS()))
    return std::nullopt;
  int64_t largest = cast<AffineConstantExpr>(remainder.getRHS()).getValue() - 1;
  return std::min<int64_t>(0, factor.getValue() * largest);
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

Value MaskSolver::atMost(Value lhs, Value rhs) {
  return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::sle, lhs, rhs);
}
Value MaskSolver::both(Value lhs, Value rhs) {
  if (!lhs || !rhs)
    return lhs ? lhs : rhs;
  return b.createOrFold<arith::AndIOp>(loc, lhs, rhs);
}

Value MaskSolver::emit(AffineExpr expr, ArrayRef<Value> dims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return index(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value lhs = emit(binary.getLHS(), dims), rhs = emit(binary.getRHS(), dims);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return b.createOrFold<arith::AddIOp>(loc, lhs, rhs);
  case AffineExprKind::Mul:
    return b.createOrFold<arith::MulIOp>(loc, lhs, rhs);
  case AffineExprKind::FloorDiv:
    return b.createOrFold<arith::FloorDivSIOp>(loc, lhs, rhs);
  case AffineExprKind::CeilDiv:
    return b.createOrFold<arith::CeilDivSIOp>(loc, lhs, rhs);
  default: { // a mod c = a - (a floordiv c) c
    Value quotient = b.createOrFold<arith::FloorDivSIOp>(loc, lhs, rhs);
    return b.createOrFold<arith::SubIOp>(loc, lhs, b.createOrFold<arith::MulIOp>(loc, quotient, rhs));
  }
  }
}

namespace {
/// The inequalities of a conjunction, seen from dimension `inner`: bounds of inner that depend on the other dimension,
/// and what speaks of the other dimension alone. Atoms that cannot be solved are dropped.
struct SplitAtoms {
  SmallVector<AffineExpr> lower, upper; ///< inner >= lower(outer), inner <= upper(outer)
  SmallVector<AffineExpr> outer;        ///< >= 0, free of inner
  bool complete = true;                 ///< none was dropped

  SplitAtoms(const MaskConjunction &conjunction, unsigned inner, const AffineRanges &ranges) : ranges(ranges) {
    for (AffineExpr atom : conjunction.atoms) {
      if (ranges.fits(atom)) // simplifying computes in 64 bits
        atom = simplified(atom);
      if (!atom.isFunctionOfDim(inner))
        addOuter(atom);
      else if (std::optional<SolvedBound> bound = solveFor(atom, inner, ranges))
        (bound->isLower ? lower : upper).push_back(bound->at);
      else
        complete = false;
    }
    for (AffineExpr low : lower) // an interval of inner must not be empty
      for (AffineExpr high : upper)
        addOuter(high - low);
  }

private:
  void addOuter(AffineExpr atom) {
    if (ranges.fits(atom) && ranges.fits(atom = simplified(atom)))
      outer.push_back(atom);
    else
      complete = false;
  }
  const AffineRanges &ranges;
};

} // namespace

/// An interval of one dimension and a condition, narrowed inequality by inequality.
struct MaskSolver::Narrowed {
  Value low, high, condition;
};

void MaskSolver::require(Narrowed &range, Value holds) { range.condition = both(range.condition, holds); }

/// Leaves what satisfies `atom` along `dim`, where its other side is `other`.
void MaskSolver::narrowBySorted(Narrowed &range, const SortedAtom &atom, unsigned dim, Value other) {
  using P = arith::CmpIPredicate;
  P predicate = atom.seenFrom(dim);
  if (!atom.varies(dim)) {
    Value side = search.evaluate(atom.side(dim), dim, Value());
    return require(range, b.createOrFold<arith::CmpIOp>(loc, predicate, side, other));
  }
  bool strictly = predicate == P::sgt || predicate == P::sle;
  Value first = search.first(atom.side(dim), dim, strictly, other, {range.low, range.high});
  if (predicate == P::sge || predicate == P::sgt)
    range.low = max(range.low, first);
  else
    range.high = min(range.high, sub(first, index(1)));
}

bool attnc::schedule::isSolvable(const MaskConjunction &conjunction, const AffineRanges &ranges) {
  SplitAtoms atoms(conjunction, kKeyDim, ranges);
  auto solvable = [&](AffineExpr atom) {
    if (lowerLimit(atom).value_or(-1) >= 0)
      return true;
    return atom.isFunctionOfDim(kQueryDim) ? solveFor(atom, kQueryDim, ranges).has_value() : ranges.fits(atom);
  };
  auto bounds = [&](ArrayRef<AffineExpr> keys) { // as `meetsOne` asks: each against an end of the box
    return llvm::all_of(keys, [&](AffineExpr bound) {
      return solvable(getAffineDimExpr(kKeyDim, bound.getContext()) - bound) &&
             solvable(bound - getAffineDimExpr(kKeyDim, bound.getContext()));
    });
  };
  return atoms.complete && bounds(atoms.lower) && bounds(atoms.upper) && llvm::all_of(atoms.outer, solvable);
}

Value MaskSolver::meetsOne(const MaskConjunction &conjunction, IndexRange queries, IndexRange keys) {
  SplitAtoms atoms(conjunction, kKeyDim, ranges);
  Narrowed range{queries.low, queries.high, Value()};
  MLIRContext *context = b.getContext();
  // The key as a second dimension stands for the end of the box that matters.
  auto narrow = [&](AffineExpr atom, Value key) {
    if (lowerLimit(atom).value_or(-1) >= 0)
      return;
    if (!atom.isFunctionOfDim(kQueryDim)) {
      if (ranges.fits(atom))
        require(range, atMost(index(0), emit(atom, {Value(), key})));
    } else if (std::optional<SolvedBound> bound = solveFor(atom, kQueryDim, ranges)) {
      Value at = emit(bound->at, {Value(), key});
      (bound->isLower ? range.low : range.high) = bound->isLower ? max(range.low, at) : min(range.high, at);
    }
  };
  AffineExpr end = getAffineDimExpr(kKeyDim, context);
  for (AffineExpr lower : atoms.lower) // G(i) <= j1
    narrow(end - lower, keys.high);
  for (AffineExpr upper : atoms.upper) // F(i) >= j0
    narrow(upper - end, keys.low);
  for (AffineExpr atom : atoms.outer)
    narrow(atom, Value());
  for (const SortedAtom &atom : conjunction.sorted) {
    arith::CmpIPredicate predicate = atom.seenFrom(kKeyDim);
    bool isLower = predicate == arith::CmpIPredicate::sge || predicate == arith::CmpIPredicate::sgt;
    Value bound = search.evaluate(atom.key, kKeyDim, isLower ? keys.high : keys.low);
    narrowBySorted(range, atom, kQueryDim, bound);
  }
  return both(atMost(range.low, range.high), range.condition);
}

Value MaskSolver::meets(ArrayRef<MaskConjunction> conjunctions, IndexRange queries, IndexRange keys) {
  Value result = arith::ConstantIntOp::create(b, loc, 0, 1);
  for (const MaskConjunction &conjunction : conjunctions)
    result = b.createOrFold<arith::OrIOp>(loc, result, meetsOne(conjunction, queries, keys));
  return result;
}

IndexRange MaskSolver::partners(const MaskConjunction &conjunction, unsigned dim, IndexRange others, IndexRange whole) {
  unsigned other = dim == kKeyDim ? kQueryDim : kKeyDim;
  SplitAtoms atoms(conjunction, dim, ranges);
  Narrowed range{others.low, others.high, Value()};
  for (AffineExpr atom : atoms.outer) {
    if (lowerLimit(atom).value_or(-1) >= 0)
      continue;
    if (!atom.isFunctionOfDim(other)) {
      range.condition = both(range.condition, atMost(index(0), emit(atom, {})));
    } else if (std::optional<SolvedBound> bound = solveFor(atom, other, ranges)) {
      Value at = emit(bound->at, {});
      (bound->isLower ? range.low : range.high) = bound->isLower ? max(range.low, at) : min(range.high, at);
    }
  }
  for (const SortedAtom &atom : conjunction.sorted)
    if (!atom.varies(dim)) // speaks of the others alone
      narrowBySorted(range, atom, other, search.evaluate(atom.side(dim), dim, Value()));
  // A bound that can be solved for the other dimension is monotone in it: its extreme is at an end.
  auto extreme = [&](AffineExpr bound, bool smallest) -> Value {
    if (!bound.isFunctionOfDim(other))
      return emit(bound, {});
    std::optional<SolvedBound> solved = solveFor(bound, other, ranges);
    if (!solved)
      return Value();
    bool increasing = solved->isLower;
    Value at = increasing == smallest ? range.low : range.high;
    return emit(bound, {at, at});
  };
  IndexRange result = whole;
  for (AffineExpr lower : atoms.lower)
    if (Value at = extreme(lower, /*smallest=*/true))
      result.low = max(result.low, at);
  for (AffineExpr upper : atoms.upper)
    if (Value at = extreme(upper, /*smallest=*/false))
      result.high = min(result.high, at);
  Narrowed own{result.low, result.high, Value()};
  for (const SortedAtom &atom : conjunction.sorted) {
    if (!atom.varies(dim))
      continue;
    arith::CmpIPredicate predicate = atom.seenFrom(dim);
    bool isLower = predicate == arith::CmpIPredicate::sge || predicate == arith::CmpIPredicate::sgt;
    narrowBySorted(own, atom, dim, search.evaluate(atom.side(other), other, isLower ? range.low : range.high));
  }
  result = {own.low, own.high};
  Value possible = both(atMost(range.low, range.high), range.condition);
  Value none = sub(result.low, index(1));
  result.high = b.createOrFold<arith::SelectOp>(loc, possible, result.high, none);
  return result;
}

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

SymbolValues attnc::schedule::emitMaskSymbols(OpBuilder &b, Location loc, Region &mask, const MaskFormula &formula,
                                              const IRMapping &uniform) {
  IRMapping mapping(uniform);
  SymbolValues symbols;
  auto index = [&](int64_t value) -> Value { return constantIndex(b, loc, value); };
  for (auto [symbol, isClamped] : formula.symbols) {
    Value value = cloneNeeded(b, symbol, mapping, mask);
    if (value.getType().isInteger(1))
      value = b.createOrFold<arith::IndexCastUIOp>(loc, b.getIndexType(), value);
    else if (!value.getType().isIndex())
      value = b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), value);
    if (isClamped)
      value = b.createOrFold<arith::MinSIOp>(loc, b.createOrFold<arith::MaxSIOp>(loc, value, index(kModerate.low)),
                                             index(kModerate.high));
    symbols.values.push_back(value);
  }
  for (unsigned position : formula.wild) {
    Value value = symbols.values[position];
    for (auto [predicate, limit] :
         {std::pair(arith::CmpIPredicate::sge, kModerate.low), std::pair(arith::CmpIPredicate::sle, kModerate.high)}) {
      Value holds = b.createOrFold<arith::CmpIOp>(loc, predicate, value, index(limit));
      Value &all = symbols.areModerate;
      all = all ? b.createOrFold<arith::AndIOp>(loc, all, holds) : holds;
    }
  }
  return symbols;
}
