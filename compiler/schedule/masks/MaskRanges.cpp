//===- MaskRanges.cpp - How large the integers of a mask may be -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/masks/MaskRanges.h"
#include "compiler/support/Limits.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// `tensor` is a parameter of the function, or a part of one: a call has checked its extents.
static bool isParameter(Value tensor) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (!isa<tensor::CastOp, tensor::ExtractSliceOp, memref::CastOp, memref::SubViewOp, memref::TransposeOp>(op))
      return false;
    tensor = op->getOperand(0);
  }
  return isa<FunctionOpInterface>(cast<BlockArgument>(tensor).getOwner()->getParentOp());
}

/// One pass over the operations: each finds its operands known.
ValueRanges::ValueRanges(Region &mask) {
  auto attention = cast<attn::AttentionOp>(mask.getParentOp());
  bool isChecked = isParameter(attention.getQ()) && isParameter(attention.getK());
  auto positions = ConstantIntRanges::fromSigned(APInt(64, kPositions.low, /*isSigned=*/true),
                                                 APInt(64, isChecked ? kMaxExtent : kPositions.high));
  for (BlockArgument argument : mask.getArguments().take_front(attn::AttentionOp::kMaskIndices))
    ranges.set(argument, positions);
  for (Operation &op : mask.front())
    ranges.infer(op);
}

Span ValueRanges::of(Value value) const {
  if (value.getType().isInteger(1))
    return {0, 1};
  ConstantIntRanges range = ranges.of(value);
  return {range.smin().getSExtValue(), range.smax().getSExtValue()};
}

bool ValueRanges::mayWrap(Operation *op) const {
  unsigned width = ConstantIntRanges::getStorageBitwidth(op->getResult(0).getType());
  ConstantIntRanges x = ranges.of(op->getOperand(0));
  if (op->getNumOperands() == 1) // a conversion
    return !x.smin().isSignedIntN(width) || !x.smax().isSignedIntN(width);
  ConstantIntRanges y = ranges.of(op->getOperand(1));
  auto overflows = [&](APInt (APInt::*apply)(const APInt &, bool &) const, const APInt &a, const APInt &b) {
    bool overflow = false;
    (void)(a.*apply)(b, overflow);
    return overflow;
  };
  if (isa<arith::AddIOp>(op))
    return overflows(&APInt::sadd_ov, x.smin(), y.smin()) || overflows(&APInt::sadd_ov, x.smax(), y.smax());
  if (isa<arith::SubIOp>(op))
    return overflows(&APInt::ssub_ov, x.smin(), y.smax()) || overflows(&APInt::ssub_ov, x.smax(), y.smin());
  if (!isa<arith::MulIOp>(op))
    return true;
  for (const APInt &a : {x.smin(), x.smax()})
    for (const APInt &b : {y.smin(), y.smax()})
      if (overflows(&APInt::smul_ov, a, b))
        return true;
  return false;
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

/// At least [-1, 1]: then no factor of a part is larger than the part may be, and expressions can be added up factor by
/// factor in 64 bits.
static Span widened(Span span) { return {std::min<int64_t>(span.low, -1), std::max<int64_t>(span.high, 1)}; }

static std::optional<Span> product(Span x, Span y) {
  Span result{INT64_MAX, INT64_MIN};
  for (int64_t a : {x.low, x.high})
    for (int64_t b : {y.low, y.high}) {
      int64_t corner;
      if (llvm::MulOverflow(a, b, corner))
        return std::nullopt;
      result = {std::min(result.low, corner), std::max(result.high, corner)};
    }
  return result;
}

std::optional<Span> AffineRanges::of(AffineExpr expr) const {
  constexpr Span kAll{-(int64_t(1) << 62), int64_t(1) << 62};
  auto within = [&](std::optional<Span> span) { return span && span->isWithin(kAll) ? span : std::nullopt; };
  if (isa<AffineDimExpr>(expr))
    return kPositions;
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return widened(symbols[symbol.getPosition()]);
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return within(Span{constant.getValue(), constant.getValue()});
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<Span> x = of(binary.getLHS()), y = of(binary.getRHS());
  if (!x || !y)
    return std::nullopt;
  int64_t divisor = y->low;
  bool divides = divisor > 0 && y->low == y->high;
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return within(Span{x->low + y->low, x->high + y->high});
  case AffineExprKind::Mul:
    return within(product(*x, *y));
  case AffineExprKind::FloorDiv:
  case AffineExprKind::CeilDiv: // within one of each other
    if (!divides)
      return std::nullopt;
    return widened({llvm::divideFloorSigned(x->low, divisor), llvm::divideCeilSigned(x->high, divisor)});
  case AffineExprKind::Mod:
    return divides ? std::optional(widened({0, divisor - 1})) : std::nullopt;
  default:
    return std::nullopt;
  }
}
