//===- Schedule.h - Forms and block sizes, and which ones a target can have ===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace attnc::schedule {

/// The form and the block sizes of an attention, those of a contraction. 0: choose-schedules chooses, by the target and
/// the op. Sizes are elements, not vectors or bytes.
struct Schedule {
  int64_t attentionForm = 0;        ///< the place in forms() (attention/Forms.h), from 1
  int64_t attentionQueries = 0;     ///< W: queries of a block; they lie in the lanes
  int64_t attentionKeys = 0;        ///< Nb: keys of a block, a multiple of the rows
  int64_t attentionRows = 0;        ///< R: keys (then features of V) of a register tile
  int64_t attentionBlocks = 0;      ///< U: at most so many blocks of queries share a walk over the keys
  int64_t contractColumns = 0;      ///< W: columns of a panel; they lie in the lanes
  int64_t contractRows = 0;         ///< R: rows of a register tile
  int64_t contractRowBlock = 0;     ///< MC: rows of a work item when the panels are packed at compile time
  int64_t contractPackRowBlock = 0; ///< the same when every item packs its panel
  int64_t contractSumChunk = 0;     ///< KC: the depth of a panel that is packed at run time

  bool operator==(const Schedule &) const = default;
};

/// One size of a schedule, by the name that users have for it: "attention.keys"; or a choice, whose values have names,
/// from 1.
struct Knob {
  llvm::StringLiteral name, summary;
  int64_t Schedule::*size;
  llvm::ArrayRef<llvm::StringLiteral> choices = {};

  /// A value as users write it.
  std::string spell(int64_t value) const;
};
llvm::ArrayRef<Knob> knobs();
const Knob &knobOf(int64_t Schedule::*size);

/// The names of the forms of an attention, in the order of forms().
llvm::ArrayRef<llvm::StringLiteral> formNames();

/// The form called `name`, as in Schedule::attentionForm; 0 if there is none.
int64_t formNumber(llvm::StringRef name);

/// What a target has: f32 lanes of a vector, vector registers, bytes of cache of one core, dot products of bf16 pairs.
struct Machine {
  int64_t lanes, registers, l1, l2;
  bool hasBf16Dot = false;
  bool prefetchesFar = false;
  bool isDouble = false; ///< lanes of f64: a vector is two registers, `registers` are such pairs
};

/// The values that `knob` may have on `machine`, ascending.
llvm::SmallVector<int64_t> legalSizes(const Knob &knob, const Machine &machine);

/// A register tile: R*C accumulators, C vectors of the panel and one broadcast fit into the registers.
bool fitsRegisters(int64_t rows, int64_t width, const Machine &machine);

/// "attention.form=rows,attention.keys=128" into `schedule`. Errors, in words for the user: no `=`, an unknown name, a
/// size that is no positive number, a choice that does not exist, a name twice.
llvm::Error parseSchedule(llvm::StringRef text, Schedule &schedule);

/// The sizes that are forced, as parseSchedule reads them; "" if none is.
std::string spellSchedule(const Schedule &schedule);

/// Schedules of ops, one after the other, separated by ';'. Errors as parseSchedule.
llvm::Error parseRecords(llvm::StringRef text, llvm::SmallVectorImpl<Schedule> &records);
std::string spellRecords(llvm::ArrayRef<Schedule> records);

/// Fails, naming the sizes that would do, if `machine` cannot use a size that is forced.
llvm::Error checkSchedule(const Schedule &schedule, const Machine &machine);

/// All sizes for one op: the forced ones (which checkSchedule has passed) and good ones for the rest. `featuresQK` and
/// `featuresV` are D and E of an attention, and `isMasked` whether it has a mask; a contraction has neither.
Schedule fillSchedule(Schedule schedule, const Machine &machine, int64_t featuresQK = 0, int64_t featuresV = 0,
                      bool isMasked = false);

} // namespace attnc::schedule
