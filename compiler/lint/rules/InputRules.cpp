//===- InputRules.cpp - Inputs that attention ignores or lacks ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Inputs.h"
#include "compiler/lint/Rules.h"
#include "compiler/lint/Sides.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::lint {

/// Whether a score, mask or weight of a site of `function` is computed from `input`.
static bool isReadByMask(const Model &model, BlockArgument input) {
  return llvm::any_of(model.sites, [&](const Site &site) {
    return site.isAttention() && llvm::any_of(std::array{site.score, site.mask, site.weight}, [&](Value value) {
             return llvm::is_contained(inputsOf(site, value), input);
           });
  });
}

/// Inputs of functions that hold an attention.
static SmallVector<BlockArgument> inputsBesideAttention(const Model &model) {
  SmallVector<BlockArgument> inputs;
  func::FuncOp last;
  for (const Site &site : model.sites)
    if (site.isAttention() && site.function != last) {
      last = site.function;
      llvm::append_range(inputs, last.getArguments());
    }
  return inputs;
}

constexpr llvm::StringLiteral kDocumentNames[] = {"doc", "segment_id", "sequence_id", "seq_id", "cu_seqlen"};
static bool isDocument(BlockArgument input) {
  return llvm::any_of(kDocumentNames, [&](StringRef part) { return isNamed(input, part); });
}

/// Segments may be a sentence's place in a pair, which the embedding reads.
static bool isForgotten(const Model &model, BlockArgument input) {
  return isWhole(input) && !isReadByMask(model, input) && (!isNamed(input, {"segment"}) || input.use_empty());
}

static void checkUnused(const Model &model, Findings &findings) {
  for (BlockArgument input : inputsBesideAttention(model)) {
    bool isMask = isNamed(input, {"attention_mask", "padding_mask", "attn_mask"}) || nameOf(input) == "mask";
    if (isMask && !isReadByMask(model, input))
      findings.warn(nullptr, fmt::format("no attention reads '{}': what it masks is attended to", nameOf(input)));
  }
}

/// Documents 0 and 1, which begin at position 4: does query 5 see key 2?
static bool leaks(const Site &site, BlockArgument input) {
  auto leaf = [&](Value tensor, const Probe::Indices &indices) -> Probe::Number {
    if (tensor == input && indices && !indices->empty())
      return indices->back() >= 4 ? 1 : 0;
    return isa<BlockArgument>(tensor) ? Probe::Number(1) : std::nullopt;
  };
  Probe probe(site, leaf);
  for (auto [i, j] : {std::pair(5, 2), {2, 5}}) {
    Probe::Number score = probe.score({0, 0, 0, i, j, 8, 8});
    if (score && *score > -30)
      return true;
  }
  return false;
}

static void checkDocuments(const Model &model, Findings &findings) {
  for (BlockArgument input : inputsBesideAttention(model))
    if (isDocument(input) && isForgotten(model, input))
      findings.warn(nullptr,
                    fmt::format("no attention reads '{}': documents of one row see each other", nameOf(input)));
  for (const Site &site : model.sites)
    for (Value value : {site.score, site.mask})
      for (BlockArgument input : site.kind == Site::Attention ? inputsOf(site, value) : SmallVector<BlockArgument>())
        if (isDocument(input) && leaks(site, input))
          findings.warn(&site, fmt::format("keys of another document are seen, although '{}' tells documents apart",
                                           nameOf(input)));
}

/// A row that is broadcast along the keys.
static bool hasEqualKeys(const Site &site) {
  Sides sides = sidesOf(site);
  fusion::Access k = site.match ? site.match->k : sides.k;
  fusion::followViews(sides.axes, k, /*broadcasts=*/true);
  fusion::DimIndex keys = sides.resolve(sides.keys);
  return !keys.empty() &&
         llvm::none_of(sides.axes.resolve(k.index), [&](const fusion::DimIndex &dim) { return hasAxisOf(dim, keys); });
}

static void checkConstant(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (site.kind != Site::Attention)
      continue;
    if (llvm::all_of(std::array{site.q, site.k, site.v}, [](Value value) { return allInputsOf(value).empty(); }))
      findings.note(&site, "q, k and v depend on no input: the result is a constant"); // first layers of DETR are so
    else if (hasEqualKeys(site))
      findings.warn(&site, "all keys are one row: every query averages the values");
  }
}

static void checkBatch(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    std::string keys = StringRef(site.keys.name).lower();
    bool isBatch = keys == "batch" || keys == "batch_size" || keys == "bs" || keys == "n_batch";
    if (site.kind == Site::Attention && site.match && isBatch)
      findings.warn(&site,
                    fmt::format("the keys are the entries of the batch ('{}'), and the positions ('{}') are the batch",
                                site.keys.name, site.batch.name));
  }
}

llvm::ArrayRef<Rule> inputRules() {
  static constexpr Rule rows[] = {
      {"mask-unused", "A mask among the inputs that no attention reads",
       "padding is attended to; exporters drop masks that they think are None",
       "hand the mask to the attention layers, and export again with one that is not all ones", checkUnused},
      {"document-leakage", "Documents of one packed row that see each other",
       "a causal mask alone lets a document see those before it; the ids of documents must be compared as well",
       "and, not or: mask = causal and ids[b, i] == ids[b, j]", checkDocuments},
      {"constant-attention", "Attention over a constant (a note, if nothing else is attended to)",
       "object queries of zeros, or a layer behind an Expand of one vector: nothing is looked up",
       "compute it once and leave the layer out, or give it the input that it should see", checkConstant},
      {"attends-over-batch", "Attention along the batch",
       "nn.MultiheadAttention wants (S, B, C) unless batch_first=True, and then mixes the entries of a batch",
       "say batch_first=True, or transpose the input to (S, B, C)", checkBatch},
  };
  return rows;
}

} // namespace attnc::lint
