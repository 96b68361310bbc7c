//===- LowerSoftmaxStep.cpp - The streaming softmax on a register tile ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Per tile of R x C vectors t (log2 units, running maximum m already subtracted):
//
//   if any(t > threshold) or pending:  t = rescale(t)      // a function of its own, rarely called
//   p = 2^t;  weights[row - base] = p;  sum += p
//
// "any" is one integer maximum over all vectors: the bit patterns of positive floats are ordered like the floats, and
// only positive ones must be ordered. rescale, per column:
//
//   mx    = max over the tile                              // may be -inf, +inf, NaN
//   unset = (sum == 0)                                     // exact: once a score is met, sum is near 1 or more
//   d     = unset ? mx : max(mx, 0);  d not finite: d = 0
//   m += d;  t -= d;  sum, scaled, weights[0, row - base) *= (unset ? 1 : 2^-d)
//   pending = any(unset and mx == -inf)
//
// m is always finite, so inf - inf cannot occur; NaN and +inf stay in their own column.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Lowering.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

namespace {

/// Arguments of a rescale function, in order.
enum RescaleArgument { kTile, kMax, kSum, kPending, kWeights, kFilled, kScaled };

/// Builds the body of a rescale function.
class RescaleBuilder {
public:
  RescaleBuilder(OpBuilder &builder, Location loc, func::FuncOp function, const VectorTarget &target)
      : b(builder), loc(loc), function(function), target(target),
        vector(VectorType::get({target.info.lanes(32)},
                               cast<MemRefType>(function.getArgumentTypes()[kTile]).getElementType())) {}
  void build();

private:
  Value argument(RescaleArgument index) { return function.getArgument(index); }
  Value load(Value memref, ValueRange at) { return vector::LoadOp::create(b, loc, vector, memref, at); }
  void store(Value value, Value memref, ValueRange at) { vector::StoreOp::create(b, loc, value, memref, at); }
  Value splat(double value) {
    Attribute element = b.getFloatAttr(vector.getElementType(), value);
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector, element));
  }
  Value compare(arith::CmpFPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpFOp::create(b, loc, predicate, lhs, rhs);
  }
  void scaleRows(Value memref, Value rows, Value column, Value factor);
  void scalePairs(Value memref, Value rows, Value column, Value factor);
  void rescaleColumns(Value column);

  OpBuilder &b;
  Location loc;
  func::FuncOp function;
  const VectorTarget &target;
  VectorType vector;
};

} // namespace

/// Rows 2r and 2r + 1 of one vector column, truncated to bf16, as i32: row 2r in the low halves.
static Value packPairs(OpBuilder &b, Location loc, Value low, Value high, VectorType ints) {
  auto splat = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(ints, b.getI32IntegerAttr(value)));
  };
  Value lowBits = arith::ShRUIOp::create(b, loc, arith::BitcastOp::create(b, loc, ints, low), splat(16));
  Value highBits = arith::AndIOp::create(b, loc, arith::BitcastOp::create(b, loc, ints, high), splat(0xffff0000));
  return arith::OrIOp::create(b, loc, lowBits, highBits);
}

/// The two rows of f32 that packPairs has made one.
static std::pair<Value, Value> unpackPairs(OpBuilder &b, Location loc, Value pairs, VectorType floats) {
  Type ints = pairs.getType();
  auto splat = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(b, loc,
                                     DenseElementsAttr::get(cast<ShapedType>(ints), b.getI32IntegerAttr(value)));
  };
  Value low = arith::ShLIOp::create(b, loc, pairs, splat(16));
  Value high = arith::AndIOp::create(b, loc, pairs, splat(0xffff0000));
  return {arith::BitcastOp::create(b, loc, floats, low), arith::BitcastOp::create(b, loc, floats, high)};
}

static bool holdsPairs(Value memref) { return cast<MemRefType>(memref.getType()).getElementType().isInteger(32); }

/// What scaleRows does, on pairs of rows.
void RescaleBuilder::scalePairs(Value memref, Value rows, Value column, Value factor) {
  VectorType ints = vector.clone(b.getI32Type());
  Value count = arith::DivUIOp::create(b, loc, rows, constantIndex(b, loc, 2));
  buildLoop(b, loc, constantIndex(b, loc, 0), count, 1, {}, [&](Value row, ValueRange) {
    Value pairs = vector::LoadOp::create(b, loc, ints, memref, ValueRange{row, column});
    auto [low, high] = unpackPairs(b, loc, pairs, vector);
    Value scaled = packPairs(b, loc, arith::MulFOp::create(b, loc, low, factor),
                             arith::MulFOp::create(b, loc, high, factor), ints);
    store(scaled, memref, {row, column});
    return SmallVector<Value>();
  });
}

/// memref[0, rows)[column...] *= factor
void RescaleBuilder::scaleRows(Value memref, Value rows, Value column, Value factor) {
  if (holdsPairs(memref))
    return scalePairs(memref, rows, column, factor);
  buildLoop(b, loc, constantIndex(b, loc, 0), rows, 1, {}, [&](Value row, ValueRange) {
    Value scaled = arith::MulFOp::create(b, loc, load(memref, {row, column}), factor);
    store(scaled, memref, {row, column});
    return SmallVector<Value>();
  });
}

/// One vector of columns; its flag is set if a column is still without score.
void RescaleBuilder::rescaleColumns(Value column) {
  int64_t rows = cast<MemRefType>(argument(kTile).getType()).getDimSize(0);
  SmallVector<Value> tile;
  for (int64_t r = 0; r < rows; ++r)
    tile.push_back(load(argument(kTile), {constantIndex(b, loc, r), column}));
  Value mx = tile[0];
  for (Value row : ArrayRef(tile).drop_front())
    mx = arith::MaxNumFOp::create(b, loc, mx, row);
  Value zero = splat(0.0f);
  Value sum = load(argument(kSum), {column});
  Value unset = compare(arith::CmpFPredicate::OEQ, sum, zero);
  Value d = arith::SelectOp::create(b, loc, unset, mx, arith::MaxNumFOp::create(b, loc, mx, zero));
  Value finite = compare(arith::CmpFPredicate::OEQ, arith::SubFOp::create(b, loc, d, d), zero);
  d = arith::SelectOp::create(b, loc, finite, d, zero);

  store(arith::AddFOp::create(b, loc, load(argument(kMax), {column}), d), argument(kMax), {column}); // m += d
  for (int64_t r = 0; r < rows; ++r)                                                                 // t -= d
    store(arith::SubFOp::create(b, loc, tile[r], d), argument(kTile), {constantIndex(b, loc, r), column});
  Value factor = target.exp2(b, loc, arith::NegFOp::create(b, loc, d)); // 2^-d
  factor = arith::SelectOp::create(b, loc, unset, splat(1.0f), factor);
  store(arith::MulFOp::create(b, loc, sum, factor), argument(kSum), {column});
  // Columns that meet their first score have nothing to scale: the start of every row, and every tile in which the
  // mask lets some columns wait.
  Value changes = compare(arith::CmpFPredicate::UNE, factor, splat(1.0f));
  Value anyChanges = vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, changes);
  auto branch = scf::IfOp::create(b, loc, anyChanges, /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    scaleRows(argument(kScaled), memref::DimOp::create(b, loc, argument(kScaled), 0), column, factor);
    scaleRows(argument(kWeights), argument(kFilled), column, factor);
  }

  Value none = compare(arith::CmpFPredicate::OEQ, mx, splat(-std::numeric_limits<double>::infinity()));
  Value waiting = arith::AndIOp::create(b, loc, unset, none);
  Value any = vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, waiting);
  auto flags = cast<MemRefType>(argument(kPending).getType());
  int64_t columnsOfFlag = cast<MemRefType>(argument(kTile).getType()).getDimSize(1) / flags.getDimSize(0);
  Value at = arith::DivUIOp::create(b, loc, column, constantIndex(b, loc, columnsOfFlag));
  Value flag = memref::LoadOp::create(b, loc, argument(kPending), ValueRange{at});
  flag = arith::OrIOp::create(b, loc, flag, arith::ExtUIOp::create(b, loc, b.getI32Type(), any));
  memref::StoreOp::create(b, loc, flag, argument(kPending), ValueRange{at});
}

void RescaleBuilder::build() {
  b.setInsertionPointToStart(function.addEntryBlock());
  int64_t width = cast<MemRefType>(argument(kTile).getType()).getDimSize(1);
  Value none = arith::ConstantIntOp::create(b, loc, 0, 32);
  for (int64_t flag = 0; flag < cast<MemRefType>(argument(kPending).getType()).getDimSize(0); ++flag)
    memref::StoreOp::create(b, loc, none, argument(kPending), ValueRange{constantIndex(b, loc, flag)});
  buildLoop(b, loc, constantIndex(b, loc, 0), constantIndex(b, loc, width), target.info.lanes(32), {},
            [&](Value column, ValueRange) {
              rescaleColumns(column);
              return SmallVector<Value>();
            });
  func::ReturnOp::create(b, loc);
}

/// The module's rescale function for these types; made once.
static func::FuncOp getRescale(Operation *user, TypeRange types, const VectorTarget &target) {
  auto module = user->getParentOfType<ModuleOp>();
  auto type = FunctionType::get(user->getContext(), types, {});
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    if (function.getSymName().starts_with("softmax_rescale") && function.getFunctionType() == type)
      return function;
  SymbolTable symbols(module);
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto function = func::FuncOp::create(builder, user->getLoc(), "softmax_rescale", type);
  function.setPrivate();
  symbols.insert(function); // renames on collision
  // Out of line: it is rare, and inlined it would crowd the loop's registers.
  function->setAttr("passthrough", builder.getStrArrayAttr({"noinline"}));
  RescaleBuilder(builder, user->getLoc(), function, target).build();
  return function;
}

/// Some flag of `pending` is set.
static Value anyPending(OpBuilder &b, Location loc, Value pending) {
  Value flags;
  for (int64_t at = 0; at < cast<MemRefType>(pending.getType()).getDimSize(0); ++at) {
    Value flag = memref::LoadOp::create(b, loc, pending, ValueRange{constantIndex(b, loc, at)});
    flags = flags ? arith::OrIOp::create(b, loc, flags, flag).getResult() : flag;
  }
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, flags, arith::ConstantIntOp::create(b, loc, 0, 32));
}

/// any(t > threshold) over the whole tile, by integer maximum.
static Value anyAbove(OpBuilder &b, Location loc, ArrayRef<Value> t, FloatAttr threshold, VectorType ints) {
  Value largest;
  for (Value vector : t) {
    Value bits = arith::BitcastOp::create(b, loc, ints, vector);
    largest = largest ? arith::MaxSIOp::create(b, loc, largest, bits) : bits;
  }
  auto bound = DenseElementsAttr::get(ints, threshold.getValue().bitcastToAPInt());
  Value above =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, largest, arith::ConstantOp::create(b, loc, bound));
  return vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, above);
}

LogicalResult codegen::emitSoftmaxStep(LaneEmitter &emitter, tile::SoftmaxStepOp op, Value firstRow,
                                       const VectorTarget &target) {
  OpBuilder &b = emitter.builder();
  Location loc = op.getLoc();
  auto [rows, cols, lanes, colCount] = emitter.shape();
  Type element = op.getT().getType();
  VectorType vector = emitter.vectorOf(element);
  VectorType ints = emitter.vectorOf(b.getIntegerType(element.getIntOrFloatBitWidth()));
  auto column = [&](unsigned c) { return constantIndex(b, loc, c * lanes); };

  LaneValue scores = emitter.valueOf(op.getT());
  SmallVector<Value> t;
  for (unsigned r = 0; r < rows; ++r)
    for (unsigned c = 0; c < cols; ++c) {
      Value score = emitter.vectorAt(loc, scores, element, r, c);
      if (!op.getSubtracted()) {
        Value max = vector::LoadOp::create(b, loc, vector, op.getMax(), ValueRange{column(c)});
        score = arith::SubFOp::create(b, loc, score, max);
      }
      t.push_back(score);
    }

  Value filled = arith::SubIOp::create(b, loc, firstRow, op.getBase()); // rows of `weights` written so far
  Value isPending = anyPending(b, loc, op.getPending());
  FloatAttr threshold = b.getFloatAttr(element, op.getThreshold().convertToDouble());
  Value slow = arith::OrIOp::create(b, loc, anyAbove(b, loc, t, threshold, ints), isPending);
  auto branch = scf::IfOp::create(b, loc, SmallVector<Type>(t.size(), vector), slow, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    Value tile = scratchTile(b, op, rows, cols * lanes, element);
    for (unsigned i = 0; i < t.size(); ++i)
      vector::StoreOp::create(b, loc, t[i], tile, ValueRange{constantIndex(b, loc, i / cols), column(i % cols)});
    SmallVector<Value> arguments{tile,   op.getMax(),   op.getSum(), op.getPending(), op.getWeights(),
                                 filled, op.getScaled()};
    func::FuncOp rescale = getRescale(op, ValueRange(arguments).getTypes(), target);
    func::CallOp::create(b, loc, rescale, arguments);
    SmallVector<Value> raised;
    for (unsigned i = 0; i < t.size(); ++i)
      raised.push_back(
          vector::LoadOp::create(b, loc, vector, tile, ValueRange{constantIndex(b, loc, i / cols), column(i % cols)}));
    scf::YieldOp::create(b, loc, raised);
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, loc, t);
  }

  bool pairs = holdsPairs(op.getWeights());
  if (pairs && rows % 2 != 0)
    return op.emitError("weights in pairs need an even number of rows in a register tile");
  constexpr int32_t kPairOfOnes = 0x3f803f80;
  Value ones = pairs ? arith::ConstantOp::create(b, loc, DenseElementsAttr::get(ints, b.getI32IntegerAttr(kPairOfOnes)))
                           .getResult()
                     : Value();
  for (unsigned c = 0; c < cols; ++c) {
    Value sum = vector::LoadOp::create(b, loc, vector, op.getSum(), ValueRange{column(c)});
    SmallVector<Value> weights;
    for (unsigned r = 0; r < rows; ++r) {
      Value score = branch.getResult(r * cols + c);
      weights.push_back(pairs ? target.roughExp2(b, loc, score) : target.exp2(b, loc, score));
    }
    for (unsigned r = 0; r < rows; r += pairs ? 2 : 1) {
      Value row = arith::AddIOp::create(b, loc, filled, constantIndex(b, loc, r)), stored = weights[r];
      if (pairs) { // what is summed is what is stored, so that truncation has no bias
        row = arith::DivUIOp::create(b, loc, row, constantIndex(b, loc, 2));
        stored = packPairs(b, loc, weights[r], weights[r + 1], ints);
        sum = target.dotPairs(b, loc, sum, stored, ones);
      } else {
        sum = arith::AddFOp::create(b, loc, sum, stored);
      }
      vector::StoreOp::create(b, loc, stored, op.getWeights(), ValueRange{row, column(c)});
    }
    vector::StoreOp::create(b, loc, sum, op.getSum(), ValueRange{column(c)});
  }
  return success();
}
