//===- Workload.cpp - What a measurement holds for ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tuner/Database.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;

std::string tuner::spellDims(const DimBindings &dims) {
  std::vector<std::string> parts;
  for (const auto &[symbol, extent] : dims)
    parts.push_back(fmt::format("{}={}", symbol.str(), extent));
  llvm::sort(parts);
  return llvm::join(parts, ",");
}

namespace {
/// Hashes what is printed, without keeping the text.
class HashStream : public llvm::raw_ostream {
public:
  HashStream() { SetUnbuffered(); }
  std::string hex() { return llvm::toHex(hash.final(), /*LowerCase=*/true).substr(0, 32); }

private:
  void write_impl(const char *text, size_t size) override {
    hash.update(llvm::StringRef(text, size));
    written += size;
  }
  uint64_t current_pos() const override { return written; }

  llvm::SHA256 hash;
  uint64_t written = 0;
};
} // namespace

std::string tuner::programHash(ModuleOp module) {
  HashStream stream;
  module.print(stream, OpPrintingFlags().useLocalScope().elideLargeElementsAttrs(16).elideLargeResourceString(16));
  return stream.hex();
}

std::string tuner::defaultDatabase() {
  llvm::SmallString<128> path;
  if (!llvm::sys::path::cache_directory(path))
    llvm::sys::path::system_temp_directory(/*erasedOnReboot=*/false, path);
  llvm::sys::path::append(path, "attnc", "tuning.db");
  return path.str().str();
}
