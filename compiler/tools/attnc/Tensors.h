//===- Tensors.h - Tensors of a call, and their files -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/emit/Entry.h"
#include "compiler/support/DimBindings.h"
#include "dialects/Attn/RefTensor.h"
#include "runtime/cpu/Npy.h"
#include "llvm/ADT/StringMap.h"
#include <optional>
#include <vector>

namespace attnc::tool {

using rt::NpyTensor;
using Tensors = std::vector<NpyTensor>;

/// Where the inputs of a call come from, as the user has said it.
struct TensorFiles {
  std::string inputs;                 // folder with NAME.npy
  llvm::StringMap<std::string> named; // --NAME FILE
  bool any() const { return !inputs.empty() || !named.empty(); }
};

/// Reads every input of `entry`; reports every one that is missing or cannot be
/// read, and every name that is none.
std::optional<Tensors> readInputs(const emit::EntryInfo &entry, const TensorFiles &files);

/// The file of `tensor`, or "" if the user named none.
std::string fileOf(const emit::TensorInfo &tensor, const TensorFiles &files);

/// Reads one input; a wrong file is reported.
bool readInput(const emit::TensorInfo &info, const std::string &file, NpyTensor &tensor);

/// Names given with --NAME must be those of inputs; others are reported.
bool checkNames(const emit::EntryInfo &entry, const TensorFiles &files);

/// Reads FOLDER/NAME.npy of `info`. Nothing after an error.
std::optional<NpyTensor> readTensor(const emit::TensorInfo &info, llvm::StringRef folder);

/// Writes FOLDER/NAME.npy; the folder is made if need be. Returns an exit code.
int writeTensor(const emit::TensorInfo &info, llvm::StringRef folder, llvm::ArrayRef<int64_t> shape, const void *data);

/// Turns `--NAME FILE` and `--NAME=FILE` into `files.named`; reports what is
/// neither.
bool readNames(llvm::ArrayRef<std::string> arguments, llvm::StringRef verb, TensorFiles &files);

/// The tensor for the reference interpreter, as `type` (which has the tensor's
/// element width).
attn::RefTensor toReference(const NpyTensor &tensor, mlir::Type type);

/// The largest relative error that is taken for rounding: a few units in the last place of the type, for sums of some
/// length. An f64 that comes of narrower inputs was computed in f32.
double defaultTolerance(const emit::EntryInfo &entry, const emit::TensorInfo &info);

/// The element type of `info` in the IR.
mlir::Type elementTypeOf(const emit::TensorInfo &info, mlir::MLIRContext *context);

/// "1x16x64".
std::string spellShape(const NpyTensor &tensor);

} // namespace attnc::tool
