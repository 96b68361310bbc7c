//===- onnx-property-check.cpp - Random ONNX graphs, compiled and not -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   onnx-property-check [--seconds N] [--seed S] [--nodes MIN-MAX] [--keep FOLDER]
//
// Makes graphs of our operators over tensors with extents of 0, 1, 2, 3 and 17, fixed or open, on random axes and behind
// each other; compiles each, and compares with the f64 interpreter. A graph may be refused; it must not crash, and must
// not be wrong. One operator alone is --nodes 1-1. With --keep, models, inputs and outputs stay for ort-compare.mjs.
//
// Graphs avoid what makes two right answers differ: growth (a tanh follows what multiplies), comparisons of computed
// numbers, division by small ones.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Import.h"
#include "compiler/frontend/onnx/proto/onnx.pb.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/IR/Diagnostics.h"
#include "test/numerics/Modules.h"
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;
using namespace attnc;
using attn::RefTensor;
namespace fs = std::filesystem;

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

namespace {
using Shape = std::vector<int64_t>;
constexpr int64_t kNone = -1;

struct Item {
  std::string name;
  Shape shape;
  int rank() const { return static_cast<int>(shape.size()); }
};

/// A graph that grows by random nodes.
class Graph {
public:
  Graph(unsigned seed, int64_t open) : random(seed), openExtent(open) {
    model.set_ir_version(8);
    model.add_opset_import()->set_version(18);
    auto &theirs = *model.add_opset_import();
    theirs.set_domain("com.microsoft");
    theirs.set_version(1);
    model.mutable_graph()->set_name("random");
  }

  void grow(int nodes);
  std::string bytes() const {
    std::string text;
    model.SerializeToString(&text);
    return text;
  }
  const std::string &story() const { return log; }

private:
  using Proto = ::onnx::NodeProto;
  static constexpr int kFloat = 1, kInt64 = 7, kBool = 9;
  static constexpr int64_t kMostElements = 4096;

  int below(int n) { return n <= 1 ? 0 : static_cast<int>(random() % n); }
  bool coin() { return below(2); }
  int64_t anyExtent() {
    constexpr int64_t extents[] = {0, 1, 1, 2, 3, 17};
    return extents[below(std::size(extents))];
  }
  std::string freshName(const char *stem) { return stem + std::to_string(names++); }

  Item addInput(const Shape &shape, int type = kFloat);
  Item addConstant(const Shape &shape, int type, const std::vector<double> &numbers);
  Item addFloats(const Shape &shape);
  Item addInts(const std::vector<int64_t> &numbers) {
    return addConstant({static_cast<int64_t>(numbers.size())}, kInt64, {numbers.begin(), numbers.end()});
  }
  Proto &addNode(const char *op, const std::vector<Item> &inputs, const std::vector<Item> &outputs);
  Item node(const char *op, const std::vector<Item> &inputs, Shape shape, Proto **made = nullptr);
  void set(Proto &node, const char *name, int64_t value);
  void set(Proto &node, const char *name, const std::vector<int64_t> &values);
  void set(Proto &node, const char *name, float value);

  Item pick();
  Item pickWithRank(int least);
  Item tamed(const Item &x) { return node("Tanh", {x}, x.shape); }
  Item transposed(const Item &x, const std::vector<int64_t> &permutation);
  void step();

  void unary();
  void binary();
  void ternary();
  void matmul();
  void attention();
  void transpose();
  void reshape();
  void units();
  void slice();
  void split();
  void concat();
  void repeat();
  void pad();
  void gather();
  void reduce();
  void softmax();
  void norm();
  void channelNorm();
  void contrib();
  void convolution();
  void pool2d();
  void order();
  void scan();
  void gemm();
  void einsum();

  std::mt19937 random;
  int64_t openExtent; ///< dims of this extent are open in the inputs
  int names = 0;
  ::onnx::ModelProto model;
  std::vector<Item> pool;
  std::string log;
};
} // namespace

static int64_t count(const Shape &shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
}

static std::string spell(const Shape &shape) { return fmt::format("[{}]", fmt::join(shape, ",")); }

/// The open extent is named by its number. An extent of 1 stays fixed, to be repeated.
static void setShape(::onnx::ValueInfoProto &info, const std::string &name, int type, const Shape &shape,
                     int64_t openExtent) {
  info.set_name(name);
  auto &tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  tensor.mutable_shape();
  for (int64_t extent : shape) {
    auto &dim = *tensor.mutable_shape()->add_dim();
    if (extent == openExtent)
      dim.set_dim_param("d" + std::to_string(extent));
    else
      dim.set_dim_value(extent);
  }
}

Item Graph::addInput(const Shape &shape, int type) {
  Item input{freshName("x"), shape};
  setShape(*model.mutable_graph()->add_input(), input.name, type, shape, openExtent);
  log += fmt::format("input {} {}\n", input.name, spell(shape));
  return input;
}

Item Graph::addConstant(const Shape &shape, int type, const std::vector<double> &numbers) {
  Item constant{freshName("c"), shape};
  auto &tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(constant.name);
  tensor.set_data_type(type);
  for (int64_t extent : shape)
    tensor.add_dims(extent);
  std::string &raw = *tensor.mutable_raw_data();
  for (double number : numbers) {
    float single = static_cast<float>(number);
    auto integer = static_cast<int64_t>(number);
    char bit = number != 0;
    if (type == kFloat)
      raw.append(reinterpret_cast<char *>(&single), sizeof single);
    else if (type == kInt64)
      raw.append(reinterpret_cast<char *>(&integer), sizeof integer);
    else
      raw.append(&bit, 1);
  }
  log += fmt::format("constant {} {}", constant.name, spell(shape));
  log += numbers.size() <= 8 ? fmt::format(" {}\n", fmt::join(numbers, ",")) : "\n";
  return constant;
}

Item Graph::addFloats(const Shape &shape) {
  std::vector<double> numbers(count(shape));
  for (double &number : numbers)
    number = below(2001) / 1000.0 - 1;
  return addConstant(shape, kFloat, numbers);
}

Graph::Proto &Graph::addNode(const char *op, const std::vector<Item> &inputs, const std::vector<Item> &outputs) {
  Proto &node = *model.mutable_graph()->add_node();
  StringRef full(op), domain = full.contains('.') ? full.rsplit('.').first : "";
  node.set_domain(domain.str());
  node.set_op_type((domain.empty() ? full : full.rsplit('.').second).str());
  log += op;
  for (const Item &input : inputs) {
    node.add_input(input.name);
    log += " " + input.name;
  }
  log += " ->";
  for (const Item &output : outputs) {
    node.add_output(output.name);
    log += " " + output.name + spell(output.shape);
  }
  log += "\n";
  return node;
}

Item Graph::node(const char *op, const std::vector<Item> &inputs, Shape shape, Proto **made) {
  Item result{freshName("t"), std::move(shape)};
  Proto &node = addNode(op, inputs, {result});
  if (made)
    *made = &node;
  return result;
}

void Graph::set(Proto &node, const char *name, int64_t value) {
  auto &attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::INT);
  attribute.set_i(value);
  log += fmt::format("  {} = {}\n", name, value);
}

void Graph::set(Proto &node, const char *name, const std::vector<int64_t> &values) {
  auto &attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::INTS);
  for (int64_t value : values)
    attribute.add_ints(value);
  log += fmt::format("  {} = [{}]\n", name, fmt::join(values, ","));
}

void Graph::set(Proto &node, const char *name, float value) {
  auto &attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::FLOAT);
  attribute.set_f(value);
  log += fmt::format("  {} = {}\n", name, value);
}

//===----------------------------------------------------------------------===//
// One node each
//===----------------------------------------------------------------------===//

/// Newer values more often: chains, not fans.
Item Graph::pick() {
  int size = static_cast<int>(pool.size());
  return pool[coin() ? size - 1 - below(std::min(size, 3)) : below(size)];
}

Item Graph::pickWithRank(int least) {
  for (int attempt = 0; attempt < 8; ++attempt)
    if (Item x = pick(); x.rank() >= least)
      return x;
  Shape shape(least);
  for (int64_t &extent : shape)
    extent = anyExtent();
  return addInput(shape);
}

void Graph::unary() {
  constexpr const char *ops[] = {"Tanh",        "Sigmoid",   "Relu",      "Abs",      "Neg",  "Erf",
                                 "Softplus",    "Elu",       "LeakyRelu", "Identity", "Selu", "Celu",
                                 "HardSigmoid", "HardSwish", "Mish",      "Softsign", "Atan", "Asinh"};
  Item x = pick();
  pool.push_back(node(ops[below(std::size(ops))], {x}, x.shape));
}

/// With a constant or input that repeats along some dims, or with itself.
void Graph::binary() {
  constexpr const char *ops[] = {"Add", "Sub", "Mul", "Max", "Min", "Mean", "Sum"};
  const char *op = ops[below(std::size(ops))];
  Item x = pick(), y = x;
  if (below(4)) {
    Shape shape(x.shape.begin() + below(x.rank() + 1), x.shape.end());
    for (int64_t &extent : shape)
      extent = below(3) ? extent : 1;
    y = coin() && count(shape) <= kMostElements ? addFloats(shape) : addInput(shape);
  }
  Item result = coin() ? node(op, {x, y}, x.shape) : node(op, {y, x}, x.shape);
  pool.push_back(tamed(result));
}

void Graph::ternary() {
  Item x = pick();
  Shape shape = x.shape;
  for (int64_t &extent : shape)
    extent = coin() ? extent : 1;
  Item condition = addInput(shape, kBool), zero = addFloats({});
  if (coin())
    condition = node("Not", {condition}, shape);
  pool.push_back(node("Where", {condition, coin() ? x : zero, coin() ? x : tamed(x)}, x.shape));
}

Item Graph::transposed(const Item &x, const std::vector<int64_t> &permutation) {
  Shape shape;
  for (int64_t axis : permutation)
    shape.push_back(x.shape[axis]);
  Proto *made;
  Item result = node("Transpose", {x}, shape, &made);
  set(*made, "perm", permutation);
  return result;
}

void Graph::matmul() {
  Item x = pickWithRank(coin() ? 1 : 2);
  int64_t k = x.shape.back(), n = anyExtent();
  Shape result(x.shape.begin(), x.shape.end() - 1), other{k, n};
  result.push_back(n);
  if (x.rank() > 2 && coin()) { // a batch of matrices
    other.assign(x.shape.begin(), x.shape.end() - 2);
    for (int64_t &extent : other)
      extent = coin() ? extent : 1;
    other.insert(other.end(), {k, n});
  }
  Item w = coin() ? addFloats(other) : addInput(other);
  Item product = node("MatMul", {x, w}, result);
  if (coin())
    product = node("Add", {product, addFloats({n})}, result);
  pool.push_back(tamed(product));
}

void Graph::gemm() {
  Item x = pickWithRank(2);
  if (x.rank() != 2)
    return unary();
  int64_t n = anyExtent();
  bool transA = coin(), transB = coin();
  int64_t m = x.shape[transA ? 1 : 0], k = x.shape[transA ? 0 : 1];
  Proto *made;
  Item product =
      node("Gemm", {x, addFloats(transB ? Shape{n, k} : Shape{k, n}), addFloats(coin() ? Shape{n} : Shape{m, 1})},
           {m, n}, &made);
  set(*made, "transA", int64_t(transA));
  set(*made, "transB", int64_t(transB));
  set(*made, "alpha", 0.5f);
  pool.push_back(tamed(product));
}

void Graph::einsum() {
  struct Form {
    const char *equation;
    int rank;
  };
  Item x = pickWithRank(2);
  std::string letters = std::string("abcdef").substr(0, x.rank());
  char summed = letters[below(x.rank())];
  std::string result = letters, other = std::string(1, summed) + "z";
  result.erase(result.find(summed), 1);
  result.insert(result.begin() + below(static_cast<int>(result.size()) + 1), 'z');
  int64_t z = anyExtent();
  Shape shape;
  for (char letter : result)
    shape.push_back(letter == 'z' ? z : x.shape[letter - 'a']);
  Proto *made;
  Item product = node("Einsum", {x, addFloats({x.shape[summed - 'a'], z})}, shape, &made);
  auto &attribute = *made->add_attribute();
  attribute.set_name("equation");
  attribute.set_type(::onnx::AttributeProto::STRING);
  attribute.set_s(letters + "," + other + "->" + result);
  log += "  " + attribute.s() + "\n";
  pool.push_back(tamed(product));
}

/// softmax(x k^T * 0.5 [mask]) v, with k and v of some other length, or of x itself.
void Graph::attention() {
  Item q = pickWithRank(2);
  int64_t n = anyExtent();
  Shape keys = q.shape, scores = q.shape;
  bool self = coin();
  if (!self)
    keys[keys.size() - 2] = n;
  scores.back() = keys[keys.size() - 2];
  Item k = self ? q : addInput(keys), v = self && coin() ? q : addInput(keys);
  std::vector<int64_t> swapped(q.rank());
  std::iota(swapped.begin(), swapped.end(), 0);
  std::swap(swapped[q.rank() - 1], swapped[q.rank() - 2]);
  Item s = node("MatMul", {q, transposed(k, swapped)}, scores);
  if (coin())
    s = node("Mul", {s, addConstant({}, kFloat, {0.5})}, scores);
  if (!below(3)) {
    Shape mask(scores.end() - 2, scores.end());
    s = node("Where", {addInput(mask, kBool), s, addConstant({}, kFloat, {-10000})}, scores);
  } else if (coin()) {
    s = node("Add", {s, addFloats({scores.back()})}, scores);
  }
  Item p = node("Softmax", {s}, scores);
  if (!below(4))
    pool.push_back(p);
  pool.push_back(node("MatMul", {p, v}, q.shape));
}

void Graph::transpose() {
  Item x = pickWithRank(1);
  std::vector<int64_t> permutation(x.rank());
  std::iota(permutation.begin(), permutation.end(), 0);
  std::shuffle(permutation.begin(), permutation.end(), random);
  pool.push_back(transposed(x, permutation));
}

/// Two neighbours become one, or a dim is split, or all are one.
void Graph::reshape() {
  Item x = pickWithRank(1);
  Shape shape = x.shape;
  int at = below(x.rank());
  std::vector<int64_t> target;
  bool isFixed = openExtent == kNone || x.shape[at] < openExtent;
  if (x.rank() > 1 && at + 1 < x.rank() && coin()) {
    shape[at] *= shape[at + 1];
    shape.erase(shape.begin() + at + 1);
  } else if (shape[at] % 2 == 0 && x.rank() < 5 && isFixed) {
    shape[at] /= 2;
    shape.insert(shape.begin() + at + below(2), 2);
  } else {
    shape = {count(shape)};
  }
  target.assign(shape.begin(), shape.end());
  if (count(shape) > 0 && (coin() || openExtent != kNone))
    target[below(static_cast<int>(target.size()))] = -1;
  bool hasZero = std::count(target.begin(), target.end(), 0);
  Proto *made;
  Item result = node("Reshape", {x, addInts(target)}, shape, &made);
  if (hasZero)
    set(*made, "allowzero", int64_t(1));
  pool.push_back(result);
}

void Graph::units() {
  Item x = pick();
  Shape shape = x.shape;
  auto one = std::find(shape.begin(), shape.end(), 1);
  if (one != shape.end() && coin()) {
    int64_t axis = one - shape.begin();
    shape.erase(one);
    pool.push_back(node("Squeeze", {x, addInts({coin() ? axis : axis - x.rank()})}, shape));
  } else if (x.rank() < 5) {
    int64_t axis = below(x.rank() + 1);
    shape.insert(shape.begin() + axis, 1);
    pool.push_back(node("Unsqueeze", {x, addInts({axis})}, shape));
  } else {
    unary();
  }
}

void Graph::slice() {
  Item x = pickWithRank(1);
  int axis = below(x.rank());
  int64_t extent = x.shape[axis], step = 1 + below(2);
  Shape shape = x.shape;
  int64_t from = below(static_cast<int>(extent) + 1), to = from + below(static_cast<int>(extent - from) + 1);
  if (coin() && extent > 0) { // backwards, the whole of it
    std::vector<int64_t> end{-9223372036854775807};
    shape[axis] = (extent + step - 1) / step;
    pool.push_back(node("Slice", {x, addInts({-1}), addInts(end), addInts({axis}), addInts({-step})}, shape));
    return;
  }
  shape[axis] = (to - from + step - 1) / step;
  int64_t written = coin() && from < extent ? from - extent : from;
  pool.push_back(node("Slice", {x, addInts({written}), addInts({to}), addInts({axis}), addInts({step})}, shape));
}

void Graph::split() {
  Item x = pickWithRank(1);
  int axis = below(x.rank());
  int64_t extent = x.shape[axis];
  if (extent >= openExtent && openExtent != kNone) // an open extent has no fixed parts
    return unary();
  int64_t first = below(static_cast<int>(extent) + 1);
  Item a{freshName("t"), x.shape}, b{freshName("t"), x.shape};
  a.shape[axis] = first;
  b.shape[axis] = extent - first;
  Proto &made = addNode("Split", {x, addInts({first, extent - first})}, {a, b});
  set(made, "axis", int64_t(axis));
  pool.push_back(a);
  pool.push_back(b);
}

void Graph::concat() {
  Item x = pickWithRank(1);
  int axis = below(x.rank());
  Shape other = x.shape;
  other[axis] = anyExtent();
  Item y = coin() ? x : coin() ? addInput(other) : addFloats(other);
  Shape shape = x.shape;
  shape[axis] += y.shape[axis];
  Proto *made;
  Item result = node("Concat", coin() ? std::vector{x, y} : std::vector{y, x}, shape, &made);
  set(*made, "axis", int64_t(coin() ? axis : axis - x.rank()));
  pool.push_back(result);
}

void Graph::repeat() {
  Item x = pickWithRank(1);
  Shape shape = x.shape;
  if (coin()) {
    std::vector<int64_t> repeats;
    for (int64_t &extent : shape) {
      repeats.push_back(below(3) ? 1 : below(3));
      extent *= repeats.back();
    }
    pool.push_back(node("Tile", {x, addInts(repeats)}, shape));
    return;
  }
  for (int64_t &extent : shape)
    extent = extent == 1 && coin() ? anyExtent() : extent;
  if (coin() && x.rank() < 5)
    shape.insert(shape.begin(), 2);
  pool.push_back(node("Expand", {x, addInts({shape.begin(), shape.end()})}, shape));
}

void Graph::pad() {
  Item x = pickWithRank(1);
  Shape shape = x.shape;
  std::vector<int64_t> pads(2 * shape.size());
  for (size_t i = 0; i < pads.size(); ++i) {
    pads[i] = below(3) ? 0 : below(3);
    shape[i % shape.size()] += pads[i];
  }
  pool.push_back(node("Pad", {x, addInts(pads), addConstant({}, kFloat, {0.5})}, shape));
}

void Graph::gather() {
  Item x = pickWithRank(1);
  int axis = below(x.rank());
  int extent = static_cast<int>(x.shape[axis]);
  if (extent == 0)
    return unary();
  bool same = coin();
  Shape indices = same ? x.shape : Shape{};
  if (same)
    indices[axis] = anyExtent();
  else if (below(3))
    indices = {anyExtent()};
  Shape shape = same ? indices : x.shape;
  if (!same) {
    shape.erase(shape.begin() + axis);
    shape.insert(shape.begin() + axis, indices.begin(), indices.end());
  }
  std::vector<double> numbers(count(indices));
  for (double &number : numbers)
    number = below(2 * extent) - extent;
  Item places = addConstant(indices, kInt64, numbers);
  Proto *made;
  Item result = node(same ? "GatherElements" : "Gather", {x, places}, shape, &made);
  set(*made, "axis", int64_t(axis));
  pool.push_back(result);
}

void Graph::reduce() {
  constexpr const char *ops[] = {"ReduceSum", "ReduceMean",      "ReduceMax",  "ReduceMin",
                                 "ReduceL1",  "ReduceSumSquare", "ReduceProd", "ReduceLogSumExp"};
  const char *op = ops[below(std::size(ops))];
  Item x = pick();
  std::vector<int64_t> axes;
  Shape shape;
  bool keep = coin();
  for (int axis = 0; axis < x.rank(); ++axis) {
    bool isReduced = coin();
    if (isReduced)
      axes.push_back(axis);
    if (!isReduced || keep)
      shape.push_back(isReduced ? 1 : x.shape[axis]);
  }
  if (axes.empty()) {
    shape.assign(keep ? x.rank() : 0, 1);
    for (int axis = 0; axis < x.rank(); ++axis)
      axes.push_back(axis);
  }
  bool isEmpty = count(x.shape) == 0;
  if (isEmpty && std::string(op) != "ReduceSum") // the mean or maximum of nothing is none
    op = "ReduceSum";
  if (axes.empty())
    return unary();
  Proto *made;
  Item result = node(op, {x, addInts(axes)}, shape, &made);
  set(*made, "keepdims", int64_t(keep));
  pool.push_back(tamed(result));
}

void Graph::softmax() {
  Item x = pickWithRank(1);
  int axis = below(x.rank());
  Proto *made;
  Item result = node(below(3) ? "Softmax" : "LogSoftmax", {x}, x.shape, &made);
  set(*made, "axis", int64_t(coin() ? axis : axis - x.rank()));
  pool.push_back(result);
}

/// Of the whole and of channels. What is constant along its rows is taken as it is: there the deviation is 0.
void Graph::channelNorm() {
  Item x = pickWithRank(3);
  if (count(x.shape) == 0)
    return unary();
  Proto *made;
  Item scale = addFloats({x.shape[1]}), bias = addFloats({x.shape[1]});
  if (coin()) {
    std::vector<double> variance(x.shape[1], 0.5);
    Item spread = addConstant({x.shape[1]}, kFloat, variance);
    pool.push_back(node("BatchNormalization", {x, scale, bias, bias, spread}, x.shape));
    return;
  }
  Item result = node("InstanceNormalization", {x, scale, bias}, x.shape, &made);
  set(*made, "epsilon", 0.25f);
  pool.push_back(result);
}

/// The best of constants, whose order no rounding changes, as positions that gather from x.
void Graph::order() {
  Item x = pickWithRank(1);
  int axis = below(x.rank());
  int64_t extent = x.shape[axis];
  if (extent == 0 || (extent >= openExtent && openExtent != kNone))
    return unary();
  Item keys = addFloats({3, extent});
  Proto *made;
  Item places;
  if (coin()) {
    places = node(coin() ? "ArgMax" : "ArgMin", {keys}, {3, 1}, &made);
    set(*made, "axis", int64_t(1));
    if (coin())
      set(*made, "select_last_index", int64_t(1));
  } else {
    int64_t k = 1 + below(static_cast<int>(extent));
    places = Item{freshName("t"), {3, k}};
    Proto &top = addNode("TopK", {keys, addInts({k})}, {Item{freshName("t"), {3, k}}, places});
    set(top, "largest", int64_t(coin()));
  }
  Shape shape = x.shape;
  shape.erase(shape.begin() + axis);
  shape.insert(shape.begin() + axis, places.shape.begin(), places.shape.end());
  if (count(shape) > kMostElements || shape.size() > 6)
    return unary();
  Item result = node("Gather", {x, places}, shape, &made);
  set(*made, "axis", int64_t(axis));
  pool.push_back(result);
}

/// Of com.microsoft, what ONNX Runtime's optimiser makes of transformers.
void Graph::contrib() {
  Item x = pick();
  if (x.rank() != 3 || count(x.shape) == 0)
    x = addInput({1 + below(3), 1 + below(17), 2 + 2 * below(5)});
  int64_t features = x.shape.back();
  Proto *made;
  switch (below(5)) {
  case 0: {
    Item result = node("com.microsoft.FusedMatMul", {x, x}, {x.shape[0], x.shape[1], x.shape[1]}, &made);
    set(*made, "transB", int64_t(1));
    set(*made, "alpha", 0.25f);
    pool.push_back(tamed(result));
    return;
  }
  case 1: {
    std::vector<Item> operands{x, tamed(x), addFloats({features}), addFloats({features})};
    if (coin())
      operands.push_back(addFloats({features}));
    Item result = node("com.microsoft.SkipLayerNormalization", operands, x.shape, &made);
    set(*made, "epsilon", 0.25f);
    pool.push_back(result);
    return;
  }
  case 2: {
    Item result =
        node("com.microsoft.SkipSimplifiedLayerNormalization", {x, tamed(x), addFloats({features})}, x.shape, &made);
    set(*made, "epsilon", 0.25f);
    pool.push_back(result);
    return;
  }
  case 3:
    pool.push_back(
        node(coin() ? "com.microsoft.FastGelu" : "com.microsoft.BiasGelu", {x, addFloats({features})}, x.shape));
    return;
  default:
    Shape keys = x.shape;
    keys[1] = 1 + below(5);
    Item k = addInput(keys);
    Item result = node("com.microsoft.MultiHeadAttention", {x, k, k}, x.shape, &made);
    set(*made, "num_heads", int64_t(features % 2 ? 1 : 2));
    pool.push_back(result);
  }
}

void Graph::norm() {
  Item x = pickWithRank(1);
  int axis = below(x.rank());
  Shape normal(x.shape.begin() + axis, x.shape.end());
  if (count(normal) == 0)
    return unary();
  std::vector<Item> inputs{x, addFloats(normal)};
  if (coin())
    inputs.push_back(addFloats(normal));
  Proto *made;
  Item result = node("LayerNormalization", inputs, x.shape, &made);
  set(*made, "axis", int64_t(axis));
  set(*made, "epsilon", 0.25f);
  pool.push_back(result);
}

void Graph::scan() {
  Item x = pickWithRank(1);
  if (x.rank() > 1 && coin()) {
    Proto *made;
    Item result = node("Trilu", {x, addConstant({}, kInt64, {double(below(5) - 2)})}, x.shape, &made);
    set(*made, "upper", int64_t(coin()));
    pool.push_back(result);
    return;
  }
  Proto *made;
  Item result = node("CumSum", {x, addConstant({}, kInt64, {double(below(x.rank()))})}, x.shape, &made);
  set(*made, "exclusive", int64_t(coin()));
  set(*made, "reverse", int64_t(coin()));
  pool.push_back(tamed(result));
}

namespace {
/// How windows walk along some dims, and how many positions that gives.
struct Walk {
  std::vector<int64_t> sizes, strides, dilations, pads;
  Shape positions;
};
} // namespace

/// Windows over the dims of x from 2 on, of which at least one fits.
static Walk drawWalk(const Shape &shape, llvm::function_ref<int(int)> below) {
  Walk walk;
  size_t rank = shape.size() - 2;
  walk.pads.resize(2 * rank);
  for (size_t i = 0; i < rank; ++i) {
    int64_t size = 1 + below(3), dilation = 1 + below(2), stride = 1 + below(3), span = (size - 1) * dilation + 1;
    int64_t before = below(static_cast<int>(size)), after = below(static_cast<int>(size));
    if (shape[i + 2] + before + after < span)
      size = span = dilation = 1, before = after = 0;
    walk.sizes.push_back(size);
    walk.strides.push_back(stride);
    walk.dilations.push_back(dilation);
    walk.pads[i] = before;
    walk.pads[rank + i] = after;
    walk.positions.push_back((shape[i + 2] + before + after - span) / stride + 1);
  }
  return walk;
}

/// Whole, in groups and depthwise; forwards and back.
void Graph::convolution() {
  Item x = pickWithRank(3);
  if (count(x.shape) == 0)
    return unary();
  int64_t channels = x.shape[1], groups = coin() ? 1 : channels % 2 == 0 && coin() ? 2 : channels;
  Walk walk = drawWalk(x.shape, [&](int n) { return below(n); });
  bool isTransposed = below(4) == 0;
  int64_t each = groups == channels && coin() ? 1 : 1 + below(3);
  Shape weight = isTransposed ? Shape{channels, each} : Shape{each * groups, channels / groups};
  weight.insert(weight.end(), walk.sizes.begin(), walk.sizes.end());
  Shape shape{x.shape[0], each * groups};
  for (size_t i = 0; i < walk.sizes.size(); ++i) {
    if (isTransposed)
      walk.pads[i] = walk.pads[walk.sizes.size() + i] = 0; // what is left is not empty
    int64_t span = (walk.sizes[i] - 1) * walk.dilations[i] + 1;
    shape.push_back(isTransposed ? (x.shape[i + 2] - 1) * walk.strides[i] + span : walk.positions[i]);
  }
  std::vector<Item> inputs{x, coin() ? addFloats(weight) : addInput(weight)};
  if (coin())
    inputs.push_back(addFloats({each * groups}));
  Proto *made;
  Item result = node(isTransposed ? "ConvTranspose" : "Conv", inputs, shape, &made);
  set(*made, "strides", walk.strides);
  set(*made, "dilations", walk.dilations);
  set(*made, "pads", walk.pads);
  set(*made, "group", groups);
  pool.push_back(coin() ? result : tamed(result));
}

void Graph::pool2d() {
  Item x = pickWithRank(3);
  if (count(x.shape) == 0)
    return unary();
  Shape shape{x.shape[0], x.shape[1]};
  if (below(4) == 0) {
    shape.resize(x.shape.size(), 1);
    pool.push_back(node(coin() ? "GlobalAveragePool" : "GlobalMaxPool", {x}, shape));
    return;
  }
  Walk walk = drawWalk(x.shape, [&](int n) { return below(n); });
  bool isAverage = coin();
  if (isAverage) // dilations of averages are younger than this opset
    for (size_t i = 0; i < walk.sizes.size(); ++i) {
      int64_t rank = static_cast<int64_t>(walk.sizes.size()), span = walk.sizes[i];
      walk.positions[i] = (x.shape[i + 2] + walk.pads[i] + walk.pads[rank + i] - span) / walk.strides[i] + 1;
    }
  shape.insert(shape.end(), walk.positions.begin(), walk.positions.end());
  Proto *made;
  Item result = node(isAverage ? "AveragePool" : "MaxPool", {x}, shape, &made);
  set(*made, "kernel_shape", walk.sizes);
  set(*made, "strides", walk.strides);
  set(*made, "pads", walk.pads);
  if (isAverage)
    set(*made, "count_include_pad", int64_t(coin()));
  else
    set(*made, "dilations", walk.dilations);
  pool.push_back(result);
}

void Graph::step() {
  using Step = void (Graph::*)();
  constexpr Step steps[] = {
      &Graph::unary,   &Graph::binary,    &Graph::binary,      &Graph::ternary,     &Graph::matmul,
      &Graph::matmul,  &Graph::gemm,      &Graph::einsum,      &Graph::attention,   &Graph::reshape,
      &Graph::reshape, &Graph::transpose, &Graph::units,       &Graph::slice,       &Graph::split,
      &Graph::concat,  &Graph::repeat,    &Graph::pad,         &Graph::gather,      &Graph::reduce,
      &Graph::reduce,  &Graph::softmax,   &Graph::norm,        &Graph::scan,        &Graph::channelNorm,
      &Graph::order,   &Graph::contrib,   &Graph::convolution, &Graph::convolution, &Graph::pool2d};
  (this->*steps[below(std::size(steps))])();
  // What has become too large is left behind.
  while (pool.size() > 1 && count(pool.back().shape) > kMostElements)
    pool.pop_back();
}

void Graph::grow(int nodes) {
  Shape shape(1 + below(4));
  for (int64_t &extent : shape)
    extent = anyExtent();
  pool.push_back(addInput(shape));
  for (int i = 0; i < nodes; ++i)
    step();
  // Results: what nobody reads, and one more.
  std::map<std::string, bool> isRead;
  for (const Proto &node : model.graph().node())
    for (const std::string &input : node.input())
      isRead[input] = true;
  isRead[pool[below(static_cast<int>(pool.size()))].name] = false;
  for (const Item &value : pool)
    if (!isRead[value.name] && value.name[0] == 't')
      setShape(*model.mutable_graph()->add_output(), value.name, kFloat, value.shape, kNone);
  if (model.graph().output_size() == 0)
    setShape(*model.mutable_graph()->add_output(), tamed(pool.back()).name, kFloat, pool.back().shape, kNone);
}

//===----------------------------------------------------------------------===//
// One case
//===----------------------------------------------------------------------===//

static void writeNpy(const fs::path &path, const RefTensor &tensor) {
  bool isBool = tensor.elementType.isInteger(1);
  std::string shape;
  for (int64_t extent : tensor.shape)
    shape += std::to_string(extent) + ",";
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", isBool ? "|b1" : "<f4", shape);
  header.append(63 - (header.size() + 10) % 64, ' ');
  header += '\n';
  auto length = static_cast<uint16_t>(header.size());
  std::vector<char> bytes = attn::toBytes(tensor);
  std::ofstream file(path, std::ios::binary);
  file.write("\x93NUMPY\x01\x00", 8).write(reinterpret_cast<char *>(&length), 2);
  file << header;
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// ONNX Runtime 1.30 leaves a product over no elements unwritten, and mistakes the shape of others without elements.
static bool holdsEmptyTensors(func::FuncOp function) {
  auto isEmpty = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && llvm::is_contained(tensor.getShape(), 0);
  };
  return function
      .walk([&](Operation *op) {
        return llvm::any_of(op->getResultTypes(), isEmpty) || llvm::any_of(op->getOperandTypes(), isEmpty)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// "" if right, "refused: WHY", or what is wrong.
static std::string runCase(const fs::path &model, unsigned seed, const fs::path &keep) {
  std::unique_ptr<MLIRContext> context = numerics::makeContext();
  std::string messages;
  ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      messages += diagnostic.str() + "\n";
  });
  auto module = attnc::onnx::importModel(model.string(), context.get(), {});
  if (failed(module))
    return "refused: " + messages;
  func::FuncOp function = *(*module)->getOps<func::FuncOp>().begin();
  auto names = [&](unsigned i) { return function.getArgAttrOfType<StringAttr>(i, "attnc.name").str(); };
  std::mt19937 random(seed);
  std::vector<RefTensor> inputs;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
    SmallVector<int64_t> shape(type.getShape());
    auto dims = function.getArgAttrOfType<ArrayAttr>(i, "attnc.dims").getAsValueRange<StringAttr>();
    for (auto [extent, symbol] : llvm::zip(shape, dims))
      if (ShapedType::isDynamic(extent))
        symbol.split('<').first.drop_front().getAsInteger(10, extent);
    RefTensor &tensor = inputs.emplace_back(type.getElementType(), shape);
    for (double &number : tensor.floats)
      number = attn::roundTo(Float32Type::get(context.get()), static_cast<double>(random()) * 0x1p-31 - 1);
    for (int64_t &number : tensor.ints)
      number = random() % 2;
  }
  auto compiled = numerics::Compiled::create(**module, numerics::testTarget());
  if (!compiled)
    return StringRef(messages).contains("not compiled yet") ? "refused: " + messages : "does not compile: " + messages;
  auto expected = attn::interpret(function, inputs);
  if (failed(expected))
    return "the interpreter fails: " + messages;
  std::string error;
  auto got = compiled->run(inputs, error);
  if (!got)
    return "the program refuses its inputs: " + error;
  constexpr double kLimit = 1e-4;
  for (auto [n, mine, other] : llvm::enumerate(*got, *expected))
    if (attn::Comparison comparison = attn::compare(mine, other); !comparison.within(kLimit))
      return fmt::format("output {} ({}) is wrong: {}", n,
                         function.getResultAttrOfType<StringAttr>(n, "attnc.name").str(),
                         describe(comparison, mine, other));
  if (keep.empty() || holdsEmptyTensors(function))
    return "";
  fs::create_directories(keep);
  fs::copy_file(model, keep / "model.onnx", fs::copy_options::overwrite_existing);
  for (auto [i, input] : llvm::enumerate(inputs))
    writeNpy(keep / ("in_" + names(i) + ".npy"), input);
  for (auto [i, output] : llvm::enumerate(*got))
    writeNpy(keep / ("out_" + function.getResultAttrOfType<StringAttr>(i, "attnc.name").str() + ".npy"), output);
  return "";
}

/// The same in a process of its own, with half a minute.
static std::string runApart(const fs::path &model, unsigned seed, const fs::path &keep) {
  int ends[2];
  if (pipe(ends))
    llvm::report_fatal_error("cannot make a pipe");
  pid_t child = fork();
  if (child == 0) {
    alarm(30);
    std::string result = runCase(model, seed, keep).substr(0, 4000);
    _exit(write(ends[1], result.data(), result.size()) < 0);
  }
  close(ends[1]);
  std::string result(4096, '\0');
  result.resize(std::max<ssize_t>(read(ends[0], result.data(), result.size()), 0));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    return WTERMSIG(status) == SIGALRM ? "takes for ever" : fmt::format("crashes (signal {})", WTERMSIG(status));
  return result;
}

int main(int argc, char **argv) {
  double seconds = 10;
  unsigned seed = 1;
  int least = 1, most = 12;
  fs::path keep;
  for (int i = 1; i + 1 < argc; i += 2) {
    StringRef option = argv[i];
    if (option == "--seconds")
      seconds = std::atof(argv[i + 1]);
    else if (option == "--seed")
      seed = std::atoi(argv[i + 1]);
    else if (option == "--nodes")
      std::sscanf(argv[i + 1], "%d-%d", &least, &most);
    else if (option == "--keep")
      keep = argv[i + 1];
  }
  if (const char *given = std::getenv("ATTNC_PROPERTY_SECONDS"))
    seconds = std::atof(given);
  fs::path file = fs::temp_directory_path() / fmt::format("attnc-property-{}.onnx", getpid());
  auto start = std::chrono::steady_clock::now();
  int right = 0, refused = 0, wrong = 0;
  for (; std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds; ++seed) {
    constexpr int64_t open[] = {kNone, 17, kNone, 2, kNone, 0, kNone, 3};
    Graph graph(seed, open[seed % 8]);
    graph.grow(least + static_cast<int>(seed / 2 % (most - least + 1)));
    std::ofstream(file, std::ios::binary) << graph.bytes();
    std::string result = runApart(file, seed, keep.empty() ? keep : keep / std::to_string(seed));
    if (result.empty())
      ++right;
    else if (StringRef(result).starts_with("refused")) {
      ++refused;
      if (std::getenv("ATTNC_PROPERTY_REFUSED"))
        fmt::print("seed {}: {}\n{}\n", seed, result, graph.story());
    } else {
      ++wrong;
      fmt::print("--seed {}: {}\n{}\n", seed, result, graph.story());
      std::fflush(stdout);
    }
  }
  fs::remove(file);
  fmt::print("{} right, {} refused, {} wrong\n", right, refused, wrong);
  return wrong || right < refused ? 1 : 0;
}
