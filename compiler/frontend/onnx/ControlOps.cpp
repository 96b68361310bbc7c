//===- ControlOps.cpp - Graphs inside of nodes ----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How often a loop turns is known when compiling; its turns are imported one behind the other. A condition that is known
// chooses a branch; of one that the data decides, both branches are computed.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {
const Graph &graphOf(NodeContext &ctx, StringRef name) { return *ctx.attr(name)->graph; }

/// The value of a condition, if it is known.
std::optional<bool> knownCondition(NodeContext &ctx, Tensor *condition) {
  auto elements = ctx.emit.elements(condition);
  if (!elements || elements->size() != 1 || !elements->front().constant())
    return std::nullopt;
  return *elements->front().constant() != 0;
}

//===- If -----------------------------------------------------------------===//

LogicalResult importIf(NodeContext &ctx) {
  Tensor *condition = ctx.input(0);
  const Graph &then = graphOf(ctx, "then_branch"), &otherwise = graphOf(ctx, "else_branch");
  if (std::optional<bool> known = knownCondition(ctx, condition)) {
    FailureOr<SmallVector<Tensor *>> results = ctx.importGraph(*known ? then : otherwise, {});
    if (failed(results))
      return failure();
    for (auto [index, result] : llvm::enumerate(*results))
      if (failed(ctx.result(result, index)))
        return failure();
    return success();
  }
  Composer c(ctx);
  Tensor *scalar = c.reshape(condition, {});
  FailureOr<SmallVector<Tensor *>> yes = ctx.importGraph(then, {}), no = ctx.importGraph(otherwise, {});
  if (failed(yes) || failed(no) || !scalar)
    return failure();
  if (yes->size() != no->size())
    return ctx.fail("its branches have different numbers of results");
  for (size_t index = 0; index < yes->size(); ++index) {
    Tensor *one = (*yes)[index], *other = (*no)[index];
    bool fits = one->rank() == other->rank() && one->elementType == other->elementType;
    for (int64_t dim = 0; fits && dim < one->rank(); ++dim)
      fits = ctx.sameExtent(one->shape[dim], other->shape[dim]);
    if (!fits)
      return ctx.fail(fmt::format("the data decides between {} and {}, which must have one shape", ctx.describe(one),
                                  ctx.describe(other)));
    if (failed(c.finish(c.select(scalar, one, other), index)))
      return failure();
  }
  return success();
}

//===- Loop ---------------------------------------------------------------===//

constexpr int64_t kMostTurns = 4096;

/// One result of each turn behind the other, along a new dim `axis`.
Tensor *stack(NodeContext &ctx, ArrayRef<Tensor *> turns, int64_t axis) {
  Composer c(ctx);
  SmallVector<Tensor *> parts;
  for (Tensor *turn : turns) {
    SymList shape(turn->shape);
    shape.insert(shape.begin() + axis, Sym(1));
    parts.push_back(c.reshape(turn, shape));
  }
  return c.join(parts, axis);
}

/// Results of `turns`, the first `carried` of which go into the next turn: the rest is stacked.
LogicalResult finishTurns(NodeContext &ctx, ArrayRef<Tensor *> state, ArrayRef<SmallVector<Tensor *>> stacked) {
  size_t index = 0;
  for (Tensor *tensor : state)
    if (failed(ctx.result(tensor, index++)))
      return failure();
  for (const SmallVector<Tensor *> &turns : stacked) {
    if (turns.empty() && ctx.wants(index))
      return ctx.fail("it does not turn once, so that the shape of what it collects is not known");
    Tensor *result = turns.empty() ? nullptr : stack(ctx, turns, 0);
    if (!turns.empty() && !result)
      return failure();
    if (failed(ctx.result(result, index++)))
      return failure();
  }
  return success();
}

/// body(turn, condition, state...) -> condition, state..., what is collected...
LogicalResult importLoop(NodeContext &ctx) {
  const Graph &body = graphOf(ctx, "body");
  Tensor *limit = ctx.input(0), *condition = ctx.input(1);
  Builder &builder = ctx.emit.builder;
  int64_t turns = kMostTurns;
  if (limit) {
    FailureOr<SmallVector<int64_t>> given = ctx.fixedInput(0, "number of turns");
    if (failed(given))
      return failure();
    turns = given->size() == 1 ? given->front() : -1;
  }
  if (limit && (turns < 0 || turns > kMostTurns))
    return ctx.fail(fmt::format("it turns {} times; the limit is {}", turns, kMostTurns));
  SmallVector<Tensor *> state(ctx.allInputs().drop_front(std::min<size_t>(2, ctx.numInputs())));
  if (body.outputs.size() < 1 + state.size())
    return ctx.fail("its body gives back less than it takes");
  SmallVector<SmallVector<Tensor *>> stacked(body.outputs.size() - 1 - state.size());
  if (!condition)
    condition = ctx.emit.symbolic(builder.getI1Type(), {}, {Sym(1)});
  for (int64_t turn = 0; turn < turns; ++turn) {
    std::optional<bool> goesOn = knownCondition(ctx, condition);
    if (!goesOn)
      return ctx.fail("the data decides how often it turns, which must be known before it runs");
    if (!*goesOn)
      break;
    if (!limit && turn + 1 == turns)
      return ctx.fail(fmt::format("it turns more than {} times", kMostTurns));
    SmallVector<Tensor *> arguments{ctx.emit.symbolic(builder.getI64Type(), {}, {Sym(turn)}), condition};
    llvm::append_range(arguments, state);
    FailureOr<SmallVector<Tensor *>> results = ctx.importGraph(body, arguments);
    if (failed(results))
      return failure();
    condition = results->front();
    for (size_t index = 0; index < state.size(); ++index)
      state[index] = (*results)[1 + index];
    for (size_t index = 0; index < stacked.size(); ++index)
      stacked[index].push_back((*results)[1 + state.size() + index]);
  }
  return finishTurns(ctx, state, stacked);
}

//===- Scan ---------------------------------------------------------------===//

/// Entry `index` of an optional list of integers.
int64_t entryOf(const std::optional<SmallVector<int64_t>> &list, size_t index) {
  return list && index < list->size() ? (*list)[index] : 0;
}

/// body(state..., an element of each sequence...) -> state..., what is collected...
LogicalResult importScan(NodeContext &ctx) {
  const Graph &body = graphOf(ctx, "body");
  int64_t sequences = ctx.intAttr("num_scan_inputs");
  auto inputAxes = ctx.intsAttr("scan_input_axes"), inputWays = ctx.intsAttr("scan_input_directions");
  auto outputAxes = ctx.intsAttr("scan_output_axes"), outputWays = ctx.intsAttr("scan_output_directions");
  if (sequences < 1 || sequences > static_cast<int64_t>(ctx.numInputs()))
    return ctx.fail(fmt::format("num_scan_inputs = {} does not fit", sequences));
  size_t states = ctx.numInputs() - sequences;
  SmallVector<Tensor *> state(ctx.allInputs().take_front(states));
  ArrayRef<Tensor *> given = ctx.allInputs().drop_front(states);
  if (body.outputs.size() < states)
    return ctx.fail("its body gives back less than it takes");
  SmallVector<int64_t> axes;
  Sym length;
  for (auto [index, sequence] : llvm::enumerate(given)) {
    FailureOr<int64_t> axis = ctx.axis(entryOf(inputAxes, index), sequence->rank());
    if (failed(axis))
      return failure();
    axes.push_back(*axis);
    if (index == 0)
      length = sequence->shape[*axis];
    else if (!ctx.sameExtent(length, sequence->shape[*axis]))
      return ctx.fail("its sequences have different lengths");
  }
  std::optional<int64_t> turns = length.constant();
  if (!turns || *turns > kMostTurns)
    return ctx.fail(fmt::format("its sequences have the length {}; it must be fixed (--dims), and at most {}",
                                ctx.symbols.str(length), kMostTurns));
  Composer c(ctx);
  SmallVector<SmallVector<Tensor *>> collected(body.outputs.size() - states);
  for (int64_t turn = 0; turn < *turns; ++turn) {
    SmallVector<Tensor *> arguments(state);
    for (auto [index, sequence] : llvm::enumerate(given)) {
      int64_t at = entryOf(inputWays, index) ? *turns - 1 - turn : turn;
      SymList shape(sequence->shape);
      shape.erase(shape.begin() + axes[index]);
      arguments.push_back(c.reshape(c.part(sequence, axes[index], at, 1), shape));
    }
    FailureOr<SmallVector<Tensor *>> results = ctx.importGraph(body, arguments);
    if (failed(results))
      return failure();
    state.assign(results->begin(), results->begin() + states);
    for (size_t index = 0; index < collected.size(); ++index)
      collected[index].push_back((*results)[states + index]);
  }
  for (size_t index = 0; index < states; ++index)
    if (failed(ctx.result(state[index], index)))
      return failure();
  for (auto [index, list] : llvm::enumerate(collected)) {
    if (list.empty())
      return ctx.fail("it does not turn once, so that the shape of what it collects is not known");
    FailureOr<int64_t> axis = ctx.axis(entryOf(outputAxes, index), list.front()->rank() + 1);
    if (failed(axis))
      return failure();
    if (entryOf(outputWays, index))
      std::reverse(list.begin(), list.end());
    if (failed(c.finish(stack(ctx, list, *axis), states + index)))
      return failure();
  }
  return success();
}
} // namespace

void attnc::onnx::addControlOps(OpTable &table) {
  table.add(1, "If(cond: bool; then_branch: graph, else_branch: graph) -> outputs*", importIf);
  table.add(1, "Loop(M?: int, cond?: bool, v_initial**: any; body: graph) -> v_final_and_scan_outputs*", importLoop);
  table.add(9,
            "Scan(initial_state_and_scan_inputs**: any; body: graph, num_scan_inputs: int, scan_input_axes?: ints, "
            "scan_input_directions?: ints, scan_output_axes?: ints, scan_output_directions?: ints) "
            "-> final_state_and_scan_outputs*",
            importScan);
  table.refuse("Scan", "batches of sequences of different lengths, as before opset 9, are not supported");
}
