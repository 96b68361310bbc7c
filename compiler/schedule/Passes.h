//===- Passes.h - The passes of schedule/ -----------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/Schedule.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/CommandLine.h"

namespace mlir {
class OpPassManager;
namespace affine {
class AffineDialect;
} // namespace affine
namespace arith {
class ArithDialect;
} // namespace arith
namespace bufferization {
class BufferizationDialect;
} // namespace bufferization
namespace linalg {
class LinalgDialect;
} // namespace linalg
namespace math {
class MathDialect;
} // namespace math
namespace memref {
class MemRefDialect;
} // namespace memref
namespace scf {
class SCFDialect;
} // namespace scf
namespace tensor {
class TensorDialect;
} // namespace tensor
} // namespace mlir

namespace attnc::tile {
class TileDialect;
} // namespace attnc::tile

namespace attnc::schedule {

#define GEN_PASS_DECL
#include "compiler/schedule/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/schedule/Passes.h.inc"

/// Tensors to memrefs, with a plan function beside every entry point.
void buildSchedulePrologue(mlir::OpPassManager &manager);

/// What attention-to-tile and contract-to-tile leave behind: linalg to row
/// programs, temporaries to one workspace. `grain`: scalar operations that are
/// worth a task of their own.
constexpr int64_t kGrain = 32768; // threads of a CPU; as lower-linalg-to-tile's own default
void buildScheduleEpilogue(mlir::OpPassManager &manager, int64_t grain = kGrain);

} // namespace attnc::schedule
