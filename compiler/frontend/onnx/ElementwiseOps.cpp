//===- ElementwiseOps.cpp - One element at a time, with broadcasting ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each operator is a row: what it means on doubles (for constants), on integer expressions (for shapes), and as IR.
// Rows without the first two are never folded.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Integers.h"
#include "compiler/frontend/onnx/Ops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {
using B = OpBuilder;
using L = Location;
using V = Value;

bool isFloat(V value) { return isa<FloatType>(value.getType()); }
V constantLike(B &b, L l, V like, double number) {
  Type type = like.getType();
  TypedAttr attr = isa<FloatType>(type) ? TypedAttr(b.getFloatAttr(type, number))
                                        : TypedAttr(b.getIntegerAttr(type, static_cast<int64_t>(number)));
  return arith::ConstantOp::create(b, l, attr);
}

//===- One operand --------------------------------------------------------===//

struct UnaryOp {
  const char *name;
  double (*fold)(double);
  V (*emit)(B &, L, V);
  bool integers = false; ///< also defined on integers
};

V emitSigmoid(B &b, L l, V x) { // 1 / (1 + exp(-x))
  V one = constantLike(b, l, x, 1);
  V exp = math::ExpOp::create(b, l, arith::NegFOp::create(b, l, x));
  return arith::DivFOp::create(b, l, one, arith::AddFOp::create(b, l, one, exp));
}
V emitRelu(B &b, L l, V x) { // NaN stays NaN
  V zero = constantLike(b, l, x, 0);
  return isFloat(x) ? V(arith::MaximumFOp::create(b, l, x, zero)) : V(arith::MaxSIOp::create(b, l, x, zero));
}
V emitSign(B &b, L l, V x) { // 0 at 0, and +-1 elsewhere
  V zero = constantLike(b, l, x, 0);
  V sign = math::CopySignOp::create(b, l, constantLike(b, l, x, 1), x);
  return arith::SelectOp::create(b, l, arith::CmpFOp::create(b, l, arith::CmpFPredicate::OEQ, x, zero), x, sign);
}
V emitSoftplus(B &b, L l, V x) { // max(x, 0) + log1p(exp(-|x|))
  V tail = math::Log1pOp::create(b, l,
                                 math::ExpOp::create(b, l, arith::NegFOp::create(b, l, math::AbsFOp::create(b, l, x))));
  return arith::AddFOp::create(b, l, emitRelu(b, l, x), tail);
}

const UnaryOp unaryOps[] = {
    {"Abs", [](double x) { return std::fabs(x); },
     [](B &b, L l, V x) { return isFloat(x) ? V(math::AbsFOp::create(b, l, x)) : V(math::AbsIOp::create(b, l, x)); },
     true},
    {"Ceil", [](double x) { return std::ceil(x); }, [](B &b, L l, V x) { return V(math::CeilOp::create(b, l, x)); }},
    {"Cos", [](double x) { return std::cos(x); }, [](B &b, L l, V x) { return V(math::CosOp::create(b, l, x)); }},
    {"Erf", [](double x) { return std::erf(x); }, [](B &b, L l, V x) { return V(math::ErfOp::create(b, l, x)); }},
    {"Exp", [](double x) { return std::exp(x); }, [](B &b, L l, V x) { return V(math::ExpOp::create(b, l, x)); }},
    {"Floor", [](double x) { return std::floor(x); }, [](B &b, L l, V x) { return V(math::FloorOp::create(b, l, x)); }},
    {"Log", [](double x) { return std::log(x); }, [](B &b, L l, V x) { return V(math::LogOp::create(b, l, x)); }},
    {"Neg", [](double x) { return -x; },
     [](B &b, L l, V x) {
       return isFloat(x) ? V(arith::NegFOp::create(b, l, x))
                         : V(arith::SubIOp::create(b, l, constantLike(b, l, x, 0), x));
     },
     true},
    {"Reciprocal", [](double x) { return 1 / x; },
     [](B &b, L l, V x) { return V(arith::DivFOp::create(b, l, constantLike(b, l, x, 1), x)); }},
    {"Relu", [](double x) { return x > 0 || std::isnan(x) ? x : 0; }, emitRelu, true},
    {"Round", [](double x) { return std::nearbyint(x); },
     [](B &b, L l, V x) { return V(math::RoundEvenOp::create(b, l, x)); }},
    {"Sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, emitSigmoid},
    {"Sign", nullptr, emitSign},
    {"Sin", [](double x) { return std::sin(x); }, [](B &b, L l, V x) { return V(math::SinOp::create(b, l, x)); }},
    {"Softplus", nullptr, emitSoftplus},
    {"Sqrt", [](double x) { return std::sqrt(x); }, [](B &b, L l, V x) { return V(math::SqrtOp::create(b, l, x)); }},
    {"Tanh", [](double x) { return std::tanh(x); }, [](B &b, L l, V x) { return V(math::TanhOp::create(b, l, x)); }},
};

/// The constant whose elements are `numbers`, rounded to `type`.
Tensor *foldedFloats(NodeContext &ctx, Type type, const SymList &shape, ArrayRef<double> numbers) {
  SmallVector<mlir::Attribute> attrs;
  for (double number : numbers)
    attrs.push_back(ctx.emit.builder.getFloatAttr(type, number));
  return ctx.emit.constant(DenseElementsAttr::get(ctx.emit.typeOf(type, shape), attrs));
}

LogicalResult importUnary(NodeContext &ctx, const UnaryOp &op) {
  Tensor *x = ctx.input(0);
  if (x->isUnsigned() && StringRef(op.name) == "Abs")
    return ctx.result(x);
  if (x->isBool() || x->isUnsigned() || (!x->isFloat() && !op.integers))
    return ctx.fail(fmt::format("type {} is not supported", elementTypeName(x->elementType)));
  if (auto numbers = ctx.emit.floats(x); numbers && op.fold && !numbers->empty()) {
    for (double &number : *numbers)
      number = op.fold(number);
    return ctx.result(foldedFloats(ctx, x->elementType, x->shape, *numbers));
  }
  if (auto numbers = ctx.emit.elements(x); numbers && StringRef(op.name) == "Neg") {
    for (Sym &number : *numbers)
      number = ctx.symbols.sub(0, number);
    return ctx.result(ctx.emit.symbolic(x->elementType, x->shape, *numbers));
  }
  return ctx.result(ctx.emit.elementwise(x, x->elementType, x->shape,
                                         [&](B &b, L l, ValueRange in) { return op.emit(b, l, in[0]); }));
}

//===- Two operands (and n-ary forms of some) -----------------------------===//

struct BinaryOp {
  const char *name;
  double (*fold)(double, double);
  Sym (*foldSym)(Extents &, const Sym &, const Sym &);
  V (*emit)(B &, L, V, V);
  enum Types { Numbers, Floats, Bools, Any } types = Numbers;
  bool compares = false;                     ///< gives bool
  V (*emitUnsigned)(B &, L, V, V) = nullptr; ///< of integers without a sign, where it matters
};

template <typename FloatOp, typename IntOp>
V emitArith(B &b, L l, V x, V y) {
  return isFloat(x) ? V(FloatOp::create(b, l, x, y)) : V(IntOp::create(b, l, x, y));
}
template <arith::CmpFPredicate F, arith::CmpIPredicate I>
V emitCompare(B &b, L l, V x, V y) {
  return isFloat(x) ? V(arith::CmpFOp::create(b, l, F, x, y)) : V(arith::CmpIOp::create(b, l, I, x, y));
}
template <typename BoolOp>
V emitBool(B &b, L l, V x, V y) {
  return BoolOp::create(b, l, x, y);
}

template <typename Op>
V emitOp(B &b, L l, V x, V y) {
  return Op::create(b, l, x, y);
}
template <arith::CmpIPredicate I>
V emitUnsignedCompare(B &b, L l, V x, V y) {
  return arith::CmpIOp::create(b, l, I, x, y);
}

V emitDiv(B &b, L l, V x, V y) {
  if (isFloat(x))
    return arith::DivFOp::create(b, l, x, y);
  return emitQuotient(b, l, x, y);
}
Sym foldMul(Extents &s, const Sym &x, const Sym &y) { return s.mul(x, y); }
Sym foldNot(Extents &s, const Sym &x) { return s.sub(1, x); }

const BinaryOp binaryOps[] = {
    {"Add", [](double x, double y) { return x + y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.add(x, y); }, emitArith<arith::AddFOp, arith::AddIOp>},
    {"Sub", [](double x, double y) { return x - y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.sub(x, y); }, emitArith<arith::SubFOp, arith::SubIOp>},
    {"Mul", [](double x, double y) { return x * y; }, foldMul, emitArith<arith::MulFOp, arith::MulIOp>},
    {"Div", [](double x, double y) { return x / y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.div(x, y); }, emitDiv, BinaryOp::Numbers, false,
     [](B &b, L l, V x, V y) { return emitQuotient(b, l, x, y, /*isUnsigned=*/true); }},
    {"Min", [](double x, double y) { return std::isnan(x)            ? x
                                            : y < x || std::isnan(y) ? y
                                                                     : x; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.min(x, y); }, emitArith<arith::MinimumFOp, arith::MinSIOp>,
     BinaryOp::Numbers, false, emitOp<arith::MinUIOp>},
    {"Max", [](double x, double y) { return std::isnan(x)            ? x
                                            : y > x || std::isnan(y) ? y
                                                                     : x; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.max(x, y); }, emitArith<arith::MaximumFOp, arith::MaxSIOp>,
     BinaryOp::Numbers, false, emitOp<arith::MaxUIOp>},
    {"Sum", [](double x, double y) { return x + y; }, nullptr, emitArith<arith::AddFOp, arith::AddIOp>,
     BinaryOp::Floats},
    {"PRelu", [](double x, double y) { return x < 0 ? x * y : x; }, nullptr,
     [](B &b, L l, V x, V y) -> V {
       V isNegative = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OLT, x, constantLike(b, l, x, 0));
       return arith::SelectOp::create(b, l, isNegative, arith::MulFOp::create(b, l, x, y), x);
     },
     BinaryOp::Floats},
    {"And", nullptr, foldMul, emitBool<arith::AndIOp>, BinaryOp::Bools},
    {"Or", nullptr, [](Extents &s, const Sym &x, const Sym &y) { return s.max(x, y); }, emitBool<arith::OrIOp>,
     BinaryOp::Bools},
    {"Xor", nullptr, [](Extents &s, const Sym &x, const Sym &y) { return foldNot(s, s.equal(x, y)); },
     emitBool<arith::XOrIOp>, BinaryOp::Bools},
    {"Equal", [](double x, double y) -> double { return x == y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.equal(x, y); },
     emitCompare<arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq>, BinaryOp::Any, true},
    {"Less", [](double x, double y) -> double { return x < y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.less(x, y); },
     emitCompare<arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt>, BinaryOp::Numbers, true,
     emitUnsignedCompare<arith::CmpIPredicate::ult>},
    {"Greater", [](double x, double y) -> double { return x > y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.less(y, x); },
     emitCompare<arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt>, BinaryOp::Numbers, true,
     emitUnsignedCompare<arith::CmpIPredicate::ugt>},
    {"LessOrEqual", [](double x, double y) -> double { return x <= y; },
     [](Extents &s, const Sym &x, const Sym &y) { return foldNot(s, s.less(y, x)); },
     emitCompare<arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle>, BinaryOp::Numbers, true,
     emitUnsignedCompare<arith::CmpIPredicate::ule>},
    {"GreaterOrEqual", [](double x, double y) -> double { return x >= y; },
     [](Extents &s, const Sym &x, const Sym &y) { return foldNot(s, s.less(x, y)); },
     emitCompare<arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge>, BinaryOp::Numbers, true,
     emitUnsignedCompare<arith::CmpIPredicate::uge>},
};

bool accepts(BinaryOp::Types types, const Tensor *tensor) {
  switch (types) {
  case BinaryOp::Numbers:
    return !tensor->isBool();
  case BinaryOp::Floats:
    return tensor->isFloat();
  case BinaryOp::Bools:
    return tensor->isBool();
  case BinaryOp::Any:
    return true;
  }
  llvm_unreachable("all types are listed");
}

/// The element of `tensor` (of fixed or symbolic content) that position `index` of the broadcast `shape` reads.
size_t broadcastIndex(const Tensor *tensor, const SymList &shape, int64_t linear) {
  size_t position = 0, stride = 1, missing = shape.size() - tensor->shape.size();
  for (size_t dim = shape.size(); dim-- > 0;) {
    int64_t extent = *shape[dim].constant(), at = linear % extent;
    linear /= extent;
    if (dim < missing || tensor->shape[dim - missing].isConstant(1))
      continue;
    position += at * stride;
    stride *= extent;
  }
  return position;
}

/// Null unless both operands are known and few enough to compute with here.
Tensor *foldBinary(NodeContext &ctx, const BinaryOp &op, Tensor *x, Tensor *y, const SymList &shape, Type type) {
  std::optional<int64_t> count = ctx.emit.fixedCount(shape, 1 << 16);
  if (!count || *count == 0)
    return nullptr;
  auto xs = ctx.emit.elements(x), ys = ctx.emit.elements(y);
  if (xs && ys && op.foldSym && *count <= 1024) {
    SymList elements;
    for (int64_t i = 0; i < *count; ++i)
      elements.push_back(
          op.foldSym(ctx.symbols, (*xs)[broadcastIndex(x, shape, i)], (*ys)[broadcastIndex(y, shape, i)]));
    return ctx.emit.symbolic(type, shape, std::move(elements));
  }
  auto xf = ctx.emit.floats(x), yf = ctx.emit.floats(y);
  if (!xf || !yf || !op.fold)
    return nullptr;
  SmallVector<double> numbers;
  for (int64_t i = 0; i < *count; ++i)
    numbers.push_back(op.fold((*xf)[broadcastIndex(x, shape, i)], (*yf)[broadcastIndex(y, shape, i)]));
  if (isa<FloatType>(type))
    return foldedFloats(ctx, type, shape, numbers);
  SmallVector<bool> bits(llvm::map_range(numbers, [](double number) { return number != 0; }));
  return ctx.emit.constant(DenseElementsAttr::get(ctx.emit.typeOf(type, shape), ArrayRef<bool>(bits)));
}

FailureOr<Tensor *> applyBinary(NodeContext &ctx, const BinaryOp &op, Tensor *x, Tensor *y) {
  FailureOr<SymList> shape = ctx.broadcastShapes(x->shape, y->shape);
  if (failed(shape))
    return failure();
  Type type = op.compares ? Type(ctx.emit.builder.getI1Type()) : x->elementType;
  if (Tensor *folded = foldBinary(ctx, op, x, y, *shape, type))
    return folded;
  auto *emit = x->isUnsigned() && op.emitUnsigned ? op.emitUnsigned : op.emit;
  return ctx.emit.elementwise({x, y}, type, *shape, [&](B &b, L l, ValueRange in) { return emit(b, l, in[0], in[1]); });
}

/// Left to right over all operands: Min, Max and Sum take any number.
LogicalResult importBinary(NodeContext &ctx, const BinaryOp &op) {
  if (failed(ctx.sameTypes(ctx.allInputs())))
    return failure();
  if (!accepts(op.types, ctx.input(0)))
    return ctx.fail(fmt::format("type {} is not supported", elementTypeName(ctx.input(0)->elementType)));
  Tensor *result = ctx.input(0);
  for (Tensor *operand : ctx.allInputs().drop_front()) {
    FailureOr<Tensor *> next = applyBinary(ctx, op, result, operand);
    if (failed(next))
      return failure();
    result = *next;
  }
  return ctx.result(result);
}

//===- The rest -----------------------------------------------------------===//

/// x^y; the exponents that exports really use become what they are. An integer exponent is legal beside a float base.
LogicalResult importPow(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *y = ctx.emit.cast(ctx.input(1), ctx.input(0)->elementType);
  if (!x->isFloat())
    return ctx.fail(fmt::format("type {} is not supported", elementTypeName(x->elementType)));
  std::optional<double> exponent = ctx.emit.floatScalar(y);
  static const BinaryOp pow = {"Pow", [](double x, double y) { return std::pow(x, y); }, nullptr,
                               [](B &b, L l, V x, V y) -> V { return math::PowFOp::create(b, l, x, y); }};
  bool isSpecial = exponent && (*exponent == 2 || *exponent == 3 || *exponent == 0.5) && y->rank() <= x->rank() &&
                   llvm::all_of(y->shape, [](const Sym &extent) { return extent.isConstant(1); });
  if (!isSpecial || x->constant) {
    FailureOr<Tensor *> result = applyBinary(ctx, pow, x, y);
    return failed(result) ? failure() : ctx.result(*result);
  }
  return ctx.result(ctx.emit.elementwise(x, x->elementType, x->shape, [&](B &b, L l, ValueRange in) -> V {
    if (*exponent == 0.5)
      return math::SqrtOp::create(b, l, in[0]);
    V square = arith::MulFOp::create(b, l, in[0], in[0]);
    return *exponent == 2 ? square : V(arith::MulFOp::create(b, l, square, in[0]));
  }));
}

LogicalResult importNot(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  if (!x->isBool())
    return ctx.fail(fmt::format("type {} is not supported", elementTypeName(x->elementType)));
  if (auto elements = ctx.emit.elements(x)) {
    for (Sym &element : *elements)
      element = foldNot(ctx.symbols, element);
    return ctx.result(ctx.emit.symbolic(x->elementType, x->shape, *elements));
  }
  return ctx.result(ctx.emit.elementwise(x, x->elementType, x->shape, [](B &b, L l, ValueRange in) -> V {
    return arith::XOrIOp::create(b, l, in[0], arith::ConstantOp::create(b, l, b.getBoolAttr(true)));
  }));
}

LogicalResult importWhere(NodeContext &ctx) {
  Tensor *condition = ctx.input(0), *yes = ctx.input(1), *no = ctx.input(2);
  if (!condition->isBool())
    return ctx.fail("its condition must be bool, not " + elementTypeName(condition->elementType));
  if (failed(ctx.sameTypes({yes, no})))
    return failure();
  FailureOr<SymList> branches = ctx.broadcastShapes(yes->shape, no->shape);
  if (failed(branches))
    return failure();
  FailureOr<SymList> shape = ctx.broadcastShapes(condition->shape, *branches);
  if (failed(shape))
    return failure();
  auto conditions = ctx.emit.elements(condition), yesses = ctx.emit.elements(yes), noes = ctx.emit.elements(no);
  std::optional<int64_t> count = ctx.emit.fixedCount(*shape, 1024);
  if (conditions && yesses && noes && count) {
    SymList elements;
    for (int64_t i = 0; i < *count; ++i)
      elements.push_back(ctx.symbols.select((*conditions)[broadcastIndex(condition, *shape, i)],
                                            (*yesses)[broadcastIndex(yes, *shape, i)],
                                            (*noes)[broadcastIndex(no, *shape, i)]));
    return ctx.result(ctx.emit.symbolic(yes->elementType, *shape, std::move(elements)));
  }
  return ctx.result(
      ctx.emit.elementwise({condition, yes, no}, yes->elementType, *shape, [](B &b, L l, ValueRange in) -> V {
        return arith::SelectOp::create(b, l, in[0], in[1], in[2]);
      }));
}

LogicalResult importCast(NodeContext &ctx) {
  ctx.intAttr("saturate", 1); // only float8 looks at it
  ctx.stringAttr("round_mode", "up");
  int64_t to = ctx.intAttr("to", 0);
  int32_t known = to >= 0 && to < 1000 ? static_cast<int32_t>(to) : -1;
  Type type = elementTypeOf(known, ctx.emit.builder.getContext());
  if (!type)
    return ctx.fail("type " + dataTypeName(known) + " is not supported");
  return ctx.result(ctx.emit.cast(ctx.input(0), type));
}

LogicalResult importCastLike(NodeContext &ctx) {
  ctx.intAttr("saturate", 1);
  ctx.stringAttr("round_mode", "up");
  return ctx.result(ctx.emit.cast(ctx.input(0), ctx.input(1)->elementType));
}

/// min(max(x, low), high); both bounds are optional scalars.
LogicalResult importClip(NodeContext &ctx) {
  Tensor *result = ctx.input(0);
  for (auto [index, name] : {std::pair(1, "Max"), std::pair(2, "Min")}) {
    Tensor *bound = ctx.input(index);
    if (!bound)
      continue;
    if (failed(ctx.sameTypes({result, bound})))
      return failure();
    if (bound->rank() != 0)
      return ctx.fail("its bounds must be scalars, not " + ctx.describe(bound));
    const BinaryOp *op = llvm::find_if(binaryOps, [&](const BinaryOp &op) { return StringRef(op.name) == name; });
    FailureOr<Tensor *> next = applyBinary(ctx, *op, result, bound);
    if (failed(next))
      return failure();
    result = *next;
  }
  return ctx.result(result);
}

/// Integers: the sign of the divisor, as in Python; with fmod, and on floats, the sign of the dividend, as in C.
LogicalResult importMod(NodeContext &ctx) {
  bool isC = ctx.intAttr("fmod", 0);
  static const BinaryOp truncated = {
      "Mod",
      [](double x, double y) { return std::fmod(x, y); },
      [](Extents &s, const Sym &x, const Sym &y) { return s.mod(x, y); },
      [](B &b, L l, V x, V y) -> V {
        return isFloat(x) ? V(arith::RemFOp::create(b, l, x, y)) : emitRemainder(b, l, x, y);
      },
      BinaryOp::Numbers,
      false,
      [](B &b, L l, V x, V y) { return emitRemainder(b, l, x, y, /*isUnsigned=*/true); }};
  static const BinaryOp floored = {"Mod", nullptr, nullptr, emitFlooredRemainder};
  Tensor *x = ctx.input(0), *y = ctx.input(1);
  if (failed(ctx.sameTypes({x, y})))
    return failure();
  if (x->isBool() || (x->isFloat() && !isC))
    return ctx.fail(fmt::format("type {} is not supported{}", elementTypeName(x->elementType),
                                x->isFloat() ? " without fmod = 1" : ""));
  // Where nothing is negative the two are the same, and extents stay known.
  auto isNatural = [&](Tensor *tensor) {
    if (tensor->isUnsigned())
      return true;
    auto elements = ctx.emit.elements(tensor);
    return elements && llvm::all_of(*elements, [&](const Sym &element) { return ctx.symbols.isNonNegative(element); });
  };
  FailureOr<Tensor *> result = applyBinary(ctx, isC || (isNatural(x) && isNatural(y)) ? truncated : floored, x, y);
  return failed(result) ? failure() : ctx.result(*result);
}

LogicalResult importIsNaN(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  if (!x->isFloat())
    return ctx.fail(fmt::format("type {} is not supported", elementTypeName(x->elementType)));
  return ctx.result(ctx.emit.elementwise(x, ctx.emit.builder.getI1Type(), x->shape, [](B &b, L l, ValueRange in) -> V {
    return arith::CmpFOp::create(b, l, arith::CmpFPredicate::UNO, in[0], in[0]);
  }));
}

V emitGelu(B &b, L l, V x, bool tanh) {
  V half = arith::MulFOp::create(b, l, x, constantLike(b, l, x, 0.5)), inner;
  if (tanh) { // tanh(sqrt(2/pi) * (x + 0.044715 * x^3))
    V cube = arith::MulFOp::create(b, l, x, arith::MulFOp::create(b, l, x, x));
    V sum = arith::AddFOp::create(b, l, x, arith::MulFOp::create(b, l, cube, constantLike(b, l, x, 0.044715)));
    inner = math::TanhOp::create(b, l, arith::MulFOp::create(b, l, sum, constantLike(b, l, x, std::sqrt(2 / M_PI))));
  } else { // erf(x / sqrt(2))
    inner = math::ErfOp::create(b, l, arith::MulFOp::create(b, l, x, constantLike(b, l, x, std::sqrt(0.5))));
  }
  return arith::MulFOp::create(b, l, half, arith::AddFOp::create(b, l, inner, constantLike(b, l, x, 1)));
}

/// Float operators with a number or two as attributes.
LogicalResult importActivation(NodeContext &ctx, llvm::function_ref<V(B &, L, V)> emit) {
  Tensor *x = ctx.input(0);
  if (!x->isFloat())
    return ctx.fail(fmt::format("type {} is not supported", elementTypeName(x->elementType)));
  return ctx.result(
      ctx.emit.elementwise(x, x->elementType, x->shape, [&](B &b, L l, ValueRange in) { return emit(b, l, in[0]); }));
}

LogicalResult importGelu(NodeContext &ctx) {
  std::string approximate = ctx.stringAttr("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    return ctx.fail("approximate = '" + printable(approximate) + "' is not supported");
  return importActivation(ctx, [&](B &b, L l, V x) { return emitGelu(b, l, x, approximate == "tanh"); });
}

LogicalResult importSwish(NodeContext &ctx) { // x * sigmoid(alpha * x)
  double alpha = ctx.floatAttr("alpha", 1);
  return importActivation(ctx, [&](B &b, L l, V x) -> V {
    V scaled = alpha == 1 ? x : V(arith::MulFOp::create(b, l, x, constantLike(b, l, x, alpha)));
    return arith::MulFOp::create(b, l, x, emitSigmoid(b, l, scaled));
  });
}

LogicalResult importLeakyRelu(NodeContext &ctx) { // x < 0 ? alpha * x : x
  double alpha = ctx.floatAttr("alpha", 0.01f);
  return importActivation(ctx, [&](B &b, L l, V x) -> V {
    V isNegative = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OLT, x, constantLike(b, l, x, 0));
    return arith::SelectOp::create(b, l, isNegative, arith::MulFOp::create(b, l, x, constantLike(b, l, x, alpha)), x);
  });
}

LogicalResult importElu(NodeContext &ctx) { // x < 0 ? alpha * (exp(x) - 1) : x
  double alpha = ctx.floatAttr("alpha", 1);
  return importActivation(ctx, [&](B &b, L l, V x) -> V {
    V isNegative = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OLT, x, constantLike(b, l, x, 0));
    V curve = arith::MulFOp::create(b, l, math::ExpM1Op::create(b, l, x), constantLike(b, l, x, alpha));
    return arith::SelectOp::create(b, l, isNegative, curve, x);
  });
}
} // namespace

void attnc::onnx::addElementwiseOps(OpTable &table) {
  for (const UnaryOp &op : unaryOps)
    table[op.name] = {1, 1, 1, 1, [&op](NodeContext &ctx) { return importUnary(ctx, op); }};
  for (const BinaryOp &op : binaryOps) {
    bool isVariadic = llvm::is_contained({"Min", "Max", "Sum"}, StringRef(op.name));
    table[op.name] = {1, isVariadic ? 1u : 2u, isVariadic ? kAnyNumber : 2u, 1,
                      [&op](NodeContext &ctx) { return importBinary(ctx, op); }};
  }
  table["LessOrEqual"].since = table["GreaterOrEqual"].since = 12;
  table["Pow"] = {1, 2, 2, 1, importPow};
  table["Not"] = {1, 1, 1, 1, importNot};
  table["Where"] = {9, 3, 3, 1, importWhere};
  table["Cast"] = {1, 1, 1, 1, importCast};
  table["Mod"] = {10, 2, 2, 1, importMod};
  table["IsNaN"] = {9, 1, 1, 1, importIsNaN};
  table["CastLike"] = {15, 2, 2, 1, importCastLike};
  table["Clip"] = {11, 1, 3, 1, importClip};
  table["Gelu"] = {20, 1, 1, 1, importGelu};
  table["Swish"] = {24, 1, 1, 1, importSwish};
  table["LeakyRelu"] = {1, 1, 1, 1, importLeakyRelu};
  table["Elu"] = {1, 1, 1, 1, importElu};
}
