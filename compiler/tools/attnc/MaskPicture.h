//===- MaskPicture.h - A mask as text and as SVG ----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace attnc::tool {

/// What the compiler makes of a block.
enum class BlockClass : uint8_t {
  skipped, ///< empty, and outside the bounds of the loop over keys
  empty,   ///< the loop visits it, and finds it empty
  partial, ///< some pairs are allowed: the kernel asks for each
  full,    ///< all are: the kernel has no mask code
};

/// The square of one batch entry and head.
struct MaskPicture {
  std::string title;
  int64_t queries = 0, keys = 0;        // M, N
  int64_t blockRows = 1, blockCols = 1; // queries and keys of a block
  int64_t rows = 0, columns = 0;        // blocks
  std::vector<BlockClass> blocks;       // [rows, columns]
  std::vector<bool> pairs;              // [queries, keys]; empty: not known

  BlockClass at(int64_t row, int64_t column) const { return blocks[row * columns + column]; }
  bool allowed(int64_t i, int64_t j) const { return pairs[i * keys + j]; }
  int64_t count(BlockClass kind) const;
  int64_t allowedPairs() const;
  /// Pairs of the blocks that are visited: what is computed.
  int64_t visitedPairs() const;
};

/// One line: blocks visited, pairs allowed.
std::string describe(const MaskPicture &picture);

/// One character per block, with colours if the stream has them, axes, a legend and the counts.
void printText(const MaskPicture &picture, llvm::raw_ostream &os);

/// A drawing with title, axes, legend and counts; the same bytes for the same picture.
std::string makeSvg(const MaskPicture &picture);

} // namespace attnc::tool
