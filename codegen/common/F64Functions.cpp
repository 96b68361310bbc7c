//===- F64Functions.cpp - Functions of f64 as arithmetic ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Straight-line code for scalars and vectors alike; what differs from lane to lane is selected. Only operations that
// every target has for f64 vectors: no fused multiply-add is needed, no conversion between f64 and integers, no floor.
//
//   exp(x)    2^n e^r            n = round(x / ln 2), r = x - n ln 2 in two parts; e^r by its Taylor series to r^13
//   log(x)    n ln 2 + log(1+f)  x = 2^n (1+f), 1+f in [sqrt 1/2, sqrt 2); with s = f / (2+f), log(1+f) = 2 atanh(s)
//   sin, cos  of x - n pi/2      n from three parts of pi/2 while n < 2^20 (for f32: two parts, n < 2^28); beyond that
//                                x 2/pi mod 4 from 24 bits of 2/pi at a time, whose products with x are exact
//
// The coefficients of log, sin, cos and atan are those of fdlibm (Sun Microsystems, 1993).
//
//===----------------------------------------------------------------------===//

#include "codegen/common/F64Functions.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"
#include <limits>
#include <numbers>

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

namespace {
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
/// Adding it rounds to an integer, which its low bits then hold.
constexpr double kRound = 0x1.8p52;

/// high + low, and |low| is at most half an ulp of high.
struct Pair {
  Value high, low;
};

/// x = n pi/2 + rest; quadrant = n mod 4 as one of -2, -1, 0, 1, 2.
struct Reduced {
  Value quadrant;
  Pair rest;
};

class Functions {
public:
  Functions(OpBuilder &b, Location loc, Type type, bool fromF32) : b(b), loc(loc), type(type), fromF32(fromF32) {}
  Value emit(Operation *op, ValueRange x);
  Reduced reduce(Value x);
  Value sinOfF32(Reduced r);
  Value cosOfF32(Reduced r);

private:
  // Arithmetic.
  Value c(double value) { return constantFloat(b, loc, type, value); }
  Value bits(int64_t value) { return constantInt(b, loc, ints(), value); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  /// x * y + z, rounded once or twice.
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, loc, x, y, z); }
  Value neg(Value x) { return arith::NegFOp::create(b, loc, x); }
  Value abs(Value x) { return math::AbsFOp::create(b, loc, x); }
  Value sqrt(Value x) { return math::SqrtOp::create(b, loc, x); }
  Value withSign(Value x, Value sign) { return math::CopySignOp::create(b, loc, x, sign); }
  Value select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, loc, condition, x, y); }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value either(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value test(arith::CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, loc, predicate, x, y);
  }
  Value less(Value x, Value y) { return test(arith::CmpFPredicate::OLT, x, y); }
  Value equal(Value x, Value y) { return test(arith::CmpFPredicate::OEQ, x, y); }
  /// NaN stays NaN.
  Value clamp(Value x, double low, double high) {
    x = select(less(x, c(low)), c(low), x);
    return select(less(c(high), x), c(high), x);
  }
  Value horner(ArrayRef<double> coefficients, Value x) {
    Value sum = c(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = fma(sum, x, c(coefficient));
    return sum;
  }
  Type ints() {
    auto vector = dyn_cast<VectorType>(type);
    return vector ? Type(vector.clone(b.getI64Type())) : b.getI64Type();
  }
  Value asBits(Value x) { return arith::BitcastOp::create(b, loc, ints(), x); }
  Value asFloat(Value x) { return arith::BitcastOp::create(b, loc, type, x); }

  // To integers and back.
  Value roundSmall(Value x) { return sub(add(x, c(kRound)), c(kRound)); } // |x| < 2^51
  Value round(Value x) { return select(less(abs(x), c(0x1p51)), roundSmall(x), x); }
  Value integerOf(Value rounded) {
    return arith::SubIOp::create(b, loc, asBits(add(rounded, c(kRound))), bits(llvm::bit_cast<int64_t>(kRound)));
  }
  Value floatOf(Value integer) {
    Value sum = arith::AddIOp::create(b, loc, integer, bits(llvm::bit_cast<int64_t>(kRound)));
    return sub(asFloat(sum), c(kRound));
  }
  Value powerOfTwo(Value integer) { // normal
    Value biased = arith::AddIOp::create(b, loc, integer, bits(1023));
    return asFloat(arith::ShLIOp::create(b, loc, biased, bits(52)));
  }
  Value scale(Value x, Value n);

  // Sums and products with their errors.
  Pair exactSum(Value x, Value y);
  Pair split(Value x);
  Pair exactProduct(Value x, double factor);

  // Functions.
  Value taylor(Value r, unsigned first);
  Value exp(Value x);
  Value exp2(Value x);
  Value expm1(Value x);
  struct Logarithm {
    Value exponent, f, halfSquare, tail; // log(1+f) = f - (halfSquare - tail)
  };
  Logarithm logarithm(Value x);
  Value atPoles(Value x, Value log);
  Value exponentOf(Value bitsOfX);
  Value log2OfF32(Value x);
  Value log(Value x);
  Value log2(Value x);
  Value log1p(Value x);
  Reduced reduceSmall(Value x);
  Reduced reduceLarge(Value x);
  Pair addTurns(Value x, Value digits, Pair sum);
  Value sinOf(Pair r);
  Value cosOf(Pair r);
  Value sinFrom(Value quadrant, Value sine, Value cosine);
  Value cosFrom(Value quadrant, Value sine, Value cosine);
  Pair sinAndCosOfF32(Value r);
  Value sin(Value x);
  Value cos(Value x);
  Value tan(Value x);
  Value atan(Value x);
  Value tanh(Value x);
  Value sinh(Value x);
  Value cosh(Value x);
  Value asinh(Value x);
  Value acosh(Value x);
  Value atanh(Value x);
  Value erf(Value x);
  Value cbrt(Value x);
  Value pow(Value x, Value y);

  OpBuilder &b;
  Location loc;
  Type type;
  bool fromF32;
};
} // namespace

//===----------------------------------------------------------------------===//
// Exact pieces
//===----------------------------------------------------------------------===//

/// x * 2^n, n a rounded float in [-2100, 2100]. In two steps, so that results may be subnormal or infinite.
Value Functions::scale(Value x, Value n) {
  Value whole = integerOf(n);
  Value half = arith::ShRSIOp::create(b, loc, whole, bits(1));
  Value rest = arith::SubIOp::create(b, loc, whole, half);
  return mul(mul(x, powerOfTwo(half)), powerOfTwo(rest));
}

Pair Functions::exactSum(Value x, Value y) { // Knuth
  Value sum = add(x, y), part = sub(sum, x);
  return {sum, add(sub(x, sub(sum, part)), sub(y, part))};
}

/// x = high + low, of 26 and 27 bits.
Pair Functions::split(Value x) {
  Value high = asFloat(arith::AndIOp::create(b, loc, asBits(x), bits(~int64_t(0x7ffffff))));
  return {high, sub(x, high)};
}

Pair Functions::exactProduct(Value x, double factor) { // Dekker
  double high = llvm::bit_cast<double>(llvm::bit_cast<int64_t>(factor) & ~int64_t(0x7ffffff)), low = factor - high;
  Pair parts = split(x);
  Value product = mul(x, c(factor));
  Value error = sub(mul(parts.high, c(high)), product);
  error = add(add(error, mul(parts.high, c(low))), mul(parts.low, c(high)));
  return {product, add(error, mul(parts.low, c(low)))};
}

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

/// The Taylor series of e^r from r^first / first! on, divided by r^first; |r| <= ln(2) / 2. The first term left out is
/// below 5e-18.
Value Functions::taylor(Value r, unsigned first) {
  SmallVector<double> coefficients;
  double factorial = 1;
  for (unsigned k = 1; k <= 13; ++k) {
    factorial *= k;
    if (k >= first)
      coefficients.push_back(1 / factorial);
  }
  return horner(coefficients, r);
}

/// ln 2 = high + low; high has 32 bits, so that n * high is exact.
constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 1.90821492927058770002e-10;

Value Functions::exp(Value x) {
  x = clamp(x, -760, 720); // beyond, the result is 0 or inf
  Value n = roundSmall(mul(x, c(std::numbers::log2e)));
  Value high = sub(x, mul(n, c(kLn2High))), low = mul(n, c(kLn2Low));
  Value r = sub(high, low), error = sub(sub(high, r), low);
  Value tail = fma(mul(r, r), taylor(r, 2), error); // e^r = 1 + (r + (error + r^2/2 + ...))
  return scale(add(c(1), add(r, tail)), n);
}

Value Functions::exp2(Value x) {
  x = clamp(x, -1100, 1030);
  Value n = roundSmall(x);
  Value r = mul(sub(x, n), c(std::numbers::ln2));
  return scale(add(c(1), fma(mul(r, r), taylor(r, 2), r)), n);
}

/// 2^n (e^r - 1 + (1 - 2^-n)): without cancellation where n = 0.
Value Functions::expm1(Value x) {
  Value bounded = clamp(x, -40, 720);
  Value n = roundSmall(mul(bounded, c(std::numbers::log2e)));
  Value high = sub(bounded, mul(n, c(kLn2High))), low = mul(n, c(kLn2Low));
  Value r = sub(high, low), error = sub(sub(high, r), low);
  Value tail = fma(mul(r, r), taylor(r, 2), error);
  // 2^-n, where it is not too small to matter
  Value back = powerOfTwo(integerOf(neg(select(less(c(100), n), c(100), n))));
  Pair sum = exactSum(sub(c(1), back), r);
  return select(equal(x, c(0)), x, scale(add(sum.high, add(sum.low, tail)), n)); // -0
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

/// n of x = 2^n (1+f), with 1+f in [sqrt 1/2, sqrt 2).
Value Functions::exponentOf(Value bitsOfX) {
  constexpr int64_t kRootOfHalf = 0x3fe6a09e667f3bcd;
  return arith::ShRSIOp::create(b, loc, arith::SubIOp::create(b, loc, bitsOfX, bits(kRootOfHalf)), bits(52));
}

Functions::Logarithm Functions::logarithm(Value x) {
  Value isSmall = less(x, c(std::numeric_limits<double>::min())); // subnormal: 2^54 x, exactly
  Value scaled = asBits(select(isSmall, mul(x, c(0x1p54)), x));
  Value exponent = exponentOf(scaled);
  Value m = asFloat(arith::SubIOp::create(b, loc, scaled, arith::ShLIOp::create(b, loc, exponent, bits(52))));
  Value n = sub(floatOf(exponent), select(isSmall, c(54), c(0)));
  Value f = sub(m, c(1)), s = div(f, add(f, c(2))), z = mul(s, s);
  static constexpr double kSeries[] = {0,
                                       6.666666666666735130e-01,
                                       3.999999999940941908e-01,
                                       2.857142874366239149e-01,
                                       2.222219843214978396e-01,
                                       1.818357216161805012e-01,
                                       1.531383769920937332e-01,
                                       1.479819860510658591e-01};
  Value half = mul(mul(c(0.5), f), f);
  return {n, f, half, mul(s, add(half, horner(kSeries, z)))};
}

/// `log`, which is right for finite numbers above 0, and -inf, NaN or inf elsewhere.
Value Functions::atPoles(Value x, Value log) {
  log = select(equal(x, c(kInfinity)), x, log);
  log = select(equal(x, c(0)), c(-kInfinity), log);
  return select(test(arith::CmpFPredicate::UGE, x, c(0)), select(test(arith::CmpFPredicate::UNO, x, x), x, log),
                c(kNaN));
}

/// Of an x that was f32: log2(1+f) / f as a polynomial, off by 2e-15, because divisions take longer.
Value Functions::log2OfF32(Value x) {
  static constexpr double kEven[] = {1.4426950408889634,  0.4808983469630432,  0.2885390081764844,  0.20609928993778276,
                                     0.16029963883769546, 0.13114511376662233, 0.11119352484742212, 0.09339108721196526,
                                     0.1023161068853993,  0.04315781019901818};
  static constexpr double kOdd[] = {-0.7213475204444594,  -0.36067376023334324, -0.24044917186896408,
                                    -0.18033698475404233, -0.14426596746611892, -0.12028918019099064,
                                    -0.10246629057970341, -0.09145627945016747, -0.09530987759820014};
  Value exponent = exponentOf(asBits(x));
  Value f =
      sub(asFloat(arith::SubIOp::create(b, loc, asBits(x), arith::ShLIOp::create(b, loc, exponent, bits(52)))), c(1));
  Value z = mul(f, f);
  return fma(f, fma(f, horner(kOdd, z), horner(kEven, z)), floatOf(exponent));
}

Value Functions::log(Value x) {
  if (fromF32)
    return atPoles(x, mul(log2OfF32(x), c(std::numbers::ln2)));
  Logarithm l = logarithm(x);
  Value low = add(l.tail, mul(l.exponent, c(1.90821492927058770002e-10)));
  Value rest = sub(sub(l.halfSquare, low), l.f);
  return atPoles(x, sub(mul(l.exponent, c(6.93147180369123816490e-01)), rest));
}

/// n + log(1+f) / ln 2 in two parts, so that powers of two are exact.
Value Functions::log2(Value x) {
  if (fromF32)
    return atPoles(x, log2OfF32(x));
  constexpr double kHigh = 1.44269504072144627571e+00, kLow = 1.67517131648865118353e-10; // 1 / ln 2
  Logarithm l = logarithm(x);
  Value high = asFloat(arith::AndIOp::create(b, loc, asBits(sub(l.f, l.halfSquare)), bits(~int64_t(0xffffffff))));
  Value low = add(sub(sub(l.f, high), l.halfSquare), l.tail);
  Value whole = mul(high, c(kHigh));
  Value rest = add(mul(add(low, high), c(kLow)), mul(low, c(kHigh)));
  Value sum = add(l.exponent, whole);
  return atPoles(x, add(add(rest, add(sub(l.exponent, sum), whole)), sum));
}

Value Functions::log1p(Value x) {
  Value u = add(c(1), x);
  Value correction = div(sub(x, sub(u, c(1))), u); // what u has lost
  Value result = add(log(u), correction);
  result = select(equal(u, c(0)), c(-kInfinity), select(equal(u, c(kInfinity)), u, result));
  return select(equal(u, c(1)), x, result);
}

//===----------------------------------------------------------------------===//
// Circular functions
//===----------------------------------------------------------------------===//

constexpr double kTwoOverPi = 6.36619772367581382433e-01;
constexpr double kHalfPi = 1.57079632679489655800e+00, kHalfPiLow = 6.12323399573676603587e-17;

/// x - n pi/2, with pi/2 in parts of 33 bits (25 for f32) whose multiples are exact.
Reduced Functions::reduceSmall(Value x) {
  Value n = roundSmall(mul(x, c(kTwoOverPi)));
  Value quadrant = sub(n, mul(c(4), roundSmall(mul(n, c(0.25)))));
  if (fromF32) {
    Value rest = sub(sub(x, mul(n, c(1.57079631090164184570e+00))), mul(n, c(1.58932547735281966916e-08)));
    return {quadrant, {rest, c(0)}};
  }
  static constexpr double kParts[] = {1.57079632673412561417e+00, 6.07710050630396597660e-11,
                                      2.02226624871116645580e-21};
  Value rest = x, lost = c(0); // rest - lost is exact so far
  for (double part : kParts) {
    Pair difference = exactSum(rest, neg(mul(n, c(part))));
    Pair sum = exactSum(difference.high, sub(difference.low, lost));
    rest = sum.high;
    lost = neg(sum.low);
  }
  Value end = mul(n, c(8.47842766036889956997e-32));
  Pair sum = exactSum(rest, sub(neg(lost), end));
  return {quadrant, {sum.high, sum.low}};
}

/// 2 / pi, 24 bits each.
static constexpr uint32_t kDigits[] = {
    0xa2f983, 0x6e4e44, 0x1529fc, 0x2757d1, 0xf534dd, 0xc0db62, 0x95993c, 0x439041, 0xfe5163, 0xabdebb,
    0xc561b7, 0x246e3a, 0x424dd2, 0xe00649, 0x2eea09, 0xd1921c, 0xfe1deb, 0x1cb129, 0xa73ee8, 0x8235f5,
    0x2ebb44, 0x84e99c, 0x7026b4, 0x5f7e41, 0x3991d6, 0x398353, 0x39f49c, 0x845f8b, 0xbdf928, 0x3b1ff8,
    0x97ffde, 0x05980f, 0xef2f11, 0x8b5a0a, 0x6d1f6d, 0x367ecf, 0x27cb09, 0xb74f46, 0x3f669e, 0x5fea2d,
    0x7527ba, 0xc7ebe5, 0xf17b3d, 0x0739f7, 0x8a5292, 0xea6bfb, 0x5fb11f, 0x8d5d08, 0x560330};

/// sum + (x * digits mod 4); the product is exact.
Pair Functions::addTurns(Value x, Value digits, Pair sum) {
  Value product = mul(x, digits);
  Value rest = sub(product, mul(c(4), round(mul(product, c(0.25)))));
  Pair next = exactSum(sum.high, rest);
  return {next.high, add(sum.low, next.low)};
}

/// x 2/pi mod 4, digit by digit. An infinite x makes NaN of it.
Reduced Functions::reduceLarge(Value x) {
  Pair sum{c(0), c(0)};
  if (fromF32) { // 24 bits of x, and no digit beyond 2^-88 matters
    for (auto [k, digit] : llvm::enumerate(ArrayRef(kDigits).take_front(9)))
      sum = addTurns(x, c(std::ldexp(digit, -24 * (static_cast<int>(k) + 1))), sum);
  } else {
    constexpr int kScale = 600; // keeps x and the digits away from both ends of the range
    Pair parts = split(mul(x, c(std::ldexp(1.0, -kScale))));
    SmallVector<double> digits;
    for (auto [k, digit] : llvm::enumerate(kDigits))
      digits.push_back(std::ldexp(digit, kScale - 24 * (static_cast<int>(k) + 1)));
    Value table = arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(VectorType::get({static_cast<int64_t>(digits.size())}, b.getF64Type()),
                               ArrayRef<double>(digits)));
    auto index = [&](int64_t value) { return constantIndex(b, loc, value); };
    auto loop = scf::ForOp::create(b, loc, index(0), index(digits.size()), index(1), ValueRange{sum.high, sum.low});
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value digit = vector::ExtractOp::create(b, loc, table, loop.getInductionVar());
    if (isa<VectorType>(type))
      digit = vector::BroadcastOp::create(b, loc, type, digit);
    Pair next =
        addTurns(parts.low, digit, addTurns(parts.high, digit, {loop.getRegionIterArg(0), loop.getRegionIterArg(1)}));
    scf::YieldOp::create(b, loc, ValueRange{next.high, next.low});
    sum = {loop.getResult(0), loop.getResult(1)};
  }
  Value n = roundSmall(sum.high);
  Value quadrant = sub(n, mul(c(4), roundSmall(mul(n, c(0.25)))));
  Pair turns = exactSum(sub(sum.high, n), sum.low);
  Pair rest = exactProduct(turns.high, kHalfPi);
  Value low = add(rest.low, add(mul(turns.high, c(kHalfPiLow)), mul(turns.low, c(kHalfPi))));
  return {quadrant, exactSum(rest.high, low)};
}

Reduced Functions::reduce(Value x) {
  Value isLarge = test(arith::CmpFPredicate::OGE, abs(x), c(fromF32 ? 0x1p28 : 0x1p20));
  Value any = isLarge;
  if (isa<VectorType>(type))
    any = vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, isLarge);
  Reduced small = reduceSmall(x);
  auto branch = scf::IfOp::create(b, loc, TypeRange{type, type, type}, any, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Reduced large = reduceLarge(x);
  scf::YieldOp::create(b, loc,
                       ValueRange{select(isLarge, large.quadrant, small.quadrant),
                                  select(isLarge, large.rest.high, small.rest.high),
                                  select(isLarge, large.rest.low, small.rest.low)});
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, loc, ValueRange{small.quadrant, small.rest.high, small.rest.low});
  return {branch.getResult(0), {branch.getResult(1), branch.getResult(2)}};
}

/// |r| <= pi/4
Value Functions::sinOf(Pair r) {
  static constexpr double kSeries[] = {8.33333333332248946124e-03, -1.98412698298579493134e-04,
                                       2.75573137070700676789e-06, -2.50507602534068634195e-08,
                                       1.58969099521155010221e-10};
  Value x = r.high, z = mul(x, x), v = mul(z, x), p = horner(kSeries, z);
  Value low = sub(mul(z, sub(mul(c(0.5), r.low), mul(v, p))), r.low);
  return sub(x, add(low, mul(v, c(1.66666666666666324348e-01))));
}

Value Functions::cosOf(Pair r) {
  static constexpr double kSeries[] = {4.16666666666666019037e-02, -1.38888888888741095749e-03,
                                       2.48015872894767294178e-05, -2.75573143513906633035e-07,
                                       2.08757232129817482790e-09, -1.13596475577881948265e-11};
  Value z = mul(r.high, r.high), half = mul(c(0.5), z), w = sub(c(1), half);
  Value tail = sub(mul(mul(z, z), horner(kSeries, z)), mul(r.high, r.low));
  return add(w, add(sub(sub(c(1), w), half), tail));
}

/// sin(x) from the sine and the cosine of what is left of x.
Value Functions::sinFrom(Value quadrant, Value sine, Value cosine) {
  Value size = abs(quadrant), isNegative = either(equal(size, c(2)), equal(quadrant, c(-1)));
  Value result = select(equal(size, c(1)), cosine, sine);
  return select(isNegative, neg(result), result);
}

Value Functions::cosFrom(Value quadrant, Value sine, Value cosine) {
  Value size = abs(quadrant), isNegative = either(equal(size, c(2)), equal(quadrant, c(1)));
  Value result = select(equal(size, c(1)), sine, cosine);
  return select(isNegative, neg(result), result);
}

Value Functions::sin(Value x) {
  Reduced r = reduce(x);
  return select(equal(x, c(0)), x, sinFrom(r.quadrant, sinOf(r.rest), cosOf(r.rest))); // -0
}

Value Functions::cos(Value x) {
  Reduced r = reduce(x);
  return cosFrom(r.quadrant, sinOf(r.rest), cosOf(r.rest));
}

/// Of f32, |r| <= pi/4; the polynomials are those of Cephes.
Pair Functions::sinAndCosOfF32(Value r) {
  static constexpr double kSine[] = {-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4};
  static constexpr double kCosine[] = {4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5};
  Value z = mul(r, r);
  Value sine = fma(mul(z, r), horner(kSine, z), r);
  Value cosine = fma(mul(z, z), horner(kCosine, z), fma(z, c(-0.5), c(1)));
  return {sine, cosine};
}

Value Functions::sinOfF32(Reduced r) {
  Pair both = sinAndCosOfF32(r.rest.high);
  return sinFrom(r.quadrant, both.high, both.low);
}

Value Functions::cosOfF32(Reduced r) {
  Pair both = sinAndCosOfF32(r.rest.high);
  return cosFrom(r.quadrant, both.high, both.low);
}

Value Functions::tan(Value x) {
  Reduced r = reduce(x);
  Value isOdd = equal(abs(r.quadrant), c(1)), s = sinOf(r.rest), k = cosOf(r.rest);
  return select(equal(x, c(0)), x, div(select(isOdd, neg(k), s), select(isOdd, s, k)));
}

/// |x| > 1: pi/2 - atan(1/x); above sqrt(2) - 1: pi/4 + atan((x - 1) / (x + 1)); else a polynomial.
Value Functions::atan(Value x) {
  static constexpr double kSeries[] = {
      3.33333333333329318027e-01, -1.99999999998764832476e-01, 1.42857142725034663711e-01, -1.11111104054623557880e-01,
      9.09088713343650656196e-02, -7.69187620504482999495e-02, 6.66107313738753120669e-02, -5.83357013379057348645e-02,
      4.97687799461593236017e-02, -3.65315727442169155270e-02, 1.62858201153657823623e-02};
  Value size = abs(x), isLarge = less(c(1), size);
  Value t = select(isLarge, div(c(1), size), size);
  Value isMiddle = less(c(0.41421356237309503), t);
  Value u = select(isMiddle, div(sub(t, c(1)), add(t, c(1))), t);
  Value z = mul(u, u);
  Value tail = neg(mul(mul(u, z), horner(kSeries, z))); // atan(u) = u + tail
  Value middle = add(c(kHalfPi / 2), add(u, add(tail, c(kHalfPiLow / 2))));
  Value inner = select(isMiddle, middle, add(u, tail));
  // pi/2 - inner, from the small parts on
  Value turned = select(isMiddle, sub(c(kHalfPi / 2), sub(add(u, tail), c(kHalfPiLow / 2))),
                        sub(c(kHalfPi), sub(add(u, tail), c(kHalfPiLow))));
  return select(equal(x, c(0)), x, withSign(select(isLarge, turned, inner), x));
}

//===----------------------------------------------------------------------===//
// Hyperbolic and other functions
//===----------------------------------------------------------------------===//

/// With t = e^2|x| - 1: t / (t + 2), from 1/2 on 1 - 2 / (t + 2).
Value Functions::tanh(Value x) {
  Value size = abs(x), t = expm1(add(size, size)), sum = add(t, c(2));
  Value result = select(less(size, c(0.5)), div(t, sum), sub(c(1), div(c(2), sum)));
  return select(equal(x, c(0)), x, withSign(result, x));
}

/// (t + t / (t + 1)) / 2 with t = e^|x| - 1; (e^(|x|/2))^2 / 2 where e^|x| might overflow.
Value Functions::sinh(Value x) {
  Value size = abs(x), t = expm1(size), root = exp(mul(c(0.5), size));
  Value small = mul(c(0.5), add(t, div(t, add(t, c(1)))));
  Value result = select(less(size, c(40)), small, mul(mul(c(0.5), root), root));
  return select(equal(x, c(0)), x, withSign(result, x));
}

Value Functions::cosh(Value x) {
  Value size = abs(x), e = exp(size), root = exp(mul(c(0.5), size));
  return select(less(size, c(40)), mul(c(0.5), add(e, div(c(1), e))), mul(mul(c(0.5), root), root));
}

Value Functions::asinh(Value x) {
  Value size = abs(x), square = mul(size, size);
  Value small = log1p(add(size, div(square, add(c(1), sqrt(add(square, c(1)))))));
  Value result = select(less(size, c(0x1p28)), small, add(log(size), c(std::numbers::ln2)));
  return select(equal(x, c(0)), x, withSign(result, x));
}

Value Functions::acosh(Value x) {
  Value t = sub(x, c(1));
  Value small = log1p(add(t, sqrt(add(mul(c(2), t), mul(t, t)))));
  Value result = select(less(x, c(0x1p28)), small, add(log(x), c(std::numbers::ln2)));
  return select(less(x, c(1)), c(kNaN), result);
}

Value Functions::atanh(Value x) {
  Value size = abs(x), twice = add(size, size);
  return withSign(mul(c(0.5), log1p(div(twice, sub(c(1), size)))), x);
}

/// |x| < 2:  2 / sqrt(pi) e^(-x^2) x sum of (2 x^2)^n / (1 3 5 ... (2n+1)), whose terms are all above 0
/// else:     1 - e^(-x^2) / sqrt(pi) / (x + 1/2 / (x + 2/2 / (x + 3/2 / ...)));  1 from 6 on
Value Functions::erf(Value x) {
  constexpr int kTerms = 45, kFractions = 64;
  SmallVector<double> coefficients{1};
  for (int n = 1; n <= kTerms; ++n)
    coefficients.push_back(coefficients.back() / (2 * n + 1));
  Value size = clamp(abs(x), 0, 6), square = mul(size, size), power = exp(neg(square));
  Value isSmall = less(size, c(2)), near = select(isSmall, size, c(1)), far = select(isSmall, c(2), size);
  Value series = mul(near, horner(coefficients, mul(c(2), mul(near, near))));
  Value fraction = far;
  for (int k = kFractions; k > 0; --k)
    fraction = add(far, div(c(0.5 * k), fraction));
  Value result = select(isSmall, mul(mul(c(2 * std::numbers::inv_sqrtpi), power), series),
                        sub(c(1), div(mul(c(std::numbers::inv_sqrtpi), power), fraction)));
  return select(equal(x, c(0)), x, withSign(result, x)); // NaN: neither small nor clamped
}

/// One step of Newton's method from 2^(log2|x| / 3).
Value Functions::cbrt(Value x) {
  Value size = abs(x), y = exp2(mul(log2(size), c(1.0 / 3)));
  Value better = sub(y, mul(sub(y, div(size, mul(y, y))), c(1.0 / 3)));
  Value isPlain = both(less(c(0), size), less(size, c(kInfinity)));
  return select(isPlain, withSign(better, x), x);
}

/// 2^(y log2|x|), and the special cases of IEEE 754.
Value Functions::pow(Value x, Value y) {
  Value size = abs(x), result = exp2(mul(y, log2(size)));
  result = select(equal(size, c(1)), c(1), result); // 0 * inf would be NaN
  Value isWhole = equal(round(y), y), half = mul(c(0.5), y), isEven = equal(round(half), half);
  Value isNegative = less(withSign(c(1), x), c(0));
  result = select(both(isNegative, isWhole), select(isEven, result, neg(result)), result);
  Value isFinite = both(less(x, c(0)), less(c(-kInfinity), x));
  result = select(isFinite, select(isWhole, result, c(kNaN)), result);
  result = select(test(arith::CmpFPredicate::UNO, x, y), c(kNaN), result);
  return select(either(equal(x, c(1)), equal(y, c(0))), c(1), result); // even of NaN
}

//===----------------------------------------------------------------------===//
// Dispatch
//===----------------------------------------------------------------------===//

Value Functions::emit(Operation *op, ValueRange x) {
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](math::ExpOp) { return exp(x[0]); })
      .Case([&](math::Exp2Op) { return exp2(x[0]); })
      .Case([&](math::ExpM1Op) { return expm1(x[0]); })
      .Case([&](math::LogOp) { return log(x[0]); })
      .Case([&](math::Log2Op) { return log2(x[0]); })
      .Case([&](math::Log10Op) { return mul(log2(x[0]), c(0.30102999566398119521)); })
      .Case([&](math::Log1pOp) { return log1p(x[0]); })
      .Case([&](math::SinOp) { return sin(x[0]); })
      .Case([&](math::CosOp) { return cos(x[0]); })
      .Case([&](math::TanOp) { return tan(x[0]); })
      .Case([&](math::AsinOp) {
        return select(equal(x[0], c(0)), x[0], atan(div(x[0], sqrt(mul(sub(c(1), x[0]), add(c(1), x[0]))))));
      })
      .Case([&](math::AcosOp) { return mul(c(2), atan(sqrt(div(sub(c(1), x[0]), add(c(1), x[0]))))); })
      .Case([&](math::AtanOp) { return atan(x[0]); })
      .Case([&](math::SinhOp) { return sinh(x[0]); })
      .Case([&](math::CoshOp) { return cosh(x[0]); })
      .Case([&](math::TanhOp) { return tanh(x[0]); })
      .Case([&](math::AsinhOp) { return asinh(x[0]); })
      .Case([&](math::AcoshOp) { return acosh(x[0]); })
      .Case([&](math::AtanhOp) { return atanh(x[0]); })
      .Case([&](math::ErfOp) { return erf(x[0]); })
      .Case([&](math::CbrtOp) { return cbrt(x[0]); })
      .Case([&](math::RsqrtOp) { return div(c(1), sqrt(x[0])); })
      .Case([&](math::PowFOp) { return pow(x[0], x[1]); })
      .Default([](Operation *) { return Value(); });
}

/// Reduced in f64, computed in f32: at most two ulps off.
Value attnc::codegen::emitF32Circular(OpBuilder &b, Operation *op) {
  Location loc = op->getLoc();
  Type type = op->getResult(0).getType();
  auto shaped = dyn_cast<ShapedType>(type);
  Type wide = shaped ? Type(shaped.clone(b.getF64Type())) : b.getF64Type();
  Value x = op->getOperand(0);
  Reduced r = Functions(b, loc, wide, /*fromF32=*/true).reduce(arith::ExtFOp::create(b, loc, wide, x));
  r.quadrant = arith::TruncFOp::create(b, loc, type, r.quadrant);
  r.rest.high = arith::TruncFOp::create(b, loc, type, r.rest.high);
  Functions single(b, loc, type, /*fromF32=*/true);
  return isa<math::SinOp>(op) ? single.sinOfF32(r) : single.cosOfF32(r);
}

Value attnc::codegen::emitF64Function(OpBuilder &builder, Operation *op, ValueRange operands, bool fromF32) {
  return Functions(builder, op->getLoc(), operands[0].getType(), fromF32).emit(op, operands);
}
