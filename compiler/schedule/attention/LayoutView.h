//===- LayoutView.h - Parts of memrefs, by dimension letters ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringRef.h"

namespace attnc::schedule {

/// [offset, offset + size) of the dimension `letter`.
struct LetterRange {
  char letter;
  mlir::Value offset, size;
};

/// The sub-block of `memref`, whose dimensions are the letters of `layout`: letters of `ranges` keep their range, every
/// other letter is fixed at `fixed(letter)`. The result has the dimensions of `order`, in that order, without a copy; a
/// letter of `order` that `layout` lacks has extent 1.
mlir::Value viewByLetters(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value memref, llvm::StringRef layout,
                          llvm::ArrayRef<LetterRange> ranges, llvm::function_ref<mlir::Value(char)> fixed,
                          llvm::StringRef order);

/// The sub-block of `memref` with the dimensions `dims` alone; the sizes of the others are 1. A memref.subview says which
/// dimensions it drops by its type only, where two of extent 1 are the same:
///
///   memref.subview %x[0, 0, %q][1, 1, 8] : memref<1x?x?, strided<[?, ?, ?]>> to memref<1x8, strided<[?, ?]>>
///
/// may have the first stride or the second one. There the strides are taken one by one (memref.reinterpret_cast).
mlir::Value subviewOfDims(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value memref,
                          llvm::ArrayRef<mlir::OpFoldResult> offsets, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                          llvm::ArrayRef<int64_t> dims);

} // namespace attnc::schedule
