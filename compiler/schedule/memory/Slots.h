//===- Slots.h - Which temporaries share memory -----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A slot of a workspace holds one buffer after another:
//
//   %a = memref.alloc(%n)      first use ... last use
//   %b = memref.alloc(%n)                      first use ... last use      another slot: both are alive
//   %c = memref.alloc(%n)                                   first use ...  the slot of %a
//
// Sizes are compared as c * e1 * e2 * ... with a constant c and named extents; a buffer fits a free slot of the same
// extents, which grows to the larger constant. Other sizes cannot be compared at compile time and get their own slots.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/rows/RowProgram.h"
#include "dialects/Common/Alignment.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace attnc::schedule {

/// Bytes of a buffer: `scale` times the product of `extents`, which are sorted.
struct Size {
  int64_t scale = 1;
  llvm::SmallVector<Extent> extents;
};

struct Buffer {
  mlir::memref::AllocOp alloc;
  unsigned first, last; ///< positions in the block, inclusive
  unsigned slot;
};

/// A part of the workspace.
struct Slot {
  Size size;
  llvm::SmallVector<mlir::Value> values; ///< the extents as values of the function, in any order
  unsigned freeFrom = 0;                 ///< first position in the block at which the last occupant is dead
  unsigned largest = 0;                  ///< the buffer, by its number, that sets the size
  unsigned occupants = 0;
  mlir::Value offset;
};

/// Every buffer of `function` outside of parallel bodies (whose scratch is their own), in order of first use. Lifetimes end
/// with the last op that may touch a buffer: deallocations go. Fails, with an error, on one inside of a loop.
mlir::FailureOr<llvm::SmallVector<Buffer>> findBuffers(mlir::func::FuncOp function);

/// Gives each buffer its slot. Fails, with an error, on a size that no memory has.
mlir::FailureOr<llvm::SmallVector<Slot>> assignSlots(llvm::MutableArrayRef<Buffer> buffers);

/// The bytes of one slot, rounded up: (scale * extents + 63) & -64.
mlir::Value emitSlotSize(mlir::OpBuilder &builder, mlir::Location loc, int64_t scale, mlir::ValueRange extents);

/// Replaces every buffer by a view of a new last argument. Offsets of static slots come first and are constants; each
/// dynamic slot starts where the one before it ends, computed at its first buffer, where its extents are known.
void emitViews(mlir::func::FuncOp function, llvm::ArrayRef<Buffer> buffers, llvm::MutableArrayRef<Slot> slots);

} // namespace attnc::schedule
