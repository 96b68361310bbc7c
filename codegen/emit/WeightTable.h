//===- WeightTable.h - The weights of an artefact ---------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All weights that the code of any target reads, each once, one behind the other at multiples of 64 bytes. Kernels find
// them from one address, `attnc_weights_base`, which is where the loader has put them (inside) or the runtime (separate
// file):
//
//   @.weight.q = external constant [768 x [768 x float]]      what LowerWeights leaves
//
//   %base = load ptr, ptr @attnc_weights_base                 what a function that reads it begins with
//   %q = getelementptr i8, ptr %base, i64 8192
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Weights/Recipe.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"
#include <cstdint>

namespace attnc::emit {

/// What identifies the bytes of all weights together.
struct WeightsHash {
  uint64_t low = 0, high = 0;
};

/// Where the weights of one target lie, by the names of their globals.
using WeightOffsets = llvm::StringMap<uint64_t>;

/// Is told what share of the work is done.
using Advance = llvm::function_ref<void(double)>;

class WeightTable {
public:
  bool empty() const { return list.empty(); }
  /// Bytes of all weights.
  uint64_t bytes() const { return size; }

  /// The name of a weight whose numbers are in no file; "" if there is none.
  std::string firstUnknown() const;

  /// Notes the weights that `module`, after LowerWeights, reads; returns where they lie.
  /// Fails, with an error, where a file is missing or too short.
  mlir::FailureOr<WeightOffsets> take(mlir::ModuleOp module);

  /// Writes all weights, which are known, to `descriptor` from byte `at` on, with all threads of the machine; it is a
  /// file, and as long as that already. The bytes between weights stay zero. Threads call `advance` with the share that is
  /// written.
  llvm::Expected<WeightsHash> write(int descriptor, uint64_t at, Advance advance = nullptr) const;

private:
  struct Weight {
    weights::RecipePtr recipe;
    uint64_t offset;
  };
  uint64_t add(weights::RecipePtr recipe);

  std::vector<Weight> list;
  llvm::StringMap<uint64_t> offsets; ///< by the text of the recipe
  uint64_t size = 0;
};

/// Lets the functions of `module`, translated from one that was taken or from a part of it, read `weights` from
/// `attnc_weights_base`.
void bindWeights(llvm::Module &module, const WeightOffsets &weights);

/// The name of the pointer that kernels read weights from.
inline constexpr llvm::StringLiteral kWeightsBase = "attnc_weights_base";
/// The section that holds weights inside of an artefact. Code generation and linking see a section without contents
/// (SHT_NOBITS); see WeightsSection.h.
inline constexpr llvm::StringLiteral kWeightsSection = ".attnc_weights";

/// The name of the descriptor's attnc_weights.
inline constexpr llvm::StringLiteral kWeightsInfo = ".weights";

/// Defines the base in the descriptor's module: as the address of a section of `table`'s size.
void placeInside(llvm::Module &descriptor, const WeightTable &table);

/// Defines the base as what the runtime sets when it has mapped `file`, whose contents have that hash.
void placeBeside(llvm::Module &descriptor, const WeightTable &table, llvm::StringRef file, WeightsHash hash);

/// Writes the file that lies beside an artefact: a head, and from ATTNC_WEIGHTS_START on the weights.
llvm::Expected<WeightsHash> writeWeightsFile(const WeightTable &table, int descriptor, Advance advance = nullptr);

} // namespace attnc::emit
