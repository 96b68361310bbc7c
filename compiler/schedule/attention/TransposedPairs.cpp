//===- TransposedPairs.cpp - Operands of attention as pairs of bf16 -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of TransposedBlocks. A pair is two bf16 in an i32, the first in the low half: of features for Q (emitQueries),
// of keys for P and V (tile.contract says how pairs are multiplied).
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/TransposedBlocks.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// The bits of a bf16 in the low or the high half of an i32.
static Value bitsOf(OpBuilder &b, Location loc, Value narrow, bool high) {
  Type i32 = b.getI32Type();
  Value bits = arith::ExtUIOp::create(b, loc, i32, arith::BitcastOp::create(b, loc, b.getI16Type(), narrow));
  return high ? arith::ShLIOp::create(b, loc, bits, arith::ConstantIntOp::create(b, loc, 16, 32)).getResult() : bits;
}

/// {V[n][e], V[n+1][e]} for pairs of keys of the block; a key beyond it counts as 0.
Value TransposedBlocks::emitPackValues(const KeyBlock &keys) {
  Value pairCount = ceilDiv(keys.count, index(2)), last = sub(keys.count, index(1));
  forRange(index(0), pairCount, 1, [&](Value pair) {
    Value first = arith::MulIOp::create(b, loc, pair, index(2)), second = add(first, index(1));
    Value exists = cmpi(arith::CmpIPredicate::sle, second, last);
    Value keep = arith::ExtSIOp::create(b, loc, b.getI32Type(), exists);
    second = min(second, last);
    mapColumns(extent('E'), [&](Value feature) {
      Value low = bitsOf(b, loc, load(keys.valueRows, {first, feature}), false);
      Value high = arith::AndIOp::create(b, loc, bitsOf(b, loc, load(keys.valueRows, {second, feature}), true), keep);
      store(arith::OrIOp::create(b, loc, low, high), staging.packed, {pair, feature});
    });
  });
  return staging.packed;
}

/// P[key][lane].
Value TransposedBlocks::loadWeight(const BlockState &state, Value key, Value lane) {
  if (!pairs)
    return load(state.p, {key, lane});
  Type i32 = b.getI32Type();
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIntOp::create(b, loc, value, 32); };
  Value word = load(state.p, {arith::DivUIOp::create(b, loc, key, index(2)), lane});
  Value odd = arith::IndexCastOp::create(b, loc, i32, arith::RemUIOp::create(b, loc, key, index(2)));
  Value shift = arith::SubIOp::create(b, loc, constant(16), arith::MulIOp::create(b, loc, odd, constant(16)));
  Value bits = arith::AndIOp::create(b, loc, arith::ShLIOp::create(b, loc, word, shift), constant(-65536));
  return arith::BitcastOp::create(b, loc, real, bits);
}
