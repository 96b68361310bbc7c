//===- CostModel.cpp - Which form of an attention costs least -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/CostModel.h"
#include <fmt/format.h>

using namespace attnc;
using namespace attnc::schedule;

static AttentionShape shapeOf(attn::AttentionOp op, const Schedule &sizes) {
  return {op.getExtent('D'), op.getExtent('E'), sizes.attentionKeys};
}

/// The forms that may be taken unasked.
static llvm::SmallVector<const Form *> candidates(attn::AttentionOp op, const Schedule &sizes, const Machine &machine) {
  llvm::SmallVector<const Form *> found;
  for (const Form &form : forms())
    if (form.use != Use::Asked && form.appliesTo(op, sizes, machine))
      found.push_back(&form);
  return found;
}

llvm::SmallVector<QueryRange> schedule::queriesThatPay(const Form &form, const Form &other, const AttentionShape &shape,
                                                       const Machine &machine) {
  llvm::SmallVector<QueryRange> ranges;
  for (int64_t queries = 1; queries <= 4 * machine.lanes; ++queries) {
    if (form.cyclesPerKey(shape, queries, machine) >= other.cyclesPerKey(shape, queries, machine))
      continue;
    if (ranges.empty() || ranges.back().last != queries - 1)
      ranges.push_back({queries, queries});
    ranges.back().last = queries;
  }
  return ranges;
}

const Form *schedule::cheapestForm(llvm::ArrayRef<const Form *> known, const AttentionShape &shape, int64_t queries,
                                   const Machine &machine) {
  queries = std::clamp<int64_t>(queries, 1, 4 * machine.lanes); // one block of queries
  const Form *best = known.front();
  for (const Form *form : known.drop_front())
    if (form->cyclesPerKey(shape, queries, machine) < best->cyclesPerKey(shape, queries, machine))
      best = form;
  return best;
}

FormChoice schedule::chooseForm(attn::AttentionOp op, const Schedule &sizes, bool oneBody, const Machine &machine) {
  AttentionShape shape = shapeOf(op, sizes);
  llvm::SmallVector<const Form *> known = candidates(op, sizes, machine), any;
  if (op.getExtent('M') >= 0)
    return {cheapestForm(known, shape, op.getExtent('M'), machine)};
  llvm::copy_if(known, std::back_inserter(any), [](const Form *form) { return form->use == Use::Any; });
  FormChoice choice{cheapestForm(any, shape, 4 * machine.lanes, machine)};
  for (const Form *form : known) {
    if (form->use != Use::Few || oneBody || choice.few)
      continue;
    choice.fewQueries = queriesThatPay(*form, *choice.form, shape, machine);
    choice.few = choice.fewQueries.empty() ? nullptr : form;
  }
  return choice;
}

/// Costs are shown for the queries of a head, or where those are not known now for the most of the first range.
std::string schedule::explainChoice(const FormChoice &choice, attn::AttentionOp op, const Schedule &sizes,
                                    const Machine &machine) {
  int64_t queries = op.getExtent('M');
  int64_t shown = queries >= 0 ? queries : choice.few ? choice.fewQueries[0].last : 0;
  shown = std::clamp<int64_t>(shown, 1, 4 * machine.lanes);
  std::string text = "form: ";
  for (const QueryRange &range : choice.fewQueries)
    text += fmt::format("{}{} to {}", &range == choice.fewQueries.begin() ? choice.few->name.str() + " for " : ", ",
                        range.first, range.last);
  if (choice.few)
    text += fmt::format(" queries of a head, {} for other numbers", choice.form->name.str());
  else
    text += choice.form->name.str();
  text += fmt::format("; cycles for each key with {} queries:", shown);
  for (const Form *form : candidates(op, sizes, machine))
    text += fmt::format("{} {} {:.0f}", form == candidates(op, sizes, machine).front() ? "" : ",", form->name.str(),
                        form->cyclesPerKey(shapeOf(op, sizes), shown, machine));
  return text;
}
