//===- Locations.h - What locations say beside the file ---------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A location is the one thing of an op that every lowering hands on. Two things are said with it:
//
//   a number        fused<7>["node 'fc1' (MatMul)"]: this op, and all that becomes of it, is operation 7. What becomes of
//                   several ops has fused[fused<7>["node 'fc1' (MatMul)"], fused<8>["node 'relu' (Relu)"]]
//   a node a layer  fused<"layers">["node 'layer.0/fc1'", "node 'layer.1/fc1'"]: the op of a function that is called for
//                   each of these layers, with the layer's number
//
// Where a call has become what it calls, the location is callsite(that of the op at that of the call).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Location.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>
#include <string>

namespace attnc {

mlir::Location numbered(mlir::Location location, int64_t number);

/// The number of `location`; the op's own where a call was inlined, the last one's where ops were joined.
std::optional<int64_t> numberOf(mlir::Location location);

/// Those of all ops that were joined.
llvm::SmallVector<int64_t> joinedNumbers(mlir::Location location);

/// The numbers of the calls around an op that was inlined, the outermost first, and then its own. Empty without one.
llvm::SmallVector<int64_t> pathOf(mlir::Location location);

/// The location of an op that stands for one op in each layer.
mlir::Location locationOfLayers(llvm::ArrayRef<mlir::Location> layers);

/// Where the op stands in layer `layer`; `location` itself where that is not known.
mlir::Location locationInLayer(mlir::Location location, int64_t layer);

/// "node 'fc1' (MatMul)" of the model, or "causal.attn:3".
std::string placeOf(mlir::Location location);

} // namespace attnc
