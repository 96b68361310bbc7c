//===- strided-test.cpp - Which tensors share elements --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Strided.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <set>
#include <vector>

using namespace attnc::rt;

namespace {
struct Part {
  int64_t first; // element of the parent
  std::vector<int64_t> shape, strides;

  StridedBytes bytes() const {
    return {static_cast<uintptr_t>(4096 + 4 * first), static_cast<int>(shape.size()), shape.data(), strides.data(), 4};
  }
  std::set<int64_t> elements() const {
    std::set<int64_t> all{first};
    for (size_t d = 0; d < shape.size(); ++d) {
      std::set<int64_t> more;
      for (int64_t element : all)
        for (int64_t i = 0; i < shape[d]; ++i)
          more.insert(element + i * strides[d]);
      all = more;
    }
    return all;
  }
};

bool shareElements(const Part &a, const Part &b) {
  std::set<int64_t> elements = a.elements();
  for (int64_t element : b.elements())
    if (elements.count(element))
      return true;
  return false;
}

std::vector<int64_t> rowMajor(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;)
    strides[d - 1] = strides[d] * shape[d];
  return strides;
}
} // namespace

// Two slices of one tensor: the answer is exact.
RC_GTEST_PROP(Overlap, OfSlicesIsExact, ()) {
  auto rank = *rc::gen::inRange<size_t>(1, 4);
  std::vector<int64_t> parent;
  for (size_t d = 0; d < rank; ++d)
    parent.push_back(*rc::gen::inRange(1, 6));
  auto slice = [&] {
    Part part{0, {}, rowMajor(parent)};
    for (size_t d = 0; d < rank; ++d) {
      int64_t begin = *rc::gen::inRange<int64_t>(0, parent[d]);
      part.shape.push_back(*rc::gen::inRange<int64_t>(0, parent[d] - begin + 1));
      part.first += begin * part.strides[d];
    }
    return part;
  };
  Part a = slice(), b = slice();
  RC_ASSERT(surelyOverlap(a.bytes(), b.bytes()) == shareElements(a, b));
}

// Any strides: "surely" is never wrong; without gaps it is exact too.
RC_GTEST_PROP(Overlap, IsNeverClaimedWrongly, ()) {
  auto part = [&](bool isCompact) {
    Part made{*rc::gen::inRange(0, 30), {}, {}};
    auto rank = *rc::gen::inRange<size_t>(0, 3);
    for (size_t d = 0; d < rank; ++d) {
      made.shape.push_back(*rc::gen::inRange(0, 4));
      made.strides.push_back(*rc::gen::inRange(-5, 12));
    }
    if (isCompact)
      made.strides = rowMajor(made.shape);
    return made;
  };
  bool areCompact = *rc::gen::arbitrary<bool>();
  Part a = part(areCompact), b = part(areCompact);
  if (surelyOverlap(a.bytes(), b.bytes()))
    RC_ASSERT(shareElements(a, b));
  else if (areCompact)
    RC_ASSERT(!shareElements(a, b));
}

// What scatter puts into the rows of a larger tensor, gather takes from there; nothing else is written.
RC_GTEST_PROP(Copies, OfRowsReturn, ()) {
  auto rank = *rc::gen::inRange<size_t>(0, 4);
  Part part{0, {}, std::vector<int64_t>(rank, 1)};
  for (size_t d = 0; d < rank; ++d)
    part.shape.push_back(*rc::gen::inRange(0, 5));
  for (size_t d = rank; d-- > 1;)
    part.strides[d - 1] = part.strides[d] * part.shape[d] + *rc::gen::inRange(0, 3);
  int64_t count = 1;
  for (int64_t extent : part.shape)
    count *= extent;
  std::vector<int16_t> source(count), wide(300, -1), back(count, -2);
  for (int64_t n = 0; n < count; ++n)
    source[n] = static_cast<int16_t>(n);
  scatter(wide.data(), source.data(), static_cast<int>(rank), part.shape.data(), part.strides.data(), 2);
  gather(back.data(), wide.data(), static_cast<int>(rank), part.shape.data(), part.strides.data(), 2);
  RC_ASSERT(back == source);
  RC_ASSERT(std::count(wide.begin(), wide.end(), -1) == 300 - count);
}
