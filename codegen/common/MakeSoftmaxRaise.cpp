//===- MakeSoftmaxRaise.cpp - A softmax step that raises maxima -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a softmax step (LowerSoftmaxStep.cpp) does where a column meets its first score, or one above its limit. Key by
// key, so that the result does not depend on the size of the tile, per column (dialects/Common/StreamingSoftmax.h):
//
//   t = exponent of s
//   if s raises max, or t > 1 and another column of the vector raises again:
//     max = s, or s + 20 / u where something was met before
//     sum, scaled, weights[0, row) *= 2^correction                         // nothing where nothing was met
//   p = 2^t under the new maximum;  weights[row] = p;  sum += p
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
  using State = StreamingSoftmax::State; // of one vector of columns

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
  StreamingSoftmax softmax() { return {b, loc, unit, threshold, target.info.hasFma}; }
  State loadState(Value column);
  Value raisedTo(Value score, Value old);
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

/// The maximum of a column that rises at `score`. A second time it goes ahead of the score: what has risen rises on, as
/// under ALiBi.
Value RaiseBuilder::raisedTo(Value score, Value old) {
  Value ahead = arith::DivFOp::create(b, loc, splat(kRaisedAhead), unit);
  return arith::AddFOp::create(b, loc, score, select(softmax().isSet(old), ahead, splat(0.0)));
}

/// Scores often rise together, as under ALiBi. Where a column that has met scores before must raise its maximum, those
/// of its vector that stand above theirs raise it too: once for all instead of each at its own key.
Value RaiseBuilder::withNeighbours(Value raises, const State &old, Value t) {
  Value isAgain = vector::BroadcastOp::create(b, loc, raises.getType(), any(both(raises, softmax().isSet(old.max))));
  Value isHigher = both(softmax().isSet(old.max), both(compare(arith::CmpFPredicate::OGT, t, splat(1.0)),
                                                       compare(arith::CmpFPredicate::OLT, t, splat(infinity))));
  return either(raises, both(isAgain, isHigher));
}

/// Raises the maxima of the columns that `score` asks for.
void RaiseBuilder::meet(Value score, Value column, Value filled) {
  State old = loadState(column);
  Value t = softmax().exponent(old, score);
  Value raises = withNeighbours(softmax().raises(old, score, t), old, t);
  auto branch = scf::IfOp::create(b, loc, any(raises), /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  State state = softmax().stateOf(raisedTo(score, old.max));
  store(select(raises, state.max, old.max), argument(kMax), {column});
  store(select(raises, state.shift, old.shift), argument(kShift), {column});
  store(select(raises, state.limit, old.limit), argument(kLimit), {column});
  Value factor = target.exp2(b, loc, softmax().correction(state, score, t));
  factor = select(both(raises, softmax().isSet(old.max)), factor, splat(1.0));
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
    t.push_back(softmax().exponent(state, score));
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
