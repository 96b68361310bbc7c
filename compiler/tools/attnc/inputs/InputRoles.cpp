//===- InputRoles.cpp - What the elements of an input mean ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Elements are followed from the argument to where they meet something that is known. On the way, a function is kept
// that takes what is wanted there back to what the element must be:
//
//   j < lengths[b] - M + i      wanted: [0, N - 1]; minus i: [1 - M, N - 1]; plus M: lengths is from 1 to M + N - 1
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/inputs/InputRoles.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace attnc::tool {

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

/// Enough for every position and distance.
constexpr int64_t kFar = int64_t(1) << 40;

static int64_t held(__int128 value) { return static_cast<int64_t>(std::clamp<__int128>(value, -kFar, kFar)); }
static Range operator+(Range a, Range b) { return {held(a.low + b.low), held(a.high + b.high)}; }
static Range operator-(Range a, Range b) { return {held(a.low - b.high), held(a.high - b.low)}; }
static Range operator*(Range a, Range b) {
  __int128 products[] = {__int128(a.low) * b.low, __int128(a.low) * b.high, __int128(a.high) * b.low,
                         __int128(a.high) * b.high};
  return {held(*llvm::min_element(products)), held(*llvm::max_element(products))};
}
static Range hull(Range a, Range b) { return {std::min(a.low, b.low), std::max(a.high, b.high)}; }
/// The quotients, rounded down; `divisor` is positive.
static Range divided(Range a, int64_t divisor) {
  return {llvm::divideFloorSigned(a.low, divisor), llvm::divideFloorSigned(a.high, divisor)};
}

namespace {
/// From what is wanted of a value to what the element that it comes from must be.
using Inverse = std::function<Range(Range)>;

class RoleFinder {
public:
  explicit RoleFinder(Extents &extents) : extents(extents) {}

  void follow(Value value, const Inverse &inverse);
  InputRole role;

private:
  void followUse(OpOperand &use, const Inverse &inverse);
  void followScalar(OpOperand &use, const Inverse &inverse);
  void followCaptured(attn::AttentionOp op, unsigned capture, const Inverse &inverse);
  void followSum(OpOperand &use, const Inverse &inverse);
  void meetComparison(Operation *op, Value other, bool isEquality, const Inverse &inverse);
  void meetIndex(tensor::ExtractOp op, unsigned dim, const Inverse &inverse);
  void meetNumber(Operation *op);
  void meetPages(attn::AttentionOp op);
  bool isAngle(Value value, int depth = 0);

  std::optional<Range> rangeOf(Value value, int depth = 0);
  std::optional<Range> rangeOfArgument(BlockArgument argument, int depth);
  std::optional<Range> rangeOfPosition(attn::AttentionOp op, char letter, bool isExtent);

  Extents &extents;
  llvm::SmallPtrSet<OpOperand *, 32> seen;
  bool isComplemented = false; // 1 - x was met
};
} // namespace

//===----------------------------------------------------------------------===//
// What values around the elements can be
//===----------------------------------------------------------------------===//

/// The arguments of a region before its captures, as letters of the position; ' ' is the score.
static StringRef argumentsOf(attn::AttentionOp op, Region *region) {
  if (region == &op.getScore())
    return " bhijMN";
  if (region == &op.getMask())
    return "bhijMN";
  if (region == &op.getSink())
    return "bhiMN";
  return region == &op.getQuery() ? "bhidMN" : "bgjdMN";
}

/// The extent, or the positions below it, of what `letter` stands for.
std::optional<Range> RoleFinder::rangeOfPosition(attn::AttentionOp op, char letter, bool isExtent) {
  std::optional<int64_t> extent = extents.of(op, letter);
  if (!extent)
    return std::nullopt;
  return isExtent ? Range{*extent, *extent} : Range{0, std::max<int64_t>(*extent - 1, 0)};
}

std::optional<Range> RoleFinder::rangeOfArgument(BlockArgument argument, int depth) {
  auto op = dyn_cast<attn::AttentionOp>(argument.getOwner()->getParentOp());
  if (!op)
    return std::nullopt;
  StringRef letters = argumentsOf(op, argument.getParentRegion());
  unsigned number = argument.getArgNumber();
  if (number >= letters.size())
    return rangeOf(op.getCaptures()[number - letters.size()], depth);
  switch (char letter = letters[number]) {
  case ' ':
    return std::nullopt;
  case 'M':
  case 'N':
    return rangeOfPosition(op, letter, /*isExtent=*/true);
  case 'i':
    return rangeOfPosition(op, 'M', /*isExtent=*/false);
  case 'j':
    return rangeOfPosition(op, 'N', /*isExtent=*/false);
  default:
    return rangeOfPosition(op, llvm::toUpper(letter), /*isExtent=*/false);
  }
}

/// The range of a loop's counter.
static std::optional<Range> rangeOfLoop(linalg::IndexOp index, Extents &extents) {
  auto op = cast<linalg::LinalgOp>(index->getParentOp());
  AffineExpr loop = getAffineDimExpr(static_cast<unsigned>(index.getDim()), op->getContext());
  for (OpOperand &operand : op->getOpOperands())
    for (auto [dim, expression] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (expression == loop)
        if (std::optional<int64_t> extent = extents.dim(operand.get(), static_cast<int64_t>(dim)))
          return Range{0, std::max<int64_t>(*extent - 1, 0)};
  return std::nullopt;
}

static std::optional<int64_t> constantOf(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)) && constant.getSignificantBits() <= 40)
    return constant.getSExtValue();
  return std::nullopt;
}

std::optional<Range> RoleFinder::rangeOf(Value value, int depth) {
  constexpr int kDeepest = 24;
  if (depth > kDeepest)
    return std::nullopt;
  if (auto argument = dyn_cast<BlockArgument>(value))
    return rangeOfArgument(argument, depth + 1);
  if (std::optional<int64_t> constant = constantOf(value))
    return Range{*constant, *constant};
  if (std::optional<int64_t> extent = isa<IndexType>(value.getType()) ? extents.value(value) : std::nullopt)
    return Range{*extent, *extent};
  Operation *op = value.getDefiningOp();
  auto operand = [&](unsigned number) { return rangeOf(op->getOperand(number), depth + 1); };
  auto both = [&](auto combine, unsigned first = 0) -> std::optional<Range> {
    std::optional<Range> a = operand(first), b = a ? operand(first + 1) : std::nullopt;
    return b ? std::optional<Range>(combine(*a, *b)) : std::nullopt;
  };
  return llvm::TypeSwitch<Operation *, std::optional<Range>>(op)
      .Case([&](linalg::IndexOp index) { return rangeOfLoop(index, extents); })
      .Case<arith::AddIOp, arith::AddFOp>([&](Operation *) { return both([](Range a, Range b) { return a + b; }); })
      .Case<arith::SubIOp, arith::SubFOp>([&](Operation *) { return both([](Range a, Range b) { return a - b; }); })
      .Case<arith::MulIOp>([&](Operation *) { return both([](Range a, Range b) { return a * b; }); })
      .Case<arith::FloorDivSIOp, arith::DivSIOp>([&](Operation *) -> std::optional<Range> {
        std::optional<int64_t> divisor = constantOf(op->getOperand(1));
        std::optional<Range> dividend = divisor && *divisor > 0 ? operand(0) : std::nullopt;
        return dividend ? std::optional(divided(*dividend, *divisor)) : std::nullopt;
      })
      .Case([&](arith::RemSIOp) -> std::optional<Range> {
        std::optional<int64_t> divisor = constantOf(op->getOperand(1));
        return divisor && *divisor > 0 ? std::optional(Range{0, *divisor - 1}) : std::nullopt;
      })
      .Case<arith::MaxSIOp>([&](Operation *) {
        return both([](Range a, Range b) { return Range{std::max(a.low, b.low), std::max(a.high, b.high)}; });
      })
      .Case<arith::MinSIOp>([&](Operation *) {
        return both([](Range a, Range b) { return Range{std::min(a.low, b.low), std::min(a.high, b.high)}; });
      })
      .Case([&](arith::SelectOp) { return both(hull, /*first=*/1); })
      .Case([&](math::AbsIOp) -> std::optional<Range> {
        std::optional<Range> range = operand(0);
        return range ? std::optional(Range{0, std::max(range->high, -range->low)}) : std::nullopt;
      })
      .Case<arith::ExtSIOp, arith::IndexCastOp, arith::TruncIOp, arith::SIToFPOp>(
          [&](Operation *) { return operand(0); })
      .Default([](Operation *) { return std::nullopt; });
}

//===----------------------------------------------------------------------===//
// Where the elements go
//===----------------------------------------------------------------------===//

void RoleFinder::follow(Value value, const Inverse &inverse) {
  for (OpOperand &use : value.getUses())
    if (seen.insert(&use).second)
      followUse(use, inverse);
}

void RoleFinder::followCaptured(attn::AttentionOp op, unsigned capture, const Inverse &inverse) {
  for (Region *region : {&op.getScore(), &op.getMask(), &op.getQuery(), &op.getKey(), &op.getSink()})
    if (!region->empty())
      follow(region->front().getArguments().take_back(op.getCaptures().size())[capture], inverse);
}

void RoleFinder::followUse(OpOperand &use, const Inverse &inverse) {
  Operation *op = use.getOwner();
  if (auto attention = dyn_cast<attn::AttentionOp>(op)) {
    unsigned first = attention.getCaptures().empty() ? 0 : attention.getCaptures().getBeginOperandIndex();
    unsigned number = use.getOperandNumber();
    if (use.get() == attention.getKTable() || use.get() == attention.getVTable())
      return meetPages(attention);
    if (number >= first && number < first + attention.getCaptures().size())
      followCaptured(attention, number - first, inverse);
    return;
  }
  if (auto generic = dyn_cast<linalg::LinalgOp>(op))
    return generic.isDpsInput(&use) ? follow(generic.getMatchingBlockArgument(&use), inverse) : void();
  if (isa<linalg::YieldOp>(op))
    return follow(op->getParentOp()->getResult(use.getOperandNumber()), inverse);
  if (auto extract = dyn_cast<tensor::ExtractOp>(op); extract && use.getOperandNumber())
    return meetIndex(extract, use.getOperandNumber() - 1, inverse);
  bool movesElements =
      isa<tensor::ExtractOp, tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ExtractSliceOp,
          tensor::InsertSliceOp, tensor::ConcatOp, tensor::PadOp, tensor::FromElementsOp>(op);
  if (movesElements && (use.getOperandNumber() == 0 || isa<tensor::ConcatOp, tensor::FromElementsOp>(op)))
    return follow(op->getResult(0), inverse);
  followScalar(use, inverse);
}

/// Sums with something that is not known tell nothing.
void RoleFinder::followSum(OpOperand &use, const Inverse &inverse) {
  Operation *op = use.getOwner();
  bool isFirst = use.getOperandNumber() == 0, isSum = isa<arith::AddIOp, arith::AddFOp>(op);
  std::optional<Range> other = rangeOf(op->getOperand(isFirst ? 1 : 0));
  if (!other)
    return;
  follow(op->getResult(0), [=](Range wanted) {
    return inverse(isSum ? wanted - *other : isFirst ? wanted + *other : *other - wanted);
  });
}

void RoleFinder::followScalar(OpOperand &use, const Inverse &inverse) {
  Operation *op = use.getOwner();
  bool isFirst = use.getOperandNumber() == 0;
  auto factor = [&]() -> std::optional<int64_t> {
    std::optional<int64_t> constant = constantOf(op->getOperand(isFirst ? 1 : 0));
    return constant && *constant > 0 ? constant : std::nullopt;
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case<arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp, arith::IndexCastOp, arith::ExtFOp, arith::TruncFOp,
            arith::MinSIOp, arith::MaxSIOp>([&](Operation *) { follow(op->getResult(0), inverse); })
      .Case<arith::AddIOp, arith::SubIOp, arith::AddFOp, arith::SubFOp>([&](Operation *) {
        if (!isFirst && isa<arith::SubFOp>(op) && matchPattern(op->getOperand(0), m_OneFloat())) {
          isComplemented = true;
          return follow(op->getResult(0), inverse);
        }
        followSum(use, inverse);
      })
      .Case([&](arith::MulFOp) { // (1 - x) * -10000 hides where x is 0
        constexpr double kHides = -1e3;
        APFloat number(0.0);
        if (isComplemented && matchPattern(op->getOperand(isFirst ? 1 : 0), m_ConstantFloat(&number)))
          role.isFlag |= number.convertToDouble() <= kHides;
      })
      .Case([&](arith::MulIOp) {
        if (std::optional<int64_t> by = factor())
          follow(op->getResult(0), [=](Range wanted) { return inverse(divided(wanted, *by)); });
      })
      .Case<arith::FloorDivSIOp, arith::DivSIOp>([&](Operation *) {
        if (std::optional<int64_t> by = isFirst ? factor() : std::nullopt)
          follow(op->getResult(0), [=](Range wanted) { return inverse(wanted * Range{*by, *by} + Range{0, *by - 1}); });
      })
      .Case([&](arith::SelectOp) {
        if (!isFirst)
          follow(op->getResult(0), inverse);
      })
      .Case([&](arith::CmpIOp compare) {
        arith::CmpIPredicate predicate = compare.getPredicate();
        bool isEquality = predicate == arith::CmpIPredicate::eq || predicate == arith::CmpIPredicate::ne;
        meetComparison(op, op->getOperand(isFirst ? 1 : 0), isEquality, inverse);
      })
      .Case([&](arith::CmpFOp) { meetComparison(op, op->getOperand(isFirst ? 1 : 0), false, inverse); })
      .Case<arith::SIToFPOp, arith::UIToFPOp>([&](Operation *) {
        meetNumber(op);
        follow(op->getResult(0), inverse);
      });
}

//===----------------------------------------------------------------------===//
// What they meet there
//===----------------------------------------------------------------------===//

void RoleFinder::meetComparison(Operation *op, Value other, bool isEquality, const Inverse &inverse) {
  std::optional<Range> range = rangeOf(other);
  if (!range)
    return;
  if (constantOf(other)) {
    role.constants.insert(inverse(*range).low);
    return;
  }
  if (!isEquality) // beyond the last one all are smaller
    range->high = held(__int128(range->high) + 1);
  Range wanted = inverse(*range);
  role.compared = role.compared ? hull(*role.compared, wanted) : wanted;
}

void RoleFinder::meetIndex(tensor::ExtractOp op, unsigned dim, const Inverse &inverse) {
  std::optional<int64_t> extent = extents.dim(op.getTensor(), dim);
  if (!extent || *extent < 1)
    return;
  Range wanted = inverse({0, *extent - 1});
  if (role.index) // every tensor must have the element
    wanted = {std::max(wanted.low, role.index->low), std::min(wanted.high, role.index->high)};
  if (wanted.low <= wanted.high)
    role.index = wanted;
}

void RoleFinder::meetPages(attn::AttentionOp op) {
  std::optional<int64_t> pages = extents.of(op, 'X');
  role.isTable = true;
  if (pages && *pages > 0)
    role.index = Range{0, *pages - 1};
}

/// Whether products with `value` and sums of those come to a sine or cosine.
bool RoleFinder::isAngle(Value value, int depth) {
  constexpr int kDeepest = 16;
  return depth < kDeepest &&
         llvm::any_of(
             value.getUses(),
             [&](OpOperand &use) {
               Operation *op = use.getOwner();
               if (isa<math::SinOp, math::CosOp, attn::PhaseOp>(op))
                 return true;
               if (isa<linalg::YieldOp>(op))
                 return isAngle(op->getParentOp()->getResult(use.getOperandNumber()), depth + 1);
               if (auto loops = dyn_cast<linalg::LinalgOp>(op))
                 return loops.isDpsInput(&use) && isAngle(loops.getMatchingBlockArgument(&use), depth + 1);
               bool isLinear =
                   isa<arith::MulFOp, arith::AddFOp, arith::ExtFOp, arith::TruncFOp, tensor::CastOp,
                       tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ConcatOp, tensor::ExtractSliceOp>(op);
               return isLinear && isAngle(op->getResult(0), depth + 1);
             });
}

/// A position in an attention's expressions; in a graph what scales and hides.
void RoleFinder::meetNumber(Operation *op) {
  role.isPosition |= isAngle(op->getResult(0));
  auto attention = op->getParentOfType<attn::AttentionOp>();
  if (!attention) {
    role.isFlag = true;
    return;
  }
  if (std::optional<Range> keys = rangeOfPosition(attention, 'N', /*isExtent=*/false))
    role.compared = role.compared ? hull(*role.compared, *keys) : *keys;
}

InputRole roleOf(func::FuncOp function, unsigned input, Extents &extents) {
  RoleFinder finder(extents);
  finder.follow(function.getArgument(input), [](Range wanted) { return wanted; });
  return std::move(finder.role);
}

} // namespace attnc::tool
