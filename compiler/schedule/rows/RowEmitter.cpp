//===- RowEmitter.cpp - Row programs to loops and tile ops ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/rows/RowEmitter.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace attnc::schedule {
namespace {

/// `extent` as a value: what it was made from, so that equal extents are one value.
Value materialise(OpBuilder &builder, Location loc, Extent extent) {
  if (extent.isStatic())
    return constantIndex(builder, loc, extent.dim);
  if (extent.dim < 0)
    return extent.base;
  return builder.createOrFold<memref::DimOp>(loc, extent.base, extent.dim);
}

/// The extents of all loops of a program, as values. A loop that no operand has runs once.
SmallVector<Value> materialiseExtents(OpBuilder &builder, const RowProgram &program) {
  linalg::GenericOp op = program.op;
  SmallVector<Value> extents;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    auto [memref, dim] = program.source(loop);
    extents.push_back(materialise(builder, op.getLoc(), memref ? extentOf(memref, dim) : Extent{Value(), 1}));
  }
  return extents;
}

//===----------------------------------------------------------------------===//
// One row of one program
//===----------------------------------------------------------------------===//

/// Emits one row. Every load and every op of the body goes to the outermost of
/// three levels at which its operands are known: once per row, once per
/// iteration of the inner loops, once per lane. Moving a load out is sound
/// because one buffer is read and written by one op only with the same map.
class RowEmitter {
public:
  RowEmitter(OpBuilder &builder, const RowProgram &program, ArrayRef<Value> extents, ArrayRef<Value> outerIvs)
      : builder(builder), program(program), op(program.op), loc(op.getLoc()), extents(extents), ivs(op.getNumLoops()),
        loopLevels(op.getNumLoops(), Row), at{builder, builder, builder} {
    for (auto [loop, iv] : llvm::zip_equal(program.outer, outerIvs))
      ivs[loop] = iv;
  }

  void emit(Value laneBegin, Value laneEnd) {
    zero = constantIndex(builder, loc, 0);
    // Before the first load: where a group shares its outer loops, a parallel loop of one iteration may be inside.
    for (unsigned loop : program.inner)
      if (program.extent(loop) == 1)
        ivs[loop] = zero;
    if (program.combiner)
      carried = widen(builder, load(builder, op.getDpsInitOperand(0)));
    emitInnerLoops();
    emitLaneOp(laneBegin, laneEnd);
    emitBody();
  }

private:
  enum Level : unsigned { Row, Inner, Lane };

  /// scf.for per inner loop; a reduction over lanes is carried through them.
  void emitInnerLoops() {
    OpBuilder cursor(builder);
    Value one = constantIndex(builder, loc, 1);
    for (unsigned loop : program.inner) {
      if (program.extent(loop) == 1)
        continue;
      auto nested =
          scf::ForOp::create(cursor, loc, zero, extents[loop], one, carried ? ValueRange(carried) : ValueRange());
      ivs[loop] = nested.getInductionVar();
      loopLevels[loop] = Inner;
      innerLoops.push_back(nested);
      if (carried)
        carried = nested.getRegionIterArg(0);
      cursor.setInsertionPointToStart(nested.getBody());
    }
    if (!innerLoops.empty()) {
      builder.setInsertionPointAfter(innerLoops.front());
      at[Row] = OpBuilder(innerLoops.front());
    }
    at[Inner] = at[Lane] = cursor;
  }

  void emitLaneOp(Value begin, Value end) {
    if (!program.lane)
      return;
    OpBuilder &cursor = innerLoops.empty() ? builder : at[Inner];
    if (program.combiner)
      laneOp = tile::ReduceOp::create(cursor, loc, carried.getType(), program.kind, begin, end, carried);
    else
      laneOp = tile::MapOp::create(cursor, loc, begin, end);
    Block *body = &laneOp->getRegion(0).emplaceBlock();
    ivs[*program.lane] = body->addArgument(builder.getIndexType(), loc);
    loopLevels[*program.lane] = Lane;
    at[Inner] = OpBuilder(laneOp);
    if (innerLoops.empty())
      at[Row] = at[Inner];
    at[Lane] = OpBuilder::atBlockEnd(body);
  }

  void emitBody() {
    Block *body = op.getBody();
    for (OpOperand *input : op.getDpsInputOperands())
      bind(body->getArgument(input->getOperandNumber()), input);
    for (OpOperand &output : op.getDpsInitsMutable())
      if (BlockArgument argument = op.getMatchingBlockArgument(&output); !program.combiner && !argument.use_empty())
        define(argument, load(at[Lane], &output), Lane);
    for (Operation &inside : body->without_terminator())
      if (&inside != program.combiner)
        emitInside(&inside);
    if (program.combiner)
      finishReduction();
    else
      finishMap();
  }

  /// An input's element: a scalar operand as it stands, else a load at the
  /// level where its indices are known.
  void bind(BlockArgument argument, OpOperand *input) {
    if (argument.use_empty())
      return;
    if (!isa<MemRefType>(input->get().getType()))
      return define(argument, input->get(), Row);
    Level level = levelOf(op.getMatchingIndexingMap(input));
    define(argument, load(at[level], input), level);
  }

  void emitInside(Operation *inside) {
    if (auto index = dyn_cast<linalg::IndexOp>(inside))
      return define(index.getResult(), ivs[index.getDim()], loopLevels[index.getDim()]);
    Level level = Row;
    for (Value operand : inside->getOperands())
      level = std::max(level, levels.lookup(operand));
    // Loads of the body may be unsafe where the body does not run; regions may
    // read values of any level.
    if (!isPure(inside) || inside->getNumRegions() > 0)
      level = Lane;
    Operation *copy = at[level].clone(*inside, mapping);
    for (auto [from, to] : llvm::zip(inside->getResults(), copy->getResults()))
      define(from, to, level);
  }

  void finishMap() {
    for (OpOperand &output : op.getDpsInitsMutable()) {
      Value value = mapping.lookupOrDefault(op.getMatchingYieldValue(&output)->get());
      memref::StoreOp::create(at[Lane], loc, value, output.get(), indices(at[Lane], &output));
    }
    if (laneOp)
      tile::YieldOp::create(at[Lane], loc, Value());
  }

  /// Hands the row's value through the inner loops and stores it once.
  void finishReduction() {
    Value out = op.getRegionOutputArgs().front();
    unsigned other = program.combiner->getOperand(0) == out ? 1 : 0;
    Value value = mapping.lookupOrDefault(program.combiner->getOperand(other));
    tile::YieldOp::create(at[Lane], loc, widen(at[Lane], value));
    Value result = laneOp->getResult(0);
    for (scf::ForOp loop : llvm::reverse(innerLoops)) {
      OpBuilder end = OpBuilder::atBlockEnd(loop.getBody());
      scf::YieldOp::create(end, loc, result);
      result = loop.getResult(0);
    }
    if (result.getType() != out.getType())
      result = arith::TruncFOp::create(builder, loc, out.getType(), result);
    OpOperand *output = op.getDpsInitOperand(0);
    memref::StoreOp::create(builder, loc, result, output->get(), indices(builder, output));
  }

  /// A row of small floats is combined in f32 and rounded once.
  Value widen(OpBuilder &where, Value value) {
    auto type = dyn_cast<FloatType>(value.getType());
    return type && type.getWidth() < 32 ? arith::ExtFOp::create(where, loc, where.getF32Type(), value) : value;
  }

  void define(Value from, Value to, Level level) {
    mapping.map(from, to);
    levels[from] = level;
  }

  Level levelOf(AffineMap map) {
    Level level = Row;
    for (unsigned loop = 0; loop < map.getNumDims(); ++loop)
      if (map.isFunctionOfDim(loop))
        level = std::max(level, loopLevels[loop]);
    return level;
  }

  SmallVector<Value> indices(OpBuilder &where, OpOperand *operand) {
    SmallVector<Value> values;
    for (AffineExpr expr : op.getMatchingIndexingMap(operand).getResults())
      values.push_back(affine::expandAffineExpr(where, loc, expr, ivs, {}));
    return values;
  }

  Value load(OpBuilder &where, OpOperand *operand) {
    return memref::LoadOp::create(where, loc, operand->get(), indices(where, operand));
  }

  OpBuilder &builder;
  const RowProgram &program;
  linalg::GenericOp op;
  Location loc;
  ArrayRef<Value> extents;
  SmallVector<Value> ivs;
  SmallVector<Level> loopLevels;
  OpBuilder at[3];
  Value zero, carried;
  SmallVector<scf::ForOp> innerLoops;
  Operation *laneOp = nullptr;
  IRMapping mapping;
  llvm::DenseMap<Value, Level> levels;
};

void emitRow(OpBuilder &builder, const RowProgram &program, ArrayRef<Value> extents, ArrayRef<Value> outerIvs) {
  Location loc = program.location();
  Value zero = constantIndex(builder, loc, 0);
  Value end = program.lane ? extents[*program.lane] : Value();
  RowEmitter(builder, program, extents, outerIvs).emit(zero, end);
}

//===----------------------------------------------------------------------===//
// Loops over rows
//===----------------------------------------------------------------------===//

/// Counts of rows and of operations, which may need all 64 bits.
struct CountMath : IndexMath {
  Value min(Value l, Value r) { return b.createOrFold<arith::MinUIOp>(loc, l, r); }
  Value max(Value l, Value r) { return b.createOrFold<arith::MaxUIOp>(loc, l, r); }
  Value ceilDiv(Value l, Value r) { return div(sub(add(l, r), index(1)), r); }
};

/// Scalar operations of all loops of `programs`, or nothing if an extent is
/// dynamic.
std::optional<int64_t> staticWork(ArrayRef<RowProgram> programs) {
  int64_t total = 0;
  for (const RowProgram &program : programs) {
    int64_t work = program.workPerElement();
    linalg::GenericOp op = program.op;
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
      int64_t extent = program.extent(loop);
      if (ShapedType::isDynamic(extent) || llvm::MulOverflow(work, extent, work))
        return std::nullopt;
    }
    if (llvm::AddOverflow(total, work, total))
      return std::nullopt;
  }
  return total;
}

/// Scalar operations of one row of `program`.
Value rowWork(CountMath math, const RowProgram &program, ArrayRef<Value> extents) {
  Value work = math.index(program.workPerElement());
  for (unsigned loop : program.inner)
    work = math.mul(work, extents[loop]);
  return program.lane ? math.mul(work, extents[*program.lane]) : work;
}

/// forall over tasks of `perTask` out of `count` things; returns the builder
/// inside and the task's [begin, end).
std::tuple<OpBuilder, Value, Value> emitTasks(OpBuilder &builder, Location loc, Value count, Value perTask) {
  Value tasks = CountMath{{builder, loc}}.ceilDiv(count, perTask);
  auto forall = scf::ForallOp::create(builder, loc, ArrayRef<OpFoldResult>{tasks}, ValueRange(), std::nullopt);
  OpBuilder inside(forall.getTerminator());
  CountMath math{{inside, loc}};
  Value begin = math.mul(forall.getInductionVar(0), perTask);
  Value end = math.min(math.add(begin, perTask), count);
  return {inside, begin, end};
}

using RowBody = llvm::function_ref<void(OpBuilder &, ArrayRef<Value>)>;

/// Rows shared among threads: all outer loops as one count, cut into tasks.
void emitSharedRows(OpBuilder &builder, Location loc, ArrayRef<Value> extents, Value work, int64_t grain,
                    RowBody body) {
  CountMath math{{builder, loc}};
  Value rows = math.index(1);
  for (Value extent : extents)
    rows = math.mul(rows, extent);
  Value perTask = math.ceilDiv(math.index(grain), math.max(work, math.index(1)));
  auto [inside, begin, end] = emitTasks(builder, loc, rows, perTask);
  auto loop = scf::ForOp::create(inside, loc, begin, end, constantIndex(inside, loc, 1));
  OpBuilder perRow(loop.getBody()->getTerminator());
  CountMath rowMath{{perRow, loc}};
  SmallVector<Value> ivs(extents.size());
  Value rest = loop.getInductionVar();
  for (unsigned i = extents.size(); i-- > 0;) {
    ivs[i] = i == 0 ? rest : rowMath.rem(rest, extents[i]);
    if (i > 0)
      rest = rowMath.div(rest, extents[i]);
  }
  body(perRow, ivs);
}

/// Rows one after the other on this thread.
void emitSerialRows(OpBuilder &builder, Location loc, ArrayRef<Value> extents, RowBody body) {
  Value zero = constantIndex(builder, loc, 0), one = constantIndex(builder, loc, 1);
  OpBuilder inside(builder);
  SmallVector<Value> ivs;
  Operation *outermost = nullptr;
  for (Value extent : extents) {
    auto loop = scf::ForOp::create(inside, loc, zero, extent, one);
    outermost = outermost ? outermost : loop;
    ivs.push_back(loop.getInductionVar());
    inside.setInsertionPoint(loop.getBody()->getTerminator());
  }
  body(inside, ivs);
  if (outermost)
    builder.setInsertionPointAfter(outermost);
}

/// A program without rows whose lanes are independent: lanes are cut into
/// tasks, of whole cache lines.
void emitSharedLanes(OpBuilder &builder, const RowProgram &program, ArrayRef<Value> extents, int64_t grain) {
  Location loc = program.location();
  CountMath math{{builder, loc}};
  Value perLane = math.index(program.workPerElement());
  for (unsigned loop : program.inner)
    perLane = math.mul(perLane, extents[loop]);
  Value line = math.index(64);
  Value lanes = math.ceilDiv(math.index(grain), math.max(perLane, math.index(1)));
  Value perTask = math.mul(math.ceilDiv(lanes, line), line);
  auto [inside, begin, end] = emitTasks(builder, loc, extents[*program.lane], perTask);
  RowEmitter(inside, program, extents, {}).emit(begin, end);
}
} // namespace

void emitRows(OpBuilder &builder, ArrayRef<RowProgram> group, int64_t grain) {
  const RowProgram &first = group.front();
  Location loc =
      builder.getFusedLoc(llvm::map_to_vector(group, [](const RowProgram &program) { return program.location(); }));
  SmallVector<SmallVector<Value>> extents;
  for (const RowProgram &program : group)
    extents.push_back(materialiseExtents(builder, program));
  SmallVector<Value> rows;
  for (unsigned loop : first.outer)
    rows.push_back(extents.front()[loop]);

  auto body = [&](OpBuilder &inside, ArrayRef<Value> ivs) {
    for (auto [program, sizes] : llvm::zip(group, extents))
      emitRow(inside, program, sizes, ivs);
  };
  // Nested parallelism is not allowed, and little work is not worth waking a
  // thread for.
  std::optional<int64_t> work = staticWork(group);
  bool serial = builder.getInsertionBlock()->getParentOp()->getParentOfType<scf::ForallOp>() ||
                isa<scf::ForallOp>(builder.getInsertionBlock()->getParentOp()) || (work && *work < 2 * grain);
  if (serial)
    return emitSerialRows(builder, loc, rows, body);
  if (rows.empty() && group.size() == 1 && first.lane && !first.combiner)
    return emitSharedLanes(builder, first, extents.front(), grain);
  if (rows.empty())
    return emitSerialRows(builder, loc, rows, body);
  CountMath math{{builder, loc}};
  Value perRow = math.index(0);
  for (auto [program, sizes] : llvm::zip(group, extents))
    perRow = math.add(perRow, rowWork(math, program, sizes));
  emitSharedRows(builder, loc, rows, perRow, grain, body);
}

} // namespace attnc::schedule
