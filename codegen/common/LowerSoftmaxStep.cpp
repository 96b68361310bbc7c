//===- LowerSoftmaxStep.cpp - The streaming softmax on a register tile ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Per register tile of R rows (keys) and C vectors of columns (queries), s being the scores and u log2 units per unit of
// a score:
//
//   if any(max over the rows of s > limit)     // a column's first score, or one that a weight could not hold
//     softmax_raise(s)                         // MakeSoftmaxRaise.cpp: the whole step, key by key; a function, rarely called
//   else
//     p = 2^(u * s - shift);  weights[row - base] = p;  sum += p
//
// The arithmetic is that of dialects/Common/StreamingSoftmax.h. Where |max| is so large that rounding shift matters, limit
// is -inf, and the function subtracts first.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Lowering.h"
#include "dialects/Common/Builders.h"
#include "dialects/Common/StreamingSoftmax.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

namespace {

/// Emits one step for the tile that `emitter` has in registers.
class StepEmitter {
public:
  StepEmitter(LaneEmitter &emitter, tile::SoftmaxStepOp op, Value firstRow, const VectorTarget &target)
      : b(emitter.builder()), op(op), loc(op.getLoc()), target(target), rows(emitter.shape().rows),
        cols(emitter.shape().cols), lanes(emitter.shape().lanes), element(op.getScore().getType()),
        vector(emitter.vectorOf(element)), filled(arith::SubIOp::create(b, loc, firstRow, op.getBase())) {
    LaneValue score = emitter.valueOf(op.getScore());
    for (unsigned r = 0; r < rows; ++r)
      for (unsigned c = 0; c < cols; ++c)
        scores.push_back(emitter.vectorAt(loc, score, element, r, c));
  }

  void emit() {
    auto branch = scf::IfOp::create(b, loc, anyAbove(), /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    emitRaise();
    b.setInsertionPointToStart(branch.elseBlock());
    for (unsigned c = 0; c < cols; ++c)
      emitColumn(c);
  }

private:
  Value column(unsigned c) { return constantIndex(b, loc, c * lanes); }
  Value load(Value memref, unsigned c) { return vector::LoadOp::create(b, loc, vector, memref, ValueRange{column(c)}); }
  Value splat(double value) { return constantFloat(b, loc, vector, value); }
  Value anyAbove();
  void emitRaise();
  void emitColumn(unsigned c);

  OpBuilder &b;
  tile::SoftmaxStepOp op;
  Location loc;
  const VectorTarget &target;
  unsigned rows, cols, lanes;
  Type element;
  VectorType vector;
  Value filled; ///< rows of `weights` written so far
  SmallVector<Value> scores;
};

} // namespace

/// Some column of the tile has a score above its limit. A NaN may hide one of its own column, whose row is NaN then.
Value StepEmitter::anyAbove() {
  Value any;
  for (unsigned c = 0; c < cols; ++c) {
    Value largest = scores[c];
    for (unsigned r = 1; r < rows; ++r) {
      Value score = scores[r * cols + c]; // one maxps: the second operand where one is NaN
      Value above = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, largest, score);
      largest = arith::SelectOp::create(b, loc, above, largest, score);
    }
    Value above = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, largest, load(op.getLimit(), c));
    any = any ? arith::OrIOp::create(b, loc, any, above).getResult() : above;
  }
  return vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, any);
}

void StepEmitter::emitRaise() {
  Value tile = scratchTile(b, op, rows, cols * lanes, element);
  for (auto [i, score] : llvm::enumerate(scores))
    vector::StoreOp::create(b, loc, score, tile, ValueRange{constantIndex(b, loc, i / cols), column(i % cols)});
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(element, value));
  };
  SmallVector<Value> arguments{tile,
                               op.getMax(),
                               op.getShift(),
                               op.getLimit(),
                               op.getSum(),
                               op.getWeights(),
                               filled,
                               constant(op.getUnit().convertToDouble()),
                               constant(op.getThreshold().convertToDouble())};
  llvm::append_range(arguments, op.getScaled());
  func::CallOp::create(b, loc, getSoftmaxRaise(op, ValueRange(arguments).getTypes(), target), arguments);
}

/// p = 2^(u * s - shift) of one vector of columns.
void StepEmitter::emitColumn(unsigned c) {
  Value shift = load(op.getShift(), c), sum = load(op.getSum(), c);
  StreamingSoftmax softmax(b, loc, splat(op.getUnit().convertToDouble()), splat(op.getThreshold().convertToDouble()),
                           target.info.hasFma);
  SmallVector<Value> t;
  for (unsigned r = 0; r < rows; ++r)
    t.push_back(softmax.nearExponent(shift, scores[r * cols + c]));
  unsigned group = op.getWeightsWord().getGroup();
  for (unsigned r = 0; r < rows; r += group) {
    Value row = arith::AddIOp::create(b, loc, filled, constantIndex(b, loc, r));
    sum = emitWeights(b, loc, ArrayRef(t).slice(r, group), sum, op.getWeights(), row, column(c), target);
  }
  vector::StoreOp::create(b, loc, sum, op.getSum(), ValueRange{column(c)});
}

Value codegen::packPairs(OpBuilder &b, Location loc, Value low, Value high, VectorType ints) {
  auto splat = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(ints, b.getI32IntegerAttr(value)));
  };
  Value lowBits = arith::ShRUIOp::create(b, loc, arith::BitcastOp::create(b, loc, ints, low), splat(16));
  Value highBits = arith::AndIOp::create(b, loc, arith::BitcastOp::create(b, loc, ints, high), splat(0xffff0000));
  return arith::OrIOp::create(b, loc, lowBits, highBits);
}

static const DotInstruction *findPairs(MLIRContext *context, const VectorTarget &target) {
  Type bf16 = BFloat16Type::get(context);
  return target.info.findDot(bf16, bf16, 2);
}

Value codegen::emitWeights(OpBuilder &b, Location loc, ArrayRef<Value> t, Value sum, Value weights, Value row,
                           Value column, const VectorTarget &target) {
  if (t.size() == 1) {
    Value p = target.exp2(b, loc, t[0]);
    vector::StoreOp::create(b, loc, p, weights, ValueRange{row, column});
    return arith::AddFOp::create(b, loc, sum, p);
  }
  constexpr int32_t kPairOfOnes = 0x3f803f80;
  VectorType ints = cast<VectorType>(sum.getType()).clone(b.getI32Type());
  Value ones = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(ints, b.getI32IntegerAttr(kPairOfOnes)));
  Value low = target.roughExp2(b, loc, t[0]), high = target.roughExp2(b, loc, t[1]);
  Value pair = packPairs(b, loc, low, high, ints);
  row = arith::DivUIOp::create(b, loc, row, constantIndex(b, loc, 2));
  vector::StoreOp::create(b, loc, pair, weights, ValueRange{row, column});
  // What is summed is what is stored, so that truncation has no bias.
  return target.dotProducts(b, loc, *findPairs(b.getContext(), target), sum, pair, ones);
}

LogicalResult codegen::emitSoftmaxStep(LaneEmitter &emitter, tile::SoftmaxStepOp op, Value firstRow,
                                       const VectorTarget &target) {
  tile::EncodingAttr word = op.getWeightsWord();
  Type bf16 = BFloat16Type::get(op.getContext());
  if (word.getGroup() > 1 && (word.getElement() != bf16 || !findPairs(op.getContext(), target)))
    return op.emitError() << "weights as " << word << " need a target that has dot products of them";
  if (emitter.shape().rows % word.getGroup() != 0)
    return op.emitError() << "weights as " << word << " need whole groups of rows in a register tile, which has "
                          << emitter.shape().rows;
  StepEmitter(emitter, op, firstRow, target).emit();
  return success();
}
