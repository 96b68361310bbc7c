//===- Probe.h - The value of a score at one place --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A mask is found by asking it, not by its spelling: its code is evaluated for some queries and keys, with numbers for
// the inputs that it reads. What cannot be known is nothing:
//
//   j <= i and documents[b, i] == documents[b, j]        false for j > i; nothing else, as documents are not known
//   (1 - attention_mask[b, j]) * -10000                  -10000 with attention_mask = 0, and 0 with 1
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/lint/Site.h"
#include <functional>
#include <optional>

namespace attnc::lint {

/// Where to ask.
struct Point {
  double s = 0;
  int64_t b = 0, h = 0, i = 0, j = 0, queries = 8, keys = 8;
  bool operator==(const Point &) const = default;
};

class Probe {
public:
  using Number = std::optional<double>;
  /// Of an element; nothing where a view hides them.
  using Indices = std::optional<llvm::SmallVector<int64_t>>;
  /// The elements of an input, or of a tensor that is computed by more than elementwise ops. Without, floats are 0, so
  /// that a bias does not hide a mask, and the others not known.
  using Leaf = std::function<Number(mlir::Value tensor, const Indices &indices)>;

  explicit Probe(const Site &site, Leaf leaf = nullptr) : site(site), leaf(std::move(leaf)) {}

  /// The score of the softmax: -inf where the mask says so.
  Number score(const Point &point);
  /// A value of the site's code.
  Number value(mlir::Value value, const Point &point);
  /// What the second product reads where the softmax gives `p`.
  Number weight(double p, const Point &point);

private:
  using Values = llvm::DenseMap<mlir::Value, Number>;
  /// What is known at `point`, kept while questions are about the same one.
  Values &at(const Point &point);
  Number evaluate(mlir::Value value, Values &values);
  Number evaluateOp(mlir::Operation *op, Values &values);
  Number extract(mlir::Operation *op, Values &values);
  Number element(mlir::Value tensor, const Indices &indices);
  Number elementOf(mlir::linalg::LinalgOp op, const Indices &indices);
  Number leafOf(mlir::Value tensor, const Indices &indices);

  const Site &site;
  Leaf leaf;
  std::optional<Point> last;
  Values known;
  int steps = 0, depth = 0;
};

} // namespace attnc::lint
