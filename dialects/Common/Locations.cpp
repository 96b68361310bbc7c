//===- Locations.cpp - What locations say beside the file -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Common/Locations.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace attnc {

Location numbered(Location location, int64_t number) {
  MLIRContext *context = location.getContext();
  return FusedLoc::get({location}, Builder(context).getI64IntegerAttr(number), context);
}

SmallVector<int64_t> joinedNumbers(Location location) {
  if (auto site = dyn_cast<CallSiteLoc>(location))
    return joinedNumbers(site.getCallee());
  SmallVector<int64_t> numbers;
  auto fused = dyn_cast<FusedLoc>(location);
  if (!fused)
    return numbers;
  if (auto number = dyn_cast_or_null<IntegerAttr>(fused.getMetadata()))
    return {number.getInt()};
  for (Location part : fused.getLocations())
    llvm::append_range(numbers, joinedNumbers(part));
  return numbers;
}

std::optional<int64_t> numberOf(Location location) {
  SmallVector<int64_t> numbers = joinedNumbers(location);
  return numbers.empty() ? std::nullopt : std::optional(numbers.back());
}

SmallVector<int64_t> pathOf(Location location) {
  std::optional<int64_t> own = numberOf(location);
  if (!own)
    return {};
  SmallVector<int64_t> path;
  if (auto site = dyn_cast<CallSiteLoc>(location))
    path = pathOf(site.getCaller());
  path.push_back(*own);
  return path;
}

constexpr llvm::StringLiteral kLayers = "layers";

Location locationOfLayers(ArrayRef<Location> layers) {
  MLIRContext *context = layers.front().getContext();
  return FusedLoc::get(layers, StringAttr::get(context, kLayers), context);
}

Location locationInLayer(Location location, int64_t layer) {
  auto fused = dyn_cast<FusedLoc>(location);
  if (!fused)
    return location;
  if (isa_and_nonnull<IntegerAttr>(fused.getMetadata()))
    return FusedLoc::get({locationInLayer(fused.getLocations().front(), layer)}, fused.getMetadata(),
                         location.getContext());
  auto name = dyn_cast_or_null<StringAttr>(fused.getMetadata());
  bool isKnown =
      name && name.getValue() == kLayers && layer >= 0 && static_cast<size_t>(layer) < fused.getLocations().size();
  return isKnown ? fused.getLocations()[layer] : location;
}

std::string placeOf(Location location) {
  std::string name, line;
  location->walk([&](Location part) {
    if (auto named = dyn_cast<NameLoc>(part); named && name.empty())
      name = named.getName().str();
    if (auto file = dyn_cast<FileLineColLoc>(part); file && file.getLine() && line.empty())
      line = file.getFilename().str() + ":" + std::to_string(file.getLine());
    return WalkResult::advance();
  });
  return name.empty() ? line : name;
}

} // namespace attnc
