//===- Space.cpp - The schedules that are worth a measurement -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tuner/Space.h"
#include "compiler/schedule/attention/Forms.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

using namespace mlir;
using namespace attnc;
using namespace attnc::tuner;
using schedule::Machine;
using schedule::Schedule;

Space tuner::spaceOf(Operation *op, const Machine &machine) {
  Space space{machine, {}};
  if (auto contract = dyn_cast<attn::ContractOp>(op)) {
    bool isWeight = matchPattern(contract.getLhs(), m_Constant()) || matchPattern(contract.getRhs(), m_Constant());
    (isWeight ? space.hasWeight : space.isProduct) = true;
    return space;
  }
  auto attention = cast<attn::AttentionOp>(op);
  space.attention = {attention.getExtent('D'), attention.getExtent('E')};
  for (const schedule::Form &form : schedule::forms())
    // The workspace of the unfused form grows with the lengths: nobody should get that unasked.
    if (form.use != schedule::Use::Asked && form.appliesTo(attention, {}, machine))
      space.forms.push_back(schedule::formNumber(form.name));
  return space;
}

std::vector<Group> tuner::groupsOf(const Space &space) {
  if (space.attention)
    return {Group::AttentionForm, Group::AttentionTile, Group::AttentionBlocks};
  if (space.hasWeight || space.isProduct)
    return {Group::ContractTile, Group::ContractBlocks};
  return {};
}

//===----------------------------------------------------------------------===//
// Pruning
//===----------------------------------------------------------------------===//

/// Multiply-adds per vector or scalar that is loaded: R*C / (R + C). A core issues about as many of either.
static double intensity(int64_t rows, int64_t cols) {
  return static_cast<double>(rows * cols) / static_cast<double>(rows + cols);
}

/// R x W fits, and no other R that fits makes 1.5 times as much of every load.
static bool isUseful(const schedule::Knob &rowsKnob, int64_t rows, int64_t width, const Machine &machine) {
  int64_t cols = width / machine.lanes;
  double best = 0;
  for (int64_t other : schedule::legalSizes(rowsKnob, machine))
    if (fitsRegisters(other, width, machine))
      best = std::max(best, intensity(other, cols));
  return fitsRegisters(rows, width, machine) && intensity(rows, cols) * 1.5 >= best;
}

/// P (Nb x W) must not flood L1, nor Qt and Ot ((D + Dv) x W) the L2.
static bool fitsCaches(const Space &space, const Schedule &sizes) {
  int64_t rowBytes = sizes.attentionQueries * 4;
  return sizes.attentionKeys * rowBytes <= 2 * space.machine.l1 &&
         (space.attention->first + space.attention->second) * rowBytes <= space.machine.l2 / 2;
}

/// All sizes, as the op would get them.
static Schedule filled(const Space &space, const Schedule &sizes) {
  auto [featuresQK, featuresV] = space.attention.value_or(std::pair<int64_t, int64_t>());
  return fillSchedule(sizes, space.machine, featuresQK, featuresV);
}

//===----------------------------------------------------------------------===//
// Proposing
//===----------------------------------------------------------------------===//

/// Every combination of legal sizes of `group`'s knobs, over `start`.
static std::vector<Schedule> combinations(const Space &space, ArrayRef<llvm::StringLiteral> names, Schedule start) {
  std::vector<Schedule> all{start};
  for (const schedule::Knob &knob : schedule::knobs()) {
    if (!llvm::is_contained(names, knob.name))
      continue;
    std::vector<Schedule> next;
    for (const Schedule &partial : all)
      for (int64_t size : schedule::legalSizes(knob, space.machine)) {
        next.push_back(partial);
        next.back().*knob.size = size;
      }
    all = std::move(next);
  }
  return all;
}

static SmallVector<llvm::StringLiteral> knobsOf(Group group) {
  switch (group) {
  case Group::AttentionForm:
    return {"attention.form"};
  case Group::AttentionTile:
    return {"attention.queries", "attention.keys", "attention.rows"};
  case Group::AttentionBlocks:
    return {"attention.blocks"};
  case Group::ContractTile:
    return {"contract.columns", "contract.rows"};
  case Group::ContractBlocks:
    return {"contract.row-block", "contract.pack-row-block", "contract.sum-chunk"};
  }
  llvm_unreachable("unknown group");
}

/// Those of them that make a difference to the program.
static SmallVector<llvm::StringLiteral> usedKnobsOf(const Space &space, Group group) {
  SmallVector<llvm::StringLiteral> names = knobsOf(group);
  llvm::erase_if(names, [&](llvm::StringRef name) {
    return (!space.hasWeight && name == "contract.row-block") ||
           (!space.isProduct && (name == "contract.pack-row-block" || name == "contract.sum-chunk"));
  });
  return names;
}

bool tuner::forcesOnly(const Schedule &sizes, ArrayRef<Group> groups) {
  return llvm::all_of(schedule::knobs(), [&](const schedule::Knob &knob) {
    return !(sizes.*knob.size) ||
           llvm::any_of(groups, [&](Group group) { return llvm::is_contained(knobsOf(group), knob.name); });
  });
}

static bool isWorthwhile(const Space &space, Group group, const Schedule &sizes) {
  if (group == Group::AttentionTile)
    return isUseful(knobOf(&Schedule::attentionRows), sizes.attentionRows, sizes.attentionQueries, space.machine) &&
           fitsCaches(space, sizes);
  if (group == Group::ContractTile)
    return isUseful(knobOf(&Schedule::contractRows), sizes.contractRows, sizes.contractColumns, space.machine);
  if (group == Group::AttentionForm || group == Group::AttentionBlocks)
    return true;
  // A panel of KC x W beside the rows that pass it.
  return sizes.contractSumChunk * 4 * space.machine.lanes * 4 <= space.machine.l2 / 4;
}

/// How many times a size is doubled or halved on the way from `from` to `to`, or another choice made, in all.
static double distance(const Schedule &from, const Schedule &to) {
  double sum = 0;
  for (const schedule::Knob &knob : schedule::knobs())
    sum += knob.choices.empty()
               ? std::abs(std::log2(static_cast<double>(to.*knob.size) / static_cast<double>(from.*knob.size)))
               : to.*knob.size != from.*knob.size;
  return sum;
}

std::vector<Schedule> tuner::propose(const Space &space, Group group, const Schedule &start) {
  std::vector<Schedule> found = combinations(space, usedKnobsOf(space, group), start);
  llvm::erase_if(found, [&](const Schedule &sizes) {
    return (group == Group::AttentionForm && !llvm::is_contained(space.forms, sizes.attentionForm)) ||
           !isWorthwhile(space, group, sizes) || filled(space, sizes) == filled(space, start) ||
           filled(space, sizes) == filled(space, {});
  });
  auto rank = [&](const Schedule &sizes) {
    return std::pair(distance(filled(space, start), filled(space, sizes)), spellSchedule(sizes));
  };
  llvm::sort(found, [&](const Schedule &a, const Schedule &b) { return rank(a) < rank(b); });
  return found;
}
