//===- PagesExist.cpp - Whether tables name pages that there are ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   attn.attention k(%k "XGPD" by %table "BT") mask { j < lengths[b] }
//
// reads, for each b, the pages with the keys between the first and the last one that the mask allows to some query:
//
//   %bad = scf.for %b = 0 to B iter(%first = -1) {
//     scf.for %t = 0 to ceil(min(lengths[b], N) / P) iter(%first) {
//       %first < 0 and %table[%b, %t] not in [0, X) ? %b * T + %t : %first
//     }
//   }
//   scf.if %bad >= 0 { tile.bad_index 2[%bad] = %table[%bad / T, %bad % T] of X }
//
// Heads are looped over where the mask depends on them.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/PagesExist.h"
#include "compiler/schedule/attention/Context.h"
#include "compiler/support/Unsupported.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// The function's input that `table` is; null if it is none that a caller gives.
static BlockArgument inputOf(Value table) {
  auto argument = dyn_cast<BlockArgument>(table);
  auto function = argument ? dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp()) : FunctionOpInterface();
  return function && function.isPublic() ? argument : BlockArgument();
}

LogicalResult schedule::verifyTables(AttentionOp op) {
  for (Value table : {op.getKTable(), op.getVTable()})
    if (table && !inputOf(table))
      return emitUnsupported(op) << "a table of pages must be an input of the program: a call that names a page which "
                                    "is not there is refused, with its place in the table";
  return success();
}

namespace {
struct TableTest : IndexMath {
  TableTest(OpBuilder &builder, AttentionOp op) : IndexMath{builder, op.getLoc()}, op(op), mask(op) {}

  Value emit(Value table, StringRef layout);

private:
  using Body = llvm::function_ref<Value(Value at, Value carried)>;
  Value extent(char letter) { return extentOf(b, op, letter); }
  Value loop(Value begin, Value end, Value init, Body body);
  Value compare(arith::CmpIPredicate predicate, Value l, Value r) {
    return arith::CmpIOp::create(b, loc, predicate, l, r);
  }
  Value pageAt(Value table, StringRef layout, Value batch, Value page);
  Value firstBad(Value table, StringRef layout);

  AttentionOp op;
  MaskPlan mask;
};
} // namespace

Value TableTest::loop(Value begin, Value end, Value init, Body body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, index(1), ValueRange{init});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(b, loc, body(loop.getInductionVar(), loop.getRegionIterArg(0)));
  return loop.getResult(0);
}

Value TableTest::pageAt(Value table, StringRef layout, Value batch, Value page) {
  SmallVector<Value> place;
  for (char letter : layout)
    place.push_back(letter == 'B' ? batch : page);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), memref::LoadOp::create(b, loc, table, place));
}

/// The first element, row-major, that is read and names no page; -1 where there is none.
Value TableTest::firstBad(Value table, StringRef layout) {
  Value zero = index(0), one = index(1), m = extent('M'), n = extent('N'), pages = extent('X'), length = extent('T');
  bool dependsOnHead = !op.getMask().empty() && !op.argumentOf(op.getMask(), 'h').use_empty();
  Value isAny = arith::AndIOp::create(b, loc, compare(arith::CmpIPredicate::sgt, m, zero),
                                      compare(arith::CmpIPredicate::sgt, n, zero));
  Value batches = arith::SelectOp::create(b, loc, isAny, extent('B'), zero);
  return loop(zero, batches, index(-1), [&](Value batch, Value before) {
    return loop(zero, dependsOnHead ? extent('H') : one, before, [&](Value head, Value carried) {
      mask.emitHead(b, loc, {batch, head, Value(), Value(), m, n});
      IndexRange keys = mask.emitKeyHull(b, loc, {zero, sub(m, one)}, {zero, sub(n, one)});
      Value exists = compare(arith::CmpIPredicate::sle, keys.low, keys.high);
      Value end = arith::SelectOp::create(b, loc, exists, add(div(keys.high, extent('P')), one), zero);
      return loop(div(keys.low, extent('P')), end, carried, [&](Value page, Value first) -> Value {
        Value isBad = compare(arith::CmpIPredicate::uge, pageAt(table, layout, batch, page), pages);
        Value isFirst = arith::AndIOp::create(b, loc, isBad, compare(arith::CmpIPredicate::slt, first, zero));
        Value element = layout == "T"    ? page
                        : layout == "BT" ? add(mul(batch, length), page)
                                         : add(mul(page, extent('B')), batch);
        return arith::SelectOp::create(b, loc, isFirst, element, first);
      });
    });
  });
}

/// Whether all that is read of `table` exists; tells the caller otherwise.
Value TableTest::emit(Value table, StringRef layout) {
  Value bad = firstBad(table, layout), exist = compare(arith::CmpIPredicate::slt, bad, index(0));
  auto branch = scf::IfOp::create(b, loc, exist, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.elseBlock());
  Value inner = extent(layout.back() == 'T' ? 'T' : 'B'), outerAt = div(bad, inner), innerAt = rem(bad, inner);
  Value value =
      layout.back() == 'T' ? pageAt(table, layout, outerAt, innerAt) : pageAt(table, layout, innerAt, outerAt);
  tile::BadIndexOp::create(b, loc, static_cast<int64_t>(inputOf(table).getArgNumber()), bad, value, extent('X'));
  return exist;
}

Value schedule::emitPagesExist(OpBuilder &builder, AttentionOp op) {
  TableTest test(builder, op);
  Value exist = test.emit(op.getKTable(), *op.getKTableLayout());
  if (op.getVTable() == op.getKTable())
    return exist;
  // One message is enough.
  Location loc = op.getLoc();
  auto branch = scf::IfOp::create(builder, loc, TypeRange{builder.getI1Type()}, exist, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(builder, loc, TableTest(builder, op).emit(op.getVTable(), *op.getVTableLayout()));
  builder.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(builder, loc, ValueRange{exist});
  return branch.getResult(0);
}
