//===- Schedule.cpp - Forms and block sizes that users or the tuner force -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Schedule.h"
#include "compiler/support/Suggest.h"
#include "dialects/Common/StreamingSoftmax.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/StringExtras.h"
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attnc;
using namespace attnc::schedule;

llvm::ArrayRef<Knob> schedule::knobs() {
  static const Knob table[] = {
      {"attention.form", "how an attention is computed", &Schedule::attentionForm, formNames()},
      {"attention.queries", "queries of a block", &Schedule::attentionQueries},
      {"attention.keys", "keys of a block", &Schedule::attentionKeys},
      {"attention.rows", "keys of a register tile", &Schedule::attentionRows},
      {"attention.blocks", "blocks of queries of a work item, at most", &Schedule::attentionBlocks},
      {"contract.columns", "columns of a panel", &Schedule::contractColumns},
      {"contract.rows", "rows of a register tile", &Schedule::contractRows},
      {"contract.row-block", "rows of a work item, weights packed when compiling", &Schedule::contractRowBlock},
      {"contract.pack-row-block", "rows of a work item that packs its panel", &Schedule::contractPackRowBlock},
      {"contract.sum-chunk", "depth of a panel packed at run time", &Schedule::contractSumChunk},
  };
  return table;
}

int64_t schedule::formNumber(llvm::StringRef name) {
  const llvm::StringLiteral *found = llvm::find(formNames(), name);
  return found == formNames().end() ? 0 : found - formNames().begin() + 1;
}

const Knob &schedule::knobOf(int64_t Schedule::*size) {
  return *llvm::find_if(knobs(), [&](const Knob &knob) { return knob.size == size; });
}

std::string Knob::spell(int64_t value) const {
  return choices.empty() ? fmt::to_string(value) : choices[value - 1].str();
}

llvm::SmallVector<int64_t> schedule::legalSizes(const Knob &knob, const Machine &machine) {
  if (!knob.choices.empty())
    return llvm::to_vector(llvm::seq_inclusive<int64_t>(1, knob.choices.size()));
  int64_t lanes = machine.lanes;
  if (knob.size == &Schedule::attentionQueries || knob.size == &Schedule::contractColumns)
    return {lanes, 2 * lanes, 3 * lanes, 4 * lanes};
  if (knob.size == &Schedule::attentionRows)
    return {1, 2, 4, 8}; // they divide every block of keys
  if (knob.size == &Schedule::attentionBlocks)
    return {1, 2, 3, 4, 8};
  if (knob.size == &Schedule::attentionKeys) {
    llvm::SmallVector<int64_t> sizes;
    for (int64_t keys = kFewestKeys; keys <= kMostKeys; keys *= 2)
      sizes.push_back(keys);
    return sizes;
  }
  if (knob.size == &Schedule::contractRows)
    return {1, 2, 3, 4, 5, 6, 8, 12};
  if (knob.size == &Schedule::contractSumChunk)
    return {64, 128, 256, 512};
  return {16, 32, 64, 128, 256, 512, 1024, 2048};
}

bool schedule::fitsRegisters(int64_t rows, int64_t width, const Machine &machine) {
  int64_t cols = width / machine.lanes;
  return rows * cols + cols + 1 <= machine.registers;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static llvm::Error problem(const std::string &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text.c_str());
}

static llvm::SmallVector<llvm::StringRef> knobNames() {
  return llvm::map_to_vector(knobs(), [](const Knob &knob) { return llvm::StringRef(knob.name); });
}

static llvm::Error parseEntry(llvm::StringRef entry, Schedule &schedule) {
  auto [name, value] = entry.split('=');
  name = name.trim();
  const Knob *knob = llvm::find_if(knobs(), [&](const Knob &other) { return other.name == name; });
  if (knob == knobs().end())
    return problem(fmt::format("has no size '{}'{} (known: {})", name.str(), didYouMean(name, knobNames()),
                               fmt::join(llvm::map_range(knobNames(), [](auto name) { return name.str(); }), ", ")));
  value = value.trim();
  int64_t size = llvm::find(knob->choices, value) - knob->choices.begin() + 1;
  if (size > static_cast<int64_t>(knob->choices.size())) {
    if (!knob->choices.empty())
      return problem(fmt::format("knows no {} '{}'{} (known: {})", name.str(), value.str(),
                                 didYouMean(value, llvm::to_vector_of<llvm::StringRef>(knob->choices)),
                                 llvm::join(knob->choices, ", ")));
    if (value.getAsInteger(10, size) || size <= 0)
      return problem(fmt::format("needs {}=SIZE with a positive number, not '{}'", name.str(), entry.str()));
  }
  if (schedule.*knob->size)
    return problem(fmt::format("says '{}' twice", name.str()));
  schedule.*knob->size = size;
  return llvm::Error::success();
}

llvm::Error schedule::parseSchedule(llvm::StringRef text, Schedule &schedule) {
  llvm::Error errors = llvm::Error::success();
  for (llvm::StringRef entry : llvm::split(text, ','))
    if (!entry.trim().empty())
      errors = llvm::joinErrors(std::move(errors), parseEntry(entry.trim(), schedule));
  return errors;
}

std::string schedule::spellSchedule(const Schedule &schedule) {
  std::string text;
  for (const Knob &knob : knobs())
    if (int64_t size = schedule.*knob.size)
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", knob.name.str(), knob.spell(size));
  return text;
}

llvm::Error schedule::parseRecords(llvm::StringRef text, llvm::SmallVectorImpl<Schedule> &records) {
  llvm::Error errors = llvm::Error::success();
  for (llvm::StringRef record : llvm::split(text, ';'))
    errors = llvm::joinErrors(std::move(errors), parseSchedule(record, records.emplace_back()));
  return errors;
}

std::string schedule::spellRecords(llvm::ArrayRef<Schedule> records) {
  return llvm::join(llvm::map_range(records, spellSchedule), ";");
}

//===----------------------------------------------------------------------===//
// Checking and choosing
//===----------------------------------------------------------------------===//

namespace {
/// The two sizes that share the registers, and the rows that are wanted, best first. Rows of K and V may lie 4 KB
/// apart, and more than four of them exceed the ways of an L1 set. Six rows of a matmul read a panel from L2 a third
/// less often (128x3072x768: 91 to 93% of the peak), and their own lines are reused at once.
struct RegisterTile {
  const Knob &width, &rows;
  llvm::ArrayRef<int64_t> wanted;
  int64_t vectors; ///< of the width, where there are 16 registers; 4 where there are 32
  int64_t fewest;  ///< the same where there are 8, each two of f64
};
} // namespace

static std::array<RegisterTile, 2> registerTiles() {
  static constexpr int64_t kAttention[] = {4, 2, 1}, kContract[] = {6, 4, 2, 1};
  // Columns of a matmul divide panels of 64, which all targets share: 2 vectors of 8 lanes, not 3.
  return {{{knobOf(&Schedule::attentionQueries), knobOf(&Schedule::attentionRows), kAttention, 3, 3},
           {knobOf(&Schedule::contractColumns), knobOf(&Schedule::contractRows), kContract, 2, 1}}};
}

static llvm::Error checkSize(const Knob &knob, int64_t size, const Machine &machine) {
  llvm::SmallVector<int64_t> legal = legalSizes(knob, machine);
  if (llvm::is_contained(legal, size))
    return llvm::Error::success();
  return problem(fmt::format("{}={} is not possible on this target: it is one of {}", knob.name.str(), size,
                             fmt::join(legal, ", ")));
}

static llvm::Error checkTile(RegisterTile tile, const Schedule &schedule, const Machine &machine) {
  int64_t width = schedule.*tile.width.size, rows = schedule.*tile.rows.size;
  if (!width)
    width = machine.lanes; // the narrowest: a width is chosen by the rows
  if (!rows || fitsRegisters(rows, width, machine))
    return llvm::Error::success();
  llvm::SmallVector<int64_t> legal = legalSizes(tile.rows, machine);
  llvm::erase_if(legal, [&](int64_t other) { return !fitsRegisters(other, width, machine); });
  return problem(fmt::format("{}={} with {}={} needs more than the target's {} vector registers: it is one of {}",
                             tile.rows.name.str(), rows, tile.width.name.str(), width, machine.registers,
                             fmt::join(legal, ", ")));
}

llvm::Error schedule::checkSchedule(const Schedule &schedule, const Machine &machine) {
  llvm::Error errors = llvm::Error::success();
  for (const Knob &knob : knobs())
    if (int64_t size = schedule.*knob.size)
      errors = llvm::joinErrors(std::move(errors), checkSize(knob, size, machine));
  if (errors)
    return errors;
  for (RegisterTile tile : registerTiles())
    errors = llvm::joinErrors(std::move(errors), checkTile(tile, schedule, machine));
  return errors;
}

/// As many columns as the registers allow, and the rows that fit beside them.
static void fillTile(RegisterTile tile, Schedule &schedule, const Machine &machine) {
  int64_t &width = schedule.*tile.width.size, &rows = schedule.*tile.rows.size;
  if (!width)
    width = machine.lanes * (machine.registers >= 32 ? 4 : machine.registers >= 16 ? tile.vectors : tile.fewest);
  if (rows) {
    while (!fitsRegisters(rows, width, machine) && width > machine.lanes)
      width -= machine.lanes;
    return;
  }
  const int64_t *fits = llvm::find_if(tile.wanted, [&](int64_t r) { return fitsRegisters(r, width, machine); });
  rows = fits == tile.wanted.end() ? 1 : *fits;
}

Schedule schedule::fillSchedule(Schedule schedule, const Machine &machine, int64_t featuresQK, int64_t featuresV,
                                bool isMasked) {
  bool freeQueries = !schedule.attentionQueries;
  for (RegisterTile tile : registerTiles())
    fillTile(tile, schedule, machine);
  // Qt and Ot of a block should leave most of L2 to K and V.
  int64_t &queries = schedule.attentionQueries;
  while (freeQueries && queries > machine.lanes && (featuresQK + featuresV) * queries * 4 > machine.l2 / 4)
    queries -= machine.lanes;
  // Qt and Ot of all blocks of an item: at most a quarter of L2.
  int64_t blockBytes = std::max<int64_t>(1, (featuresQK + featuresV) * queries * 4);
  auto fill = [](int64_t &size, int64_t value) { size = size ? size : value; };
  // Wide heads amortise longer blocks, but a mask cuts blocks short (D = 128: window of 512 80 to 85%, causal 92
  // to 93.9%).
  fill(schedule.attentionKeys, featuresQK >= 128 && !isMasked ? 128 : 64);
  fill(schedule.attentionBlocks, std::clamp<int64_t>(machine.l2 / 4 / blockBytes, 1, 4));
  // Rows of x that stay in L2 while the panels pass. 128 of f64 fill it, and the first of them wait for a panel that comes
  // from L3 (1024^3: 89% of the peak with 128 or 64, 92.5% with 512).
  fill(schedule.contractRowBlock, machine.isDouble ? 512 : 128);
  fill(schedule.contractPackRowBlock, 1024); // packing a panel pays over many rows
  fill(schedule.contractSumChunk, 256);      // 64 KB with 64 columns
  return schedule;
}
