//===- AttentionScore.cpp - A match's score as scalar code ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/AttentionScore.h"
#include "compiler/fusion/Layouts.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace attnc::fusion {

ScoreCode writeScore(OpBuilder &outside, AttentionMatch &match, Block &scratch, StaticMasks *masks) {
  Location loc = match.softmax.getLoc();
  Type accumulator = outside.getF32Type();
  if (getElementTypeOrSelf(match.q.tensor.getType()).isF64())
    accumulator = outside.getF64Type();
  Value s = scratch.addArgument(accumulator, loc);
  for (unsigned i = 0; i < attn::AttentionOp::kMaskIndices; ++i)
    scratch.addArgument(outside.getIndexType(), loc);
  Role roles[] = {{'B', match.batch}, {'H', match.heads}, {'M', match.queries}, {'N', match.keys}};
  OpBuilder inside(outside.getContext()); // a block of no op
  inside.setInsertionPointToEnd(&scratch);
  RegionIndices indices(outside, loc, match.axes, roles, scratch.getArguments().slice(1, std::size(roles)));
  auto index = [&](OpBuilder &at, ArrayRef<Axis> dim) { return indices.get(at, dim); };
  Value score = match.score->emit(inside, loc, {s, index, masks});
  if (score.getType() != accumulator)
    score = arith::ExtFOp::create(inside, loc, accumulator, score);
  ScoreCode code;
  code.parts = splitScore(inside, score, s);
  auto weights = cast<RankedTensorType>(match.softmax->getResult(0).getType());
  code.p = UnrealizedConversionCastOp::create(inside, loc, weights.getElementType(), ValueRange()).getResult(0);
  code.weight = match.weight->emit(inside, loc, {code.p, index, masks});
  return code;
}

} // namespace attnc::fusion
