//===- ErrorBound.cpp - How far off compiled attention may be -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/ErrorBound.h"
#include "dialects/Common/StreamingSoftmax.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace attnc::attn;

/// 2^t of codegen/common/VectorTarget.h: at most 3 ulp, or 7.5e-5 where weights are bf16.
constexpr double kExp2Ulps = 3, kRoughExp2 = 7.5e-5;
/// A weight is cut off after 8 bits.
constexpr double kTruncatedWeight = 0x1p-7;

/// Calls `visit` for every op between s and the score; false if the score is no sum that s occurs in once.
static bool walkSum(AttentionOp op, llvm::function_ref<void(Operation *)> visit) {
  if (op.getScore().empty())
    return true;
  Block &block = op.getScore().front();
  Value sum = block.getTerminator()->getOperand(0), score = op.argumentOf(op.getScore(), 's');
  while (sum != score) {
    if (!score.hasOneUse())
      return false;
    Operation *user = *score.user_begin();
    if (!isa<arith::AddFOp>(user) && !(isa<arith::SubFOp>(user) && user->getOperand(0) == score))
      return false;
    visit(user);
    score = user->getResult(0);
  }
  return true;
}

/// An addend may be rounded once or twice, but not be a difference of large values.
bool attnc::attn::hasErrorBound(AttentionOp op) {
  SmallVector<Operation *> sums;
  if (!op.getQuery().empty() || !op.getKey().empty() || !walkSum(op, [&](Operation *sum) { sums.push_back(sum); }) ||
      sums.size() > 1)
    return false;
  int64_t products = 0;
  auto isExact = [&](Operation *nested) {
    products += isa<arith::MulFOp>(nested);
    return !isa<FloatType>(nested->getResultTypes().empty() ? Type() : nested->getResult(0).getType()) ||
           isa<tensor::ExtractOp, memref::LoadOp, arith::ConstantOp, arith::ExtFOp, arith::NegFOp, arith::SIToFPOp,
               arith::UIToFPOp, arith::MulFOp>(nested) ||
           llvm::is_contained(sums, nested);
  };
  if (!op.getScore().empty() &&
      !llvm::all_of(op.getScore().front().without_terminator(), [&](Operation &nested) { return isExact(&nested); }))
    return false;
  return products <= 2;
}

RoundingModel::RoundingModel(AttentionOp op, bool bf16Dots) {
  auto elementOf = [](Value tensor) { return cast<FloatType>(cast<ShapedType>(tensor.getType()).getElementType()); };
  bool isDouble = op.getAccumulatorType().isF64();
  unit = isDouble ? 0x1p-53 : 0x1p-24;
  runs = isDouble ? 2 : 1; // the reference rounds as coarsely
  smallest = isDouble ? std::numeric_limits<double>::min() : std::numeric_limits<float>::min();
  greatest = isDouble ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
  weights = kExp2Ulps * 2 * unit;
  // What else keeps to f32 there does better than this.
  bool takesPairs = bf16Dots && !op.hasLse() && op.getExtent('D') % 2 == 0 && op.getKLayout().ends_with("D");
  if (takesPairs && llvm::all_of(ValueRange{op.getQ(), op.getK(), op.getV()},
                                 [&](Value tensor) { return elementOf(tensor).isBF16(); }))
    weights = kRoughExp2 + kTruncatedWeight;
  if (!isDouble && elementOf(op.getV()).isF64()) // narrowed when it is read
    weights += unit;
  outputType = elementOf(op.getInits()[0]);
  lseType = elementOf(op.getInits().back());
}

/// g for `additions` in a row, and some for rescalings.
double RoundingModel::sumError(int64_t additions) const { return 1.25 * static_cast<double>(additions + 8) * unit; }

/// T
double RoundingModel::scoreError(const RowMagnitudes &row) const {
  return static_cast<double>(row.features + 8) * unit * (row.products + row.scores);
}

/// Rounding something within `bound` of `value` to `type`.
static double roundingOf(FloatType type, double value, double bound) {
  const llvm::fltSemantics &semantics = type.getFloatSemantics();
  double relative = std::ldexp(1.0, -static_cast<int>(llvm::APFloat::semanticsPrecision(semantics)));
  double smallest = llvm::APFloat::getSmallest(semantics).convertToDouble();
  return relative * (std::abs(value) + bound) + smallest;
}

double RoundingModel::outputBound(const RowMagnitudes &row, double value, double magnitude, double largest) const {
  auto keys = static_cast<double>(row.keys);
  if (keys * std::exp2(kRescaleThreshold) * largest > greatest)
    return INFINITY;
  int64_t inBlock = std::min(row.keys, kMostKeys), blocks = std::min(row.keys, kEpochKeys) / kFewestKeys;
  double sums = (1 + sumError(inBlock)) * (1 + sumError(inBlock + blocks));
  double weight = std::exp(scoreError(row)) * (1 + weights) / (1 - weights);
  double eta = weight * weight * sums * (1 + 4 * unit) - 1;
  double leastSum = std::exp2(-kRaisedAhead); // where a maximum was raised ahead of its score
  // However wrong the weights are (e^T may be infinite), both results are means of v.
  double apart = largest * (1 + sums * (1 + weights) / (1 - weights) * (1 + 4 * unit));
  double bound =
      std::min(apart, eta * magnitude * runs) + 2 * (keys + 1) * smallest / leastSum * std::max(largest, 1.0);
  return bound + roundingOf(outputType, value, bound);
}

double RoundingModel::lseBound(const RowMagnitudes &row, double lse) const {
  double bound = runs * (scoreError(row) + std::log1p(weights) + std::log1p(sumError(std::min(row.keys, kMostKeys))) +
                         6 * unit * (std::abs(lse) + row.scores + 1));
  return bound + roundingOf(lseType, lse, bound);
}
