//===- Target.h - The machines we generate code for -------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Types.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace attnc::codegen {

/// Which LLVM backend and which room of codegen/ a target belongs to.
enum class Family { x86, nvptx };

/// Elements of groups that have an instruction.
enum class Element { bf16, si8, ui8 };
mlir::Type typeOf(Element element, mlir::MLIRContext *context);

/// An instruction that adds to each lane of 32 bits the dot product of two groups of neighbours along k. Sums are f32 of
/// floats and i32 of integers.
struct DotInstruction {
  llvm::StringLiteral name; // LLVM's intrinsic: (sums, lhs, rhs) -> sums
  Element lhs, rhs;
  unsigned group;
  uint64_t featureBits; // ATTNC_CPU_*
};

/// What schedules and lowerings may know of a target: a row of a table in
/// Target.cpp.
struct TargetInfo {
  Family family = Family::x86;
  std::string name;     // "x86-64-v4+avx512bf16": the name users, descriptors and symbols have for it
  std::string cpu;      // LLVM's CPU: instruction sets
  std::string features; // LLVM's features beyond those of `cpu`: "+avx512bf16"
  std::string tune;     // LLVM's CPU for latencies and costs; empty: generic
  unsigned vectorBits = 128;
  unsigned vectorRegisters = 16;
  bool hasFma = false;
  bool hasMaskedMemory = false;                     // loads and stores under a lane mask
  bool hasScalef = false;                           // x * 2^n in one instruction
  bool hasBf16 = false;                             // conversions from f32 to bf16
  bool prefetchesFar = false;                       // asks for lines early and repeatedly (Zen 4 drops some requests)
  unsigned l1Bytes = 32 << 10, l2Bytes = 512 << 10; // data caches of one core
  uint64_t cpuFeatureBits = 0;                      // ATTNC_CPU_*: what the loader demands of the machine
  std::vector<const DotInstruction *> dots;         // of all that there are, those of this target

  /// The instruction for groups of these elements; null: they are widened.
  const DotInstruction *findDot(mlir::Type lhs, mlir::Type rhs, unsigned group) const;
  /// Groups of `element` in panels have an instruction.
  bool hasDots(Element element) const;

  bool isGpu() const { return family == Family::nvptx; }
  unsigned lanes(unsigned elementBits) const { return vectorBits / elementBits; }
};

/// The names parseTarget knows: "host" first.
llvm::ArrayRef<llvm::StringLiteral> targetNames();

/// LLVM's names of CPUs, which parseTarget knows too: "znver4".
llvm::SmallVector<llvm::StringRef> cpuNames();

/// "x86-64-v4", "v4", "sm_80", a CPU, or "host" ("native"), which is this machine's: of a CPU, the highest level that it
/// has, with its tuning and with those further instruction sets that the loader can check. Fails, silently, for other
/// names.
mlir::FailureOr<TargetInfo> parseTarget(llvm::StringRef name);

/// "AMD EPYC 9R14, AVX-512, 16 lanes" for this machine; for other targets
/// without the processor's name.
std::string describeTarget(const TargetInfo &target);

} // namespace attnc::codegen
