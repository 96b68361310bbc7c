//===- CheckKeys.cpp - No key that changes attention is ignored -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models grow keys faster than anybody can list them. So keys are sorted by what they speak of: one that has a word of
// attention in it must be read by the architecture (its "#:" lines) or be listed as harmless; else only a value that
// switches the thing off is accepted. All other keys are of other parts of the model.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/huggingface/CheckKeys.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace attnc::hf;

/// Words of keys that speak of attention.
static constexpr StringLiteral kWords[] = {
    "alibi",     "attention", "attn",        "bidirectional", "causal",
    "head_dim",  "heads",     "is_decoder",  "kv_",           "key_value",
    "logit_cap", "mask",      "multi_query", "prefix_lm",     "qk_",
    "qkv",       "query",     "relative",    "sink",          "sliding",
    "softcap",   "softmax",   "sparse",      "window",        "position_embedding_type"};

/// Parts of keys that speak of it and change nothing that is computed here: training, projections, implementations,
/// positions (q and k come rotated), other heads than those of attention.
static constexpr StringLiteral kHarmless[] = {"dropout",
                                              "pdrop",
                                              "_token_id",
                                              "attention_bias",
                                              "attn_bias",
                                              "qkv_bias",
                                              "implementation",
                                              "flash",
                                              "memory_efficient",
                                              "output_attentions",
                                              "final_logit_softcapping",
                                              "reorder_and_upcast_attn",
                                              "softmax_in_fp32",
                                              "pooler_",
                                              "cross_attention_hidden_size",
                                              "max_relative",
                                              "mask_time",
                                              "mask_feature",
                                              "initializer"};

static bool containsAny(StringRef key, ArrayRef<StringLiteral> parts) {
  return llvm::any_of(parts, [&](StringRef part) { return key.contains_insensitive(part); });
}

std::string attnc::hf::plain(simdjson::dom::element value) {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS ? std::string(text) : spell(value);
}

/// What a key has that is not used. Not being causal is no absence of something.
static bool isOff(StringRef key, simdjson::dom::element value) {
  if (value.is_null())
    return true;
  return !key.contains("causal") &&
         llvm::is_contained({"false", "0", "0.0", "", "[]", "{}", "none", "absolute"}, plain(value));
}

static LogicalResult checkOnly(const Architecture &architecture, const Config &config) {
  bool ok = true;
  for (const OnlyRule &rule : architecture.only) {
    std::optional<simdjson::dom::element> value = config.find(rule.key);
    if (!value || value->is_null() || plain(*value) == rule.allowed)
      continue;
    config.error(rule.key) << "'" << rule.key << "' changes the attention of " << architecture.modelType
                           << " models, and only '" << rule.allowed << "' is supported, not " << spell(*value);
    ok = false;
  }
  return success(ok);
}

LogicalResult attnc::hf::checkKeys(const Architecture &architecture, const Config &config) {
  bool ok = succeeded(checkOnly(architecture, config));
  for (auto [name, value] : config.all()) {
    StringRef key(name);
    if (!containsAny(key, kWords) || containsAny(key, kHarmless) || architecture.reads(key) || isOff(key, value))
      continue;
    config.error(key) << "'" << key << "' = " << spell(value) << " changes attention, and is not understood for "
                      << architecture.modelType << " models; if it does not change what is computed from q, k and v, "
                      << "remove it from config.json";
    ok = false;
  }
  return success(ok);
}
