//===- CallingConvention.h - Results are memory of the caller ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before bufferization, the results of
//
//   func.func @f(%x: tensor<?x4xf32>, %state: tensor<?x4xf32>)
//       -> (tensor<?x4xf32>, tensor<?x4xf32> {attnc.inout = 1 : i64})
//
// get a place to be written to. An ordinary one is a trailing argument; the caller has one for an inout result too, but what
// is computed is written to the argument whose new value it is:
//
//   func.func @f(%x: tensor<?x4xf32>, %state: tensor<?x4xf32>,
//                %out: memref<?x4xf32, strided<[?, 1], offset: ?>> {attnc.result = 0 : i64}, %unused: ...) {
//     bufferization.materialize_in_destination %y in restrict writable %out
//     %new = bufferization.materialize_in_destination %updated in %state
//     return %new                                     // dropped once it is the buffer of %state
//
// A layer, a private function that others call, has tensors as destinations, which its callers make:
//
//   func.func private @layer(%x: tensor<?x4xf32>, %out: tensor<?x4xf32> {attnc.result = 0 : i64}) -> tensor<?x4xf32>
//   %e = tensor.empty(%n) : tensor<?x4xf32>
//   %y = call @layer(%x, %e)
//
// unless it updates an argument that its callers use no more: that is the destination then. What an entry returns is copied
// from there, as it may have gaps.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace attnc::schedule {

/// Gives the results of all functions of `module` places to be written to. Fails, with an error, where the extents of a
/// layer's result are no named extents of its arguments.
llvm::LogicalResult passResultsByDestination(mlir::ModuleOp module);

} // namespace attnc::schedule
