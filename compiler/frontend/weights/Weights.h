//===- Weights.h - Named tensors of a model ---------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace attnc::weights {

/// One tensor of a file. Rank 0 and extents of 0 are legal.
struct Tensor {
  std::string name;
  std::string dtype;                ///< as the file spells it: "F32", "BF16"
  llvm::SmallVector<int64_t> shape; ///< row-major
  llvm::ArrayRef<char> data;        ///< little-endian; may be misaligned
};

/// Bits of one element, or nothing for a dtype that this build does not know.
std::optional<unsigned> elementBits(llvm::StringRef dtype);

/// Succeeds if the dtype of `tensor` is known; otherwise the error names tensor and dtype. Files may hold tensors of
/// newer types as long as nobody uses them.
llvm::Error requireKnownType(const Tensor &tensor);

/// The tensors of one model, sorted by name, and the mapped files that hold their data.
class Weights {
public:
  llvm::ArrayRef<Tensor> tensors() const { return all; }
  /// The tensor called `name`, or null.
  const Tensor *find(llvm::StringRef name) const;

private:
  friend llvm::Expected<Weights> openWeights(llvm::StringRef path);
  llvm::Error addFile(llvm::StringRef name, std::unique_ptr<llvm::MemoryBuffer> file);
  llvm::Error addShards(llvm::StringRef indexPath);

  std::vector<std::unique_ptr<llvm::MemoryBuffer>> files;
  std::vector<Tensor> all;
};

/// What to give to openWeights for the model in `folder`: its model.safetensors, or else the index of its shards;
/// nothing when there is neither.
std::optional<std::string> findWeights(llvm::StringRef folder);

/// Opens a .safetensors file, or with a .json file the shards that this index names, which must lie below its folder.
/// The error is a list (llvm::ErrorList) of everything that is wrong, each with file and tensor.
llvm::Expected<Weights> openWeights(llvm::StringRef path);

} // namespace attnc::weights
