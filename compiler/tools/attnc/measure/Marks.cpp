//===- Marks.cpp - When a call came to which op ---------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/measure/Marks.h"
#include "dialects/Common/Locations.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace attnc::tool {

void MarkRecorder::loop(void *self, int64_t count, attnc_body body, void *data) {
  auto *recorder = static_cast<MarkRecorder *>(self);
  if (body)
    return attnc_rt_parallel_for(recorder->context, count, body, data);
  if (recorder->isOn)
    recorder->taken.push_back({count - 1, recorder->now()});
}

void MarkRecorder::begin(bool isWanted) {
  isOn = isWanted;
  taken.clear(); // which keeps their memory for the next call
  first = now();
}

void MarkRecorder::end() { last = now(); }

double MarkRecorder::cost() {
  constexpr int kMarks = 1000;
  begin(/*isWanted=*/true);
  for (int mark = 1; mark <= kMarks; ++mark)
    loop(this, mark, nullptr, nullptr);
  end();
  return seconds() / kMarks;
}

MarkedOps::MarkedOps(ModuleOp module) {
  module.walk([&](Operation *op) {
    auto function = op->getParentOfType<func::FuncOp>();
    std::optional<int64_t> number = function ? numberOf(op->getLoc()) : std::nullopt;
    if (!number || !ops.try_emplace(*number, op).second)
      return;
    owners[*number] = function;
    if (auto call = dyn_cast<func::CallOp>(op))
      if (Operation *callee = module.lookupSymbol(call.getCallee()))
        callees[*number] = callee;
  });
}

std::vector<OpPath> MarkedOps::follow(ArrayRef<MarkRecorder::Mark> marks) const {
  std::vector<OpPath> paths;
  OpPath calls;
  for (const MarkRecorder::Mark &mark : marks) {
    Operation *owner = owners.lookup(mark.number);
    while (!calls.empty() && callees.lookup(calls.back()) != owner)
      calls.pop_back();
    OpPath &path = paths.emplace_back(calls);
    path.push_back(mark.number);
    if (isCall(mark.number))
      calls.push_back(mark.number);
  }
  return paths;
}

} // namespace attnc::tool
