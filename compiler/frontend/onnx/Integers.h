//===- Integers.h - Integers without undefined behaviour --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX leaves open what a division by 0, the smallest integer divided by -1 and a float beyond an integer type give.
// They come from data, so whatever they give must be a number: it may index memory.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Builders.h"

namespace attnc::onnx {

/// x / y towards zero. x / 0 is x, and the smallest integer divided by -1 wraps around, to itself. Here and below, an
/// integer is signless in its type; `isUnsigned` tells.
mlir::Value emitQuotient(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value x, mlir::Value y,
                         bool isUnsigned = false);

/// x - (x / y) * y, with the sign of x; 0 where y is 0.
mlir::Value emitRemainder(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value x, mlir::Value y,
                          bool isUnsigned = false);

/// The same with the sign of y, as in Python.
mlir::Value emitFlooredRemainder(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value x, mlir::Value y);

/// The float x as an integer of type `to` (ui8: without a sign): towards zero, the nearest integer of the type where x is
/// beyond it, and 0 for NaN. The result is of the stored type.
mlir::Value emitToInteger(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value x, mlir::Type to);

/// A position as ONNX counts it (negative from the end), as an index. Outside of the extent it would read foreign memory,
/// and whether it is outside depends on the data: it is held at the nearest valid position.
mlir::Value emitPosition(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value position, mlir::Value extent);

} // namespace attnc::onnx
