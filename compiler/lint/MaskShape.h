//===- MaskShape.h - Which keys a query sees by position --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

namespace attnc::lint {

struct Site;
struct Point;
class Probe;

/// Keys that are hidden whatever the inputs hold. What lies below -1000 counts as hidden: exporters write -1e4 and
/// more.
struct MaskShape {
  int64_t queries = 8, keys = 8; ///< asked with these
  bool hides = false;            ///< some pair is hidden
  std::optional<int64_t> past,   ///< no key before i + past is seen, none after i + future; absent: no such limit
      future;
  bool isBand = true;           ///< between the two nothing is hidden
  std::optional<int64_t> empty; ///< a query that sees no key
  /// A window that is larger than that: how far the keys before and behind a query are seen.
  std::optional<int64_t> farPast, farFuture;
  bool isFarPattern = false; ///< far keys are hidden, but not by distance alone

  int64_t end() const { return keys - queries; } ///< where query i stands if the ends are aligned: i + end()
  bool endsAt(int64_t offset) const { return future == offset; }
  bool beginsAt(int64_t offset) const { return past == offset; }
};

/// Whether the mask of `site` hides the key of a point for its position: whatever inputs of floats hold, 0 or 1.
class PositionProbe {
public:
  explicit PositionProbe(const Site &site);
  ~PositionProbe();
  bool hides(const Point &point);

private:
  std::unique_ptr<Probe> zeros, ones;
};

/// Asks the mask of `site`, with the extents that it has, or with small ones.
MaskShape shapeOf(const Site &site);

/// What lies below counts as hidden.
constexpr double kHidden = -1000;

} // namespace attnc::lint
