//===- AttentionToTile.cpp - attn.attention to streaming softmax in tiles -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Emits the form that an op's schedule names (Forms.h), or two by a branch on the number of queries:
//
// Before:  attn.attention q(%q) k(%k) v(%v) outs(%o) mask { causal } {schedule = <form = transposed, few = decode, ..>}
// After:   scf.if %few { decode } else { transposed }
//
// Arithmetic is f64 where queries are f64, else f32 (A8). Each form's file tells what it becomes.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/OpSchedule.h"
#include "compiler/schedule/Passes.h"
#include "compiler/schedule/attention/Context.h"
#include "compiler/schedule/attention/Forms.h"
#include "compiler/schedule/attention/PagesExist.h"
#include "compiler/support/Unsupported.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
namespace attnc::schedule {
#define GEN_PASS_DEF_ATTENTIONTOTILE
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// `queries` is in one of the ranges [first, last].
static Value emitIsIn(OpBuilder &builder, Location loc, Value queries, ArrayRef<int64_t> ranges) {
  auto index = [&](int64_t value) { return constantIndex(builder, loc, value); };
  Value result;
  for (size_t at = 0; at < ranges.size(); at += 2) { // one compare: numbers below the first wrap around
    Value above = arith::SubIOp::create(builder, loc, queries, index(ranges[at]));
    Value isIn =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ule, above, index(ranges[at + 1] - ranges[at]));
    result = result ? arith::OrIOp::create(builder, loc, result, isIn).getResult() : isIn;
  }
  return result;
}

/// What the schedule of `op` says: one form, or two by the number of queries.
static void emitForms(AttentionOp op, attn::AttentionScheduleAttr sizes, const Blocking &blocking) {
  OpBuilder builder(op);
  const Form &form = *findForm(sizes.getForm());
  if (sizes.getFew().empty())
    return form.emit(builder, op, blocking);
  Location loc = op.getLoc();
  Value isFew = emitIsIn(builder, loc, extentOf(builder, op, 'M'), sizes.getFewQueries());
  auto branch = scf::IfOp::create(builder, loc, isFew, /*withElseRegion=*/true);
  builder.setInsertionPointToStart(branch.thenBlock());
  findForm(sizes.getFew())->emit(builder, op, blocking);
  builder.setInsertionPointToStart(branch.elseBlock());
  form.emit(builder, op, blocking);
}

/// What becomes of the mask, or of a score that fills as a mask does.
static void remarkOn(AttentionOp op) {
  ScoreFill fill(op);
  if (!fill)
    return MaskPlan(op).remark();
  llvm::SmallString<16> number;
  APFloat(fill.largest()).toString(number, /*FormatPrecision=*/6);
  MaskPlan(fill.masked()).remark("score filled with " + number + " (rows that are not far above it meet all keys)");
}

namespace {
struct AttentionToTilePass : attnc::schedule::impl::AttentionToTileBase<AttentionToTilePass> {
  using AttentionToTileBase::AttentionToTileBase;

  void runOnOperation() override {
    auto machine = schedule::machineFor(getOperation());
    if (failed(machine))
      return signalPassFailure();
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) { ops.push_back(op); });
    for (AttentionOp op : ops) {
      if (failed(schedule::verifySchedule(op, *machine)) || failed(schedule::verifyTables(op)))
        return signalPassFailure();
      schedule::MaskPlan mask(op);
      if (mask.isNever())
        emitWarning(op.getMask().front().getTerminator()->getLoc())
            << "the mask is never true: no key is allowed and the output is 0";
      else if (remarks)
        remarkOn(op);
      attn::AttentionScheduleAttr sizes = op.getScheduleAttr();
      emitForms(op, sizes,
                {sizes.getQueries(), sizes.getKeys(), sizes.getRows(), sizes.getBlocks(), machine->lanes,
                 machineFor(op, *machine).registers, sizes.getOneBody(), machine->prefetchesFar});
      op.erase();
      ++numAttentions;
    }
  }
};
} // namespace
