//===- Pipeline.h - The passes of this room in order ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Pass/PassManager.h"

namespace attnc::fusion {

struct FusionOptions {
  bool remarks = false; ///< say of every softmax what was fused or what prevented it
};

/// Adds the passes that turn what a front end made into attn.attention,
/// attn.contract and few elementwise ops. `manager` runs on modules.
void buildFusionPipeline(mlir::OpPassManager &manager, const FusionOptions &options);

} // namespace attnc::fusion
