//===- OutputFiles.h - Writing results, all of them or none -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/emit/WeightTable.h"
#include "llvm/Support/FileSystem.h"
#include <string>
#include <vector>

namespace attnc::tool {

/// Whether `path` may be written at all: it is no input, and no folder. Else an error, which is reported; returns an
/// exit code.
int checkOutput(llvm::StringRef path);

/// The files of one result, a library and its header say. Each is written beside its place under a temporary name, and
/// gets its own only in commit(): whatever happens before that (a full disk, an error, Ctrl-C), what stood there
/// stays. "-" is standard output.
class OutputFiles {
public:
  OutputFiles() = default;
  ~OutputFiles();
  OutputFiles(const OutputFiles &) = delete;

  /// Adds the file `path`: `bytes`, and behind them `weights`, if there are any. Returns an exit code; an error is
  /// reported.
  int add(llvm::StringRef path, llvm::StringRef bytes, bool isProgram = false,
          const emit::WeightTable *weights = nullptr, emit::Advance advance = nullptr);
  /// Adds a file of weights, whose hash it returns.
  int addWeights(llvm::StringRef path, const emit::WeightTable &weights, emit::WeightsHash &hash,
                 emit::Advance advance);
  int commit();

private:
  int open(llvm::StringRef path, bool isProgram);

  struct File {
    std::string path;
    llvm::sys::fs::TempFile temporary;
  };
  std::vector<File> files;
};

/// One file, committed.
int writeOutput(llvm::StringRef path, llvm::StringRef bytes, bool isProgram = false);

} // namespace attnc::tool
