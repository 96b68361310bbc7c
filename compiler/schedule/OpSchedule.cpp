//===- OpSchedule.cpp - The schedule that an op carries -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/OpSchedule.h"
#include "compiler/schedule/attention/Forms.h"
#include "compiler/support/Unsupported.h"
#include "dialects/Tile/TileOps.h"
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attn::AttentionOp;
using attn::ContractOp;

FailureOr<Machine> schedule::machineFor(ModuleOp module) {
  auto target = module->getAttrOfType<tile::TargetAttr>("tile.target");
  if (!target)
    return emitError(module.getLoc()) << "the module has no tile.target";
  return Machine{target.getLanes(),
                 target.getRegisters(),
                 target.getL1(),
                 target.getL2(),
                 static_cast<bool>(target.getDots(BFloat16Type::get(module.getContext()))),
                 static_cast<bool>(target.getFarPrefetch())};
}

static Machine machineOf(Type sums, Machine machine) {
  machine.isDouble = sums.isF64();
  machine.registers /= machine.isDouble ? 2 : 1;
  return machine;
}
Machine schedule::machineFor(AttentionOp op, Machine machine) { return machineOf(op.getAccumulatorType(), machine); }
Machine schedule::machineFor(ContractOp op, Machine machine) { return machineOf(op.getAccumulatorType(), machine); }

//===----------------------------------------------------------------------===//
// The attribute
//===----------------------------------------------------------------------===//

Schedule schedule::scheduleOf(AttentionOp op) {
  Schedule sizes;
  attn::AttentionScheduleAttr attribute = op.getScheduleAttr();
  if (!attribute)
    return sizes;
  sizes.attentionForm = formNumber(attribute.getForm());
  sizes.attentionQueries = attribute.getQueries();
  sizes.attentionKeys = attribute.getKeys();
  sizes.attentionRows = attribute.getRows();
  sizes.attentionBlocks = attribute.getBlocks();
  return sizes;
}

Schedule schedule::scheduleOf(ContractOp op) {
  Schedule sizes;
  attn::ContractScheduleAttr attribute = op.getScheduleAttr();
  if (!attribute)
    return sizes;
  sizes.contractColumns = attribute.getColumns();
  sizes.contractRows = attribute.getRows();
  sizes.contractRowBlock = attribute.getRowBlock();
  sizes.contractPackRowBlock = attribute.getPackRowBlock();
  sizes.contractSumChunk = attribute.getSumChunk();
  return sizes;
}

void schedule::setSchedule(AttentionOp op, const Schedule &sizes, llvm::StringRef few, ArrayRef<int64_t> fewQueries,
                           bool oneBody) {
  op.setScheduleAttr(attn::AttentionScheduleAttr::get(
      op.getContext(), formNames()[static_cast<size_t>(sizes.attentionForm - 1)], sizes.attentionQueries,
      sizes.attentionKeys, sizes.attentionRows, sizes.attentionBlocks, few, fewQueries, oneBody));
}

void schedule::setSchedule(ContractOp op, const Schedule &sizes) {
  op.setScheduleAttr(attn::ContractScheduleAttr::get(op.getContext(), sizes.contractColumns, sizes.contractRows,
                                                     sizes.contractRowBlock, sizes.contractPackRowBlock,
                                                     sizes.contractSumChunk));
}

//===----------------------------------------------------------------------===//
// Verifying
//===----------------------------------------------------------------------===//

/// Scratch of a work item grows with its features, and so does the time that one takes.
constexpr int64_t kMostFeatures = 65536;

static InFlightDiagnostic refuse(Operation *op) {
  return emitUnsupported(op) << "the schedule of this " << op->getName() << ": ";
}

LogicalResult schedule::checkSizes(Operation *op, const Schedule &sizes, const Machine &machine) {
  if (llvm::Error problem = checkSchedule(sizes, machine))
    return refuse(op) << llvm::toString(std::move(problem));
  return success();
}

/// The forms that `op` may have.
static std::string possibleForms(AttentionOp op, const Schedule &sizes, const Machine &machine) {
  std::vector<std::string> names;
  for (const Form &form : forms())
    if (form.appliesTo(op, sizes, machine))
      names.push_back(form.name.str());
  return fmt::format("{}", fmt::join(names, ", "));
}

static LogicalResult verifyForm(AttentionOp op, llvm::StringRef name, const Schedule &sizes, const Machine &machine) {
  const Form *form = findForm(name);
  if (form && form->appliesTo(op, sizes, machine))
    return success();
  InFlightDiagnostic diagnostic = refuse(op);
  if (form)
    diagnostic << "the form '" << name << "' needs " << form->needs << "; here";
  else
    diagnostic << "there is no form '" << name << "';";
  return diagnostic << " it is one of " << possibleForms(op, sizes, machine);
}

LogicalResult schedule::verifySchedule(AttentionOp op, const Machine &machine) {
  if (int64_t features = std::max(op.getExtent('D'), op.getExtent('E')); features > kMostFeatures)
    return emitUnsupported(op) << "heads of " << features << " features are not compiled; the limit is "
                               << kMostFeatures;
  Schedule sizes = scheduleOf(op);
  if (op.getScheduleAttr() && !op.getScheduleAttr().getForm().empty() && !sizes.attentionForm)
    return verifyForm(op, op.getScheduleAttr().getForm(), sizes, machine);
  if (!sizes.attentionForm || !sizes.attentionQueries || !sizes.attentionKeys || !sizes.attentionRows ||
      !sizes.attentionBlocks)
    return refuse(op) << "it is not complete; choose-schedules chooses what is left open";
  if (failed(checkSizes(op, sizes, machine)) || failed(verifyForm(op, op.getScheduleAttr().getForm(), sizes, machine)))
    return failure();
  llvm::StringRef few = op.getScheduleAttr().getFew();
  return few.empty() ? success() : verifyForm(op, few, sizes, machine);
}

LogicalResult schedule::verifySchedule(ContractOp op, const Machine &machine) {
  Schedule sizes = scheduleOf(op);
  if (!sizes.contractColumns || !sizes.contractRows || !sizes.contractRowBlock || !sizes.contractPackRowBlock ||
      !sizes.contractSumChunk)
    return refuse(op) << "it is not complete; choose-schedules chooses what is left open";
  return checkSizes(op, sizes, machine);
}
