//===- CheckWeights.h - config.json against the weights ---------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/huggingface/Bind.h"
#include "compiler/frontend/weights/Weights.h"

namespace attnc::hf {

/// Compares the tensors of the model's attention with what `config` makes of them. One error lists every tensor that is
/// missing, has another shape, or belongs to a layer that should not be there, with the keys that said so.
mlir::LogicalResult checkWeights(const Architecture &architecture, const Config &config, const Bindings &bindings,
                                 const weights::Weights &weights);

/// The layer of tensor `name` under `pattern`, "layers.*.q.weight": names may have more in front of a dot
/// ("model.layers.3.q.weight" is layer 3). Nothing if it is another tensor.
std::optional<int64_t> matchLayer(llvm::StringRef name, llvm::StringRef pattern);

} // namespace attnc::hf
