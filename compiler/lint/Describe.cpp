//===- Describe.cpp - What a site attends over, in words ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Describe.h"
#include "compiler/lint/Inputs.h"
#include "compiler/lint/MaskShape.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;

namespace attnc::lint {

std::string placeOf(Operation *op) {
  std::string place;
  op->getLoc()->walk([&](Location part) {
    if (auto named = dyn_cast<NameLoc>(part); named && place.empty())
      place = named.getName().str();
    if (auto inFile = dyn_cast<FileLineColLoc>(part); inFile && inFile.getLine() && place.empty())
      place = fmt::format("{}:{}:{}", llvm::sys::path::filename(inFile.getFilename()).str(), inFile.getLine(),
                          inFile.getColumn());
    return WalkResult::advance();
  });
  return place.empty() ? op->getName().getStringRef().str() : place;
}

static std::string over(const Site &site) {
  std::string each = fmt::format("for each batch entry ({})", site.batch.name);
  if (site.heads.size == 1 && site.kind == Site::Attention) // an only axis may be either
    return fmt::format("positions: for each batch entry or head ({}), queries ({}) attend over keys ({}), {} features",
                       site.batch.name, site.queries.name, site.keys.name, site.features.name);
  if (site.kind == Site::HeadMixture)
    return fmt::format("the {} heads of one position: {}, each head mixes all of them", site.keys.name, each);
  if (site.kind == Site::Channels)
    return fmt::format("{} channels: {} and head ({}), channels mix and positions are summed", site.keys.name, each,
                       site.heads.name);
  std::string heads = fmt::format(" and head ({}", site.heads.name);
  if (site.groups != site.heads)
    heads += fmt::format(", {} of k and v", site.groups.name);
  return fmt::format("positions: {}{}), queries ({}) attend over keys ({}), {} features a head", each, heads,
                     site.queries.name, site.keys.name, site.features.name);
}

static std::string scaleText(const Site &site) {
  std::string text = fmt::format("{:.6g}", site.scale);
  double features = static_cast<double>(site.features.size);
  if (site.features.isStatic() && std::abs(site.scale * std::sqrt(features) - 1) < 2e-3)
    text += fmt::format(" = 1/sqrt({})", site.features.size);
  return text;
}

/// "i", "i + 3", "i - 2"
static std::string relative(int64_t distance) {
  return distance ? fmt::format("i {} {}", distance < 0 ? '-' : '+', std::abs(distance)) : "i";
}

/// "causal, ends aligned, no key before i - 5".
static std::string positions(const Site &site) {
  const MaskShape &shape = site.shape;
  std::string text;
  auto add = [&](std::string part) { text += (text.empty() ? "" : ", ") + std::move(part); };
  bool atEnds = shape.endsAt(shape.end()) || (!shape.future && shape.past && *shape.past > 0);
  int64_t own = site.mayDiffer() && atEnds ? shape.end() : 0; // where a query stands
  if (shape.endsAt(own))
    add(!site.mayDiffer() ? "causal" : own ? "causal, ends aligned" : "causal, starts aligned");
  else if (shape.future)
    add("no key after " + relative(*shape.future));
  if (shape.past)
    add("no key before " + relative(*shape.past - own));
  if (shape.farPast)
    add("no key before " + relative(-*shape.farPast));
  if (shape.farFuture)
    add("no key after " + relative(*shape.farFuture));
  if (shape.isFarPattern || (shape.hides && (!shape.isBand || text.empty())))
    add("a pattern of positions");
  return text;
}

static std::string maskText(const Site &site) {
  std::string text = positions(site);
  for (BlockArgument input : inputsOf(site, site.mask))
    text += (text.empty() ? "" : "; ") + ("by " + nameOf(input));
  return text;
}

static std::string scoreText(const Site &site) {
  if (!site.hasScore())
    return "";
  std::string text;
  for (BlockArgument input : inputsOf(site, site.score)) {
    bool isMask = isWhole(input) || StringRef(nameOf(input)).contains_insensitive("mask");
    text += (text.empty() ? "" : "; ") + std::string(isMask ? "mask by " : "reads ") + nameOf(input);
  }
  return text.empty() ? "a function of s and positions" : text;
}

std::vector<Property> describe(const Site &site) {
  if (!site.isAttention())
    return {{"none", "a softmax that is no attention: " + site.mismatch.reason}};
  std::vector<Property> lines = {{"over", over(site)}, {"scale", scaleText(site)}};
  if (std::string text = maskText(site); !text.empty())
    lines.push_back({"mask", text});
  if (std::string text = scoreText(site); !text.empty())
    lines.push_back({"score", text});
  return lines;
}

} // namespace attnc::lint
