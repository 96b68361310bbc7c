//===- AxisRules.cpp - Softmax over the wrong axis ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Rules.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::lint {

static int64_t axisOf(const Site &site) { return cast<linalg::SoftmaxOp>(site.op).getDimension(); }

static void checkHeads(const Model &model, Findings &findings) {
  for (const Site &site : model.sites)
    if (site.kind == Site::HeadMixture)
      findings.warn(
          &site, fmt::format("the softmax runs over the {} heads of one position, not over positions", site.keys.name));
}

/// Whether the softmax `site` is none for the reason `kind`.
static bool failsBy(const Site &site, fusion::Mismatch::Kind kind) {
  return site.kind == Site::Softmax && site.mismatch.kind == kind;
}

static void checkSharedAxis(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (failsBy(site, fusion::Mismatch::SharedAxis))
      findings.warn(&site, fmt::format("the softmax runs over axis {} of its scores, which q and k share (batch or "
                                       "heads), and not over the keys",
                                       axisOf(site)));
    if (failsBy(site, fusion::Mismatch::NotSummed))
      findings.warn(&site, fmt::format("the softmax runs over axis {} of its scores, but the product with v sums over "
                                       "another one: the weights of a query do not add up to 1",
                                       axisOf(site)));
    if (failsBy(site, fusion::Mismatch::SeveralAxes))
      findings.warn(&site, "the softmax runs over the keys and other axes together: the weights of all queries, not of "
                           "each, add up to 1");
  }
}

llvm::ArrayRef<Rule> axisRules() {
  static constexpr Rule rows[] = {
      {"softmax-over-heads", "Softmax over the heads of one position",
       "q, k and v were split into heads and not transposed, so that each position mixes its own heads and sees no "
       "other "
       "position",
       "transpose q, k and v from (B, S, H, D) to (B, H, S, D) before the product, and the result back", checkHeads},
      {"softmax-axis", "Softmax over an axis that is not the keys",
       "the weights with which a query sums the values must add up to 1 over the keys",
       "give the softmax the axis of the keys: the last one of q k^T (axis=-1; before opset 13 say so explicitly)",
       checkSharedAxis},
  };
  return rows;
}

} // namespace attnc::lint
