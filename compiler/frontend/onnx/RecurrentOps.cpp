//===- RecurrentOps.cpp - Operators that walk a sequence with a state -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The length of the sequence is known when compiling; its steps are imported one behind the other.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/AttentionEmitter.h"
#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;
using namespace attnc::onnx::scalar;

namespace {
constexpr int64_t kMostSteps = 4096;

FailureOr<int64_t> stepsOf(NodeContext &ctx, const Sym &length) {
  std::optional<int64_t> steps = length.constant();
  if (!steps || *steps < 1 || *steps > kMostSteps)
    return ctx.fail(fmt::format("its sequence has the length {}; it must be fixed (--dims), from 1 to {}",
                                ctx.symbols.str(length), kMostSteps));
  return *steps;
}

/// x without dim `dim`, at one index.
Tensor *at(Composer &c, Tensor *x, int64_t dim, int64_t index) {
  if (!x)
    return nullptr;
  SymList shape(x->shape);
  shape.erase(shape.begin() + dim);
  return c.reshape(c.part(x, dim, index, 1), shape);
}

/// x with a new dim `dim` of extent 1.
Tensor *unsqueezed(Composer &c, Tensor *x, int64_t dim) {
  if (!x)
    return nullptr;
  SymList shape(x->shape);
  shape.insert(shape.begin() + dim, Sym(1));
  return c.reshape(x, shape);
}

//===- RNN, GRU, LSTM -----------------------------------------------------===//

using Activation = V (*)(B &, L, V);
FailureOr<Activation> activationOf(NodeContext &ctx, StringRef name) {
  if (name.equals_insensitive("sigmoid"))
    return Activation(sigmoid);
  if (name.equals_insensitive("tanh"))
    return Activation([](B &b, L l, V x) -> V { return math::TanhOp::create(b, l, x); });
  if (name.equals_insensitive("relu"))
    return Activation([](B &b, L l, V x) { return max(b, l, x, constantLike(b, l, x, 0)); });
  return ctx.fail("activation '" + printable(name) + "' is not supported");
}

/// One direction of a recurrent layer.
struct Cell {
  SmallVector<Activation> activations;
  Tensor *inputs;    ///< X W' + biases of it, [T, B, gates * H]
  Tensor *weights;   ///< R', [H, gates * H]
  Tensor *bias;      ///< of the state's product, [gates * H], or null where `inputs` has it already
  Tensor *peepholes; ///< [3 * H], or null
  Sym hidden;
  bool linearBeforeReset = false;
};
struct State {
  Tensor *h, *c;
};

class CellEmitter {
public:
  CellEmitter(NodeContext &ctx, const Cell &cell) : c(ctx), symbols(ctx.symbols), cell(cell) {}
  State rnn(Tensor *x, State state) { return {activate(0, c.add(x, product(state.h))), nullptr}; }
  State gru(Tensor *x, State state);
  State lstm(Tensor *x, State state);

private:
  Tensor *product(Tensor *h) { return c.matMul(h, cell.weights); }
  Tensor *activate(unsigned which, Tensor *x) {
    return c.map({x}, [&](B &b, L l, ValueRange in) { return cell.activations[which](b, l, in[0]); });
  }
  /// Gate number `index` of a row of gates.
  Tensor *gate(Tensor *x, int64_t index) {
    return x ? c.part(x, x->rank() - 1, symbols.mul(cell.hidden, index), cell.hidden) : nullptr;
  }
  Tensor *peep(Tensor *x, Tensor *state, int64_t index) {
    return cell.peepholes ? c.add(x, c.mul(state, gate(cell.peepholes, index))) : x;
  }
  Composer c;
  Extents &symbols;
  const Cell &cell;
};

/// z, r = f(...); h~ = g(x + (r h) R' + b) or g(x + r (h R' + b)); h = (1 - z) h~ + z h
State CellEmitter::gru(Tensor *x, State state) {
  Sym two = symbols.mul(cell.hidden, 2);
  auto parts = [&](Tensor *tensor) { return c.part(tensor, tensor->rank() - 1, 0, two); };
  Tensor *both = c.matMul(state.h, parts(cell.weights));
  both = activate(0, c.add(c.add(parts(x), both), parts(cell.bias)));
  Tensor *z = gate(both, 0), *r = gate(both, 1), *own = gate(cell.weights, 2), *bias = gate(cell.bias, 2);
  Tensor *past = cell.linearBeforeReset ? c.mul(r, c.add(c.matMul(state.h, own), bias))
                                        : c.add(c.matMul(c.mul(r, state.h), own), bias);
  Tensor *next = activate(1, c.add(gate(x, 2), past));
  Tensor *h = c.map({z, next, state.h}, [](B &b, L l, ValueRange in) {
    V rest = sub(b, l, constantLike(b, l, in[0], 1), in[0]);
    return add(b, l, mul(b, l, rest, in[1]), mul(b, l, in[0], in[2]));
  });
  return {h, nullptr};
}

/// i, o, f = f(...); c = f c + i g(...); h = o h(c)
State CellEmitter::lstm(Tensor *x, State state) {
  Tensor *gates = c.add(x, product(state.h));
  Tensor *i = activate(0, peep(gate(gates, 0), state.c, 0)), *f = activate(0, peep(gate(gates, 2), state.c, 2));
  Tensor *next = activate(1, gate(gates, 3));
  Tensor *memory = c.add(c.mul(f, state.c), c.mul(i, next));
  Tensor *o = activate(0, peep(gate(gates, 1), memory, 1));
  return {c.mul(o, activate(2, memory)), memory};
}

enum class Kind { RNN, GRU, LSTM };

/// The cell of direction `index`.
FailureOr<Cell> cellOf(NodeContext &ctx, Kind kind, Tensor *x, int64_t index, ArrayRef<std::string> names) {
  Composer c(ctx);
  Cell cell;
  cell.linearBeforeReset = ctx.flag("linear_before_reset");
  for (const std::string &name : names) {
    FailureOr<Activation> activation = activationOf(ctx, name);
    if (failed(activation))
      return failure();
    cell.activations.push_back(*activation);
  }
  Tensor *w = at(c, ctx.input(1), 0, index), *r = at(c, ctx.input(2), 0, index);
  cell.hidden = r->shape[1];
  cell.inputs = c.matMul(x, c.transpose(w, {1, 0}));
  cell.weights = c.transpose(r, {1, 0});
  const Sym &width = w->shape[0];
  Tensor *biases = at(c, ctx.input(3), 0, index);
  if (!biases)
    biases = ctx.emit.splat(ctx.emit.zero(x->elementType), {ctx.symbols.mul(width, 2)});
  cell.inputs = c.add(cell.inputs, c.part(biases, 0, 0, width));
  cell.bias = c.part(biases, 0, width, width);
  if (kind != Kind::GRU) // its reset gate stands between the product and the bias
    cell.inputs = c.add(cell.inputs, cell.bias);
  cell.peepholes = kind == Kind::LSTM ? at(c, ctx.input(7), 0, index) : nullptr;
  if (!cell.inputs)
    return failure();
  return cell;
}

/// Is `time` inside of each sequence? [B, 1]
Tensor *isBefore(Composer &c, Tensor *lengths, int64_t time) {
  return c.map(
      {unsqueezed(c, lengths, 1)},
      [&](B &b, L l, ValueRange in) { return less(b, l, constantLike(b, l, in[0], static_cast<double>(time)), in[0]); },
      IntegerType::get(lengths->elementType.getContext(), 1));
}

LogicalResult importRecurrent(NodeContext &ctx, Kind kind) {
  Composer c(ctx);
  Tensor *x = ctx.input(0);
  bool batchFirst = ctx.flag("layout");
  ctx.attr("hidden_size"); // the weights have it
  if (ctx.attr("clip") || ctx.attr("activation_alpha") || ctx.attr("activation_beta") || ctx.flag("input_forget"))
    return ctx.fail("clip, input_forget and numbers of activations are not supported");
  Tensor *lengths = ctx.input(4);
  int64_t gates = kind == Kind::RNN ? 1 : kind == Kind::GRU ? 3 : 4;
  if (x->rank() != 3 || ctx.input(1)->rank() != 3 || ctx.input(2)->rank() != 3 ||
      !ctx.sameExtent(ctx.input(1)->shape[2], x->shape[2]) ||
      ctx.input(1)->shape[1] != ctx.symbols.mul(ctx.input(2)->shape[2], gates))
    return ctx.fail(fmt::format("weights {} and {} do not fit {}", ctx.describe(ctx.input(1)),
                                ctx.describe(ctx.input(2)), ctx.describe(x)));
  if (batchFirst)
    x = c.transpose(x, {1, 0, 2});
  FailureOr<int64_t> steps = stepsOf(ctx, x->shape[0]);
  if (failed(steps))
    return failure();
  if (lengths && (lengths->rank() != 1 || !ctx.sameExtent(lengths->shape[0], x->shape[1])))
    return ctx.fail(fmt::format("{} is not one length for each batch entry", ctx.describe(lengths)));
  StringRef direction = ctx.stringAttr("direction");
  int64_t directions = direction == "bidirectional" ? 2 : 1;
  if (directions == 1 && direction != "forward" && direction != "reverse")
    return ctx.fail("direction '" + printable(direction) + "' is not supported");
  std::vector<std::string> names = kind == Kind::RNN   ? std::vector<std::string>{"Tanh"}
                                   : kind == Kind::GRU ? std::vector<std::string>{"Sigmoid", "Tanh"}
                                                       : std::vector<std::string>{"Sigmoid", "Tanh", "Tanh"};
  size_t each = names.size();
  if (directions == 2)
    names.insert(names.end(), names.begin(), names.end());
  if (const NodeAttr *given = ctx.attr("activations")) {
    if (given->strings.size() != names.size())
      return ctx.fail(fmt::format("it has {} activations instead of {}", given->strings.size(), names.size()));
    names = given->strings;
  }
  auto startOf = [&](size_t operand, int64_t index) -> Tensor * {
    Tensor *start = ctx.input(operand);
    if (start && batchFirst)
      start = c.transpose(start, {1, 0, 2});
    return start ? at(c, start, 0, index)
                 : ctx.emit.splat(ctx.emit.zero(x->elementType), {x->shape[1], ctx.input(2)->shape[2]});
  };
  SmallVector<Tensor *> all, lastH, lastC; // of each direction
  for (int64_t index = 0; index < directions; ++index) {
    FailureOr<Cell> cell = cellOf(ctx, kind, x, index, ArrayRef(names).slice(index * each, each));
    if (failed(cell))
      return failure();
    CellEmitter emitter(ctx, *cell);
    State state{startOf(5, index), kind == Kind::LSTM ? startOf(6, index) : nullptr};
    bool isReverse = index == 1 || direction == "reverse";
    SmallVector<Tensor *> outputs(*steps);
    for (int64_t step = 0; step < *steps; ++step) {
      int64_t time = isReverse ? *steps - 1 - step : step;
      Tensor *row = at(c, cell->inputs, 0, time);
      State next = kind == Kind::RNN   ? emitter.rnn(row, state)
                   : kind == Kind::GRU ? emitter.gru(row, state)
                                       : emitter.lstm(row, state);
      outputs[time] = unsqueezed(c, next.h, 0);
      if (lengths) { // past its end a sequence stays as it is, and gives 0
        Tensor *goesOn = isBefore(c, lengths, time);
        outputs[time] = c.select(goesOn, outputs[time], c.number(0, x->elementType));
        next = {c.select(goesOn, next.h, state.h), next.c ? c.select(goesOn, next.c, state.c) : nullptr};
      }
      state = next;
    }
    all.push_back(unsqueezed(c, c.join(outputs, 0), 1));
    lastH.push_back(unsqueezed(c, state.h, 0));
    if (state.c)
      lastC.push_back(unsqueezed(c, state.c, 0));
  }
  auto ordered = [&](Tensor *tensor, ArrayRef<int64_t> order) {
    return batchFirst ? c.transpose(tensor, order) : tensor;
  };
  if (failed(c.finish(ordered(c.join(all, 1), {2, 0, 1, 3}))) ||
      failed(c.finish(ordered(c.join(lastH, 0), {1, 0, 2}), 1)))
    return failure();
  return kind == Kind::LSTM ? c.finish(ordered(c.join(lastC, 0), {1, 0, 2}), 2) : success();
}

//===- LinearAttention ----------------------------------------------------===//

/// S = exp(decay) S, then S += k (beta (v - k' S))' with a delta rule, or S += k v' without; out = scale q S
LogicalResult importLinearAttention(NodeContext &ctx) {
  Composer c(ctx);
  Tensor *query = ctx.input(0), *state = ctx.input(3), *decay = ctx.input(4), *beta = ctx.input(5);
  int64_t qHeads = ctx.intAttr("q_num_heads"), heads = ctx.intAttr("kv_num_heads");
  StringRef rule = ctx.stringAttr("update_rule");
  ctx.attr("chunk_size"); // how it may be computed
  bool isGated = rule.starts_with("gated"), isDelta = rule.ends_with("delta");
  if (!isGated && !isDelta && rule != "linear")
    return ctx.fail("update_rule '" + printable(rule) + "' is not supported");
  if ((isGated && !decay) || (isDelta && !beta) || heads < 1 || qHeads % heads)
    return ctx.fail(
        fmt::format("rule '{}' with {} heads of queries and {} of keys lacks an operand", rule.str(), qHeads, heads));
  FailureOr<int64_t> steps = stepsOf(ctx, query->rank() == 3 ? query->shape[1] : Sym(0));
  if (failed(steps))
    return failure();
  Tensor *q = splitHeads(ctx, c.wide(query), qHeads), *k = splitHeads(ctx, c.wide(ctx.input(1)), heads);
  Tensor *v = splitHeads(ctx, c.wide(ctx.input(2)), heads);
  if (!q || !k || !v)
    return failure();
  const Sym &batch = q->shape[0], &dk = k->shape[3], &dv = v->shape[3];
  auto perHead = [&](Tensor *x) { // [B, T, 1 or heads or heads * D] as [B, T, 1 or heads, 1 or D]
    if (x->rank() == 3 && x->shape[2].isConstant(1))
      return c.reshape(c.wide(x), {x->shape[0], x->shape[1], Sym(1), Sym(1)});
    return splitHeads(ctx, c.wide(x), heads);
  };
  decay = isGated ? perHead(decay) : nullptr;
  beta = isDelta ? perHead(beta) : nullptr;
  if ((isGated && !decay) || (isDelta && !beta))
    return failure();
  double scale = 0;
  if (const NodeAttr *given = ctx.attr("scale"))
    scale = given->f;
  if (scale == 0 && !dk.constant())
    return ctx.fail("its features are not known at compile time");
  if (scale == 0)
    scale = 1 / std::sqrt(static_cast<double>(*dk.constant()));
  Type type = q->elementType;
  Tensor *s = state ? c.wide(state) : ctx.emit.splat(ctx.emit.zero(type), {batch, Sym(heads), dk, dv});
  SmallVector<Tensor *> outputs;
  for (int64_t step = 0; step < *steps; ++step) {
    auto row = [&](Tensor *x, int64_t dim) { return unsqueezed(c, at(c, x, 1, step), dim); };
    if (isGated)
      s = c.mul(s, c.exp(row(decay, 3)));
    Tensor *column = row(k, 3), *write = row(v, 2);
    if (isDelta) {
      Tensor *held = c.matMul(row(k, 2), s);
      write = c.mul(row(beta, 2), c.sub(write, held));
    }
    s = c.add(s, c.matMul(column, write));
    Sym each(qHeads / heads);
    Tensor *asked = c.reshape(at(c, q, 1, step), {batch, Sym(heads), each, dk});
    Tensor *read = c.mul(c.matMul(asked, s), c.number(scale, type));
    outputs.push_back(c.reshape(read, {batch, Sym(1), ctx.symbols.mul(Sym(qHeads), dv)}));
  }
  if (failed(c.finish(c.cast(s, query->elementType), 1)))
    return failure();
  return c.finish(c.cast(c.join(outputs, 1), query->elementType));
}
} // namespace

void attnc::onnx::addRecurrentOps(OpTable &table) {
  std::string operands = "(X: float, W, R, B?, sequence_lens?: int, initial_h?: float";
  std::string how = "hidden_size?: int, direction = \"forward\", activations?: strings, activation_alpha?: floats, "
                    "activation_beta?: floats, clip?: float";
  auto layer = [](Kind kind) { return [kind](NodeContext &ctx) { return importRecurrent(ctx, kind); }; };
  table.add(7, "RNN" + operands + "; " + how + ") -> Y?, Y_h?", layer(Kind::RNN));
  table.add(14, "RNN" + operands + "; " + how + ", layout = 0) -> Y?, Y_h?", layer(Kind::RNN));
  table.add(7, "GRU" + operands + "; " + how + ", linear_before_reset = 0) -> Y?, Y_h?", layer(Kind::GRU));
  table.add(14, "GRU" + operands + "; " + how + ", linear_before_reset = 0, layout = 0) -> Y?, Y_h?", layer(Kind::GRU));
  operands += ", initial_c?, P?";
  table.add(7, "LSTM" + operands + "; " + how + ", input_forget = 0) -> Y?, Y_h?, Y_c?", layer(Kind::LSTM));
  table.add(14, "LSTM" + operands + "; " + how + ", input_forget = 0, layout = 0) -> Y?, Y_h?, Y_c?",
            layer(Kind::LSTM));
  table.add(
      27,
      "LinearAttention(query: float, key, value, past_state?, decay?, beta?; q_num_heads: int, kv_num_heads: int, "
      "update_rule = \"gated_delta\", scale?: float, chunk_size?: int) -> output, present_state?",
      importLinearAttention);
}
