//===- Compiled.h - A module compiled and loaded here -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Attn/RefTensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include <attnc/attnc.h>
#include <memory>
#include <optional>
#include <string>

namespace attnc::numerics {

/// A context with every dialect, and one thread.
std::unique_ptr<mlir::MLIRContext> makeContext();

/// How inputs lie in memory.
enum class Placement {
  contiguous,
  padded,      // rows without gaps, every outer stride larger than needed
  interleaved, // every stride twice that of `padded`: the runtime has to copy
};

/// The first function of a module, through the whole pipeline into a shared library, as a user would get it.
class Compiled {
public:
  /// Compiles a copy of `module`, which is at level attn, for `target` ("host", "x86-64-v3"). Null after diagnostics.
  static std::unique_ptr<Compiled> create(mlir::ModuleOp module, llvm::StringRef target = "host");
  ~Compiled();

  /// Calls it. Every tensor ends right before a page that may not be touched, and the outputs start as NaN: reading or
  /// writing past an end stops the program, an element that is not written shows. Outputs have gaps between rows;
  /// writing there stops the program too. The error's text instead of outputs where the runtime refuses.
  std::optional<std::vector<attn::RefTensor>> run(llvm::ArrayRef<attn::RefTensor> inputs, std::string &error,
                                                  Placement placement = Placement::contiguous);

  /// Threads to use from the next run on.
  void useThreads(int32_t threads);
  /// Whether this machine has what the code needs.
  bool isRunnable() const;

private:
  Compiled() = default;
  bool link(mlir::ModuleOp module, llvm::StringRef target, const std::string &file);
  bool load(const std::string &file);

  llvm::SmallVector<mlir::Type> inputTypes, outputTypes; // of elements
  void *library = nullptr;
  const attnc_entry *entry = nullptr;
  attnc_context *context = nullptr;
};

} // namespace attnc::numerics
