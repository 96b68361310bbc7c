//===- KeyStreams.cpp - A chunk of keys as distant streams ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/KeyStreams.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

KeyStreams::KeyStreams(AttentionContext &c, const Head &at, int64_t groups, int64_t lanes, Value first, Value count)
    : first(first), count(count), c(c), at(at), groups(groups), lanes(lanes), whole(c.div(count, c.index(lanes))),
      panels(c.ceilDiv(count, c.index(lanes))) {}

KeyStreams::Panel KeyStreams::panelAt(Value number, bool isWhole) {
  int64_t perStream = lanes / kStreams;
  Value place = c.div(number, c.index(groups)), one = c.index(1);
  Value stream = c.mul(whole, c.index(perStream)), start = c.mul(place, c.index(perStream));
  Panel panel{number, c.rem(number, c.index(groups)), place, c.index(lanes), start, stream, one};
  if (isWhole)
    return panel;
  Value isLast = c.cmpi(arith::CmpIPredicate::sge, place, whole);
  Value before = c.mul(whole, c.index(lanes));
  panel.keys = c.select(isLast, c.sub(count, before), c.index(lanes));
  panel.start = c.select(isLast, before, start);
  panel.stream = c.select(isLast, one, stream);
  panel.next = c.select(isLast, c.index(kStreams), one);
  return panel;
}

bool KeyStreams::areWhole() { return getConstantIntValue(count).value_or(1) % lanes == 0; }

void KeyStreams::forEachPanel(llvm::function_ref<void(const Panel &)> body) {
  c.forRange(c.index(0), c.mul(panels, c.index(groups)), 1, [&](Value number) { body(panelAt(number, areWhole())); });
}

void KeyStreams::forEachPanelOfRuns(int64_t keys, llvm::function_ref<void()> before,
                                    llvm::function_ref<void(const Panel &)> body) {
  int64_t step = keys / lanes * groups;
  Value all = c.mul(panels, c.index(groups));
  c.forRange(c.index(0), all, step, [&](Value begin) {
    before();
    c.forRange(begin, c.min(all, c.add(begin, c.index(step))), 1,
               [&](Value number) { body(panelAt(number, areWhole())); });
  });
}

Value KeyStreams::keyOf(const Panel &panel, Value lane) {
  Value streams = c.index(kStreams);
  Value within = c.add(c.mul(c.rem(lane, streams), panel.stream), c.mul(c.div(lane, streams), panel.next));
  return c.add(c.add(first, panel.start), within);
}

/// The rows of a panel among `rows` [key][feature].
static Value pick(AttentionContext &c, Value rows, const KeyStreams::Panel &panel, int64_t lanes) {
  auto type = cast<MemRefType>(rows.getType());
  int64_t any = ShapedType::kDynamic, features = type.getDimSize(1), inner = type.getStridesAndOffset().first[1];
  auto parts = memref::ExtractStridedMetadataOp::create(c.b, c.loc, rows);
  Value step = parts.getStrides()[0], offset = c.add(parts.getOffset(), c.mul(panel.start, step));
  auto known = [&](int64_t value, Value otherwise) -> OpFoldResult {
    return ShapedType::isDynamic(value) ? OpFoldResult(otherwise) : c.b.getIndexAttr(value);
  };
  int64_t streams = KeyStreams::kStreams, perStream = lanes / streams;
  auto layout = StridedLayoutAttr::get(c.b.getContext(), any, {any, any, inner});
  auto result = MemRefType::get({perStream, streams, features}, type.getElementType(), layout, type.getMemorySpace());
  return memref::ReinterpretCastOp::create(
      c.b, c.loc, result, parts.getBaseBuffer(), OpFoldResult(offset),
      ArrayRef<OpFoldResult>{c.b.getIndexAttr(perStream), c.b.getIndexAttr(streams),
                             known(features, parts.getSizes()[1])},
      ArrayRef<OpFoldResult>{OpFoldResult(c.mul(step, panel.next)), OpFoldResult(c.mul(step, panel.stream)),
                             known(inner, parts.getStrides()[1])});
}

Value KeyStreams::rowsAt(const Rows &of, const Panel &panel, Value from) {
  Head head = at;
  head.key = c.add(at.key, panel.group);
  return pick(c, c.rowsOf(head, of, from, count), panel, lanes);
}

Value KeyStreams::rowsOf(const Rows &of, const Panel &panel, Value staged) {
  return staged ? pick(c, staged, panel, lanes) : rowsAt(of, panel, first);
}

Value KeyStreams::rowsAhead(const Rows &of, const Rows &then, int64_t keysAhead, const Panel &panel, int64_t distance) {
  int64_t perPanel = lanes / kStreams;
  Value number = c.add(panel.number, c.index(distance / perPanel)), all = c.mul(panels, c.index(groups));
  Value inside = c.cmpi(arith::CmpIPredicate::slt, number, all);
  Panel ahead = panelAt(c.select(inside, number, c.sub(number, all)), /*isWhole=*/true);
  ahead.start = c.add(ahead.start, c.index(distance % perPanel));
  Value own = rowsAt(of, ahead, first), other = rowsAt(then, ahead, c.add(first, c.index(keysAhead)));
  return own.getType() == other.getType() ? c.select(inside, own, other) : Value();
}
