//===- InterpretScalars.cpp - arith, math and affine.apply ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tables of plain functions, one line per op. All of these ops also apply to
// tensors, element by element; `compileElementwise` is the one place that
// knows.
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/AttnOps.h"
#include "dialects/Attn/InterpreterImpl.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace attnc;
using namespace attnc::attn;
using namespace attnc::attn::interpreter;

//===----------------------------------------------------------------------===//
// What each op computes
//===----------------------------------------------------------------------===//

using Real1 = double (*)(double);
using Real2 = double (*)(double, double);
using Real3 = double (*)(double, double, double);
using RealTest = bool (*)(double);
using RealComparison = bool (*)(double, double);
using IntComparison = bool (*)(int64_t, int64_t);
/// On operands sign-extended to 64 bits. The result is wrapped to its width
/// afterwards.
using Signed2 = int64_t (*)(int64_t, int64_t);
/// On operands zero-extended to 64 bits.
using Unsigned2 = uint64_t (*)(uint64_t, uint64_t);

static double propagateNaN(double a, double b, double otherwise) {
  return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::quiet_NaN() : otherwise;
}
/// -0 counts as less than +0, as IEEE 754 maximum and minimum have it.
static double maximum(double a, double b) { return propagateNaN(a, b, a > b || (a == b && !std::signbit(a)) ? a : b); }
static double minimum(double a, double b) { return propagateNaN(a, b, a < b || (a == b && std::signbit(a)) ? a : b); }

static const llvm::StringMap<Real1> &unaryReals() {
  static const llvm::StringMap<Real1> table = {
      {"arith.negf", [](double a) { return -a; }},
      {"math.absf", [](double a) { return std::fabs(a); }},
      {"math.acos", [](double a) { return std::acos(a); }},
      {"math.acosh", [](double a) { return std::acosh(a); }},
      {"math.asin", [](double a) { return std::asin(a); }},
      {"math.asinh", [](double a) { return std::asinh(a); }},
      {"math.atan", [](double a) { return std::atan(a); }},
      {"math.atanh", [](double a) { return std::atanh(a); }},
      {"math.cbrt", [](double a) { return std::cbrt(a); }},
      {"math.ceil", [](double a) { return std::ceil(a); }},
      {"math.cos", [](double a) { return std::cos(a); }},
      {"math.cosh", [](double a) { return std::cosh(a); }},
      {"math.erf", [](double a) { return std::erf(a); }},
      {"math.erfc", [](double a) { return std::erfc(a); }},
      {"math.exp", [](double a) { return std::exp(a); }},
      {"math.exp2", [](double a) { return std::exp2(a); }},
      {"math.expm1", [](double a) { return std::expm1(a); }},
      {"math.floor", [](double a) { return std::floor(a); }},
      {"math.log", [](double a) { return std::log(a); }},
      {"math.log10", [](double a) { return std::log10(a); }},
      {"math.log1p", [](double a) { return std::log1p(a); }},
      {"math.log2", [](double a) { return std::log2(a); }},
      {"math.round", [](double a) { return std::round(a); }},
      {"math.roundeven", [](double a) { return a - std::remainder(a, 1.0); }},
      {"math.rsqrt", [](double a) { return 1.0 / std::sqrt(a); }},
      {"math.sin", [](double a) { return std::sin(a); }},
      {"math.sinh", [](double a) { return std::sinh(a); }},
      {"math.sqrt", [](double a) { return std::sqrt(a); }},
      {"math.tan", [](double a) { return std::tan(a); }},
      {"math.tanh", [](double a) { return std::tanh(a); }},
      {"math.trunc", [](double a) { return std::trunc(a); }},
  };
  return table;
}

static const llvm::StringMap<Real2> &binaryReals() {
  static const llvm::StringMap<Real2> table = {
      {"arith.addf", [](double a, double b) { return a + b; }},
      {"arith.subf", [](double a, double b) { return a - b; }},
      {"arith.mulf", [](double a, double b) { return a * b; }},
      {"arith.divf", [](double a, double b) { return a / b; }},
      {"arith.remf", [](double a, double b) { return std::fmod(a, b); }},
      {"arith.maximumf", maximum},
      {"arith.minimumf", minimum},
      {"arith.maxnumf", [](double a, double b) { return std::fmax(a, b); }},
      {"arith.minnumf", [](double a, double b) { return std::fmin(a, b); }},
      {"math.atan2", [](double a, double b) { return std::atan2(a, b); }},
      {"math.copysign", [](double a, double b) { return std::copysign(a, b); }},
      {"math.powf", [](double a, double b) { return std::pow(a, b); }},
  };
  return table;
}

static const llvm::StringMap<Real3> &ternaryReals() {
  static const llvm::StringMap<Real3> table = {
      {"math.fma", [](double a, double b, double c) { return std::fma(a, b, c); }},
      {"math.clampf", [](double a, double low, double high) { return minimum(maximum(a, low), high); }},
  };
  return table;
}

static const llvm::StringMap<RealTest> &realTests() {
  static const llvm::StringMap<RealTest> table = {
      {"math.isfinite", [](double a) -> bool { return std::isfinite(a); }},
      {"math.isinf", [](double a) -> bool { return std::isinf(a); }},
      {"math.isnan", [](double a) -> bool { return std::isnan(a); }},
      {"math.isnormal", [](double a) -> bool { return std::isnormal(a); }},
  };
  return table;
}

static const llvm::StringMap<Unsigned2> &unsignedInts() {
  static const llvm::StringMap<Unsigned2> table = {
      {"arith.addi", [](uint64_t a, uint64_t b) { return a + b; }},
      {"arith.subi", [](uint64_t a, uint64_t b) { return a - b; }},
      {"arith.muli", [](uint64_t a, uint64_t b) { return a * b; }},
      {"arith.andi", [](uint64_t a, uint64_t b) { return a & b; }},
      {"arith.ori", [](uint64_t a, uint64_t b) { return a | b; }},
      {"arith.xori", [](uint64_t a, uint64_t b) { return a ^ b; }},
      {"arith.maxui", [](uint64_t a, uint64_t b) { return std::max(a, b); }},
      {"arith.minui", [](uint64_t a, uint64_t b) { return std::min(a, b); }},
      {"arith.shli", [](uint64_t a, uint64_t b) { return b < 64 ? a << b : 0; }},
      {"arith.shrui", [](uint64_t a, uint64_t b) { return b < 64 ? a >> b : 0; }},
  };
  return table;
}

static const llvm::StringMap<Signed2> &signedInts() {
  static const llvm::StringMap<Signed2> table = {
      {"arith.maxsi", [](int64_t a, int64_t b) { return std::max(a, b); }},
      {"arith.minsi", [](int64_t a, int64_t b) { return std::min(a, b); }},
      {"arith.shrsi", [](int64_t a, int64_t b) { return a >> (static_cast<uint64_t>(b) < 64 ? b : 63); }},
  };
  return table;
}

/// a / -1 wraps like every other overflow, instead of trapping.
static int64_t quotient(int64_t a, int64_t b) {
  return b == -1 ? static_cast<int64_t>(-static_cast<uint64_t>(a)) : a / b;
}
static int64_t remainderOf(int64_t a, int64_t b) { return b == -1 ? 0 : a % b; }

/// The divisor is not zero: the step checks it.
static const llvm::StringMap<Signed2> &signedDivisions() {
  static const llvm::StringMap<Signed2> table = {
      {"arith.divsi", quotient},
      {"arith.remsi", remainderOf},
      {"arith.floordivsi",
       [](int64_t a, int64_t b) { return quotient(a, b) - (remainderOf(a, b) != 0 && (a < 0) != (b < 0)); }},
      {"arith.ceildivsi",
       [](int64_t a, int64_t b) { return quotient(a, b) + (remainderOf(a, b) != 0 && (a < 0) == (b < 0)); }},
  };
  return table;
}

static const llvm::StringMap<Unsigned2> &unsignedDivisions() {
  static const llvm::StringMap<Unsigned2> table = {
      {"arith.divui", [](uint64_t a, uint64_t b) { return a / b; }},
      {"arith.remui", [](uint64_t a, uint64_t b) { return a % b; }},
      {"arith.ceildivui", [](uint64_t a, uint64_t b) { return a / b + (a % b != 0); }},
  };
  return table;
}

static RealComparison comparison(arith::CmpFPredicate predicate) {
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::AlwaysFalse:
    return [](double, double) { return false; };
  case P::OEQ:
    return [](double a, double b) { return a == b; };
  case P::OGT:
    return [](double a, double b) { return a > b; };
  case P::OGE:
    return [](double a, double b) { return a >= b; };
  case P::OLT:
    return [](double a, double b) { return a < b; };
  case P::OLE:
    return [](double a, double b) { return a <= b; };
  case P::ONE:
    return [](double a, double b) { return a < b || a > b; };
  case P::ORD:
    return [](double a, double b) { return !std::isnan(a) && !std::isnan(b); };
  case P::UEQ:
    return [](double a, double b) { return !(a < b || a > b); };
  case P::UGT:
    return [](double a, double b) { return !(a <= b); };
  case P::UGE:
    return [](double a, double b) { return !(a < b); };
  case P::ULT:
    return [](double a, double b) { return !(a >= b); };
  case P::ULE:
    return [](double a, double b) { return !(a > b); };
  case P::UNE:
    return [](double a, double b) { return a != b; };
  case P::UNO:
    return [](double a, double b) { return std::isnan(a) || std::isnan(b); };
  case P::AlwaysTrue:
    return [](double, double) { return true; };
  }
  llvm_unreachable("every predicate is listed");
}

static IntComparison comparison(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  using U = uint64_t;
  switch (predicate) {
  case P::eq:
    return [](int64_t a, int64_t b) { return a == b; };
  case P::ne:
    return [](int64_t a, int64_t b) { return a != b; };
  case P::slt:
    return [](int64_t a, int64_t b) { return a < b; };
  case P::sle:
    return [](int64_t a, int64_t b) { return a <= b; };
  case P::sgt:
    return [](int64_t a, int64_t b) { return a > b; };
  case P::sge:
    return [](int64_t a, int64_t b) { return a >= b; };
  // Sign extension keeps the unsigned order of values of one width.
  case P::ult:
    return [](int64_t a, int64_t b) { return U(a) < U(b); };
  case P::ule:
    return [](int64_t a, int64_t b) { return U(a) <= U(b); };
  case P::ugt:
    return [](int64_t a, int64_t b) { return U(a) > U(b); };
  case P::uge:
    return [](int64_t a, int64_t b) { return U(a) >= U(b); };
  }
  llvm_unreachable("every predicate is listed");
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

static Type elementOf(Type type) { return getElementTypeOrSelf(type); }

/// Canonical form keeps i1 as 0 or 1; signed arithmetic wants 0 or -1.
static int64_t asSigned(int64_t value, unsigned width) { return width == 1 ? -value : value; }
static uint64_t asUnsigned(int64_t value, unsigned width) {
  return width == 64 ? value : static_cast<uint64_t>(value) & ((uint64_t(1) << width) - 1);
}

/// Truncates towards zero. What does not fit saturates and NaN gives 0, so that
/// the reference is total.
static int64_t toSigned(double value, unsigned width) {
  double limit = std::ldexp(1.0, width - 1);
  if (std::isnan(value))
    return 0;
  if (value >= limit)
    return llvm::maxIntN(width);
  return value < -limit ? llvm::minIntN(width) : static_cast<int64_t>(value);
}
static uint64_t toUnsigned(double value, unsigned width) {
  if (!(value > 0))
    return 0;
  return value >= std::ldexp(1.0, width) ? llvm::maxUIntN(width) : static_cast<uint64_t>(value);
}

template <typename Table>
static typename Table::mapped_type find(const Table &table, Operation *op) {
  auto it = table.find(op->getName().getStringRef());
  return it == table.end() ? nullptr : it->second;
}

static Step realStep(Operation *op, ArrayRef<Slot> in, Slot out) {
  Slot a = in[0], b = in.size() > 1 ? in[1] : 0, c = in.size() > 2 ? in[2] : 0;
  if (Real1 function = find(unaryReals(), op))
    return [=](Frame &f) { return f.real(out) = function(f.real(a)), true; };
  if (Real2 function = find(binaryReals(), op))
    return [=](Frame &f) { return f.real(out) = function(f.real(a), f.real(b)), true; };
  if (Real3 function = find(ternaryReals(), op))
    return [=](Frame &f) { return f.real(out) = function(f.real(a), f.real(b), f.real(c)), true; };
  if (RealTest function = find(realTests(), op))
    return [=](Frame &f) { return f.integer(out) = function(f.real(a)), true; };
  return nullptr;
}

static bool reportZeroDivisor(Operation *op) {
  op->emitError("integer division by zero");
  return false;
}

static Step integerStep(Operation *op, ArrayRef<Slot> in, Slot out, unsigned w) {
  Slot a = in[0], b = in.size() > 1 ? in[1] : 0;
  if (Unsigned2 function = find(unsignedInts(), op))
    return [=](Frame &f) {
      uint64_t result = function(asUnsigned(f.integer(a), w), asUnsigned(f.integer(b), w));
      return f.integer(out) = canonical(result, w), true;
    };
  if (Signed2 function = find(signedInts(), op))
    return [=](Frame &f) {
      int64_t result = function(asSigned(f.integer(a), w), asSigned(f.integer(b), w));
      return f.integer(out) = canonical(result, w), true;
    };
  if (Unsigned2 function = find(unsignedDivisions(), op))
    return [=](Frame &f) {
      if (f.integer(b) == 0)
        return reportZeroDivisor(op);
      uint64_t result = function(asUnsigned(f.integer(a), w), asUnsigned(f.integer(b), w));
      return f.integer(out) = canonical(result, w), true;
    };
  if (Signed2 function = find(signedDivisions(), op))
    return [=](Frame &f) {
      if (f.integer(b) == 0)
        return reportZeroDivisor(op);
      int64_t result = function(asSigned(f.integer(a), w), asSigned(f.integer(b), w));
      return f.integer(out) = canonical(result, w), true;
    };
  return nullptr;
}

/// Conversions between integers of width `from` and `to`, and between integers
/// and floats.
static Step castStep(const Compiler &compiler, Operation *op, Slot a, Slot out, unsigned from, unsigned to) {
  return TypeSwitch<Operation *, Step>(op)
      .Case<arith::ExtSIOp, arith::IndexCastOp, arith::TruncIOp>([=](auto) -> Step {
        return [=](Frame &f) { return f.integer(out) = canonical(asSigned(f.integer(a), from), to), true; };
      })
      .Case<arith::ExtUIOp, arith::IndexCastUIOp>([=](auto) -> Step {
        return [=](Frame &f) { return f.integer(out) = canonical(asUnsigned(f.integer(a), from), to), true; };
      })
      .Case([&](arith::SIToFPOp) -> Step {
        // At once in the type's own precision, if that is f32: 2^53 + 1 must not be rounded twice.
        if (compiler.deciding.contains(op->getResult(0)) && elementOf(op->getResult(0).getType()).isF32())
          return [=](Frame &f) { return f.real(out) = static_cast<float>(asSigned(f.integer(a), from)), true; };
        return [=](Frame &f) { return f.real(out) = static_cast<double>(asSigned(f.integer(a), from)), true; };
      })
      .Case([=](arith::UIToFPOp) -> Step {
        return [=](Frame &f) { return f.real(out) = static_cast<double>(asUnsigned(f.integer(a), from)), true; };
      })
      .Case([=](arith::FPToSIOp) -> Step {
        return [=](Frame &f) { return f.integer(out) = canonical(toSigned(f.real(a), to), to), true; };
      })
      .Case([=](arith::FPToUIOp) -> Step {
        return [=](Frame &f) { return f.integer(out) = canonical(toUnsigned(f.real(a), to), to), true; };
      })
      // The reference does not round: changing the float type changes nothing.
      .Case<arith::ExtFOp, arith::TruncFOp>(
          [=](auto) -> Step { return [=](Frame &f) { return f.scalars[out] = f.scalars[a], true; }; })
      .Default([](Operation *) { return Step(); });
}

static Step otherStep(Operation *op, ArrayRef<Slot> in, Slot out, unsigned w) {
  Slot a = in[0], b = in.size() > 1 ? in[1] : 0, c = in.size() > 2 ? in[2] : 0;
  return TypeSwitch<Operation *, Step>(op)
      .Case([&](arith::CmpFOp cmp) -> Step {
        RealComparison test = comparison(cmp.getPredicate());
        return [=](Frame &f) { return f.integer(out) = test(f.real(a), f.real(b)), true; };
      })
      .Case([&](arith::CmpIOp cmp) -> Step {
        IntComparison test = comparison(cmp.getPredicate());
        return
            [=](Frame &f) { return f.integer(out) = test(asSigned(f.integer(a), w), asSigned(f.integer(b), w)), true; };
      })
      .Case([&](arith::SelectOp) -> Step {
        return [=](Frame &f) { return f.scalars[out] = f.integer(a) ? f.scalars[b] : f.scalars[c], true; };
      })
      .Case([&](math::AbsIOp) -> Step {
        return [=](Frame &f) {
          int64_t value = f.integer(a);
          return f.integer(out) = canonical(value < 0 ? -static_cast<uint64_t>(value) : value, w), true;
        };
      })
      .Case([&](math::FPowIOp) -> Step {
        return [=](Frame &f) { return f.real(out) = std::pow(f.real(a), static_cast<double>(f.integer(b))), true; };
      })
      .Default([](Operation *) { return Step(); });
}

static unsigned bitsOf(Type type) { return isReal(elementOf(type)) ? 0 : widthOf(elementOf(type)); }

/// The step of `op` on scalars, or nothing when the op is of another family.
static Step scalarStep(const Compiler &compiler, Operation *op, ArrayRef<Slot> in, Slot out) {
  Type first = op->getOperand(0).getType(), result = op->getResult(0).getType();
  if (Step step = realStep(op, in, out))
    return step;
  if (Step step = integerStep(op, in, out, bitsOf(result)))
    return step;
  if (Step step = castStep(compiler, op, in[0], out, bitsOf(first), bitsOf(result)))
    return step;
  return otherStep(op, in, out, bitsOf(first));
}

//===----------------------------------------------------------------------===//
// Elementwise on tensors
//===----------------------------------------------------------------------===//

namespace {
/// A tensor operand and the scalar slot that holds its current element.
struct Lane {
  Slot tensor, element;
};
} // namespace

static bool sameShapes(Operation *op, ArrayRef<Lane> lanes, Frame &frame) {
  const RefTensor &first = frame.tensor(lanes[0].tensor);
  for (const Lane &lane : lanes.drop_front())
    if (const RefTensor &other = frame.tensor(lane.tensor); other.shape != first.shape) {
      op->emitError() << "operands have different shapes: " << first.type() << " and " << other.type();
      return false;
    }
  return true;
}

static bool runElementwise(Operation *op, const Step &step, ArrayRef<Lane> lanes, Lane target, Frame &frame) {
  if (!sameShapes(op, lanes, frame))
    return false;
  RefTensor result(elementOf(op->getResult(0).getType()), frame.tensor(lanes[0].tensor).shape);
  for (int64_t n = 0; n < result.size(); ++n) {
    for (const Lane &lane : lanes)
      frame.scalars[lane.element] = load(frame.tensor(lane.tensor), n);
    if (!step(frame))
      return false;
    store(result, n, frame.scalars[target.element]);
  }
  return define(frame, op->getResult(0), target.tensor, std::move(result));
}

/// `step`, whose result in `out` a decision depends on: it is rounded to `type`.
static Step rounded(Step step, FloatType type, Slot out) {
  if (type.isF64())
    return step;
  if (type.isF32()) // the common case, and faster
    return [=](Frame &f) { return step(f) && (f.real(out) = static_cast<float>(f.real(out)), true); };
  return [=](Frame &f) { return step(f) && (f.real(out) = roundTo(type, f.real(out)), true); };
}

/// Whether compiled code rounds what `op` computes.
static bool isRounded(Operation *op) {
  bool isArithmetic = isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp>(op);
  return isReal(elementOf(op->getResult(0).getType())) && (isArithmetic || isa<math::MathDialect>(op->getDialect()));
}

static bool compileElementwise(Compiler &compiler, Operation *op) {
  if (op->getNumOperands() == 0 || op->getNumResults() != 1)
    return false;
  SmallVector<Slot> in;
  SmallVector<Lane> lanes;
  for (Value operand : op->getOperands()) {
    in.push_back(compiler.slot(operand));
    if (isTensor(operand.getType())) {
      lanes.push_back({in.back(), compiler.scratch()});
      in.back() = lanes.back().element;
    }
  }
  Value result = op->getResult(0);
  Slot out = lanes.empty() ? compiler.slot(result) : compiler.scratch();
  Step step = scalarStep(compiler, op, in, out);
  if (!step)
    return false;
  if (compiler.deciding.contains(result))
    step = rounded(std::move(step), cast<FloatType>(elementOf(result.getType())), out);
  else if (double off = compiler.session.disturbance; off && isRounded(op))
    step = [=, step = std::move(step)](Frame &f) {
      return step(f) && (f.real(out) = disturb(f, f.real(out), off), true);
    };
  if (lanes.empty()) {
    compiler.push(std::move(step));
    return true;
  }
  Lane target{compiler.slot(result), out};
  compiler.push([=](Frame &frame) { return runElementwise(op, step, lanes, target, frame); });
  return true;
}

//===----------------------------------------------------------------------===//
// Constants, aliases, affine maps
//===----------------------------------------------------------------------===//

/// Constants are in the frame before the program starts: reading one costs
/// nothing.
static void compileConstant(Compiler &compiler, arith::ConstantOp op) {
  Slot slot = compiler.slot(op.getResult());
  if (auto elements = dyn_cast<ElementsAttr>(op.getValue())) {
    FailureOr<RefTensor> tensor = fromAttribute(elements);
    if (failed(tensor))
      return compiler.fail(op, "the interpreter cannot read this constant");
    compiler.initial.tensors[slot] = std::make_shared<RefTensor>(std::move(*tensor));
  } else if (auto real = dyn_cast<FloatAttr>(op.getValue())) {
    compiler.initial.real(slot) = real.getValueAsDouble(); // the stored value, f32 constants included
  } else {
    const llvm::APInt &value = cast<IntegerAttr>(op.getValue()).getValue();
    compiler.initial.integer(slot) = canonical(value.getZExtValue(), widthOf(op.getType()));
  }
}

/// The tensor that `name` says, read or made; null after a failure.
static TensorPtr readWeight(Compiler &compiler, Operation *op, FlatSymbolRefAttr name) {
  Operation *weight = weights::lookup(op, name);
  FailureOr<weights::RecipePtr> recipe = failure();
  if (weight)
    recipe = weights::recipeOf(weight);
  if (failed(recipe))
    return compiler.fail(op, "the interpreter cannot read this weight"), nullptr;
  if (!(*recipe)->isKnown())
    return compiler.fail(op, "the numbers of this weight are not known: no file holds them"), nullptr;
  std::vector<char> scratch;
  RankedTensorType type = weights::typeOf(weight);
  FailureOr<RefTensor> tensor = fromBytes(type.getElementType(), type.getShape(), weights::make(**recipe, scratch));
  if (failed(tensor))
    return compiler.fail(op, "the interpreter does not know elements of this type"), nullptr;
  return std::make_shared<RefTensor>(std::move(*tensor));
}

/// A weight is read, or made, before the program starts.
static void compileWeight(Compiler &compiler, WeightOp op) {
  compiler.initial.tensors[compiler.slot(op.getResult())] = readWeight(compiler, op, op.getNameAttr());
}

static void compileLayerWeight(Compiler &compiler, LayerWeightOp op) {
  weights::StackOp stack = weights::lookupStack(op, op.getStackAttr());
  if (!stack)
    return compiler.fail(op, "the interpreter cannot read this weight");
  std::vector<TensorPtr> layers;
  for (FlatSymbolRefAttr name : weights::sourcesOf(stack))
    layers.push_back(readWeight(compiler, op, name));
  Slot layer = compiler.slot(op.getLayer()), out = compiler.slot(op.getResult());
  Operation *user = op;
  compiler.push([=](Frame &frame) {
    auto number = static_cast<uint64_t>(frame.integer(layer));
    if (number >= layers.size()) {
      user->emitError() << "layer " << frame.integer(layer) << " of a stack of " << layers.size() << " weights";
      return false;
    }
    frame.tensors[out] = layers[number];
    return true;
  });
}

static void compileAffine(Compiler &compiler, Operation *op, AffineMap map, int64_t (*choose)(ArrayRef<int64_t>)) {
  SmallVector<Slot> in = compiler.slots(op->getOperands());
  Slot out = compiler.slot(op->getResult(0));
  Builder builder(op->getContext());
  compiler.push([=](Frame &frame) mutable {
    SmallVector<Attribute> operands, folded;
    for (Slot slot : in)
      operands.push_back(builder.getIndexAttr(frame.integer(slot)));
    if (failed(map.constantFold(operands, folded)))
      return reportZeroDivisor(op);
    SmallVector<int64_t> values =
        llvm::map_to_vector(folded, [](Attribute value) { return cast<IntegerAttr>(value).getInt(); });
    return frame.integer(out) = choose(values), true;
  });
}

bool interpreter::compileScalars(Compiler &compiler, Operation *op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return compileConstant(compiler, constant), true;
  if (auto weight = dyn_cast<WeightOp>(op))
    return compileWeight(compiler, weight), true;
  if (auto weight = dyn_cast<LayerWeightOp>(op))
    return compileLayerWeight(compiler, weight), true;
  if (isa<arith::ExtFOp, arith::TruncFOp>(op) && !isTensor(op->getOperand(0).getType()) &&
      !compiler.deciding.contains(op->getResult(0)))
    return compiler.alias(op->getResult(0), compiler.slot(op->getOperand(0))),
           true; // no rounding: the same value
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return compileAffine(compiler, op, apply.getMap(), [](ArrayRef<int64_t> v) { return v[0]; }), true;
  if (auto max = dyn_cast<affine::AffineMaxOp>(op))
    return compileAffine(compiler, op, max.getMap(), [](ArrayRef<int64_t> v) { return *llvm::max_element(v); }), true;
  if (auto min = dyn_cast<affine::AffineMinOp>(op))
    return compileAffine(compiler, op, min.getMap(), [](ArrayRef<int64_t> v) { return *llvm::min_element(v); }), true;
  return compileElementwise(compiler, op);
}
