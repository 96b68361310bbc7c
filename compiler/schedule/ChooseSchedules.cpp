//===- ChooseSchedules.cpp - How each op is computed ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before:  attn.attention q(..) k(..) v(..) ..
// After:   attn.attention {schedule = #attn.attention_schedule<form = transposed, queries = 64, keys = 64, rows = 4,
//            blocks = 4, few = decode, few_queries = [1 to 14, 17 to 27]>} q(..) k(..) v(..) ..
//
// This is the one place that decides: what the op's attribute says already stays, then what was measured to be best for
// it counts (`records`), then what is forced on all ops (`schedule`). The rest is chosen, forms by what they cost
// (CostModel.h), sizes by the target (Schedule.h).
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/OpSchedule.h"
#include "compiler/schedule/Passes.h"
#include "compiler/schedule/attention/CostModel.h"
#include "compiler/support/Unsupported.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_CHOOSESCHEDULES
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attn::AttentionOp;
using attn::ContractOp;

/// Score and mask are so long that the code of a full and a partial block, and of every form, would be too much.
static bool isLong(AttentionOp op) {
  constexpr size_t kMany = 192;
  auto operations = [](Region &region) { return region.empty() ? 0 : region.front().getOperations().size(); };
  return operations(op.getScore()) + operations(op.getMask()) > kMany;
}

/// What `sizes` leaves open of the knobs of one kind of op, from `others`.
static Schedule joined(Schedule sizes, const Schedule &others, llvm::StringRef kind) {
  for (const Knob &knob : knobs())
    if (!(sizes.*knob.size) && knob.name.starts_with(kind))
      sizes.*knob.size = others.*knob.size;
  return sizes;
}

namespace {
struct ChooseSchedulesPass : attnc::schedule::impl::ChooseSchedulesBase<ChooseSchedulesPass> {
  using ChooseSchedulesBase::ChooseSchedulesBase;

  LogicalResult initialize(MLIRContext *context) override {
    forced = Schedule();
    measured.clear();
    if (llvm::Error problem = llvm::joinErrors(parseSchedule(schedule, forced), parseRecords(records, measured)))
      return emitError(UnknownLoc::get(context)) << "choose-schedules " << llvm::toString(std::move(problem));
    return success();
  }

  LogicalResult choose(AttentionOp op, const Schedule &wanted, const Machine &whole) {
    Machine machine = machineFor(op, whole);
    attn::AttentionScheduleAttr given = op.getScheduleAttr();
    Schedule sizes = joined(scheduleOf(op), wanted, "attention.");
    if (given && !given.getForm().empty() && !findForm(given.getForm()))
      return verifySchedule(op, whole); // says that there is no such form
    if (failed(checkSizes(op, sizes, whole)))
      return failure();
    sizes = fillSchedule(sizes, machine, op.getExtent('D'), op.getExtent('E'), !op.getMask().empty());
    bool oneBody = isLong(op) || (given && given.getOneBody());
    if (sizes.attentionForm) {
      bool isGiven = given && !given.getForm().empty();
      setSchedule(op, sizes, isGiven ? given.getFew() : "", isGiven ? given.getFewQueries() : ArrayRef<int64_t>(),
                  oneBody);
      return verifySchedule(op, whole);
    }
    FormChoice choice = chooseForm(op, sizes, oneBody, machine);
    if (remarks)
      op.emitRemark() << explainChoice(choice, op, sizes, machine);
    sizes.attentionForm = formNumber(choice.form->name);
    SmallVector<int64_t> fewQueries;
    for (QueryRange range : choice.fewQueries)
      fewQueries.append({range.first, range.last});
    setSchedule(op, sizes, choice.few ? llvm::StringRef(choice.few->name) : llvm::StringRef(), fewQueries, oneBody);
    return verifySchedule(op, whole);
  }

  LogicalResult choose(ContractOp op, const Schedule &wanted, const Machine &machine) {
    Schedule sizes = joined(scheduleOf(op), wanted, "contract.");
    if (failed(checkSizes(op, sizes, machine)))
      return failure();
    setSchedule(op, fillSchedule(sizes, machineFor(op, machine)));
    return verifySchedule(op, machine);
  }

  void runOnOperation() override {
    FailureOr<Machine> machine = machineFor(getOperation());
    if (failed(machine))
      return signalPassFailure();
    size_t place = 0;
    WalkResult result = getOperation().walk([&](Operation *op) -> WalkResult {
      if (!isa<AttentionOp, ContractOp>(op))
        return success();
      Schedule wanted = joined(place < measured.size() ? measured[place] : Schedule(), forced, "");
      ++place;
      if (auto attention = dyn_cast<AttentionOp>(op))
        return choose(attention, wanted, *machine);
      return choose(cast<ContractOp>(op), wanted, *machine);
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  Schedule forced;
  SmallVector<Schedule> measured; // op by op
};
} // namespace
