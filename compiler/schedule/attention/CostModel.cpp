//===- CostModel.cpp - What each form of an attention costs ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L lanes, a multiply-add of vectors per cycle. Per key, with q queries in a block:
//
//   transposed  ceil(q / L) * (D + E + 7) / 0.95                      whole vectors of queries; 7: softmax of a vector
//   rows        4 ceil(q / 4) D / L + q (E / L + s) + 10 D / L        tiles of 4 rows; 10: a vector through the packing
//   dots        q (D / L + 45 / L + 5/4 E / L + s)                    whole vectors of D and E; 45: sums of L vectors'
//                                                                     lanes; 5/4: loads and broadcasts beside P V
//   unfused     rows + 4 q / L                                        four more passes over the scores
//   s = 9 / L + 60 / Nb                                               softmax of a row: 60 for a row of a block
//
// 0.95, 9 and 10 are measured on Zen 4 (AVX-512), 45 are counted instructions, 60 is the latency of two sums of lanes
// that neighbouring rows hide in part. In pairs of bf16, D and E of the transposed form count half.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/CostModel.h"
#include "llvm/Support/MathExtras.h"

using namespace attnc;
using namespace attnc::schedule;

double schedule::cyclesPerKey(Form form, const AttentionShape &shape, int64_t queries, const Machine &machine) {
  double lanes = machine.lanes, d = shape.featuresQK, q = queries;
  double e = llvm::alignTo(shape.featuresV, machine.lanes); // in whole vectors where features lie in the lanes
  double softmax = 9 / lanes + 60.0 / shape.keys;
  switch (form) {
  case Form::Transposed:
    return llvm::divideCeil(queries, machine.lanes) * ((d + shape.featuresV) / (shape.pairs ? 2 : 1) + 7) / 0.95;
  case Form::Rows:
    return llvm::alignTo(queries, 4) * d / lanes + q * (e / lanes + softmax) + 10 * d / lanes;
  case Form::Dots:
    return q * (llvm::alignTo(shape.featuresQK, machine.lanes) / lanes + 45 / lanes + 1.25 * e / lanes + softmax);
  case Form::Unfused: // the rows, and four more passes over the scores
    return cyclesPerKey(Form::Rows, shape, queries, machine) + 4 * q / lanes;
  case Form::Chosen:
    break;
  }
  llvm_unreachable("not a form");
}

llvm::SmallVector<QueryRange> schedule::queriesThatPay(Form form, const AttentionShape &shape, const Machine &machine) {
  llvm::SmallVector<QueryRange> ranges;
  for (int64_t queries = 1; queries <= 4 * machine.lanes; ++queries) {
    if (cyclesPerKey(form, shape, queries, machine) >= cyclesPerKey(Form::Transposed, shape, queries, machine))
      continue;
    if (ranges.empty() || ranges.back().last != queries - 1)
      ranges.push_back({queries, queries});
    ranges.back().last = queries;
  }
  return ranges;
}

Form schedule::cheapestForm(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  Form best = Form::Transposed;
  queries = std::clamp<int64_t>(queries, 1, 4 * machine.lanes); // one block of queries
  for (Form form : {Form::Dots, Form::Rows})
    if (cyclesPerKey(form, shape, queries, machine) < cyclesPerKey(best, shape, queries, machine))
      best = form;
  return best;
}
