//===- MaskFormula.cpp - A mask as integer inequalities -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/masks/MaskFormula.h"
#include "compiler/schedule/masks/MaskSolver.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Affine/Analysis/AffineStructures.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// Longer disjunctions cost more than they save: they become "anything", which is sound.
constexpr size_t kMaxConjunctions = 16;
/// Nor do more inequalities in one conjunction: it says more without the others.
constexpr size_t kMaxAtoms = 16;
/// Values are shared, the expressions that are made of them are trees: a chain of x + x % c would double them at each
/// link. Larger ones are left out, and so is what lies deeper below a mask than this.
constexpr unsigned kMaxNodes = 64, kMaxDepth = 256;

namespace {

using Disjunction = SmallVector<MaskConjunction>;

/// An integer value under a condition: where all atoms of `guard` hold it is `expr`.
struct Piece {
  MaskConjunction guard;
  AffineExpr expr;
};
using Pieces = SmallVector<Piece>;

/// The index with which a value rises, or stays the same; never falls.
enum class Rise { Nothing, Query, Key };

class FormulaReader {
public:
  FormulaReader(Region &mask, MaskFormula &formula)
      : mask(mask), formula(formula), context(mask.getContext()), query(attn::AttentionOp::argumentOf(mask, 'i')),
        key(attn::AttentionOp::argumentOf(mask, 'j')), values(mask) {
    findVarying();
  }

  /// `value` (i1) is true, or with `negated` false.
  Disjunction conditions(Value value, bool negated);

  /// Drops what no query in [0, M) and key in [0, N) satisfies, whatever M, N and the other symbols are.
  void dropImpossible(Disjunction &conjunctions);

private:
  void findVarying();
  bool isUniform(Value value) { return !varying.contains(value); }
  AffineExpr symbol(Value value, bool isClamped = false);
  AffineExpr constant(int64_t value) { return getAffineConstantExpr(value, context); }
  Disjunction leftOut(Value value);
  Disjunction readConditions(Value value, bool negated);
  Disjunction differ(Value lhs, Value rhs, bool negated);
  MaskConjunction both(const MaskConjunction &lhs, const MaskConjunction &rhs);
  bool boundsKeys(const Disjunction &disjunction);
  Disjunction join(const Disjunction &lhs, const Disjunction &rhs);
  Disjunction either(Disjunction lhs, const Disjunction &rhs);
  Disjunction compare(arith::CmpIOp op, bool negated);
  Disjunction compareSorted(arith::CmpIOp op, arith::CmpIPredicate predicate);
  std::optional<Rise> riseOf(Value value);
  std::optional<Rise> readRise(Value value);
  std::optional<Rise> riseOfRead(Operation *op);
  void addSearched(Value side);
  std::optional<Pieces> pieces(Value value);
  std::optional<Pieces> readPieces(Value value);
  bool isExact(const Pieces &pieces, Type type);
  bool isModerate(Value value) { return values.of(value).isWithin(kModerate); }
  bool isWithinModerate(const Pieces &pieces);
  std::optional<std::pair<Pieces, Pieces>> sides(Value lhs, Value rhs);
  std::optional<Pieces> combine(Value lhs, Value rhs,
                                llvm::function_ref<std::optional<AffineExpr>(AffineExpr, AffineExpr)> make);
  std::optional<Pieces> absolute(Value value);
  std::optional<Pieces> extremum(Value lhs, Value rhs, bool isMax);

  Region &mask;
  MaskFormula &formula;
  MLIRContext *context;
  Value query, key;
  ValueRanges values;
  DenseSet<Value> varying; ///< what depends on the query's or the key's index
  unsigned depth = 0;
  // What has been read of a value: it may have many uses.
  DenseMap<Value, Disjunction> known[2]; ///< that it is true, that it is false
  DenseMap<Value, std::optional<Pieces>> knownPieces;
  DenseMap<Value, std::optional<Rise>> knownRises;
};

} // namespace

void FormulaReader::findVarying() {
  varying.insert_range(ArrayRef{query, key});
  for (Operation &op : mask.front())
    if (op.getNumRegions() || llvm::any_of(op.getOperands(), [&](Value v) { return varying.contains(v); }))
      varying.insert_range(op.getResults());
}

AffineExpr FormulaReader::symbol(Value value, bool isClamped) {
  MaskSymbol symbol{value, isClamped};
  auto *it = llvm::find(formula.symbols, symbol);
  unsigned position = it - formula.symbols.begin();
  if (it == formula.symbols.end()) {
    formula.symbols.push_back(symbol);
    formula.ranges.addSymbol(isModerate(value) ? values.of(value) : kModerate);
    if (!isClamped && !isModerate(value))
      formula.wild.push_back(position);
  }
  return getAffineSymbolExpr(position, context);
}

//===----------------------------------------------------------------------===//
// Boolean structure
//===----------------------------------------------------------------------===//

Disjunction FormulaReader::leftOut(Value value) {
  if (Operation *op = value.getDefiningOp())
    formula.opaque.insert(op);
  return {MaskConjunction{{}, /*exact=*/false}};
}

MaskConjunction FormulaReader::both(const MaskConjunction &lhs, const MaskConjunction &rhs) {
  MaskConjunction result = lhs;
  for (AffineExpr atom : rhs.atoms)
    if (!llvm::is_contained(result.atoms, atom))
      result.atoms.push_back(atom);
  for (const SortedAtom &atom : rhs.sorted)
    if (!llvm::is_contained(result.sorted, atom))
      result.sorted.push_back(atom);
  result.exact = lhs.exact && rhs.exact;
  if (result.atoms.size() > kMaxAtoms || result.sorted.size() > kMaxAtoms) {
    formula.tooManyCases = true;
    result.exact = false;
    result.atoms.truncate(std::min(result.atoms.size(), kMaxAtoms));
    result.sorted.truncate(std::min(result.sorted.size(), kMaxAtoms));
  }
  return result;
}

/// Some constant atom fails: never true.
static bool isNever(const MaskConjunction &conjunction) {
  return llvm::any_of(conjunction.atoms, [](AffineExpr atom) {
    auto constant = dyn_cast<AffineConstantExpr>(atom);
    return constant && constant.getValue() < 0;
  });
}

/// Every case bounds the keys.
bool FormulaReader::boundsKeys(const Disjunction &disjunction) {
  return llvm::all_of(disjunction, [&](const MaskConjunction &conjunction) {
    bool byIndex = llvm::any_of(conjunction.atoms, [&](AffineExpr atom) {
      return atom.isFunctionOfDim(kKeyDim) && solveFor(atom, kKeyDim, formula.ranges).has_value();
    });
    return byIndex || llvm::any_of(conjunction.sorted, [](const SortedAtom &atom) { return atom.keyVaries; });
  });
}

Disjunction FormulaReader::join(const Disjunction &lhs, const Disjunction &rhs) {
  Disjunction result;
  for (const MaskConjunction &left : lhs)
    for (const MaskConjunction &right : rhs)
      if (MaskConjunction conjunction = both(left, right); !isNever(conjunction))
        result.push_back(conjunction);
  if (result.size() <= kMaxConjunctions)
    return result;
  formula.tooManyCases = true; // one side alone says more: sound
  if (bool left = boundsKeys(lhs); left != boundsKeys(rhs))
    return left ? lhs : rhs;
  return lhs.size() <= rhs.size() ? lhs : rhs;
}

Disjunction FormulaReader::either(Disjunction lhs, const Disjunction &rhs) {
  llvm::append_range(lhs, rhs);
  if (lhs.size() <= kMaxConjunctions)
    return lhs;
  formula.tooManyCases = true;
  return {MaskConjunction{{}, /*exact=*/false}};
}

Disjunction FormulaReader::conditions(Value value, bool negated) {
  if (auto it = known[negated].find(value); it != known[negated].end())
    return it->second;
  llvm::SaveAndRestore deeper(depth, depth + 1);
  Disjunction result = depth > kMaxDepth ? leftOut(value) : readConditions(value, negated);
  return known[negated][value] = std::move(result);
}

/// a ? not b : b
Disjunction FormulaReader::differ(Value lhs, Value rhs, bool negated) {
  return either(join(conditions(lhs, false), conditions(rhs, !negated)),
                join(conditions(lhs, true), conditions(rhs, negated)));
}

Disjunction FormulaReader::readConditions(Value value, bool negated) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.isZero() != negated ? Disjunction{} : Disjunction{MaskConjunction{}};
  Operation *op = value.getDefiningOp();
  if (isUniform(value)) { // 0 or 1
    AffineExpr isTrue = symbol(value) - 1, isFalse = -symbol(value);
    return {MaskConjunction{{negated ? isFalse : isTrue}}};
  }
  if (auto compareOp = dyn_cast<arith::CmpIOp>(op))
    return compare(compareOp, negated);
  if (isa<arith::AndIOp, arith::OrIOp>(op)) {
    Disjunction lhs = conditions(op->getOperand(0), negated), rhs = conditions(op->getOperand(1), negated);
    return isa<arith::AndIOp>(op) != negated ? join(lhs, rhs) : either(lhs, rhs);
  }
  auto choose = [&](Value condition, Value yes, Value no, bool negateNo) {
    return either(join(conditions(condition, false), conditions(yes, negated)),
                  join(conditions(condition, true), conditions(no, negated != negateNo)));
  };
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return choose(select.getCondition(), select.getTrueValue(), select.getFalseValue(), false);
  if (isa<arith::XOrIOp>(op))
    return differ(op->getOperand(0), op->getOperand(1), negated);
  return leftOut(value);
}

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

/// Conjunctions of atoms that say `difference predicate 0`.
static Disjunction compareWithZero(AffineExpr difference, arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  AffineExpr atLeast = difference, above = difference - 1, atMost = -difference, below = -difference - 1;
  switch (predicate) {
  case P::eq:
    return {MaskConjunction{{atLeast, atMost}}};
  case P::ne:
    return {MaskConjunction{{above}}, MaskConjunction{{below}}};
  case P::slt:
    return {MaskConjunction{{below}}};
  case P::sle:
    return {MaskConjunction{{atMost}}};
  case P::sgt:
    return {MaskConjunction{{above}}};
  default:
    return {MaskConjunction{{atLeast}}};
  }
}

/// Remainders have no intervals to solve for.
static bool hasRemainderOfIndex(AffineExpr expr) {
  bool found = false;
  expr.walk([&](AffineExpr part) {
    found |=
        part.getKind() == AffineExprKind::Mod && (part.isFunctionOfDim(kQueryDim) || part.isFunctionOfDim(kKeyDim));
  });
  return found;
}

bool FormulaReader::isWithinModerate(const Pieces &pieces) {
  return llvm::all_of(pieces, [&](const Piece &piece) {
    std::optional<Span> span = formula.ranges.of(piece.expr);
    return span && span->isWithin({kModerate.low + 1, kModerate.high - 1});
  });
}

/// Both sides of a comparison. A uniform value of any size is held within kModerate, where the other side lies inside.
std::optional<std::pair<Pieces, Pieces>> FormulaReader::sides(Value lhs, Value rhs) {
  auto clamped = [&](Value value) -> Pieces {
    APInt literal;
    if (matchPattern(value, m_ConstantInt(&literal)))
      return {{{}, constant(std::clamp(literal.getSExtValue(), kModerate.low, kModerate.high))}};
    return {{{}, symbol(value, /*isClamped=*/true)}};
  };
  auto isWild = [&](Value value) { return isUniform(value) && !isModerate(value); };
  std::optional<Pieces> left, right;
  if (isWild(lhs) && (right = pieces(rhs)) && isWithinModerate(*right))
    return std::pair(clamped(lhs), *right);
  if (isWild(rhs) && (left = pieces(lhs)) && isWithinModerate(*left))
    return std::pair(*left, clamped(rhs));
  if (!(left = pieces(lhs)) || !(right = pieces(rhs)))
    return std::nullopt;
  return std::pair(*left, *right);
}

Disjunction FormulaReader::compare(arith::CmpIOp op, bool negated) {
  using P = arith::CmpIPredicate;
  P predicate = negated ? arith::invertPredicate(op.getPredicate()) : op.getPredicate();
  if (llvm::is_contained({P::ult, P::ule, P::ugt, P::uge}, predicate))
    return leftOut(op);
  if (op.getLhs().getType().isInteger(1)) // 1 is -1 to other predicates
    return predicate == P::eq || predicate == P::ne ? differ(op.getLhs(), op.getRhs(), predicate == P::eq)
                                                    : leftOut(op);
  std::optional<std::pair<Pieces, Pieces>> both = sides(op.getLhs(), op.getRhs());
  if (!both)
    return compareSorted(op, predicate);
  Disjunction result;
  for (const Piece &left : both->first)
    for (const Piece &right : both->second) {
      Disjunction guard{this->both(left.guard, right.guard)};
      AffineExpr difference = left.expr - right.expr;
      result = either(
          result, join(guard, hasRemainderOfIndex(difference) ? leftOut(op) : compareWithZero(difference, predicate)));
    }
  return result;
}

//===----------------------------------------------------------------------===//
// Sorted tensors
//===----------------------------------------------------------------------===//

bool attnc::schedule::isElementRead(Operation *op) { return isa<memref::LoadOp, tensor::ExtractOp>(op); }

bool attnc::schedule::isSorted(Region &mask, Value tensor) {
  auto op = cast<attn::AttentionOp>(mask.getParentOp());
  auto argument = dyn_cast<BlockArgument>(tensor);
  Value capture = argument ? op.captureOf(argument) : Value();
  auto parameter = dyn_cast_or_null<BlockArgument>(capture);
  auto function = parameter ? dyn_cast<FunctionOpInterface>(parameter.getOwner()->getParentOp()) : nullptr;
  return function && function.getArgAttr(parameter.getArgNumber(), "attnc.sorted");
}

arith::CmpIPredicate SortedAtom::seenFrom(unsigned dim) const {
  using P = arith::CmpIPredicate;
  if (dim == kKeyDim)
    return predicate;
  return predicate == P::sge ? P::sle : predicate == P::sgt ? P::slt : predicate == P::slt ? P::sgt : P::sge;
}

/// Of two values that never fall, the sum, the minimum and the maximum never fall.
static std::optional<Rise> together(std::optional<Rise> lhs, std::optional<Rise> rhs) {
  if (!lhs || !rhs || *rhs == Rise::Nothing)
    return rhs ? lhs : std::nullopt;
  return *lhs == Rise::Nothing || *lhs == *rhs ? rhs : std::nullopt;
}

/// ids[b, x] of a sorted tensor rises with x where nothing else varies.
std::optional<Rise> FormulaReader::riseOfRead(Operation *op) {
  ValueRange indices = op->getOperands().drop_front();
  if (indices.empty() || !isSorted(mask, op->getOperand(0)) ||
      !llvm::all_of(indices.drop_back(), [&](Value index) { return isUniform(index); }))
    return std::nullopt;
  return riseOf(indices.back());
}

/// Lists the sorted tensors that `side` of a comparison reads.
void FormulaReader::addSearched(Value side) {
  SmallVector<Value> worklist{side};
  DenseSet<Value> seen;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (isUniform(value) || !value.getDefiningOp() || !seen.insert(value).second)
      continue;
    Operation *op = value.getDefiningOp();
    if (isElementRead(op))
      formula.searched.insert(op->getOperand(0));
    llvm::append_range(worklist, op->getOperands());
  }
}

std::optional<Rise> FormulaReader::riseOf(Value value) {
  if (auto it = knownRises.find(value); it != knownRises.end())
    return it->second;
  llvm::SaveAndRestore deeper(depth, depth + 1);
  std::optional<Rise> result = depth > kMaxDepth ? std::nullopt : readRise(value);
  return knownRises[value] = result;
}

/// What wraps around falls.
std::optional<Rise> FormulaReader::readRise(Value value) {
  if (value == query || value == key)
    return value == query ? Rise::Query : Rise::Key;
  if (isUniform(value))
    return Rise::Nothing;
  Operation *op = value.getDefiningOp();
  if (isElementRead(op))
    return riseOfRead(op);
  if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::AddIOp, arith::SubIOp, arith::MulIOp>(op) && values.mayWrap(op))
    return std::nullopt;
  if (isa<arith::IndexCastOp, arith::ExtSIOp>(op))
    return riseOf(op->getOperand(0));
  if (isa<arith::AddIOp, arith::MaxSIOp, arith::MinSIOp>(op))
    return together(riseOf(op->getOperand(0)), riseOf(op->getOperand(1)));
  if (isa<arith::SubIOp>(op) && isUniform(op->getOperand(1)))
    return riseOf(op->getOperand(0));
  APInt factor;
  bool isScaled =
      isa<arith::MulIOp, arith::FloorDivSIOp>(op) && matchPattern(op->getOperand(1), m_ConstantInt(&factor));
  return isScaled && factor.isStrictlyPositive() ? riseOf(op->getOperand(0)) : std::nullopt;
}

/// A value of the key against one of the query, or against one that is the same everywhere.
Disjunction FormulaReader::compareSorted(arith::CmpIOp op, arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  std::optional<Rise> lhs = riseOf(op.getLhs()), rhs = riseOf(op.getRhs());
  if (!lhs || !rhs || *lhs == *rhs)
    return leftOut(op);
  addSearched(op.getLhs());
  addSearched(op.getRhs());
  bool swap = *lhs == Rise::Query || *rhs == Rise::Key;
  auto atom = [&](P which) {
    SortedAtom atom{op.getLhs(), op.getRhs(), which, *lhs == Rise::Key, *rhs == Rise::Query};
    if (swap) {
      atom = {op.getRhs(), op.getLhs(), which, *rhs == Rise::Key, *lhs == Rise::Query};
      atom.predicate = atom.seenFrom(kQueryDim);
    }
    return atom;
  };
  if (predicate == P::eq)
    return {MaskConjunction{{}, true, {atom(P::sge), atom(P::sle)}}};
  if (predicate == P::ne)
    return {MaskConjunction{{}, true, {atom(P::sgt)}}, MaskConjunction{{}, true, {atom(P::slt)}}};
  return {MaskConjunction{{}, true, {atom(predicate)}}};
}

//===----------------------------------------------------------------------===//
// Integer terms
//===----------------------------------------------------------------------===//

std::optional<Pieces>
FormulaReader::combine(Value lhs, Value rhs,
                       llvm::function_ref<std::optional<AffineExpr>(AffineExpr, AffineExpr)> make) {
  std::optional<Pieces> left = pieces(lhs), right = pieces(rhs);
  if (!left || !right || left->size() * right->size() > kMaxConjunctions)
    return std::nullopt;
  Pieces result;
  for (const Piece &l : *left)
    for (const Piece &r : *right) {
      std::optional<AffineExpr> expr = make(l.expr, r.expr);
      if (!expr)
        return std::nullopt;
      result.push_back({both(l.guard, r.guard), *expr});
    }
  return result;
}

/// `negative` is 0 - `value`.
static bool isNegationOf(Value negative, Value value) {
  auto difference = negative.getDefiningOp<arith::SubIOp>();
  return difference && matchPattern(difference.getLhs(), m_Zero()) && difference.getRhs() == value;
}

/// |a| = max(a, -a) has twice the cases of a, not twice their square: both sides are in the same case.
std::optional<Pieces> FormulaReader::absolute(Value value) {
  std::optional<Pieces> inner = pieces(value);
  if (!inner || 2 * inner->size() > kMaxConjunctions)
    return std::nullopt;
  Pieces result;
  for (const Piece &piece : *inner) {
    result.push_back({both(piece.guard, {{piece.expr}}), piece.expr});
    result.push_back({both(piece.guard, {{-piece.expr - 1}}), -piece.expr});
  }
  return result;
}

/// max(a, b) = a where a >= b, b where b > a.
std::optional<Pieces> FormulaReader::extremum(Value lhs, Value rhs, bool isMax) {
  if (isMax && isNegationOf(rhs, lhs))
    return absolute(lhs);
  if (isMax && isNegationOf(lhs, rhs))
    return absolute(rhs);
  std::optional<Pieces> left = pieces(lhs), right = pieces(rhs);
  if (!left || !right || 2 * left->size() * right->size() > kMaxConjunctions)
    return std::nullopt;
  Pieces result;
  for (const Piece &l : *left)
    for (const Piece &r : *right) {
      MaskConjunction guard = both(l.guard, r.guard);
      AffineExpr ahead = isMax ? l.expr - r.expr : r.expr - l.expr;
      result.push_back({both(guard, {{ahead}}), l.expr});
      result.push_back({both(guard, {{-ahead - 1}}), r.expr});
    }
  return result;
}

static bool isPositiveConstant(AffineExpr expr) {
  auto constant = dyn_cast<AffineConstantExpr>(expr);
  return constant && constant.getValue() > 0;
}

static unsigned countNodes(AffineExpr expr) {
  unsigned count = 0;
  expr.walk([&](AffineExpr) { ++count; });
  return count;
}

/// Each piece is, in mathematics, what `type` can hold.
bool FormulaReader::isExact(const Pieces &pieces, Type type) {
  unsigned width = ConstantIntRanges::getStorageBitwidth(type);
  return llvm::all_of(pieces, [&](const Piece &piece) {
    std::optional<Span> span = formula.ranges.of(piece.expr);
    return span && span->isWithin({llvm::minIntN(width), llvm::maxIntN(width)}) && countNodes(piece.expr) <= kMaxNodes;
  });
}

std::optional<Pieces> FormulaReader::pieces(Value value) {
  if (auto it = knownPieces.find(value); it != knownPieces.end())
    return it->second;
  llvm::SaveAndRestore deeper(depth, depth + 1);
  std::optional<Pieces> result = depth > kMaxDepth ? std::nullopt : readPieces(value);
  if (result && !isExact(*result, value.getType()))
    result.reset();
  if (!result && isUniform(value)) // as it is, wrapped or not
    result = Pieces{{{}, symbol(value)}};
  return knownPieces[value] = std::move(result);
}

std::optional<Pieces> FormulaReader::readPieces(Value value) {
  if (value == query || value == key)
    return Pieces{{{}, getAffineDimExpr(value == query ? kQueryDim : kKeyDim, context)}};
  APInt literal;
  if (matchPattern(value, m_ConstantInt(&literal)))
    return Pieces{{{}, constant(literal.getSExtValue())}};
  if (auto cast = value.getDefiningOp<arith::IndexCastOp>(); cast && cast.getIn().getType().isIndex())
    return pieces(cast.getIn());
  // Sums of uniform values stay sums, so that equal terms cancel.
  Operation *op = value.getDefiningOp();
  bool inside = op && mask.isAncestor(op->getParentRegion());
  if (inside && isa<arith::AddIOp>(op))
    return combine(op->getOperand(0), op->getOperand(1), [](AffineExpr l, AffineExpr r) { return l + r; });
  if (inside && isa<arith::SubIOp>(op))
    return combine(op->getOperand(0), op->getOperand(1), [](AffineExpr l, AffineExpr r) { return l - r; });
  if (isUniform(value))
    return Pieces{{{}, symbol(value)}};
  if (isa<arith::MulIOp>(op))
    return combine(op->getOperand(0), op->getOperand(1), [](AffineExpr l, AffineExpr r) -> std::optional<AffineExpr> {
      if (isa<AffineConstantExpr>(l) || isa<AffineConstantExpr>(r))
        return l * r;
      return std::nullopt;
    });
  if (isa<arith::FloorDivSIOp, arith::CeilDivSIOp>(op)) {
    bool isFloor = isa<arith::FloorDivSIOp>(op);
    return combine(op->getOperand(0), op->getOperand(1), [&](AffineExpr l, AffineExpr r) -> std::optional<AffineExpr> {
      if (!isPositiveConstant(r))
        return std::nullopt;
      return isFloor ? l.floorDiv(r) : l.ceilDiv(r);
    });
  }
  if (isa<arith::MaxSIOp, arith::MinSIOp>(op))
    return extremum(op->getOperand(0), op->getOperand(1), isa<arith::MaxSIOp>(op));
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    Pieces result;
    for (bool no : {false, true}) {
      std::optional<Pieces> branch = pieces(no ? select.getFalseValue() : select.getTrueValue());
      Disjunction conditionOf = conditions(select.getCondition(), no);
      if (!branch || branch->size() * conditionOf.size() > kMaxConjunctions / 2)
        return std::nullopt;
      for (const Piece &piece : *branch)
        for (const MaskConjunction &guard : conditionOf)
          result.push_back({both(guard, piece.guard), piece.expr});
    }
    return result;
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Pruning
//===----------------------------------------------------------------------===//

void FormulaReader::dropImpossible(Disjunction &conjunctions) {
  AffineExpr i = getAffineDimExpr(kQueryDim, context), j = getAffineDimExpr(kKeyDim, context);
  AffineExpr lastQuery = symbol(attn::AttentionOp::argumentOf(mask, 'M')) - 1,
             lastKey = symbol(attn::AttentionOp::argumentOf(mask, 'N')) - 1;
  llvm::erase_if(conjunctions, [&](const MaskConjunction &conjunction) {
    SmallVector<AffineExpr> atoms; // what would not fit into 64 bits is not asked
    llvm::copy_if(conjunction.atoms, std::back_inserter(atoms),
                  [&](AffineExpr atom) { return formula.ranges.fits(atom); });
    llvm::append_range(atoms, ArrayRef{i, lastQuery - i, j, lastKey - j});
    SmallVector<bool> equalities(atoms.size(), false);
    affine::FlatAffineValueConstraints constraints(IntegerSet::get(2, formula.symbols.size(), atoms, equalities));
    return constraints.isIntegerEmpty();
  });
}

MaskFormula attnc::schedule::readMaskFormula(Region &mask) {
  MaskFormula formula;
  FormulaReader reader(mask, formula);
  Value yielded = mask.front().getTerminator()->getOperand(0);
  formula.allowed = reader.conditions(yielded, /*negated=*/false);
  formula.masked = reader.conditions(yielded, /*negated=*/true);
  reader.dropImpossible(formula.allowed);
  reader.dropImpossible(formula.masked);
  return formula;
}
