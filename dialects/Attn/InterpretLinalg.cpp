//===- InterpretLinalg.cpp - linalg ops -----------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every structured op (generic, contract, matmul, fill, transpose, reduce, map,
// broadcast ...) is its indexing maps, its extents and its region; none is
// named here. `linalg.softmax` has no region and is computed by its definition.
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/InterpreterImpl.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace attnc::attn;
using namespace attnc::attn::interpreter;

//===----------------------------------------------------------------------===//
// Structured ops
//===----------------------------------------------------------------------===//

namespace {
/// One operand: a tensor indexed by a map over the loops, or a scalar.
struct Access {
  AffineMap map;
  Slot value;    // the operand
  Slot argument; // the region's argument
  bool isTensor;
  bool isRead; // the region uses the argument
};

struct Nest {
  Operation *op;
  unsigned loops;
  SmallVector<Access> accesses; // inputs, then outputs
  unsigned inputs;
  SmallVector<Slot> indices; // of the loops, for linalg.index
  Program body;
  bool isContraction; // the region says acc + lhs * rhs, on floats
  SmallVector<Slot> results;

  bool run(Frame &frame) const;
  bool findExtents(Frame &frame, SmallVectorImpl<int64_t> &extents) const;
  bool findCursor(const Access &access, const RefTensor &tensor, ArrayRef<int64_t> extents, Cursor &cursor) const;
};
} // namespace

/// The extent of loop d is that of every operand dimension indexed by d alone;
/// they must agree.
bool Nest::findExtents(Frame &frame, SmallVectorImpl<int64_t> &extents) const {
  extents.assign(loops, -1);
  SmallVector<Type> found(loops);
  for (const Access &access : accesses) {
    if (!access.isTensor)
      continue;
    const RefTensor &tensor = frame.tensor(access.value);
    for (auto [expr, extent] : llvm::zip(access.map.getResults(), tensor.shape)) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim)
        continue;
      unsigned d = dim.getPosition();
      if (extents[d] >= 0 && extents[d] != extent) {
        op->emitError() << "operands disagree on the extent of loop " << d << ": " << found[d] << " and "
                        << tensor.type();
        return false;
      }
      extents[d] = extent;
      found[d] = tensor.type();
    }
  }
  if (!llvm::is_contained(extents, -1))
    return true;
  op->emitError("the extent of a loop is not the extent of any operand's dimension");
  return false;
}

/// Adds `factor * expr` to a linear form. Fails on floordiv and mod.
static bool addLinear(AffineExpr expr, int64_t factor, MutableArrayRef<int64_t> coefficients, int64_t &constant) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return coefficients[dim.getPosition()] += factor, true;
  if (auto value = dyn_cast<AffineConstantExpr>(expr))
    return constant += factor * value.getValue(), true;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addLinear(binary.getLHS(), factor, coefficients, constant) &&
           addLinear(binary.getRHS(), factor, coefficients, constant);
  auto multiplier = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && multiplier &&
         addLinear(binary.getLHS(), factor * multiplier.getValue(), coefficients, constant);
}

/// Whether the linear form stays in [0, extent) over the whole nest: its
/// extremes are at corners.
static bool staysInside(ArrayRef<int64_t> coefficients, int64_t constant, ArrayRef<int64_t> extents, int64_t extent) {
  int64_t least = constant, most = constant;
  for (auto [coefficient, trips] : llvm::zip(coefficients, extents)) {
    if (trips == 0)
      return true;
    (coefficient < 0 ? least : most) += coefficient * (trips - 1);
  }
  return least >= 0 && most < extent;
}

bool Nest::findCursor(const Access &access, const RefTensor &tensor, ArrayRef<int64_t> extents, Cursor &cursor) const {
  cursor.strides.assign(loops, 0);
  for (auto [d, expr, stride] : llvm::enumerate(access.map.getResults(), tensor.strides())) {
    SmallVector<int64_t> coefficients(loops, 0);
    int64_t constant = 0;
    if (!addLinear(expr, 1, coefficients, constant)) {
      op->emitError() << "the interpreter does not know indexing maps like " << AffineMapAttr::get(access.map);
      return false;
    }
    if (!staysInside(coefficients, constant, extents, tensor.shape[d])) {
      op->emitError() << AffineMapAttr::get(access.map) << " reaches outside dimension " << d << " of "
                      << tensor.type();
      return false;
    }
    for (auto [total, coefficient] : llvm::zip(cursor.strides, coefficients))
      total += coefficient * stride;
    cursor.offset += constant * stride;
  }
  return true;
}

bool Nest::run(Frame &frame) const {
  SmallVector<int64_t> extents;
  if (!findExtents(frame, extents))
    return false;
  std::vector<RefTensor> outputs; // start as the destinations, which the region may accumulate into
  for (const Access &access : ArrayRef(accesses).drop_front(inputs))
    outputs.push_back(frame.tensor(access.value));
  std::vector<Cursor> cursors(accesses.size());
  struct Read {
    Slot argument;
    const RefTensor *tensor;
    const Cursor *cursor;
  };
  SmallVector<Read> reads; // what the region reads anew at every point
  for (auto [n, access] : llvm::enumerate(accesses)) {
    cursors[n].strides.assign(loops, 0);
    if (!access.isTensor) {
      frame.scalars[access.argument] = frame.scalars[access.value];
      continue;
    }
    const RefTensor &tensor = n < inputs ? frame.tensor(access.value) : outputs[n - inputs];
    if (!findCursor(access, tensor, extents, cursors[n]))
      return false;
    if (access.isRead)
      reads.push_back({access.argument, &tensor, &cursors[n]});
  }
  // Running the region of a contraction as one expression makes large references eight times faster.
  auto contract = [&](ArrayRef<int64_t>) {
    double lhs = reads[0].tensor->floats[cursors[0].offset], rhs = reads[1].tensor->floats[cursors[1].offset];
    outputs[0].floats[cursors[2].offset] += lhs * rhs;
    return true;
  };
  auto runBody = [&](ArrayRef<int64_t> point) {
    for (const Read &read : reads)
      frame.scalars[read.argument] = load(*read.tensor, read.cursor->offset);
    for (size_t d = 0; d < indices.size(); ++d)
      frame.integer(indices[d]) = point[d];
    if (!body.run(frame))
      return false;
    for (size_t n = 0; n < outputs.size(); ++n)
      store(outputs[n], cursors[inputs + n].offset, frame.scalars[body.results[n]]);
    return true;
  };
  bool ok = isContraction ? walk(extents, cursors, contract) : walk(extents, cursors, runBody);
  for (auto [n, slot] : llvm::enumerate(results))
    ok = ok && define(frame, op->getResult(n), slot, std::move(outputs[n]));
  return ok;
}

static bool isRealContraction(linalg::LinalgOp op) {
  auto isRealTensor = [](Type type) { return isTensor(type) && isReal(getElementTypeOrSelf(type)); };
  // Upstream looks through every unary op, even exp; only casts are the identity here.
  auto isPlain = [](Operation &op) {
    return isa<arith::MulFOp, arith::AddFOp, arith::ExtFOp, arith::TruncFOp, linalg::YieldOp>(op);
  };
  return linalg::isaContractionOpInterface(op) && llvm::all_of(op->getOperandTypes(), isRealTensor) &&
         llvm::all_of(*op.getBlock(), isPlain);
}

static void compileStructured(Compiler &compiler, linalg::LinalgOp op) {
  Nest nest;
  nest.op = op;
  nest.loops = op.getNumLoops();
  nest.inputs = op.getNumDpsInputs();
  for (unsigned d = 0; d < nest.loops; ++d)
    nest.indices.push_back(compiler.scratch());
  auto operands = llvm::to_vector(op.getDpsInputOperands());
  for (OpOperand &init : op.getDpsInitsMutable())
    operands.push_back(&init);
  for (OpOperand *operand : operands) {
    BlockArgument argument = op.getMatchingBlockArgument(operand);
    nest.accesses.push_back({op.getMatchingIndexingMap(operand), compiler.slot(operand->get()), compiler.slot(argument),
                             isTensor(operand->get().getType()), !argument.use_empty()});
  }
  std::swap(compiler.loopIndices, nest.indices);
  nest.body = compiler.compile(*op.getBlock());
  std::swap(compiler.loopIndices, nest.indices);
  nest.isContraction = isRealContraction(op);
  if (!op.hasIndexSemantics())
    nest.indices.clear(); // nobody reads them
  nest.results = compiler.slots(op->getResults());
  compiler.push([nest = std::move(nest)](Frame &frame) { return nest.run(frame); });
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// exp(x - max) / sum along one dimension. As in ONNX and PyTorch, a row of
/// -inf alone gives NaN; a row without allowed key that must give 0 is the
/// business of attn.attention (A5).
static void softmaxRow(double *values, int64_t count, int64_t stride) {
  double max = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int64_t n = 0; n < count; ++n)
    max = std::max(max, values[n * stride]);
  for (int64_t n = 0; n < count; ++n)
    sum += values[n * stride] = std::exp(values[n * stride] - max);
  for (int64_t n = 0; n < count; ++n)
    values[n * stride] /= sum;
}

static void compileSoftmax(Compiler &compiler, linalg::SoftmaxOp op) {
  Slot input = compiler.slot(op.getInput()), output = compiler.slot(op.getOutput());
  Value result = op->getResult(0);
  Slot out = compiler.slot(result);
  int64_t dim = op.getDimension();
  compiler.push([=](Frame &frame) {
    RefTensor tensor = frame.tensor(input);
    if (frame.tensor(output).shape != tensor.shape) {
      mlir::emitError(result.getLoc()) << "input " << tensor.type() << " and output " << frame.tensor(output).type()
                                       << " differ in shape";
      return false;
    }
    SmallVector<int64_t> rows = tensor.shape;
    if (rows[dim] == 0)
      return define(frame, result, out, std::move(tensor));
    rows[dim] = 1;
    Cursor cursor{tensor.strides()};
    int64_t stride = cursor.strides[dim];
    walk(rows, cursor, [&](ArrayRef<int64_t>) {
      softmaxRow(&tensor.floats[cursor.offset], tensor.shape[dim], stride);
      return true;
    });
    tensor.elementType = getElementTypeOrSelf(result.getType());
    return define(frame, result, out, std::move(tensor));
  });
}

bool interpreter::compileLinalg(Compiler &compiler, Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case([&](linalg::IndexOp op) { return compiler.alias(op, compiler.loopIndices[op.getDim()]), true; })
      .Case([&](linalg::SoftmaxOp op) { return compileSoftmax(compiler, op), true; })
      .Case([&](linalg::LinalgOp op) { return compileStructured(compiler, op), true; })
      .Default([](Operation *) { return false; });
}
