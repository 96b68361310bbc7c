//===- Variants.h - Variants, inputs, a second opinion ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A variant is compiled once and run at many sizes. Its mask and its score exist
// twice, as MLIR and as C++ (the tables in Variants.cpp), so that `naive` owes
// nothing to the interpreter or to the compiler.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Attn/RefTensor.h"
#include <optional>
#include <ostream>
#include <random>
#include <string>

namespace attnc::numerics {

using attn::RefTensor;

struct Variant {
  std::string name = "";
  std::string mask = "none", score = "none"; // rows of the tables
  int64_t H = 2, G = 2, D = 16, E = 16;
  std::string q = "BMHD", k = "BNGD", v = "BNGE", o = "BMHE";
  std::string type = "f32";
  bool lse = false;
  std::optional<double> fill = {}; // a key that the mask forbids has this score instead
  double queries = 1;              // scale of q
};

/// For GoogleTest's messages.
inline std::ostream &operator<<(std::ostream &os, const Variant &variant) { return os << variant.name; }

/// The run-time extents.
struct Sizes {
  int64_t B = 1, M = 1, N = 1;
};

/// What the inputs hold besides numbers.
enum class Poison {
  none,
  masked,  // NaN and infinities in K and V wherever no query of the group may look
  queries, // a NaN, a +inf and a -inf in some rows of Q
  keys,    // a NaN in the last key, which some rows see under a mask
  values,  // a NaN and a +inf in V of keys that are seen
};
std::string nameOf(Poison poison);
std::string nameOf(const Sizes &sizes);

/// A module with one public function @attention, described as a front end describes it.
std::string moduleText(const Variant &variant);

/// q, k, v and what mask and score capture, for one run; rounded to the element types.
std::vector<RefTensor> makeInputs(const Variant &variant, const Sizes &sizes, Poison poison, unsigned seed,
                                  mlir::MLIRContext *context);

/// The definition, in long double, one row at a time: the output and, if the variant has it, lse.
std::vector<RefTensor> naive(const Variant &variant, const Sizes &sizes, llvm::ArrayRef<RefTensor> inputs);

/// Extents around the sizes of vectors, tiles and blocks.
llvm::ArrayRef<int64_t> raggedLengths();

} // namespace attnc::numerics
