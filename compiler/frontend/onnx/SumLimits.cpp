//===- SumLimits.cpp - What sums of extents are at most -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/SumLimits.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

namespace attnc::onnx {

/// A hostile model can slice tables by thousands of sums, and each may take an import of its own.
static constexpr size_t kMaxLimits = 64;

bool SumLimits::add(const SumLimit &limit) {
  std::map<std::string, int64_t> sum;
  for (const std::string &name : limit.names)
    sum[name] = 1;
  if (limit.names.empty() || largest(sum).value_or(INT64_MAX) <= limit.most)
    return false;
  if (most.size() >= kMaxLimits && !most.count(limit.names))
    return false;
  most[limit.names] = limit.most;
  return true;
}

/// Takes the facts one by one, those about many extents first: 2 * past + seq is (past + seq) + past.
std::optional<int64_t> SumLimits::largest(std::map<std::string, int64_t> factors) const {
  auto countWanted = [&](const SumLimit &fact) {
    return std::count_if(fact.names.begin(), fact.names.end(),
                         [&](const std::string &name) { return factors.count(name) != 0; });
  };
  std::vector<SumLimit> facts;
  for (const auto &[names, limit] : most)
    facts.push_back({names, limit});
  std::sort(facts.begin(), facts.end(), [&](const SumLimit &a, const SumLimit &b) {
    return std::tuple(-countWanted(a), a.most, a.names) < std::tuple(-countWanted(b), b.most, b.names);
  });
  int64_t total = 0;
  for (const SumLimit &fact : facts) {
    int64_t times = 0, product = 0; // as often as some extent of the fact is left
    for (const std::string &name : fact.names)
      if (auto it = factors.find(name); it != factors.end() && it->second > 0)
        times = times == 0 ? it->second : std::min(times, it->second);
    for (const std::string &name : fact.names)
      if (auto it = factors.find(name); it != factors.end() && it->second > 0)
        it->second -= times;
    if (llvm::MulOverflow(times, fact.most, product) || llvm::AddOverflow(total, product, total))
      return std::nullopt;
  }
  bool isBounded = std::all_of(factors.begin(), factors.end(), [](const auto &factor) { return factor.second == 0; });
  return isBounded ? std::optional(total) : std::nullopt;
}

std::vector<SumLimit> SumLimits::ofSums() const {
  std::vector<SumLimit> sums;
  for (const auto &[names, limit] : most)
    if (names.size() > 1)
      sums.push_back({names, limit});
  return sums;
}

} // namespace attnc::onnx
