//===- ElementwiseOps.cpp - One element at a time, with broadcasting ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each operator is a row: what it means on doubles (for constants), on integer expressions (for shapes), and as IR.
// Rows without the first two are never folded.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

using namespace attnc::onnx::scalar;

namespace {
//===- One operand --------------------------------------------------------===//

struct UnaryOp {
  const char *name;
  double (*fold)(double);
  V (*emit)(B &, L, V);
  bool integers = false; ///< also defined on integers
  int64_t since = 1;
};

V emitRelu(B &b, L l, V x) { // NaN stays NaN
  V zero = constantLike(b, l, x, 0);
  return isFloat(x) ? V(arith::MaximumFOp::create(b, l, x, zero)) : V(arith::MaxSIOp::create(b, l, x, zero));
}
V emitSign(B &b, L l, V x) { // 0 at 0, and +-1 elsewhere; NaN stays
  if (!isFloat(x))
    return max(b, l, min(b, l, x, constantLike(b, l, x, 1)), constantLike(b, l, x, -1));
  V zero = constantLike(b, l, x, 0);
  V sign = math::CopySignOp::create(b, l, constantLike(b, l, x, 1), x);
  V stays = arith::CmpFOp::create(b, l, arith::CmpFPredicate::UEQ, x, zero);
  return arith::SelectOp::create(b, l, stays, x, sign);
}
const UnaryOp unaryOps[] = {
    {"Abs", [](double x) { return std::fabs(x); },
     [](B &b, L l, V x) { return isFloat(x) ? V(math::AbsFOp::create(b, l, x)) : V(math::AbsIOp::create(b, l, x)); },
     true},
    {"Acos", [](double x) { return std::acos(x); }, [](B &b, L l, V x) { return V(math::AcosOp::create(b, l, x)); },
     false, 7},
    {"Acosh", [](double x) { return std::acosh(x); }, [](B &b, L l, V x) { return V(math::AcoshOp::create(b, l, x)); },
     false, 9},
    {"Asin", [](double x) { return std::asin(x); }, [](B &b, L l, V x) { return V(math::AsinOp::create(b, l, x)); },
     false, 7},
    {"Asinh", [](double x) { return std::asinh(x); }, [](B &b, L l, V x) { return V(math::AsinhOp::create(b, l, x)); },
     false, 9},
    {"Atan", [](double x) { return std::atan(x); }, [](B &b, L l, V x) { return V(math::AtanOp::create(b, l, x)); },
     false, 7},
    {"Atanh", [](double x) { return std::atanh(x); }, [](B &b, L l, V x) { return V(math::AtanhOp::create(b, l, x)); },
     false, 9},
    {"Cosh", [](double x) { return std::cosh(x); }, [](B &b, L l, V x) { return V(math::CoshOp::create(b, l, x)); },
     false, 9},
    {"Sinh", [](double x) { return std::sinh(x); }, [](B &b, L l, V x) { return V(math::SinhOp::create(b, l, x)); },
     false, 9},
    {"Tan", [](double x) { return std::tan(x); }, [](B &b, L l, V x) { return V(math::TanOp::create(b, l, x)); }, false,
     7},
    {"Ceil", [](double x) { return std::ceil(x); }, [](B &b, L l, V x) { return V(math::CeilOp::create(b, l, x)); }},
    {"Cos", [](double x) { return std::cos(x); }, [](B &b, L l, V x) { return V(math::CosOp::create(b, l, x)); }, false,
     7},
    {"Erf", [](double x) { return std::erf(x); }, [](B &b, L l, V x) { return V(math::ErfOp::create(b, l, x)); }, false,
     9},
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
     [](B &b, L l, V x) { return V(math::RoundEvenOp::create(b, l, x)); }, false, 11},
    {"Sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, sigmoid},
    {"Sign", nullptr, emitSign, true, 9},
    {"Sin", [](double x) { return std::sin(x); }, [](B &b, L l, V x) { return V(math::SinOp::create(b, l, x)); }, false,
     7},
    {"Softplus", nullptr, softplus},
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
  if (x->isUnsigned()) // Abs alone takes them
    return ctx.result(x);
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
  const char *types = "real";
  bool compares = false; ///< gives bool
  int64_t since = 1;
  enum Operands { Two, AnyNumber } operands = Two;
  V (*emitUnsigned)(B &, L, V, V) = nullptr; ///< of integers without a sign, where it matters
};

template <arith::CmpFPredicate F, arith::CmpIPredicate I>
V emitCompare(B &b, L l, V x, V y) {
  return isFloat(x) ? V(arith::CmpFOp::create(b, l, F, x, y)) : V(arith::CmpIOp::create(b, l, I, x, y));
}
template <typename BoolOp>
V emitBits(B &b, L l, V x, V y) {
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

Sym foldMul(Extents &s, const Sym &x, const Sym &y) { return s.mul(x, y); }
Sym foldNot(Extents &s, const Sym &x) { return s.sub(1, x); }

const BinaryOp binaryOps[] = {
    {"Add", [](double x, double y) { return x + y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.add(x, y); }, add},
    {"Sub", [](double x, double y) { return x - y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.sub(x, y); }, sub},
    {"Mul", [](double x, double y) { return x * y; }, foldMul, mul},
    {"Div", [](double x, double y) { return x / y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.div(x, y); }, div, "real", false, 1, BinaryOp::Two,
     [](B &b, L l, V x, V y) { return emitQuotient(b, l, x, y, /*isUnsigned=*/true); }},
    {"Min", [](double x, double y) { return std::isnan(x)            ? x
                                            : y < x || std::isnan(y) ? y
                                                                     : x; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.min(x, y); }, min, "real", false, 1, BinaryOp::AnyNumber,
     emitOp<arith::MinUIOp>},
    {"Max", [](double x, double y) { return std::isnan(x)            ? x
                                            : y > x || std::isnan(y) ? y
                                                                     : x; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.max(x, y); }, max, "real", false, 1, BinaryOp::AnyNumber,
     emitOp<arith::MaxUIOp>},
    {"Sum", [](double x, double y) { return x + y; }, nullptr, add, "float", false, 1, BinaryOp::AnyNumber},
    {"And", nullptr, foldMul, emitBits<arith::AndIOp>, "bool"},
    {"Or", nullptr, [](Extents &s, const Sym &x, const Sym &y) { return s.max(x, y); }, emitBits<arith::OrIOp>, "bool"},
    {"Xor", nullptr, [](Extents &s, const Sym &x, const Sym &y) { return foldNot(s, s.equal(x, y)); },
     emitBits<arith::XOrIOp>, "bool"},
    {"BitwiseAnd", nullptr, nullptr, emitBits<arith::AndIOp>, "whole", false, 18},
    {"BitwiseOr", nullptr, nullptr, emitBits<arith::OrIOp>, "whole", false, 18},
    {"BitwiseXor", nullptr, nullptr, emitBits<arith::XOrIOp>, "whole", false, 18},
    {"Equal", [](double x, double y) -> double { return x == y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.equal(x, y); },
     emitCompare<arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq>, "any", true},
    {"Less", [](double x, double y) -> double { return x < y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.less(x, y); },
     emitCompare<arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt>, "real", true, 1, BinaryOp::Two,
     emitUnsignedCompare<arith::CmpIPredicate::ult>},
    {"Greater", [](double x, double y) -> double { return x > y; },
     [](Extents &s, const Sym &x, const Sym &y) { return s.less(y, x); },
     emitCompare<arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt>, "real", true, 1, BinaryOp::Two,
     emitUnsignedCompare<arith::CmpIPredicate::ugt>},
    {"LessOrEqual", [](double x, double y) -> double { return x <= y; },
     [](Extents &s, const Sym &x, const Sym &y) { return foldNot(s, s.less(y, x)); },
     emitCompare<arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle>, "real", true, 12, BinaryOp::Two,
     emitUnsignedCompare<arith::CmpIPredicate::ule>},
    {"GreaterOrEqual", [](double x, double y) -> double { return x >= y; },
     [](Extents &s, const Sym &x, const Sym &y) { return foldNot(s, s.less(x, y)); },
     emitCompare<arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge>, "real", true, 12, BinaryOp::Two,
     emitUnsignedCompare<arith::CmpIPredicate::uge>},
};

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

/// Left to right over all operands.
LogicalResult importBinary(NodeContext &ctx, const BinaryOp &op) {
  Tensor *result = ctx.input(0);
  for (Tensor *operand : ctx.allInputs().drop_front()) {
    FailureOr<Tensor *> next = applyBinary(ctx, op, result, operand);
    if (failed(next))
      return failure();
    result = *next;
  }
  return ctx.result(result);
}

/// The second operand as before opset 7: with broadcast = 1 its dims lie at `axis` of the first, or at its end.
FailureOr<Tensor *> oldOperand(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *y = ctx.input(1);
  const NodeAttr *axis = ctx.attr("axis");
  if (!ctx.flag("broadcast") || !axis)
    return y;
  FailureOr<int64_t> first = ctx.axis(axis->i, x->rank());
  if (failed(first))
    return failure();
  SymList shape(y->shape);
  if (*first + y->rank() > x->rank())
    return ctx.fail(fmt::format("{} does not lie in {} from axis {} on", ctx.describe(y), ctx.describe(x), *first));
  shape.append(x->rank() - *first - y->rank(), Sym(1));
  return ctx.emit.reshape(y, shape);
}

LogicalResult importOldBinary(NodeContext &ctx, const BinaryOp &op) {
  FailureOr<Tensor *> y = oldOperand(ctx);
  FailureOr<Tensor *> result = failed(y) ? y : applyBinary(ctx, op, ctx.input(0), *y);
  return failed(result) ? failure() : ctx.result(*result);
}

//===- The rest -----------------------------------------------------------===//

/// x^y; the exponents that exports really use become what they are. An integer exponent is legal beside a float base.
LogicalResult raise(NodeContext &ctx, Tensor *x, Tensor *y) {
  y = ctx.emit.cast(y, x->elementType);
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

/// x^y of integers, by squaring: x^5 = x^1 * x^4. It wraps around as products do; of y < 0 it is what 1 / x^-y rounds to
/// towards zero.
V emitIntegerPower(B &b, L l, V x, V y) {
  using P = arith::CmpIPredicate;
  V one = constantLike(b, l, x, 1), zero = constantLike(b, l, x, 0), result = one, factor = x;
  auto bit = [&](unsigned n) -> V { // of y
    V mask = arith::ConstantOp::create(b, l, b.getIntegerAttr(y.getType(), int64_t(1) << n));
    return arith::CmpIOp::create(b, l, P::ne, arith::AndIOp::create(b, l, y, mask), constantLike(b, l, y, 0));
  };
  for (unsigned n = 0; n + 1 < y.getType().getIntOrFloatBitWidth(); ++n) {
    result = select(b, l, bit(n), mul(b, l, result, factor), result);
    factor = mul(b, l, factor, factor);
  }
  V isOdd = bit(0), minusOne = constantLike(b, l, x, -1);
  V ofMinusOne = select(b, l, equal(b, l, x, minusOne), select(b, l, isOdd, minusOne, one), zero);
  V ofNegative = select(b, l, equal(b, l, x, one), one, ofMinusOne);
  return select(b, l, less(b, l, y, constantLike(b, l, y, 0)), ofNegative, result);
}

LogicalResult importPow(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *y = ctx.input(1);
  if (x->isFloat())
    return raise(ctx, x, y);
  Composer c(ctx);
  Type type = x->elementType;
  if (!y->isFloat() && !y->isUnsigned() && !x->isUnsigned())
    return c.finish(c.map({x, y}, [](B &b, L l, ValueRange in) { return emitIntegerPower(b, l, in[0], in[1]); }));
  if (!y->isFloat())
    return ctx.fail(fmt::format("{} to the power of {} is not supported", ctx.describe(x), ctx.describe(y)));
  Tensor *real = c.map({c.cast(x, y->elementType), y},
                       [](B &b, L l, ValueRange in) -> V { return math::PowFOp::create(b, l, in[0], in[1]); });
  return c.finish(c.cast(real, type));
}

LogicalResult importOldPow(NodeContext &ctx) {
  FailureOr<Tensor *> y = oldOperand(ctx);
  return failed(y) ? failure() : raise(ctx, ctx.input(0), *y);
}

/// x < 0 ? slope * x : x
LogicalResult prelu(NodeContext &ctx, Tensor *slope) {
  static const BinaryOp op = {"PRelu", [](double x, double y) { return x < 0 ? x * y : x; }, nullptr,
                              [](B &b, L l, V x, V y) -> V {
                                V isNegative =
                                    arith::CmpFOp::create(b, l, arith::CmpFPredicate::OLT, x, constantLike(b, l, x, 0));
                                return arith::SelectOp::create(b, l, isNegative, arith::MulFOp::create(b, l, x, y), x);
                              }};
  FailureOr<Tensor *> result = applyBinary(ctx, op, ctx.input(0), slope);
  return failed(result) ? failure() : ctx.result(*result);
}

LogicalResult importPRelu(NodeContext &ctx) { return prelu(ctx, ctx.input(1)); }

/// Before opset 7 there is a slope for each channel, dim 1, or one for all.
LogicalResult importOldPRelu(NodeContext &ctx) {
  Tensor *slope = ctx.input(1);
  if (slope->rank() != 1 || slope->shape[0].isConstant(1) || ctx.input(0)->rank() <= 2)
    return prelu(ctx, slope);
  SymList shape(slope->shape);
  shape.append(ctx.input(0)->rank() - 2, Sym(1));
  return prelu(ctx, ctx.emit.reshape(slope, shape));
}

LogicalResult importNot(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
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
  ctx.attr("saturate"), ctx.attr("round_mode"); // only float8 looks at them
  int64_t to = ctx.intAttr("to");
  int32_t known = to >= 0 && to < 1000 ? static_cast<int32_t>(to) : -1;
  Type type = elementTypeOf(known, ctx.emit.builder.getContext());
  if (!type)
    return ctx.fail("type " + dataTypeName(known) + " is not supported");
  return ctx.result(ctx.emit.cast(ctx.input(0), type));
}

LogicalResult importCastLike(NodeContext &ctx) {
  ctx.attr("saturate"), ctx.attr("round_mode");
  return ctx.result(ctx.emit.cast(ctx.input(0), ctx.input(1)->elementType));
}

/// min(max(x, low), high); either bound may be null.
LogicalResult clip(NodeContext &ctx, Tensor *low, Tensor *high) {
  Tensor *result = ctx.input(0);
  for (auto [bound, name] : {std::pair(low, "Max"), std::pair(high, "Min")}) {
    if (!bound)
      continue;
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

LogicalResult importClip(NodeContext &ctx) { return clip(ctx, ctx.input(1), ctx.input(2)); }

LogicalResult importOldClip(NodeContext &ctx) {
  Type type = ctx.input(0)->elementType;
  auto bound = [&](StringRef name) { return ctx.emit.splat(ctx.emit.scalar(type, ctx.floatAttr(name)), {}); };
  return clip(ctx, bound("min"), bound("max"));
}

/// Integers: the sign of the divisor, as in Python; with fmod, and on floats, the sign of the dividend, as in C.
LogicalResult importMod(NodeContext &ctx) {
  bool isC = ctx.intAttr("fmod");
  static const BinaryOp truncated = {
      "Mod",
      [](double x, double y) { return std::fmod(x, y); },
      [](Extents &s, const Sym &x, const Sym &y) { return s.mod(x, y); },
      [](B &b, L l, V x, V y) -> V {
        return isFloat(x) ? V(arith::RemFOp::create(b, l, x, y)) : emitRemainder(b, l, x, y);
      },
      "real",
      false,
      10,
      BinaryOp::Two,
      [](B &b, L l, V x, V y) { return emitRemainder(b, l, x, y, /*isUnsigned=*/true); }};
  static const BinaryOp floored = {"Mod", nullptr, nullptr, emitFlooredRemainder};
  Tensor *x = ctx.input(0), *y = ctx.input(1);
  if (x->isFloat() && !isC)
    return ctx.fail("floats want fmod = 1");
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
  return ctx.result(ctx.emit.elementwise(x, ctx.emit.builder.getI1Type(), x->shape, [](B &b, L l, ValueRange in) -> V {
    return arith::CmpFOp::create(b, l, arith::CmpFPredicate::UNO, in[0], in[0]);
  }));
}

/// Infinite, of the signs that are asked for.
LogicalResult importIsInf(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  bool negative = ctx.intAttr("detect_negative"), positive = ctx.intAttr("detect_positive");
  constexpr double kInf = std::numeric_limits<double>::infinity();
  return ctx.result(ctx.emit.elementwise(x, ctx.emit.builder.getI1Type(), x->shape, [&](B &b, L l, ValueRange in) -> V {
    V isLeast = equal(b, l, in[0], constantLike(b, l, in[0], -kInf));
    V isMost = equal(b, l, in[0], constantLike(b, l, in[0], kInf));
    V no = arith::ConstantOp::create(b, l, b.getBoolAttr(false));
    return arith::OrIOp::create(b, l, negative ? isLeast : no, positive ? isMost : no);
  }));
}

LogicalResult importBitwiseNot(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  return ctx.result(ctx.emit.elementwise(x, x->elementType, x->shape, [](B &b, L l, ValueRange in) -> V {
    return arith::XOrIOp::create(b, l, in[0], constantLike(b, l, in[0], -1));
  }));
}

/// x moved by y bits; what leaves the type is gone, and so is all of it from its width on.
LogicalResult importBitShift(NodeContext &ctx) {
  const std::string &direction = ctx.stringAttr("direction");
  if (direction != "LEFT" && direction != "RIGHT")
    return ctx.fail("direction '" + printable(direction) + "' is not supported");
  Composer c(ctx);
  bool isLeft = direction == "LEFT";
  return c.finish(c.map({ctx.input(0), ctx.input(1)}, [&](B &b, L l, ValueRange in) {
    unsigned width = in[0].getType().getIntOrFloatBitWidth();
    V limit = constantLike(b, l, in[1], width), zero = constantLike(b, l, in[0], 0);
    V fits = arith::CmpIOp::create(b, l, arith::CmpIPredicate::ult, in[1], limit);
    V bits = select(b, l, fits, in[1], constantLike(b, l, in[1], 0));
    V moved = isLeft ? V(arith::ShLIOp::create(b, l, in[0], bits)) : V(arith::ShRUIOp::create(b, l, in[0], bits));
    return select(b, l, fits, moved, zero);
  }));
}

/// The sum of all operands over how many there are.
LogicalResult importMean(NodeContext &ctx) {
  Composer c(ctx);
  Tensor *sum = ctx.input(0);
  for (Tensor *operand : ctx.allInputs().drop_front())
    sum = c.add(sum, operand);
  return c.finish(c.div(sum, c.number(static_cast<double>(ctx.numInputs()), ctx.input(0)->elementType)));
}
} // namespace

void attnc::onnx::addElementwiseOps(OpTable &table) {
  for (const UnaryOp &op : unaryOps)
    table.add(op.since,
              fmt::format("{}(x: {})", op.name,
                          !op.integers                  ? "float"
                          : StringRef(op.name) == "Abs" ? "real"
                                                        : "number"),
              [&op](NodeContext &ctx) { return importUnary(ctx, op); });
  for (const BinaryOp &op : binaryOps) {
    auto import = [&op](NodeContext &ctx) { return importBinary(ctx, op); };
    if (op.operands == BinaryOp::AnyNumber) {
      table.add(1, fmt::format("{}(inputs*: {})", op.name, op.types), import);
      continue;
    }
    if (op.since < 7)
      table.add(1, fmt::format("{}(a: {}, b; axis?: int, broadcast = 0)", op.name, op.types),
                [&op](NodeContext &ctx) { return importOldBinary(ctx, op); });
    table.add(std::max<int64_t>(op.since, 7), fmt::format("{}(a: {}, b)", op.name, op.types), import);
  }
  table.add(1, "PRelu(x: float, slope)", importOldPRelu);
  table.add(7, "PRelu(x: float, slope)", importPRelu);
  table.add(1, "Pow(x: float, y; axis?: int, broadcast = 0)", importOldPow);
  table.add(7, "Pow(x: real, y: real)", importPow);
  table.add(1, "Not(x: bool)", importNot);
  table.add(9, "Where(condition: bool, x: any, y)", importWhere);
  table.add(6, "Cast(input: any; to: int)", importCast);
  table.add(19, "Cast(input: any; to: int, saturate = 1)", importCast);
  table.add(24, "Cast(input: any; to: int, saturate = 1, round_mode = \"up\")", importCast);
  table.add(15, "CastLike(input: any, target: any)", importCastLike);
  table.add(19, "CastLike(input: any, target: any; saturate = 1)", importCastLike);
  table.add(24, "CastLike(input: any, target: any; saturate = 1, round_mode = \"up\")", importCastLike);
  table.add(10, "Mod(a: real, b; fmod = 0)", importMod);
  table.add(9, "IsNaN(x: float)", importIsNaN);
  table.add(10, "IsInf(x: float; detect_negative = 1, detect_positive = 1)", importIsInf);
  table.add(11, "BitShift(x: whole, y; direction: string)", importBitShift);
  table.add(18, "BitwiseNot(x: whole)", importBitwiseNot);
  table.add(1, "Mean(inputs*: float)", importMean);
  table.add(6, "Clip(input: float; min = -3.40282347e+38, max = 3.40282347e+38)", importOldClip);
  table.add(11, "Clip(input: real, min?, max?)", importClip);
}
