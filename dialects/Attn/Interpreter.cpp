//===- Interpreter.cpp - The executable meaning of attn modules -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/Interpreter.h"
#include "dialects/Attn/InterpreterImpl.h"

using namespace mlir;
using namespace attnc::attn;
using namespace attnc::attn::interpreter;

/// Calls nested deeper than this are taken for endless recursion.
static constexpr int kMaxDepth = 200;

//===----------------------------------------------------------------------===//
// Compiler
//===----------------------------------------------------------------------===//

Slot Compiler::scratch(bool tensor) {
  if (tensor) {
    initial.tensors.emplace_back();
    return initial.tensors.size() - 1;
  }
  initial.scalars.emplace_back();
  return initial.scalars.size() - 1;
}

Slot Compiler::slot(Value value) {
  auto [it, inserted] = known.try_emplace(value, 0);
  if (inserted)
    it->second = scratch(isTensor(value.getType()));
  return it->second;
}

SmallVector<Slot> Compiler::slots(ValueRange values) {
  return llvm::map_to_vector(values, [&](Value value) { return slot(value); });
}

Size Compiler::size(OpFoldResult size) {
  if (auto attribute = dyn_cast<Attribute>(size))
    return {true, cast<IntegerAttr>(attribute).getInt(), 0};
  return {false, 0, slot(cast<Value>(size))};
}

SmallVector<Size> Compiler::sizes(ArrayRef<OpFoldResult> sizes) {
  return llvm::map_to_vector(sizes, [&](OpFoldResult each) { return size(each); });
}

SmallVector<Move> Compiler::moves(ArrayRef<Slot> from, ValueRange to) {
  SmallVector<Move> moves;
  for (auto [source, target] : llvm::zip_equal(from, to))
    moves.push_back({source, slot(target), isTensor(target.getType())});
  return moves;
}

SmallVector<Move> Compiler::moves(ValueRange from, ValueRange to) { return moves(slots(from), to); }

void Compiler::fail(Operation *op, const Twine &message) {
  op->emitError(message);
  failed = true;
}

/// Floats of up to 64 bits, integers of up to 64 bits, index, and ranked
/// tensors of them.
static bool isKnownType(Type type) {
  if (auto ranked = dyn_cast<RankedTensorType>(type))
    return elementBytes(ranked.getElementType()).has_value();
  return elementBytes(type).has_value();
}

void Compiler::compileOp(Operation *op) {
  for (Value result : op->getResults())
    if (!isKnownType(result.getType())) {
      op->emitError() << "the interpreter does not know type " << result.getType();
      failed = true;
      return;
    }
  for (auto family : {compileScalars, compileTensors, compileLinalg, compileAttention, compileControl})
    if (family(*this, op))
      return;
  fail(op, "the interpreter does not know op '" + op->getName().getStringRef() + "'");
}

Program Compiler::compile(Block &block) {
  std::vector<Step> outer = std::exchange(steps, {});
  for (Operation &op : block.without_terminator())
    compileOp(&op);
  return {std::exchange(steps, std::move(outer)), slots(block.getTerminator()->getOperands())};
}

//===----------------------------------------------------------------------===//
// Frames
//===----------------------------------------------------------------------===//

void interpreter::apply(ArrayRef<Move> moves, Frame &frame) {
  SmallVector<std::pair<Scalar, TensorPtr>> values;
  for (const Move &move : moves) {
    values.emplace_back();
    if (move.isTensor)
      values.back().second = frame.tensors[move.from];
    else
      values.back().first = frame.scalars[move.from];
  }
  for (auto [move, value] : llvm::zip(moves, values)) {
    if (move.isTensor)
      frame.tensors[move.to] = value.second;
    else
      frame.scalars[move.to] = value.first;
  }
}

std::optional<RefTensor> interpreter::allocate(Operation *op, Type elementType, ArrayRef<int64_t> shape) {
  if (sizeOf(shape))
    return RefTensor(elementType, shape);
  auto diagnostic = op->emitError("cannot make a tensor of extents [");
  llvm::interleaveComma(shape, diagnostic);
  diagnostic << "]";
  return std::nullopt;
}

/// Whether `shape` has the rank and the static extents of `type`.
static bool fits(ArrayRef<int64_t> shape, RankedTensorType type) {
  return succeeded(verifyCompatibleShape(shape, type.getShape()));
}

bool interpreter::define(Frame &frame, Value result, Slot slot, RefTensor tensor) {
  auto declared = cast<RankedTensorType>(result.getType());
  if (!fits(tensor.shape, declared)) {
    mlir::emitError(result.getLoc()) << "computed " << tensor.type() << ", but the declared type is " << declared;
    return false;
  }
  if (frame.roundsTensors && tensor.isFloat())
    for (double &element : tensor.floats)
      element = roundTo(cast<FloatType>(tensor.elementType), element);
  if (frame.visit)
    (*frame.visit)(result, tensor);
  frame.tensors[slot] = std::make_shared<RefTensor>(std::move(tensor));
  return true;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

const Function *Session::get(func::FuncOp function) {
  std::unique_ptr<Function> &entry = functions[function];
  if (entry)
    return entry.get();
  if (function.isExternal() || !function.getBody().hasOneBlock()) {
    function.emitError() << "the interpreter runs functions of one block; '" << function.getSymName() << "' has "
                         << function.getBody().getBlocks().size();
    return nullptr;
  }
  Compiler compiler(*this, function);
  for (Value argument : function.getArguments()) {
    if (!isKnownType(argument.getType())) {
      function.emitError() << "the interpreter does not know type " << argument.getType();
      return nullptr;
    }
    compiler.slot(argument);
  }
  Program body = compiler.compile(function.getBody().front());
  if (compiler.hasFailed())
    return nullptr;
  entry = std::make_unique<Function>(Function{std::move(body), std::move(compiler.initial)});
  return entry.get();
}

bool Session::call(func::FuncOp function, Operation *caller, function_ref<void(Frame &)> enter,
                   function_ref<void(Frame &, ArrayRef<Slot>)> leave) {
  if (depth == kMaxDepth) {
    caller->emitError() << "more than " << kMaxDepth << " nested calls";
    return false;
  }
  const Function *compiled = get(function);
  if (!compiled)
    return false;
  Frame frame = compiled->initial;
  enter(frame);
  ++depth;
  bool ok = compiled->body.run(frame);
  --depth;
  if (ok)
    leave(frame, compiled->body.results);
  return ok;
}

static LogicalResult checkInputs(func::FuncOp function, ArrayRef<RefTensor> inputs) {
  if (inputs.size() != function.getNumArguments())
    return function.emitError() << "'" << function.getSymName() << "' takes " << function.getNumArguments()
                                << " inputs, not " << inputs.size();
  for (auto [n, input, type] : llvm::enumerate(inputs, function.getArgumentTypes())) {
    auto ranked = dyn_cast<RankedTensorType>(type);
    Type element = ranked ? ranked.getElementType() : type;
    if (input.elementType != element || !(ranked ? fits(input.shape, ranked) : input.shape.empty()))
      return function.emitError() << "input " << n << " of '" << function.getSymName() << "' has type " << input.type()
                                  << ", expected " << type;
  }
  return success();
}

/// Tensors and scalars are numbered separately, each in the order of the
/// arguments.
static void enterArguments(Frame &frame, TypeRange types, ArrayRef<RefTensor> inputs) {
  Slot tensor = 0, scalar = 0;
  for (auto [type, input] : llvm::zip(types, inputs)) {
    if (isTensor(type))
      frame.tensors[tensor++] = std::make_shared<RefTensor>(input);
    else
      frame.scalars[scalar++] = load(input, 0);
  }
}

static RefTensor takeResult(Frame &frame, Type type, Slot slot) {
  if (isTensor(type))
    return frame.tensor(slot);
  RefTensor result(type, {});
  store(result, 0, frame.scalars[slot]);
  return result;
}

/// Those of `known` that `function` returns.
static std::vector<std::optional<RefTensor>> boundsOfResults(func::FuncOp function,
                                                             llvm::DenseMap<Value, RefTensor> &known) {
  std::vector<std::optional<RefTensor>> results;
  for (Value result : function.getBody().front().getTerminator()->getOperands()) {
    auto it = known.find(result);
    std::optional<RefTensor> &bound = results.emplace_back();
    if (it != known.end())
      bound = std::move(it->second);
  }
  return results;
}

namespace {
/// How a run is not the plain one.
struct RunOptions {
  ErrorBounds *bounds = nullptr;
  const TensorVisitor *visit = nullptr;
  bool roundsTensors = false;
  double disturbance = 0;
};
} // namespace

static FailureOr<std::vector<RefTensor>> run(func::FuncOp function, ArrayRef<RefTensor> inputs, RunOptions options) {
  if (failed(checkInputs(function, inputs)))
    return failure();
  Session session;
  session.disturbance = options.disturbance;
  BoundsOfValues boundsOfValues;
  ErrorBounds *bounds = options.bounds;
  boundsOfValues.bf16Dots = bounds && bounds->bf16Dots;
  std::vector<RefTensor> results;
  auto enter = [&](Frame &frame) {
    frame.bounds = bounds ? &boundsOfValues : nullptr;
    frame.visit = options.visit;
    frame.roundsTensors = options.roundsTensors;
    enterArguments(frame, function.getArgumentTypes(), inputs);
  };
  auto leave = [&](Frame &frame, ArrayRef<Slot> slots) {
    for (auto [type, slot] : llvm::zip(function.getResultTypes(), slots))
      results.push_back(takeResult(frame, type, slot));
  };
  if (!session.call(function, function, enter, leave))
    return failure();
  if (bounds) {
    bounds->results = boundsOfResults(function, boundsOfValues.known);
    bounds->estimates = boundsOfResults(function, boundsOfValues.estimated);
    bounds->pairs = boundsOfValues.pairs;
    bounds->allowedPairs = boundsOfValues.allowedPairs;
  }
  return results;
}

FailureOr<std::vector<RefTensor>> attnc::attn::interpret(func::FuncOp function, ArrayRef<RefTensor> inputs,
                                                         ErrorBounds *bounds) {
  return run(function, inputs, {.bounds = bounds});
}

FailureOr<std::vector<RefTensor>> attnc::attn::interpretRounded(func::FuncOp function, ArrayRef<RefTensor> inputs) {
  return run(function, inputs, {.roundsTensors = true});
}

FailureOr<std::vector<RefTensor>> attnc::attn::interpretVisiting(func::FuncOp function, ArrayRef<RefTensor> inputs,
                                                                 const TensorVisitor &visit, ErrorBounds *bounds,
                                                                 double disturbance) {
  return run(function, inputs, {.bounds = bounds, .visit = &visit, .disturbance = disturbance});
}
