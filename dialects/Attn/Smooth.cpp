//===- Smooth.cpp - Whether anything hangs on the last bit of a value -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/Smooth.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

/// A select is smooth in its values: its condition comes from a comparison.
static bool isSmooth(Operation *op) {
  return op->hasTrait<OpTrait::IsTerminator>() ||
         isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp, arith::MaximumFOp,
             arith::MinimumFOp, arith::ExtFOp, arith::TruncFOp, arith::SelectOp, math::AbsFOp, math::ExpOp,
             math::Exp2Op, math::LogOp, math::Log2Op, math::TanhOp, math::SqrtOp, math::SinOp, math::CosOp,
             math::ErfOp>(op);
}

bool attnc::attn::isReadSmoothly(Value value) {
  llvm::SetVector<Operation *> reached;
  reached.insert_range(value.getUsers());
  for (size_t next = 0; next < reached.size(); ++next) {
    if (!isSmooth(reached[next]))
      return false;
    reached.insert_range(reached[next]->getUsers());
  }
  return true;
}
