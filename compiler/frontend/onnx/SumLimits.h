//===- SumLimits.h - What sums of extents are at most -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace attnc::onnx {

/// "past + seq <= 1024": a table of 1024 positions is sliced up to past + seq.
struct SumLimit {
  std::vector<std::string> names; ///< sorted, each once
  int64_t most = 0;

  /// Those of many extents first.
  bool operator<(const SumLimit &other) const {
    return std::tuple(other.names.size(), names, most) < std::tuple(names.size(), other.names, other.most);
  }
};

/// Facts about extents, which are never negative.
class SumLimits {
public:
  /// False if that is no news, or if there are too many facts already.
  bool add(const SumLimit &limit);

  /// The largest extent that `name` may have.
  std::optional<int64_t> largest(const std::string &name) const { return largest({{name, 1}}); }
  /// The largest value of a sum of extents with positive factors, as far as the facts show it.
  std::optional<int64_t> largest(std::map<std::string, int64_t> factors) const;

  /// Those of several extents; of one, `largest` knows.
  std::vector<SumLimit> ofSums() const;

private:
  std::map<std::vector<std::string>, int64_t> most;
};

} // namespace attnc::onnx
