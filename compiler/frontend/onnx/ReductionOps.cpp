//===- ReductionOps.cpp - Reductions, softmax, normalisations -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include <fmt/format.h>
#include <limits>

using namespace mlir;
using namespace attnc::onnx;

namespace {
using B = OpBuilder;
using L = Location;
using V = Value;

V add(B &b, L l, ValueRange in) {
  if (isa<FloatType>(in[0].getType()))
    return arith::AddFOp::create(b, l, in[0], in[1]);
  return arith::AddIOp::create(b, l, in[0], in[1]);
}
V multiply(B &b, L l, ValueRange in) {
  if (isa<FloatType>(in[0].getType()))
    return arith::MulFOp::create(b, l, in[0], in[1]);
  return arith::MulIOp::create(b, l, in[0], in[1]);
}
V maximum(B &b, L l, ValueRange in) { // NaN wins
  if (isa<FloatType>(in[0].getType()))
    return arith::MaximumFOp::create(b, l, in[0], in[1]);
  return arith::MaxSIOp::create(b, l, in[0], in[1]);
}
V minimum(B &b, L l, ValueRange in) {
  if (isa<FloatType>(in[0].getType()))
    return arith::MinimumFOp::create(b, l, in[0], in[1]);
  return arith::MinSIOp::create(b, l, in[0], in[1]);
}

V unsignedMaximum(B &b, L l, ValueRange in) { return arith::MaxUIOp::create(b, l, in[0], in[1]); }
V unsignedMinimum(B &b, L l, ValueRange in) { return arith::MinUIOp::create(b, l, in[0], in[1]); }

/// f16 and bf16 are summed in f32 and rounded once at the end.
Type accumulatorOf(NodeContext &ctx, Type type) {
  return isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32 ? Type(ctx.emit.builder.getF32Type()) : type;
}

/// How many elements are folded into one, as a rank-0 tensor of `type`.
Tensor *countOf(NodeContext &ctx, const SymList &shape, ArrayRef<int64_t> dims, Type type) {
  Sym count(1);
  for (int64_t dim : dims)
    count = ctx.symbols.mul(count, shape[dim]);
  Tensor *integer = ctx.emit.symbolic(ctx.emit.builder.getI64Type(), {}, {count});
  return ctx.emit.cast(integer, type);
}

/// x / y or x * y and so on, of two tensors that are known to fit; `y` may be smaller.
template <typename Op>
Tensor *apply(NodeContext &ctx, Tensor *x, Tensor *y) {
  return ctx.emit.elementwise({x, y}, x->elementType, x->shape,
                              [](B &b, L l, ValueRange in) -> V { return Op::create(b, l, in[0], in[1]); });
}

/// The same where `y` lacks the dims `dims` of `x`: one value per row.
template <typename Op>
Tensor *applyRows(NodeContext &ctx, Tensor *x, Tensor *y, ArrayRef<int64_t> dims) {
  MLIRContext *context = ctx.emit.builder.getContext();
  AffineMap all = AffineMap::getMultiDimIdentityMap(x->rank(), context);
  SmallVector<AffineExpr> rows;
  for (int64_t dim = 0; dim < x->rank(); ++dim)
    if (!llvm::is_contained(dims, dim))
      rows.push_back(getAffineDimExpr(dim, context));
  return ctx.emit.generic({x, y}, {all, AffineMap::get(x->rank(), 0, rows, context)}, all, x->elementType, x->shape,
                          [](B &b, L l, ValueRange in) -> V { return Op::create(b, l, in[0], in[1]); });
}

/// sum(x) / count over `dims`, which disappear. `x` is of an accumulator type.
Tensor *mean(NodeContext &ctx, Tensor *x, ArrayRef<int64_t> dims) {
  Tensor *sum = ctx.emit.reduce(x, dims, ctx.emit.zero(x->elementType), add);
  return apply<arith::DivFOp>(ctx, sum, countOf(ctx, x->shape, dims, x->elementType));
}

//===- Reduce* ------------------------------------------------------------===//

struct Reduction {
  const char *name;
  double init;
  V (*combine)(B &, L, ValueRange);
  V (*before)(B &, L, V) = nullptr; ///< on every element
  V (*after)(B &, L, V) = nullptr;  ///< on the result
  bool isMean = false;
  V (*combineUnsigned)(B &, L, ValueRange) = nullptr; ///< of integers without a sign, where it matters
};

constexpr double kInf = std::numeric_limits<double>::infinity();
V square(B &b, L l, V x) { return multiply(b, l, {x, x}); }
V logarithm(B &b, L l, V x) { return math::LogOp::create(b, l, x); }
V root(B &b, L l, V x) { return math::SqrtOp::create(b, l, x); }
V magnitude(B &b, L l, V x) {
  return isa<FloatType>(x.getType()) ? V(math::AbsFOp::create(b, l, x)) : V(math::AbsIOp::create(b, l, x));
}

const Reduction reductions[] = {
    {"ReduceSum", 0, add},
    {"ReduceMean", 0, add, nullptr, nullptr, true},
    {"ReduceMax", -kInf, maximum, nullptr, nullptr, false, unsignedMaximum},
    {"ReduceMin", kInf, minimum, nullptr, nullptr, false, unsignedMinimum},
    {"ReduceProd", 1, multiply},
    {"ReduceL1", 0, add, magnitude},
    {"ReduceL2", 0, add, square, root},
    {"ReduceSumSquare", 0, add, square},
    {"ReduceLogSum", 0, add, nullptr, logarithm},
};

TypedAttr initOf(NodeContext &ctx, const Reduction &op, Type type) {
  if (isa<FloatType>(type) || std::isfinite(op.init))
    return ctx.emit.scalar(type, op.init);
  unsigned bits = type.getIntOrFloatBitWidth();
  if (type.isUnsignedInteger())
    return IntegerAttr::get(storedType(type), op.init < 0 ? APInt::getZero(bits) : APInt::getMaxValue(bits));
  return IntegerAttr::get(type, op.init < 0 ? APInt::getSignedMinValue(bits) : APInt::getSignedMaxValue(bits));
}

/// The dims that are folded; none where the node says that without axes nothing is.
FailureOr<SmallVector<int64_t>> reducedDims(NodeContext &ctx) {
  int64_t rank = ctx.input(0)->rank();
  bool noop = ctx.flag("noop_with_empty_axes");
  auto given = ctx.inputOrAttr(1, "axes");
  if (failed(given))
    return failure();
  if (*given && !(*given)->empty())
    return ctx.axes(**given, rank);
  return noop ? SmallVector<int64_t>() : allDims(rank);
}

LogicalResult importReduce(NodeContext &ctx, const Reduction &op) {
  Tensor *x = ctx.input(0);
  bool keep = ctx.intAttr("keepdims");
  FailureOr<SmallVector<int64_t>> given = reducedDims(ctx);
  if (failed(given))
    return failure();
  ArrayRef<int64_t> dims = *given;
  if (dims.empty() && !op.before && !op.after)
    return ctx.result(x);
  Type type = x->elementType;
  Tensor *wide = ctx.emit.cast(x, accumulatorOf(ctx, type));
  SymList kept = keptShape(x->shape, dims);
  auto *combine = x->isUnsigned() && op.combineUnsigned ? op.combineUnsigned : op.combine;
  bool isMagnitude = x->isUnsigned() && op.before == magnitude; // it has its own
  Tensor *result = ctx.emit.reduce(wide, dims, initOf(ctx, op, wide->elementType), [&](B &b, L l, ValueRange in) {
    return combine(b, l, {in[0], op.before && !isMagnitude ? op.before(b, l, in[1]) : in[1]});
  });
  if (op.isMean)
    result = apply<arith::DivFOp>(ctx, result, countOf(ctx, x->shape, dims, result->elementType));
  if (op.after)
    result = ctx.emit.elementwise(result, result->elementType, result->shape,
                                  [&](B &b, L l, ValueRange in) { return op.after(b, l, in[0]); });
  result = ctx.emit.cast(result, type);
  return ctx.result(keep ? ctx.emit.reshape(result, kept) : result);
}

/// log(sum(exp(x - m))) + m, with m the maximum, or 0 where that is infinite or NaN.
LogicalResult importReduceLogSumExp(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  bool keep = ctx.intAttr("keepdims");
  FailureOr<SmallVector<int64_t>> dims = reducedDims(ctx);
  if (failed(dims))
    return failure();
  Composer c(ctx);
  Tensor *wide = c.wide(x);
  Tensor *top = c.map({c.max(wide, *dims)}, [](B &b, L l, ValueRange in) -> V {
    V size = math::AbsFOp::create(b, l, in[0]);
    V isFinite = scalar::less(b, l, size, scalar::constantLike(b, l, in[0], kInf));
    return scalar::select(b, l, isFinite, in[0], scalar::constantLike(b, l, in[0], 0));
  });
  Tensor *result = c.cast(c.add(c.log(c.sum(c.exp(c.sub(wide, top)), *dims)), top), x->elementType);
  if (keep)
    return c.finish(result);
  SymList shape;
  for (auto [dim, extent] : llvm::enumerate(x->shape))
    if (!llvm::is_contained(*dims, static_cast<int64_t>(dim)))
      shape.push_back(extent);
  return c.finish(c.reshape(result, shape));
}

//===- CumSum -------------------------------------------------------------===//

/// What a running sum or product is made with.
struct Running {
  V (*combine)(B &, L, V, V);
  int64_t identity;
  bool exclusive, reverse;
};

/// y[i] = x[j] combined over j <= i (j < i when exclusive; j >= i, j > i when reverse), as a reduction over all j: one op that
/// everything understands.
Tensor *runAll(NodeContext &ctx, Tensor *x, int64_t axis, const Running &run) {
  Composer c(ctx);
  int64_t rank = x->rank(); // loops: those of the result, then j
  MLIRContext *context = ctx.emit.builder.getContext();
  SmallVector<AffineExpr> source;
  for (int64_t dim = 0; dim < rank; ++dim)
    source.push_back(getAffineDimExpr(dim == axis ? rank : dim, context));
  using P = arith::CmpIPredicate;
  P counts = run.reverse ? (run.exclusive ? P::sgt : P::sge) : (run.exclusive ? P::slt : P::sle);
  Type stored = storedType(x->elementType);
  TypedAttr identity = isa<FloatType>(stored) ? ctx.emit.scalar(stored, static_cast<double>(run.identity))
                                              : TypedAttr(ctx.emit.builder.getIntegerAttr(stored, run.identity));
  Tensor *start = ctx.emit.computed(ctx.emit.filled(identity, x->shape), x->shape, x->elementType);
  return c.foldInto({x}, {AffineMap::get(rank + 1, 0, source, context)},
                    AffineMap::getMultiDimIdentityMap(rank + 1, context).dropResult(rank), start,
                    [&](B &b, L l, ValueRange in) {
                      V i = linalg::IndexOp::create(b, l, axis), j = linalg::IndexOp::create(b, l, rank);
                      V isCounted = arith::CmpIOp::create(b, l, counts, j, i);
                      V neutral = arith::ConstantOp::create(b, l, identity);
                      V term = arith::SelectOp::create(b, l, isCounted, in[1], neutral);
                      return run.combine(b, l, in[0], term);
                    });
}

/// The same in blocks of 32, and then over the blocks: 32 n + (n / 32)^2 steps and not n^2.
Tensor *runInBlocks(NodeContext &ctx, Tensor *x, int64_t axis, const Running &run) {
  constexpr int64_t kBlock = 32, kFew = 64;
  const Sym length = x->shape[axis];
  if (length.constant() && *length.constant() <= kFew)
    return runAll(ctx, x, axis, run);
  Composer c(ctx);
  Sym count = ctx.symbols.div(ctx.symbols.add(length, kBlock - 1), kBlock);
  SymList padded(x->shape), split(x->shape);
  padded[axis] = ctx.symbols.mul(count, kBlock);
  split[axis] = count;
  split.insert(split.begin() + axis + 1, Sym(kBlock));
  Type stored = storedType(x->elementType);
  TypedAttr identity = isa<FloatType>(stored) ? ctx.emit.scalar(stored, static_cast<double>(run.identity))
                                              : TypedAttr(ctx.emit.builder.getIntegerAttr(stored, run.identity));
  Tensor *whole = padded == x->shape ? x
                                     : ctx.emit.embed(x, ctx.emit.filled(identity, padded), padded,
                                                      SymList(x->rank(), Sym(0)), SmallVector<int64_t>(x->rank(), 1));
  Tensor *blocks = c.reshape(whole, split);
  if (!blocks)
    return nullptr;
  Tensor *within = runAll(ctx, blocks, axis + 1, run);
  Tensor *totals =
      c.reduce(blocks, axis + 1, identity, [&](B &b, L l, ValueRange in) { return run.combine(b, l, in[0], in[1]); });
  Running before = run;
  before.exclusive = true;
  Tensor *offsets = totals ? runAll(ctx, totals, axis, before) : nullptr;
  Tensor *result = c.reshape(
      c.map({within, offsets}, [&](B &b, L l, ValueRange in) { return run.combine(b, l, in[0], in[1]); }), padded);
  return c.part(result, axis, 0, length);
}

/// CumSum, CumProd.
LogicalResult importRunning(NodeContext &ctx, V (*combine)(B &, L, V, V), int64_t identity) {
  Tensor *x = ctx.input(0);
  Running run{combine, identity, ctx.flag("exclusive"), ctx.flag("reverse")};
  FailureOr<SmallVector<int64_t>> given = ctx.fixedInput(1, "axis");
  if (failed(given))
    return failure();
  if (given->size() != 1)
    return ctx.fail("its axis must be one number");
  FailureOr<int64_t> axis = ctx.axis(given->front(), x->rank());
  if (failed(axis))
    return failure();
  Composer c(ctx);
  return c.finish(c.cast(runInBlocks(ctx, c.wide(x), *axis, run), x->elementType));
}

//===- Softmax ------------------------------------------------------------===//

/// x and the dim whose rows a softmax works on. Before opset 13 (`isFlattened`), x is viewed as a matrix [before axis, from
/// axis on].
struct Rows {
  Tensor *x;
  int64_t axis;
};
FailureOr<Rows> rowsOf(NodeContext &ctx, bool isFlattened) {
  Tensor *x = ctx.input(0);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), x->rank());
  if (failed(axis))
    return failure();
  if (!isFlattened || *axis == x->rank() - 1)
    return Rows{x, *axis};
  ArrayRef<Sym> shape(x->shape);
  SymList rows(shape.take_front(*axis));
  rows.push_back(ctx.symbols.product(shape.drop_front(*axis)));
  return Rows{ctx.emit.reshape(x, rows), *axis};
}

/// linalg.softmax along one dim: exp(x - max) / sum, so a row of only -inf is NaN, as in ONNX.
LogicalResult importSoftmax(NodeContext &ctx, bool isFlattened) {
  FailureOr<Rows> rows = rowsOf(ctx, isFlattened);
  if (failed(rows))
    return failure();
  Tensor *source = rows->x;
  V init = ctx.emit.empty(source->elementType, source->shape);
  auto op = linalg::SoftmaxOp::create(ctx.emit.builder, ctx.emit.loc, init.getType(), ctx.emit.value(source), init,
                                      static_cast<uint64_t>(rows->axis));
  return ctx.result(ctx.emit.reshape(ctx.emit.computed(op.getResult()[0], source->shape), ctx.input(0)->shape));
}

/// x - max - log(sum(exp(x - max)))
LogicalResult importLogSoftmax(NodeContext &ctx, bool isFlattened) {
  FailureOr<Rows> rows = rowsOf(ctx, isFlattened);
  if (failed(rows))
    return failure();
  auto [x, axis] = *rows;
  Tensor *wide = ctx.emit.cast(x, accumulatorOf(ctx, x->elementType));
  Tensor *top = ctx.emit.reduce(wide, axis, ctx.emit.scalar(wide->elementType, -kInf), maximum);
  Tensor *shifted = applyRows<arith::SubFOp>(ctx, wide, top, axis);
  Tensor *sum = ctx.emit.reduce(shifted, axis, ctx.emit.zero(wide->elementType), [](B &b, L l, ValueRange in) -> V {
    return arith::AddFOp::create(b, l, in[0], math::ExpOp::create(b, l, in[1]));
  });
  Tensor *logSum = ctx.emit.elementwise(sum, sum->elementType, sum->shape,
                                        [](B &b, L l, ValueRange in) -> V { return math::LogOp::create(b, l, in[0]); });
  Tensor *result = applyRows<arith::SubFOp>(ctx, shifted, logSum, axis);
  return ctx.result(ctx.emit.reshape(ctx.emit.cast(result, x->elementType), ctx.input(0)->shape));
}

//===- Normalisations -----------------------------------------------------===//

/// sqrt(x + epsilon)
Tensor *rootPlus(NodeContext &ctx, Tensor *x, double epsilon) {
  return ctx.emit.elementwise(x, x->elementType, x->shape, [&](B &b, L l, ValueRange in) -> V {
    V eps = arith::ConstantOp::create(b, l, ctx.emit.scalar(x->elementType, epsilon));
    return math::SqrtOp::create(b, l, arith::AddFOp::create(b, l, in[0], eps));
  });
}

Tensor *squared(NodeContext &ctx, Tensor *x) {
  return ctx.emit.elementwise(x, x->elementType, x->shape,
                              [](B &b, L l, ValueRange in) -> V { return square(b, l, in[0]); });
}

/// The dims from attribute `axis` on, which are normalised together, after checking operands.
FailureOr<SmallVector<int64_t>> normalisedDims(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), x->rank());
  if (failed(axis))
    return failure();
  for (Tensor *operand : ctx.allInputs().drop_front()) {
    if (!operand)
      continue;
    FailureOr<SymList> shape = ctx.broadcastShapes(x->shape, operand->shape);
    if (failed(shape))
      return failure();
    if (*shape != x->shape)
      return ctx.fail(fmt::format("{} does not fit {}", ctx.describe(operand), ctx.describe(x)));
  }
  return llvm::to_vector(llvm::seq<int64_t>(*axis, x->rank()));
}

/// y = (x - mean) / sqrt(var + epsilon) * scale + bias, with var = mean((x - mean)^2)
LogicalResult importLayerNormalization(NodeContext &ctx) {
  FailureOr<SmallVector<int64_t>> dims = normalisedDims(ctx);
  if (failed(dims))
    return failure();
  double epsilon = ctx.floatAttr("epsilon");
  if (ctx.intAttr("stash_type") != 1)
    return ctx.fail("stash_type is not float32");
  Tensor *x = ctx.emit.cast(ctx.input(0), accumulatorOf(ctx, ctx.input(0)->elementType));
  Tensor *average = mean(ctx, x, *dims);
  Tensor *centred = applyRows<arith::SubFOp>(ctx, x, average, *dims);
  Tensor *deviation = rootPlus(ctx, mean(ctx, squared(ctx, centred), *dims), epsilon);
  Tensor *normal = ctx.emit.cast(applyRows<arith::DivFOp>(ctx, centred, deviation, *dims), ctx.input(0)->elementType);
  Tensor *result = apply<arith::MulFOp>(ctx, normal, ctx.input(1));
  if (ctx.input(2))
    result = apply<arith::AddFOp>(ctx, result, ctx.input(2));
  if (ctx.wants(1) && failed(ctx.result(ctx.emit.reshape(average, keptShape(x->shape, *dims)), 1)))
    return failure();
  if (ctx.wants(2)) {
    Tensor *inverse = ctx.emit.elementwise(deviation, x->elementType, deviation->shape, [&](B &b, L l, ValueRange in) {
      V one = arith::ConstantOp::create(b, l, ctx.emit.scalar(x->elementType, 1));
      return V(arith::DivFOp::create(b, l, one, in[0]));
    });
    if (failed(ctx.result(ctx.emit.reshape(inverse, keptShape(x->shape, *dims)), 2)))
      return failure();
  }
  return ctx.result(result);
}

/// y = x / sqrt(mean(x^2) + epsilon) * scale
LogicalResult importRMSNormalization(NodeContext &ctx) {
  FailureOr<SmallVector<int64_t>> dims = normalisedDims(ctx);
  if (failed(dims))
    return failure();
  double epsilon = ctx.floatAttr("epsilon");
  if (ctx.intAttr("stash_type") != 1)
    return ctx.fail("stash_type is not float32");
  Tensor *x = ctx.emit.cast(ctx.input(0), accumulatorOf(ctx, ctx.input(0)->elementType));
  Tensor *norm = rootPlus(ctx, mean(ctx, squared(ctx, x), *dims), epsilon);
  Tensor *normal = ctx.emit.cast(applyRows<arith::DivFOp>(ctx, x, norm, *dims), ctx.input(0)->elementType);
  Composer c(ctx);
  if (ctx.wants(1) && // of SimplifiedLayerNormalization
      failed(c.finish(c.reshape(c.div(c.number(1, norm->elementType), norm), keptShape(x->shape, *dims)), 1)))
    return failure();
  return ctx.result(apply<arith::MulFOp>(ctx, normal, ctx.input(1)));
}
} // namespace

void attnc::onnx::addReductionOps(OpTable &table) {
  for (const Reduction &op : reductions) {
    auto import = [&op](NodeContext &ctx) { return importReduce(ctx, op); };
    const char *types = op.isMean || op.after ? "float" : "real";
    int64_t sinceInput = StringRef(op.name) == "ReduceSum" ? 13 : 18; // axes became an operand
    table.add(1, fmt::format("{}(data: {}; axes?: ints, keepdims = 1)", op.name, types), import);
    table.add(sinceInput,
              fmt::format("{}(data: {}, axes?: int; keepdims = 1, noop_with_empty_axes = 0)", op.name, types), import);
  }
  table.add(1, "ReduceLogSumExp(data: float; axes?: ints, keepdims = 1)", importReduceLogSumExp);
  table.add(18, "ReduceLogSumExp(data: float, axes?: int; keepdims = 1, noop_with_empty_axes = 0)",
            importReduceLogSumExp);
  table.add(11, "CumSum(x: real, axis: int; exclusive = 0, reverse = 0)",
            [](NodeContext &ctx) { return importRunning(ctx, scalar::add, 0); });
  table.add(26, "CumProd(x: real, axis: int; exclusive = 0, reverse = 0)",
            [](NodeContext &ctx) { return importRunning(ctx, scalar::mul, 1); });
  for (auto [name, import] : {std::pair("Softmax", &importSoftmax), std::pair("LogSoftmax", &importLogSoftmax)}) {
    table.add(1, fmt::format("{}(input: float; axis = 1)", name),
              [import](NodeContext &ctx) { return import(ctx, true); });
    table.add(13, fmt::format("{}(input: float; axis = -1)", name),
              [import](NodeContext &ctx) { return import(ctx, false); });
  }
  table.add(17,
            "LayerNormalization(x: float, scale, b?; axis = -1, epsilon = 1e-05, stash_type = 1) -> y, mean?, inv_std?",
            importLayerNormalization);
  table.add(23, "RMSNormalization(x: float, scale; axis = -1, epsilon = 1e-05, stash_type = 1)",
            importRMSNormalization);
  table.add(1, // how ONNX Runtime called it before it was one of the standard
            "SimplifiedLayerNormalization(x: float, scale; axis = -1, epsilon = 1e-05, stash_type = 1) -> y, inv_std?",
            importRMSNormalization);
}
