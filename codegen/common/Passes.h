//===- Passes.h - Passes shared by all targets ------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/Target.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace attnc::codegen {

#define GEN_PASS_DECL
#include "codegen/common/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "codegen/common/Passes.h.inc"

/// What the name of a weight's global begins with.
inline constexpr llvm::StringLiteral kWeightPrefix = ".weight.";

/// Lets modules be translated to LLVM IR with the ops of the weights dialect in them.
void registerWeightsTranslation(mlir::DialectRegistry &registry);

/// Level tile to the LLVM dialect, packed entries included, in two halves. Each stage says why it stands where it stands.
///
/// The first one sees the whole module: weights become globals, parallel bodies functions, each of which is there once.
void buildOutliningPipeline(mlir::OpPassManager &pm, const TargetInfo &target);
/// The second one sees functions one by one, so that each may be in a module of its own.
void buildLoweringPipeline(mlir::OpPassManager &pm, const TargetInfo &target);

} // namespace attnc::codegen
