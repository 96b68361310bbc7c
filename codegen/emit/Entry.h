//===- Entry.h - What a compiled function takes and gives -------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The signature of an entry point is known while functions still have tensor
// types. It is recorded there as the module attribute `attnc.entries`, which
// survives every lowering and every textual round trip, so that the descriptor,
// the C header and the wrappers can be made from any later stage:
//
//   module attributes {attnc.entries = [{
//     name = "causal", doc = "one line for the header",   // called = "2-causal" where that is no name for C
//     inputs  = [{name = "q", type = f32, dims = ["B", "M", "16", "64"]}, ...],
//     outputs = [{name = "out", type = f32, dims = ["B", "M", "16", "64"]}],       // inout = 1: the new value of input 1
//     limits  = [{symbols = ["M", "N"], most = 1024 : i64}],                         // M + N <= 1024; where there are any
//     workspace = {bytes = 0, stack = 73728}}]}      // from plan-workspace on; plan = [...]: what it holds, in words
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attnc::emit {

/// One extent: fixed (`size` >= 0), a symbol shared with other dimensions
/// (index into EntryInfo::symbols), or neither, which means that only the plan
/// function knows it.
struct DimInfo {
  int64_t size = -1; // -1 - N: a symbol of at most N
  int32_t symbol = -1;
  bool isComputed() const { return size < 0 && symbol < 0; }
};

/// A tensor of the signature; `typeCode` and `typeBits` are DLPack's.
struct TensorInfo {
  std::string name;
  uint8_t typeCode = 0, typeBits = 0;
  std::vector<DimInfo> dims;
  bool isSorted = false;          // elements never fall along the last dimension: the caller's promise
  std::optional<DimInfo> indexed; // the extent that the elements index: another promise
  bool isChecked = false;         // each call verifies the promises
  int32_t inout = -1;             // of an output: the input that it is the new value of, in the same memory
  bool isUpdated = false;         // of an input: some output is its new value
  int32_t extends = -1;           // of an output: the input that it may begin with in place
};

/// What a call needs beside its tensors, known from level tile on.
struct WorkspaceInfo {
  int64_t bytes = 0;              // the same for all extents, unless:
  std::vector<std::string> grows; // symbols that it grows with; "?": some extent without a name
  int64_t stack = 0;              // scratch of one thread
  std::vector<std::string> plan;  // what it holds, a line each (schedule/memory/DescribeWorkspace.h)

  /// What is enough for either.
  void merge(const WorkspaceInfo &other);
};

/// The sum of some symbols (indices into EntryInfo::symbols) is at most `most`.
struct LimitInfo {
  std::vector<int32_t> symbols;
  int64_t most = 0;
};

struct EntryInfo {
  std::string name;   // of the C function; an identifier
  std::string symbol; // of the function in the IR, the same unless --name or the output's file gave another name
  std::string called; // by the user, where that is no name for C; else empty
  std::string doc;
  std::vector<TensorInfo> inputs, outputs;
  std::vector<std::string> symbols;
  std::vector<LimitInfo> limits; // of sums; those of one symbol stand at its dimensions
  std::optional<WorkspaceInfo> workspace;

  /// Whether every output extent follows from the inputs' without running the
  /// plan.
  bool hasComputedOutput() const;
  /// "B", "16" or "?".
  std::string spellDim(const DimInfo &dim) const;
  /// "f32[B, M, 16, 64]", "sorted i32[B, N]".
  std::string spellTensor(const TensorInfo &tensor) const;
};

/// "f32", "bf16", "i64", "bool": how messages and headers name the element
/// type.
llvm::StringRef spellType(const TensorInfo &tensor);

/// Whether tensors of these elements may be arguments and results of entries.
bool isTensorType(mlir::Type element);

/// Sets `attnc.entries` from the public functions of `module`, unless it is
/// there already. Functions get names that C can have (see Names.h); the
/// attribute `attnc.called` keeps a name that was replaced. Fails, with an error
/// at the function, when an argument or result is not a ranked tensor of a type
/// DLPack can say, or is not described.
mlir::LogicalResult recordEntries(mlir::ModuleOp module);

/// Removes `attnc.entries`: the functions are no longer what it says.
void forgetEntries(mlir::ModuleOp module);

/// Reads `attnc.entries` back. Fails, with an error at the module, when it is
/// absent or malformed.
mlir::FailureOr<std::vector<EntryInfo>> readEntries(mlir::ModuleOp module);

} // namespace attnc::emit
