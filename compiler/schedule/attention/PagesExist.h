//===- PagesExist.h - Whether tables name pages that there are --*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Attn/AttnOps.h"

namespace attnc::schedule {

/// Emits the test of the tables of `op`, which is paged, and what tells the caller where one is wrong (tile.bad_index):
/// whether all pages that some item reads exist. Tables are inputs of the function.
mlir::Value emitPagesExist(mlir::OpBuilder &builder, attn::AttentionOp op);

/// Fails, with a diagnostic, where `op` has pages and this cannot be emitted.
mlir::LogicalResult verifyTables(attn::AttentionOp op);

} // namespace attnc::schedule
