//===- LowerContract.cpp - tile.contract to register tiles ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before (R = tile_rows = 4, a panel of W = 64 columns, 16 lanes: C = 4):
//
//   tile.contract rows(%m0 to %m1) cols(%n0) k(%K) lhs(%x : ...) rhs(%w : ...) tail = peel epilogue { ... }
//
// After:
//
//   scf.for %m = %m0 to %full step 4 {
//     %acc:16 = scf.for %k = 0 to %K iter_args(16 x vector<16xf32> = init) {
//       %b:4 = 4 x vector.load %w[%k, 16 c]
//       per row r: %a = memref.load %x[%m + r, %k], broadcast, then 4 fma
//     }
//     epilogue on %acc
//   }
//   then, for `peel`, tiles of 3, 2, 1 rows behind a compare; for `clamp`, one more whole tile whose rows repeat the
//   last
//
// R*C separate native vectors are loop-carried: wider vectors of odd width cost a factor of twenty in LLVM.
//
// With `dots`, 16 accumulators along k, one for each pair of 4 rows and 4 columns (or of 1 and 16), whose lanes are
// summed into one vector by four rounds of exchanging and adding (30 shuffles, 15 additions).
//
//===----------------------------------------------------------------------===//

#include "codegen/common/ContractOperands.h"
#include "codegen/common/Lowering.h"
#include "dialects/Common/Alignment.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

ValueRange codegen::buildLoop(OpBuilder &builder, Location loc, Value begin, Value end, int64_t step, ValueRange inits,
                              llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(builder, loc, begin, end, constantIndex(builder, loc, step), inits);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!inits.empty())
    scf::YieldOp::create(builder, loc, next);
  return loop.getResults();
}

Value codegen::scratchTile(OpBuilder &builder, Operation *user, int64_t rows, int64_t width, Type element) {
  OpBuilder::InsertionGuard guard(builder);
  Operation *scope = user;
  while (!isa<scf::ForallOp, func::FuncOp>(scope))
    scope = scope->getParentOp();
  builder.setInsertionPointToStart(&scope->getRegion(0).front());
  auto type = MemRefType::get({rows, width}, element);
  return memref::AllocaOp::create(builder, user->getLoc(), type, builder.getI64IntegerAttr(kAlignment));
}

namespace {

/// Emits register tiles of one contraction.
class ContractEmitter {
public:
  ContractEmitter(OpBuilder &builder, tile::ContractOp op, const VectorTarget &target)
      : b(builder), op(op), target(target), loc(op.getLoc()),
        lanesOfColumn(std::min<int64_t>(op.getWidth(), target.info.lanes(32))), cols(op.getWidth() / lanesOfColumn),
        operands(builder, op, target), corrections(operands.corrections(cols)) {}

  LogicalResult emitAll();

private:
  LogicalResult emitTile(unsigned rows, Value firstRow, bool clamp);
  LogicalResult initialValues(LaneEmitter &lanes, const LaneValue &row, SmallVectorImpl<Value> &acc);
  void correct(SmallVectorImpl<Value> &acc);
  SmallVector<Value> accumulate(unsigned rows, ArrayRef<Value> rowIndex, ArrayRef<Value> acc);
  SmallVector<Value> accumulateFrom(Value begin, Value end, unsigned rows, ArrayRef<Value> rowIndex, ValueRange acc);
  SmallVector<Value> addRest(unsigned rows, ArrayRef<Value> rowIndex, SmallVector<Value> sums);
  SmallVector<Value> addProducts(Value word, ArrayRef<Value> rowIndex, ValueRange sums,
                                 llvm::function_ref<ContractOperands::Word(Value)> readRow);
  void emitPrefetch(ValueRange place);
  SmallVector<Value> columnsOf(Value first, int64_t count);
  Value dotProducts(ArrayRef<Value> rows, ArrayRef<Value> columns);
  SmallVector<Value> dotVectors(ArrayRef<Value> rows, unsigned col);
  SmallVector<Value> accumulateDots(ArrayRef<Value> rowIndex, ArrayRef<Value> acc);
  LogicalResult emitLoop(Value begin, Value end, unsigned rows, bool clamp);
  LogicalResult emitPeeled(Value begin, Value rest);

  OpBuilder &b;
  tile::ContractOp op;
  const VectorTarget &target;
  Location loc;
  unsigned lanesOfColumn; ///< fewer than there are where dot products of one register tile fill the lanes
  unsigned cols;
  ContractOperands operands;
  SmallVector<Value> corrections; ///< added to every row's initial values, by vector column; empty: none
};

} // namespace

void ContractEmitter::correct(SmallVectorImpl<Value> &acc) {
  if (!corrections.empty())
    for (auto [i, sum] : llvm::enumerate(acc))
      sum = b.createOrFold<arith::AddIOp>(loc, sum, corrections[i % cols]);
}

LogicalResult ContractEmitter::initialValues(LaneEmitter &lanes, const LaneValue &row, SmallVectorImpl<Value> &acc) {
  unsigned rows = lanes.shape().rows;
  Type type = op.getAccumulatorType();
  if (op.getInit().empty()) {
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(lanes.vectorOf(type)));
    acc.assign(rows * cols, zero);
    return correct(acc), success();
  }
  Block &init = op.getInit().front();
  lanes.bind(init.getArgument(0), row);
  lanes.bind(init.getArgument(1), lanes.columns(loc, op.getColBegin()));
  if (failed(lanes.emit(init)))
    return failure();
  LaneValue value = lanes.valueOf(cast<tile::YieldOp>(init.getTerminator()).getValue());
  for (unsigned r = 0; r < rows; ++r)
    for (unsigned c = 0; c < cols; ++c)
      acc.push_back(lanes.vectorAt(loc, value, type, r, c));
  return correct(acc), success();
}

/// What the tile prefetches for a row, or for a vector of rhs.
void ContractEmitter::emitPrefetch(ValueRange place) {
  Block &block = op.getPrefetch().front();
  IRMapping mapping;
  mapping.map(block.getArguments(), place);
  for (Operation &nested : block.without_terminator())
    b.clone(nested, mapping);
}

/// acc[r][c] += lhs[row r, k] * rhs[k, c] over all k; where rows prefetch
///
///   for r = 0 to R { prefetch(first row + r); for k = r * S to min((r + 1) * S, K) { ... } }       // S = ceil(K / R)
///
/// since multiply-adds leave the ports of loads half idle. (After the sums, between the exponentials of a softmax: 1% less
/// of the peak; unrolled there: up to 9% less, and three times the code.)
SmallVector<Value> ContractEmitter::accumulate(unsigned rows, ArrayRef<Value> rowIndex, ArrayRef<Value> acc) {
  Value zero = constantIndex(b, loc, 0), count = constantIndex(b, loc, rows);
  if (op.getPrefetch().empty() || op.prefetchesVectors())
    return addRest(rows, rowIndex, accumulateFrom(zero, operands.words, rows, rowIndex, acc));
  Value share = b.createOrFold<arith::CeilDivSIOp>(loc, operands.words, count);
  std::optional<int64_t> known = getConstantIntValue(operands.words);
  bool isEven = known && *known % rows == 0;
  SmallVector<Value> sums(buildLoop(b, loc, zero, count, 1, acc, [&](Value r, ValueRange partial) {
    emitPrefetch(b.createOrFold<arith::AddIOp>(loc, rowIndex[0], r));
    Value begin = arith::MulIOp::create(b, loc, r, share), end = arith::AddIOp::create(b, loc, begin, share);
    if (!isEven)
      end = arith::MinSIOp::create(b, loc, end, operands.words);
    return accumulateFrom(begin, end, rows, rowIndex, partial);
  }));
  return addRest(rows, rowIndex, sums);
}

/// sums[r][c] += the products of word `word` of the panel and what `readRow` gives for each row.
SmallVector<Value> ContractEmitter::addProducts(Value word, ArrayRef<Value> rowIndex, ValueRange sums,
                                                llvm::function_ref<ContractOperands::Word(Value)> readRow) {
  SmallVector<ContractOperands::Word> panel;
  SmallVector<Value> next;
  for (unsigned c = 0; c < cols; ++c) {
    Value column = constantIndex(b, loc, c * target.info.lanes(32));
    if (op.prefetchesVectors())
      emitPrefetch({word, column});
    panel.push_back(operands.readRhs(word, column));
  }
  for (auto [r, index] : llvm::enumerate(rowIndex)) {
    ContractOperands::Word row = readRow(index);
    for (unsigned c = 0; c < cols; ++c)
      next.push_back(operands.multiplyAdd(sums[r * cols + c], row, panel[c]));
  }
  return next;
}

/// acc[r][c] += lhs[row r, k] * rhs[k, c] over the words [begin, end) of k: a loop, but for a few words.
SmallVector<Value> ContractEmitter::accumulateFrom(Value begin, Value end, unsigned rows, ArrayRef<Value> rowIndex,
                                                   ValueRange acc) {
  constexpr int64_t kFew = 4;
  auto add = [&](Value k, ValueRange sums) {
    return addProducts(k, rowIndex.take_front(rows), sums, [&](Value row) { return operands.readLhs(row, k); });
  };
  std::optional<int64_t> first = getConstantIntValue(begin), last = getConstantIntValue(end);
  if (!first || !last || *last - *first > kFew || op.getRhsWord().getGroup() > 1)
    return SmallVector<Value>(buildLoop(b, loc, begin, end, 1, acc, add));
  SmallVector<Value> sums(acc);
  for (int64_t k = *first; k < *last; ++k)
    sums = add(constantIndex(b, loc, k), sums);
  return sums;
}

/// The last word of k, where it is not whole.
SmallVector<Value> ContractEmitter::addRest(unsigned rows, ArrayRef<Value> rowIndex, SmallVector<Value> sums) {
  if (!operands.rest)
    return sums;
  Value some = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, operands.rest, constantIndex(b, loc, 0));
  auto branch = scf::IfOp::create(b, loc, TypeRange(ValueRange(sums)), some, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(b, loc, sums);
  b.setInsertionPointToEnd(branch.thenBlock());
  sums = addProducts(operands.words, rowIndex.take_front(rows), sums,
                     [&](Value row) { return operands.readLhsRest(row); });
  scf::YieldOp::create(b, loc, sums);
  return branch.getResults();
}

/// `count` columns from `first` on; one that is not real repeats the last real one.
SmallVector<Value> ContractEmitter::columnsOf(Value first, int64_t count) {
  SmallVector<Value> columns;
  for (int64_t i = 0; i < count; ++i) {
    Value column = b.createOrFold<arith::AddIOp>(loc, first, constantIndex(b, loc, i));
    if (op.getColCount()) {
      Value last = arith::SubIOp::create(b, loc, op.getColCount(), constantIndex(b, loc, 1));
      column = arith::MinSIOp::create(b, loc, column, last);
    }
    columns.push_back(column);
  }
  return columns;
}

/// Adds up the lanes of each of `vectors`, as many as there are lanes: lane l of the result is the sum of vectors[l].
static Value sumLanes(OpBuilder &b, Location loc, SmallVector<Value> vectors) {
  int64_t lanes = vectors.size();
  for (int64_t size = 1; size < lanes; size *= 2)
    for (int64_t at = 0; at < lanes; at += 2 * size) {
      auto [low, high] = exchangeLanes(b, loc, vectors[at], vectors[at + size], size);
      vectors[at] = arith::AddFOp::create(b, loc, low, high);
    }
  return vectors[0];
}

/// sum_k lhs[row, k] * rhs[k, column] for all pairs of the R rows and of L / R columns, R major: one vector.
Value ContractEmitter::dotProducts(ArrayRef<Value> rows, ArrayRef<Value> columns) {
  unsigned lanes = target.info.lanes(32);
  VectorType vector = VectorType::get({lanes}, op.getAccumulatorType());
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(vector)), begin = constantIndex(b, loc, 0);
  auto storedOf = [&](Value memref) { return vector.clone(cast<MemRefType>(memref.getType()).getElementType()); };
  auto widened = [&](Value read) -> Value {
    return read.getType() == vector ? read : arith::ExtFOp::create(b, loc, vector, read).getResult();
  };
  Value rest = b.createOrFold<arith::RemUIOp>(loc, op.getKEnd(), constantIndex(b, loc, lanes));
  Value full = b.createOrFold<arith::SubIOp>(loc, op.getKEnd(), rest);
  auto addProducts = [&](Value k, ValueRange sums, llvm::function_ref<Value(Value, ValueRange)> read) {
    SmallVector<Value> right, next;
    for (Value column : columns)
      right.push_back(read(op.getRhs(), {k, column}));
    for (Value row : rows) {
      Value left = read(op.getLhs(), {row, k});
      for (Value other : right)
        next.push_back(target.multiplyAdd(b, loc, left, other, sums[next.size()]));
    }
    return next;
  };
  // Vectors along k: the view that has k innermost.
  int64_t streams = op.getStreams();
  SmallVector<unsigned> order{1, 0};
  if (streams > 1)
    order = {1, 2, 0};
  auto map = AffineMapAttr::get(AffineMap::getPermutationMap(order, b.getContext()));
  Value rhs = memref::TransposeOp::create(b, loc, op.getRhs(), map);
  auto at = [&](Value memref, ValueRange indices) {
    if (memref != op.getRhs())
      return std::pair(memref, SmallVector<Value>(indices));
    if (streams == 1)
      return std::pair(rhs, SmallVector<Value>{indices[1], indices[0]});
    Value count = constantIndex(b, loc, streams);
    return std::pair(rhs, SmallVector<Value>{b.createOrFold<arith::DivUIOp>(loc, indices[1], count),
                                             b.createOrFold<arith::RemUIOp>(loc, indices[1], count), indices[0]});
  };
  SmallVector<Value> sums(
      buildLoop(b, loc, begin, full, lanes, SmallVector<Value>(lanes, zero), [&](Value k, ValueRange partial) {
        if (op.prefetchesVectors())
          for (Value column : columns)
            emitPrefetch({k, column});
        return addProducts(k, partial, [&](Value memref, ValueRange indices) {
          auto [source, place] = at(memref, indices);
          return widened(vector::LoadOp::create(b, loc, storedOf(memref), source, place));
        });
      }));
  if (!isConstantIntValue(rest, 0)) {
    Value real = vector::CreateMaskOp::create(b, loc, vector.clone(b.getI1Type()), ValueRange{rest});
    sums = addProducts(full, sums, [&](Value memref, ValueRange indices) {
      auto [source, place] = at(memref, indices);
      VectorType stored = storedOf(memref);
      Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(stored));
      return widened(vector::MaskedLoadOp::create(b, loc, stored, source, place, real, none));
    });
  }
  return sumLanes(b, loc, sums);
}

/// sum_k lhs[row, k] * rhs[k, ...] for the columns of vector column `col`: a vector for each row. Of R rows, L / R
/// columns are done at a time, so that R + L / R loads serve L multiply-adds; each time leaves a chunk of each row's
/// vector, and the chunks are transposed at the end.
SmallVector<Value> ContractEmitter::dotVectors(ArrayRef<Value> rows, unsigned col) {
  int64_t count = rows.size(), chunk = target.info.lanes(32) / count;
  if (count == 1)
    return {dotProducts(rows, columnsOf(constantIndex(b, loc, col * chunk), chunk))};
  if (lanesOfColumn == chunk) {
    Value products = dotProducts(rows, columnsOf(constantIndex(b, loc, 0), chunk));
    return llvm::map_to_vector(llvm::seq<int64_t>(0, count), [&](int64_t row) -> Value {
      return vector::ExtractStridedSliceOp::create(b, loc, products, row * chunk, chunk, 1);
    });
  }
  auto vector = VectorType::get({chunk * count}, op.getAccumulatorType());
  Value parts = scratchTile(b, op, count, chunk * count, vector.getElementType()), zero = constantIndex(b, loc, 0);
  buildLoop(b, loc, zero, constantIndex(b, loc, count), 1, {}, [&](Value part, ValueRange) {
    Value first = arith::MulIOp::create(b, loc, part, constantIndex(b, loc, chunk));
    first = arith::AddIOp::create(b, loc, first, constantIndex(b, loc, col * chunk * count));
    vector::StoreOp::create(b, loc, dotProducts(rows, columnsOf(first, chunk)), parts, ValueRange{part, zero});
    return SmallVector<Value>();
  });
  SmallVector<Value> vectors;
  for (int64_t part = 0; part < count; ++part)
    vectors.push_back(vector::LoadOp::create(b, loc, vector, parts, ValueRange{constantIndex(b, loc, part), zero}));
  return exchangeChunks(b, loc, vectors);
}

SmallVector<Value> ContractEmitter::accumulateDots(ArrayRef<Value> rowIndex, ArrayRef<Value> acc) {
  SmallVector<Value> sums(acc);
  for (unsigned c = 0; c < cols; ++c)
    for (auto [r, products] : llvm::enumerate(dotVectors(rowIndex, c)))
      sums[r * cols + c] = arith::AddFOp::create(b, loc, acc[r * cols + c], products);
  return sums;
}

LogicalResult ContractEmitter::emitTile(unsigned rows, Value firstRow, bool clamp) {
  SmallVector<Value> rowIndex, valid;
  Value last = arith::SubIOp::create(b, loc, op.getRowEnd(), constantIndex(b, loc, 1));
  for (unsigned r = 0; r < rows; ++r) {
    Value row = r == 0 ? firstRow : arith::AddIOp::create(b, loc, firstRow, constantIndex(b, loc, r));
    valid.push_back(clamp ? arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, row, last)
                          : arith::ConstantIntOp::create(b, loc, 1, 1).getResult());
    rowIndex.push_back(clamp ? arith::MinSIOp::create(b, loc, row, last) : row);
  }
  LaneEmitter lanes(b, {rows, cols, lanesOfColumn, op.getColCount()});
  LaneValue row = LaneEmitter::rows(rowIndex);
  SmallVector<Value> acc;
  if (failed(initialValues(lanes, row, acc)))
    return failure();
  acc = op.getDots() ? accumulateDots(rowIndex, acc) : accumulate(rows, rowIndex, acc);

  Block &epilogue = op.getEpilogue().front();
  LaneValue accumulators = LaneEmitter::vectors(acc);
  lanes.bind(epilogue.getArgument(0), accumulators);
  lanes.bind(epilogue.getArgument(1), row);
  lanes.bind(epilogue.getArgument(2), lanes.columns(loc, op.getColBegin()));
  lanes.bind(epilogue.getArgument(3), clamp ? LaneEmitter::rows(valid) : LaneValue::uniform(valid[0]));
  lanes.special = [&](LaneEmitter &emitter, Operation *nested) -> LogicalResult {
    if (auto step = dyn_cast<tile::SoftmaxStepOp>(nested))
      return emitSoftmaxStep(emitter, step, firstRow, target);
    return nested->emitError() << "'" << nested->getName() << "' cannot stand in an epilogue";
  };
  return lanes.emit(epilogue);
}

LogicalResult ContractEmitter::emitLoop(Value begin, Value end, unsigned rows, bool clamp) {
  auto loop = scf::ForOp::create(b, loc, begin, end, constantIndex(b, loc, rows));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  return emitTile(rows, loop.getInductionVar(), clamp);
}

/// `rest` rows remain from `begin`, fewer than a tile: one tile of that many rows, chosen by compare.
LogicalResult ContractEmitter::emitPeeled(Value begin, Value rest) {
  std::optional<int64_t> known = getConstantIntValue(rest);
  for (unsigned rows = 1; rows < op.getTileRows(); ++rows) {
    if (known && *known != rows)
      continue;
    if (known)
      return emitTile(rows, begin, /*clamp=*/false);
    Value matches = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, rest, constantIndex(b, loc, rows));
    auto branch = scf::IfOp::create(b, loc, matches, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    if (failed(emitTile(rows, begin, /*clamp=*/false)))
      return failure();
  }
  return success();
}

LogicalResult ContractEmitter::emitAll() {
  unsigned rows = op.getTileRows();
  if (op.getTail() != tile::Tail::Peel)
    return emitLoop(op.getRowBegin(), op.getRowEnd(), rows, op.getTail() == tile::Tail::Clamp);
  // full = begin + floor((end - begin) / R) * R
  Value count = b.createOrFold<arith::SubIOp>(loc, op.getRowEnd(), op.getRowBegin());
  Value rest = b.createOrFold<arith::RemUIOp>(loc, count, constantIndex(b, loc, rows));
  Value full = b.createOrFold<arith::SubIOp>(loc, op.getRowEnd(), rest);
  if (failed(emitLoop(op.getRowBegin(), full, rows, /*clamp=*/false)))
    return failure();
  if (op.getDots() && rows > 1)
    return emitLoop(full, op.getRowEnd(), 1, /*clamp=*/false);
  return emitPeeled(full, rest);
}

LogicalResult codegen::lowerContract(RewriterBase &rewriter, tile::ContractOp op, const VectorTarget &target) {
  if (op.getDots() && !isa<FloatType>(op.getAccumulatorType()))
    return op.emitError() << "dot products are of floats, not of " << op.getAccumulatorType();
  bool isOneTile =
      op.getDots() && op.getTail() == tile::Tail::Exact && op.getWidth() * op.getTileRows() == target.info.lanes(32);
  if (op.getWidth() % target.info.lanes(32) != 0 && !isOneTile)
    return op.emitError() << "a panel of " << op.getWidth() << " columns does not fill vectors of "
                          << target.info.lanes(32) << " lanes";
  if (op.getDots() && target.info.lanes(32) % op.getTileRows() != 0)
    return op.emitError() << "dot products of " << op.getTileRows() << " rows do not fill vectors of "
                          << target.info.lanes(32) << " lanes";
  rewriter.setInsertionPoint(op); // the emitter begins with what all its tiles share
  if (failed(ContractEmitter(rewriter, op, target).emitAll()))
    return failure();
  rewriter.eraseOp(op);
  return success();
}
