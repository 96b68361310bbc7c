//===- MaskProbe.cpp - What a mask says and how it is solved --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/masks/MaskProbe.h"
#include "compiler/schedule/masks/MaskPlan.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

namespace {
class ProbeEmitter {
public:
  ProbeEmitter(AttentionOp op, const MaskQuestion &question)
      : op(op), question(question), b(op), loc(op.getLoc()), plan(op) {}

  SmallVector<Value> emit();

private:
  Value index(int64_t value) { return constantIndex(b, loc, value); }
  Value extent(char letter);
  using Elements = llvm::function_ref<SmallVector<Value>(Value row, Value column)>;
  SmallVector<Value> table(Value rows, Value columns, unsigned count, Elements elements);
  Value isAllowed(Value i, Value j);
  IndexRange block(Value number, int64_t step, Value length);
  Value isWalked(IndexRange queries, IndexRange keys);

  AttentionOp op;
  const MaskQuestion &question;
  OpBuilder b;
  Location loc;
  MaskPlan plan;
  Value batch, head, m, n;
};
} // namespace

/// The extent of M or N.
Value ProbeEmitter::extent(char letter) {
  attn::ExtentSource source = op.findExtent(letter);
  Value factor = index(source.factor);
  if (!source.operand)
    return factor;
  Value extent = tensor::DimOp::create(b, loc, source.operand, source.dim);
  return source.factor == 1 ? extent : arith::MulIOp::create(b, loc, extent, factor);
}

/// `count` tensors of rows x columns flags, whose elements the callback gives.
SmallVector<Value> ProbeEmitter::table(Value rows, Value columns, unsigned count, Elements elements) {
  Type type = RankedTensorType::get({ShapedType::kDynamic, ShapedType::kDynamic}, b.getI1Type());
  SmallVector<Value> outs;
  for (unsigned i = 0; i < count; ++i)
    outs.push_back(tensor::EmptyOp::create(b, loc, type, ValueRange{rows, columns}));
  SmallVector<AffineMap> maps(count, b.getMultiDimIdentityMap(2));
  SmallVector<utils::IteratorType> loops(2, utils::IteratorType::parallel);
  auto fill = [&](OpBuilder &inner, Location, ValueRange) {
    OpBuilder outer = std::exchange(b, inner);
    Value row = linalg::IndexOp::create(b, loc, 0), column = linalg::IndexOp::create(b, loc, 1);
    linalg::YieldOp::create(b, loc, elements(row, column));
    b = outer;
  };
  SmallVector<Type> types(count, type);
  auto nest = linalg::GenericOp::create(b, loc, types, ValueRange(), outs, maps, loops, fill);
  return llvm::to_vector_of<Value>(nest.getResults());
}

/// The mask region for one pair.
Value ProbeEmitter::isAllowed(Value i, Value j) {
  if (op.getMask().empty())
    return arith::ConstantIntOp::create(b, loc, 1, 1);
  Block &mask = op.getMask().front();
  Value leading[AttentionOp::kMaskIndices] = {batch, head, i, j, m, n};
  IRMapping mapping;
  mapping.map(mask.getArguments().take_front(AttentionOp::kMaskIndices), ArrayRef(leading));
  mapping.map(mask.getArguments().drop_front(AttentionOp::kMaskIndices), op.getCaptures());
  for (Operation &operation : mask.without_terminator())
    b.clone(operation, mapping);
  return mapping.lookupOrDefault(mask.getTerminator()->getOperand(0));
}

/// First and last of block `number`; the last block may be short.
IndexRange ProbeEmitter::block(Value number, int64_t step, Value length) {
  Value first = arith::MulIOp::create(b, loc, number, index(step));
  Value last = arith::AddIOp::create(b, loc, first, index(step - 1));
  return {first, arith::MinSIOp::create(b, loc, last, arith::SubIOp::create(b, loc, length, index(1)))};
}

/// Whether one of the intervals of keys that the loop visits for `queries` meets `keys`.
Value ProbeEmitter::isWalked(IndexRange queries, IndexRange keys) {
  Value any = arith::ConstantIntOp::create(b, loc, 0, 1);
  for (IndexRange range : plan.emitRanges(b, loc, kKeyDim, queries, n)) {
    Value low = arith::MaxSIOp::create(b, loc, range.low, keys.low);
    Value high = arith::MinSIOp::create(b, loc, range.high, keys.high);
    any = arith::OrIOp::create(b, loc, any, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, low, high));
  }
  return any;
}

SmallVector<Value> ProbeEmitter::emit() {
  batch = index(question.batch), head = index(question.head);
  m = extent('M'), n = extent('N');
  plan.emitHead(b, loc, {batch, head, Value(), Value(), m, n});
  Value zero = index(0), rows = question.pairs ? m : zero, columns = question.pairs ? n : zero;
  auto pair = [&](Value i, Value j) { return SmallVector<Value>{isAllowed(i, j)}; };
  SmallVector<Value> answers = table(rows, columns, 1, pair);
  auto judge = [&](Value row, Value column) -> SmallVector<Value> {
    IndexRange queries = block(row, question.blockRows, m), keys = block(column, question.blockCols, n);
    BlockTruth truth = plan.emitTruth(b, loc, queries, keys);
    return {truth.someAllowed, truth.someMasked, isWalked(queries, keys)};
  };
  rows = arith::CeilDivSIOp::create(b, loc, m, index(question.blockRows));
  columns = arith::CeilDivSIOp::create(b, loc, n, index(question.blockCols));
  llvm::append_range(answers, table(rows, columns, 3, judge));
  return answers;
}

//===----------------------------------------------------------------------===//
// For the interpreter
//===----------------------------------------------------------------------===//

/// tile.reduce is what kernels run; the interpreter of level attn knows loops.
static void unrollReduction(tile::ReduceOp reduce) {
  OpBuilder b(reduce);
  Location loc = reduce.getLoc();
  auto loop = scf::ForOp::create(
      b, loc, reduce.getBegin(), reduce.getEnd(), constantIndex(b, loc, 1), ValueRange{reduce.getInit()},
      [&](OpBuilder &inner, Location, Value at, ValueRange carried) {
        Block &body = reduce.getBody().front();
        IRMapping mapping;
        mapping.map(body.getArgument(0), at);
        for (Operation &operation : body.without_terminator())
          inner.clone(operation, mapping);
        Value element = mapping.lookup(body.getTerminator()->getOperand(0));
        scf::YieldOp::create(inner, loc, emitCombined(inner, loc, reduce.getKind(), carried[0], element));
      });
  reduce.replaceAllUsesWith(loop.getResult(0));
  reduce.erase();
}

/// Erases what only the attention needed: its operands are then read for their extents alone.
static void eraseDead(Block &body) {
  for (Operation &operation : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&operation))
      operation.erase();
}

func::FuncOp attnc::schedule::emitMaskProbe(AttentionOp op, StringRef name, const MaskQuestion &question) {
  auto parent = cast<func::FuncOp>(op->getParentOp());
  IRMapping mapping;
  OpBuilder b(parent);
  auto probe = cast<func::FuncOp>(b.clone(*parent, mapping));
  probe.setName(name);
  AttentionOp attention = cast<AttentionOp>(mapping.lookup(op->getResult(0)).getDefiningOp());
  SmallVector<Value> answers = ProbeEmitter(attention, question).emit();
  Block &body = probe.getBody().front();
  Operation *terminator = body.getTerminator();
  b.setInsertionPoint(terminator);
  func::ReturnOp::create(b, op.getLoc(), answers);
  terminator->erase();
  probe.setAllResultAttrs(
      ArrayRef<DictionaryAttr>(SmallVector<DictionaryAttr>(answers.size(), b.getDictionaryAttr({}))));
  probe.setType(b.getFunctionType(probe.getArgumentTypes(), ValueRange(answers).getTypes()));
  eraseDead(body);
  SmallVector<tile::ReduceOp> reductions;
  probe.walk([&](tile::ReduceOp reduce) { reductions.push_back(reduce); });
  llvm::for_each(reductions, unrollReduction);
  return probe;
}
