//===- MakeSoftmaxRaise.cpp - A softmax step that raises maxima -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a softmax step (LowerSoftmaxStep.cpp) does where a column meets its first score, or one above its limit. Key by
// key, so that the result does not depend on the size of the tile, per column:
//
//   t      = far ? (s - max) * u : s * u - shift            // far: |u * max| > 2^20 (f32), it has lost fractions
//   raises = s is finite and above limit and (not far or t > threshold);
//            also where t > 1 and another column of the vector raises again
//   if raises:
//     max = s, or s + 20 / u where something was met before; shift = far' ? 0 : u * max
//     limit = far' ? -inf : max + threshold / u
//     d = t - (s * u - shift'),  sum, scaled, weights[0, row) *= 2^-d      // nothing where nothing was met
//   p = 2^t under the new maximum;  weights[row] = p;  sum += p
//
// Without fused multiply-add nothing is far: shift is s, and t = (s - shift) * u.
//
// max starts at -inf, "met nothing", and changes to finite numbers only: no inf - inf. A score of -inf has the weight 0,
// NaN and +inf reach the weights and the sum of their own column.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Lowering.h"
#include "dialects/Common/Builders.h"
#include "dialects/Common/StreamingSoftmax.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

namespace {

/// Arguments of the function, in order; any number of memrefs to scale follow.
enum RaiseArgument { kTile, kMax, kShift, kLimit, kSum, kWeights, kFilled, kUnit, kThreshold, kScaled };

/// Builds the function's body.
class RaiseBuilder {
public:
  RaiseBuilder(OpBuilder &builder, Location loc, func::FuncOp function, unsigned group, const VectorTarget &target)
      : b(builder), loc(loc), function(function), group(group), target(target),
        element(cast<MemRefType>(function.getArgumentTypes()[kTile]).getElementType()),
        vector(VectorType::get({target.info.lanes(32)}, element)) {}
  void build();

private:
  /// The running softmax of one vector of columns.
  struct State {
    Value max, shift, limit;
  };

  Value argument(RaiseArgument index) { return function.getArgument(index); }
  Value load(Value memref, ValueRange at) { return vector::LoadOp::create(b, loc, vector, memref, at); }
  void store(Value value, Value memref, ValueRange at) { vector::StoreOp::create(b, loc, value, memref, at); }
  Value splat(double value) { return constantFloat(b, loc, vector, value); }
  Value compare(arith::CmpFPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpFOp::create(b, loc, predicate, lhs, rhs);
  }
  Value select(Value condition, Value yes, Value no) { return arith::SelectOp::create(b, loc, condition, yes, no); }
  Value both(Value lhs, Value rhs) { return arith::AndIOp::create(b, loc, lhs, rhs); }
  Value either(Value lhs, Value rhs) { return arith::OrIOp::create(b, loc, lhs, rhs); }
  Value any(Value flags) { return vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, flags); }
  Value isFinite(Value value) {
    return compare(arith::CmpFPredicate::OLT, math::AbsFOp::create(b, loc, value), splat(infinity));
  }
  Value isNear(Value max);
  Value isSet(const State &state) { return compare(arith::CmpFPredicate::ONE, state.max, splat(-infinity)); }
  State raisedTo(Value score, const State &old);
  State loadState(Value column);
  Value scoreBelow(const State &state, Value score);
  Value withNeighbours(Value raises, const State &old, Value t);
  void meet(Value score, Value column, Value filled);
  void scaleAll(Value factor, Value column, Value filled);
  void scaleRows(Value memref, Value rows, Value column, Value factor, unsigned together = 1);
  void buildRows(Value row, Value column);

  static constexpr double infinity = std::numeric_limits<double>::infinity();
  OpBuilder &b;
  Location loc;
  func::FuncOp function;
  unsigned group; ///< rows of weights in a row of words
  const VectorTarget &target;
  Type element;
  VectorType vector;
  Value unit, threshold; ///< in every lane
};

} // namespace

/// The two rows of f32 that packPairs has made one.
static std::pair<Value, Value> unpackPairs(OpBuilder &b, Location loc, Value pairs, VectorType floats) {
  auto splat = [&](int32_t value) { return constantInt(b, loc, pairs.getType(), value); };
  Value low = arith::ShLIOp::create(b, loc, pairs, splat(16));
  Value high = arith::AndIOp::create(b, loc, pairs, splat(0xffff0000));
  return {arith::BitcastOp::create(b, loc, floats, low), arith::BitcastOp::create(b, loc, floats, high)};
}

/// memref[0, rows)[column...] *= factor; two rows `together` are pairs of bf16.
void RaiseBuilder::scaleRows(Value memref, Value rows, Value column, Value factor, unsigned together) {
  VectorType stored = together == 2 ? vector.clone(b.getI32Type()) : vector;
  if (together == 2)
    rows = arith::DivUIOp::create(b, loc, rows, constantIndex(b, loc, 2));
  buildLoop(b, loc, constantIndex(b, loc, 0), rows, 1, {}, [&](Value row, ValueRange) {
    Value old = vector::LoadOp::create(b, loc, stored, memref, ValueRange{row, column}), scaled;
    if (together == 2) {
      auto [low, high] = unpackPairs(b, loc, old, vector);
      scaled = packPairs(b, loc, arith::MulFOp::create(b, loc, low, factor),
                         arith::MulFOp::create(b, loc, high, factor), stored);
    } else {
      scaled = arith::MulFOp::create(b, loc, old, factor);
    }
    store(scaled, memref, {row, column});
    return SmallVector<Value>();
  });
}

/// Everything that was added up under the old maximum, in rows [0, filled) of the weights.
void RaiseBuilder::scaleAll(Value factor, Value column, Value filled) {
  auto branch = scf::IfOp::create(b, loc, any(compare(arith::CmpFPredicate::UNE, factor, splat(1.0))),
                                  /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  store(arith::MulFOp::create(b, loc, load(argument(kSum), {column}), factor), argument(kSum), {column});
  for (Value memref : function.getArguments().drop_front(kScaled))
    scaleRows(memref, memref::DimOp::create(b, loc, memref, 0), column, factor);
  scaleRows(argument(kWeights), filled, column, factor, group);
}

RaiseBuilder::State RaiseBuilder::loadState(Value column) {
  return {load(argument(kMax), {column}), load(argument(kShift), {column}), load(argument(kLimit), {column})};
}

/// u * max keeps the fractions that weights need, to 2^-4 of a log2 unit; or nothing was met.
Value RaiseBuilder::isNear(Value max) {
  if (!target.info.hasFma)
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector.clone(b.getI1Type()), true));
  unsigned precision = APFloat::semanticsPrecision(cast<FloatType>(element).getFloatSemantics());
  Value size = math::AbsFOp::create(b, loc, arith::MulFOp::create(b, loc, max, unit));
  Value isSmall = compare(arith::CmpFPredicate::OLE, size, splat(std::ldexp(1.0, static_cast<int>(precision) - 4)));
  return either(isSmall, compare(arith::CmpFPredicate::OEQ, max, splat(-infinity)));
}

/// log2 of the weight of `score`.
Value RaiseBuilder::scoreBelow(const State &state, Value score) {
  Value near = subtractShift(b, loc, score, unit, state.shift, target);
  Value far = arith::MulFOp::create(b, loc, arith::SubFOp::create(b, loc, score, state.max), unit);
  return select(isNear(state.max), near, far);
}

/// The state of a column that raises its maximum at `score`. A second time it goes ahead of the score: what has risen
/// rises on, as under ALiBi.
RaiseBuilder::State RaiseBuilder::raisedTo(Value score, const State &old) {
  Value ahead = arith::DivFOp::create(b, loc, splat(kRaisedAhead), unit), zero = splat(0.0);
  Value max = arith::AddFOp::create(b, loc, score, select(isSet(old), ahead, zero));
  Value near = isNear(max), shift = target.info.hasFma ? arith::MulFOp::create(b, loc, max, unit).getResult() : max;
  Value limit = arith::AddFOp::create(b, loc, max, arith::DivFOp::create(b, loc, threshold, unit));
  return {max, select(near, shift, zero), select(near, limit, splat(-infinity))};
}

/// Scores often rise together, as under ALiBi. Where a column that has met scores before must raise its maximum, those
/// of its vector that stand above theirs raise it too: once for all instead of each at its own key.
Value RaiseBuilder::withNeighbours(Value raises, const State &old, Value t) {
  Value isAgain = vector::BroadcastOp::create(b, loc, raises.getType(), any(both(raises, isSet(old))));
  Value isHigher = both(isSet(old), both(compare(arith::CmpFPredicate::OGT, t, splat(1.0)),
                                         compare(arith::CmpFPredicate::OLT, t, splat(infinity))));
  return either(raises, both(isAgain, isHigher));
}

/// Raises the maxima of the columns that `score` asks for.
void RaiseBuilder::meet(Value score, Value column, Value filled) {
  State old = loadState(column);
  Value t = scoreBelow(old, score);
  Value above = both(isFinite(score), compare(arith::CmpFPredicate::OGT, score, old.limit));
  Value raises = both(above, either(isNear(old.max), compare(arith::CmpFPredicate::OGT, t, threshold)));
  raises = withNeighbours(raises, old, t);
  auto branch = scf::IfOp::create(b, loc, any(raises), /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  State state = raisedTo(score, old);
  store(select(raises, state.max, old.max), argument(kMax), {column});
  store(select(raises, state.shift, old.shift), argument(kShift), {column});
  store(select(raises, state.limit, old.limit), argument(kLimit), {column});
  Value factor = target.exp2(b, loc, arith::SubFOp::create(b, loc, scoreBelow(state, score), t)); // 2^-d
  factor = select(both(raises, isSet(old)), factor, splat(1.0));
  scaleAll(factor, column, filled);
}

/// One row, or as many as are stored together, of one vector of columns.
void RaiseBuilder::buildRows(Value row, Value column) {
  SmallVector<Value> scores, t;
  Value filled = arith::AddIOp::create(b, loc, argument(kFilled), row);
  for (unsigned r = 0; r < group; ++r) {
    scores.push_back(load(argument(kTile), {arith::AddIOp::create(b, loc, row, constantIndex(b, loc, r)), column}));
    meet(scores.back(), column, filled);
  }
  State state = loadState(column);
  for (Value score : scores)
    t.push_back(scoreBelow(state, score));
  Value sum = load(argument(kSum), {column});
  store(emitWeights(b, loc, t, sum, argument(kWeights), filled, column, target), argument(kSum), {column});
}

void RaiseBuilder::build() {
  b.setInsertionPointToStart(function.addEntryBlock());
  unit = vector::BroadcastOp::create(b, loc, vector, argument(kUnit));
  threshold = vector::BroadcastOp::create(b, loc, vector, argument(kThreshold));
  auto tile = cast<MemRefType>(argument(kTile).getType());
  Value zero = constantIndex(b, loc, 0), rows = constantIndex(b, loc, tile.getDimSize(0));
  Value columns = constantIndex(b, loc, tile.getDimSize(1));
  buildLoop(b, loc, zero, rows, group, {},
            [&](Value row, ValueRange) { // columns inside: they do not wait for each other
              buildLoop(b, loc, zero, columns, vector.getDimSize(0), {}, [&](Value column, ValueRange) {
                buildRows(row, column);
                return SmallVector<Value>();
              });
              return SmallVector<Value>();
            });
  func::ReturnOp::create(b, loc);
}

func::FuncOp codegen::getSoftmaxRaise(tile::SoftmaxStepOp step, TypeRange types, const VectorTarget &target) {
  auto module = step->getParentOfType<ModuleOp>();
  auto type = FunctionType::get(step.getContext(), types, {}); // words have one encoding: emitSoftmaxStep
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    if (function.getSymName().starts_with("softmax_raise") && function.getFunctionType() == type)
      return function;
  SymbolTable symbols(module);
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto function = func::FuncOp::create(builder, step.getLoc(), "softmax_raise", type);
  function.setPrivate();
  symbols.insert(function); // renames on collision
  // Out of line and rare: the registers of the loop are laid out for the other branch.
  function->setAttr("passthrough", builder.getStrArrayAttr({"noinline", "cold"}));
  RaiseBuilder(builder, step.getLoc(), function, step.getWeightsWord().getGroup(), target).build();
  return function;
}
