//===- Pipeline.h - The passes of this room in order ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Pass/PassManager.h"
#include <string>

namespace attnc::fusion {

struct FusionOptions {
  bool remarks = false;    ///< say of every softmax what was fused or what prevented it
  std::string computeType; ///< what products and attention read: f32, bf16, f16; as the model says if empty
};

/// Adds the passes that turn what a front end made into attn.attention,
/// attn.contract and few elementwise ops. `manager` runs on modules.
void buildFusionPipeline(mlir::OpPassManager &manager, const FusionOptions &options);

} // namespace attnc::fusion
