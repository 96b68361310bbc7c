//===- Architecture.h - What attnc knows of a model type --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// architectures/NAME.attn holds the attention of model_type NAME. Its comments that begin with "#:" say how config.json
// feeds it:
//
//   #: D = head_dim | hidden / H              the first of these whose keys are there and not null; numbers are the
//   #: cap = softcap | 50.0; null means 0     defaults of Hugging Face. H, G, D and Dv fix dimensions, other names are
//                                             constants of the text
//   #: only KEY = VALUE                       any other value of the key is refused
//   #: harmless KEY KEY ...                       these may have any value: they change nothing that is computed here
//   #: weight layers.*.q.weight [H * D, hidden]     the shape of a tensor in each of `layers` layers; names may have
//   more
//   #: optional ... [...] for decoder_layers        in front. optional: may be missing
//   #: global every N                         layer i is of kind global where (i + 1) % N == 0, else local
//   #: local from N if NAME                   layers from N on are local where NAME is true, all others global
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <vector>

namespace attnc::hf {

/// `#: name = value; null means whenNull`.
struct BindingRule {
  llvm::StringRef name, value, whenNull;
};

/// `#: only key = allowed`.
struct OnlyRule {
  llvm::StringRef key, allowed;
};

/// `#: weight pattern [dims] for layers`.
struct WeightRule {
  bool isRequired;
  llvm::StringRef pattern, layers;
  llvm::SmallVector<llvm::StringRef, 2> dims;
};

/// `#: global every value` or `#: local from value if condition`.
struct KindRule {
  enum { OneKind, GlobalEvery, LocalFrom } rule = OneKind;
  llvm::StringRef value, condition;
};

struct Architecture {
  llvm::StringRef modelType, text;
  std::vector<BindingRule> bindings;
  std::vector<OnlyRule> only;
  std::vector<WeightRule> weights;
  KindRule kinds;

  llvm::SmallVector<llvm::StringRef> harmless;

  /// Whether the value of `key` is read or checked, or known not to matter.
  bool reads(llvm::StringRef key) const;
};

/// The model types that have an architecture.
llvm::SmallVector<llvm::StringRef> modelTypes();

/// The architecture of `modelType`, one of modelTypes().
Architecture getArchitecture(llvm::StringRef modelType);

} // namespace attnc::hf
