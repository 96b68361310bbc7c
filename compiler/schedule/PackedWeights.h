//===- PackedWeights.h - Panels of a weight ---------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A matrix that is a weight is packed while the artefact is written. W columns are a panel; columns beyond the last are 0:
//
//   %w = tile.weight @w : memref<768x1000xf32>
//
//   weights.view @w.panels64_768x1000 of @w ... : tensor<16x768x64xf32>     // [p, k, c] = w[k, p * 64 + c]
//   %p = tile.weight @w.panels64_768x1000 : memref<16x768x64xf32>
//
// a group that is not whole with zeros behind it, by a view of its own (`<2 x bf16>`, 767 x 1000):
//
//   weights.view @w.whole768x1000 of @w ... inside [1, 0] below 767 : tensor<768x1000xbf16>
//
// and of the weights of layers that are one function:
//
//   %w = tile.weight @layers.w[%layer] : memref<768x1000xf32>
//
//   weights.view @layer.0.w.panels64_768x1000 of @layer.0.w ...             // and so on
//   weights.stack @layers.w.panels64_768x1000 of [@layer.0.w.panels64_768x1000, ...]
//   %p = tile.weight @layers.w.panels64_768x1000[%layer] : memref<16x768x64xf32>
//
// One that its recipe makes of integers of four bits in blocks with scales stays packed (BlockWeights.h).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/ContractEncodings.h"
#include "dialects/Tile/TileOps.h"

namespace attnc::schedule {

/// The panels of `weight`, read as a matrix of `shape` whose rows (`sumFirst`) or columns are summed over. A group of the
/// encoding is one dimension more, whose elements are read as a word; elements that are no group are of the sums' type.
mlir::Value packWeight(mlir::OpBuilder &builder, tile::WeightOp weight, llvm::ArrayRef<int64_t> shape, bool sumFirst,
                       int64_t panelWidth, const ContractEncodings &encodings);

} // namespace attnc::schedule
