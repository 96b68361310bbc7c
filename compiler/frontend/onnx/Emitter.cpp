//===- Emitter.cpp - Tensors with symbolic shapes, and the IR for them ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Making, inspecting and computing tensors. Moving data is in Movement.cpp.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Emitter.h"
#include "compiler/frontend/onnx/Integers.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::onnx;

namespace {
/// Float constants up to this size are computed with at import.
constexpr int64_t kMaxFolded = 1 << 16;
} // namespace

//===- Making tensors -----------------------------------------------------===//

Tensor *Emitter::constant(DenseElementsAttr value, Type elementType) {
  SymList shape(value.getType().getShape().begin(), value.getType().getShape().end());
  return add({elementType ? elementType : value.getElementType(), std::move(shape), value, std::nullopt, nullptr});
}

Tensor *Emitter::constant(const Constant &held, StringRef name) {
  if (held.weight)
    return weight(*held.weight, held.elementType, name);
  return held.value ? constant(held.value, held.elementType) : nullptr;
}

/// weights.data @NAME before the function, attn.weight @NAME in it.
Tensor *Emitter::weight(const WeightPlace &place, Type elementType, StringRef name) {
  auto function = builder.getBlock()->getParent()->getParentOfType<FunctionOpInterface>();
  std::string unique = printable(name), taken = function.getName().str();
  // The names of functions that are made of this one begin with its own.
  for (int i = 2; unique.empty() || StringRef(unique).starts_with(taken) || !weightNames.insert(unique).second; ++i)
    unique = fmt::format("w_{}_{}", printable(name), i);
  auto *dialect = builder.getContext()->getOrLoadDialect<weights::WeightsDialect>();
  dialect->files().add(place.path, place.file);
  OpBuilder outside(function);
  weights::DataOp::create(outside, loc, unique, outside.getStringAttr(place.path),
                          outside.getI64IntegerAttr(static_cast<int64_t>(place.offset)), place.type);
  SymList shape(place.type.getShape().begin(), place.type.getShape().end());
  return computed(attn::WeightOp::create(builder, loc, place.type, unique), std::move(shape), elementType);
}

/// Known integers are computed in 64 bits; those of a narrower type wrap around, as they do at run time.
Tensor *Emitter::symbolic(Type elementType, SymList shape, SymList elements) {
  unsigned width = elementType.getIntOrFloatBitWidth();
  for (Sym &element : elements)
    if (std::optional<int64_t> number = element.constant(); number && width > 1 && width < 64) {
      auto bits = static_cast<uint64_t>(*number);
      element = elementType.isUnsignedInteger()
                    ? Sym(static_cast<int64_t>(bits & llvm::maskTrailingOnes<uint64_t>(width)))
                    : Sym(llvm::SignExtend64(bits, width));
    }
  return add({elementType, std::move(shape), nullptr, std::move(elements), nullptr});
}

Tensor *Emitter::computed(Value value, SymList shape, Type elementType) {
  if (!elementType)
    elementType = cast<RankedTensorType>(value.getType()).getElementType();
  return add({elementType, std::move(shape), nullptr, std::nullopt, value});
}

Tensor *Emitter::splat(TypedAttr scalar, SymList shape, Type elementType) {
  RankedTensorType type = typeOf(scalar.getType(), shape);
  if (type.hasStaticShape() && type.getNumElements() > 0)
    return constant(DenseElementsAttr::get(type, ArrayRef<mlir::Attribute>(scalar)), elementType);
  if (type.hasStaticShape() && !isa<FloatType>(scalar.getType()))
    return symbolic(elementType ? elementType : scalar.getType(), std::move(shape), {});
  return computed(filled(scalar, shape), std::move(shape), elementType);
}

//===- Looking into tensors -----------------------------------------------===//

Value Emitter::value(Tensor *tensor) {
  if (tensor->value)
    return tensor->value;
  if (tensor->constant)
    return tensor->value = arith::ConstantOp::create(builder, loc, tensor->constant);
  RankedTensorType type = typeOf(tensor->elementType, tensor->shape);
  SmallVector<APInt> numbers;
  for (const Sym &element : *tensor->elements)
    if (std::optional<int64_t> number = element.constant())
      numbers.push_back(APInt(64, *number).sextOrTrunc(tensor->elementType.getIntOrFloatBitWidth()));
  if (numbers.size() == tensor->elements->size())
    return tensor->value = arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, numbers));
  SmallVector<Value> scalars;
  for (const Sym &element : *tensor->elements)
    scalars.push_back(arith::IndexCastOp::create(builder, loc, type.getElementType(), index(element)));
  return tensor->value = tensor::FromElementsOp::create(builder, loc, type, scalars);
}

std::optional<int64_t> Emitter::fixedCount(ArrayRef<Sym> shape, int64_t limit) const {
  int64_t count = 1;
  for (const Sym &extent : shape) {
    std::optional<int64_t> fixed = extent.constant();
    if (!fixed || *fixed < 0 || llvm::MulOverflow(count, *fixed, count) || count > limit)
      return std::nullopt;
  }
  return count;
}

/// A uint64 beyond what an int64 holds is no expression.
static std::optional<SymList> inRange(SymList elements, const Tensor *tensor) {
  bool isWide = tensor->isUnsigned() && tensor->elementType.isInteger(64);
  if (isWide && llvm::any_of(elements, [](const Sym &element) { return element.constant().value_or(0) < 0; }))
    return std::nullopt;
  return elements;
}

std::optional<SymList> Emitter::elements(const Tensor *tensor) const {
  if (tensor->elements)
    return inRange(*tensor->elements, tensor);
  if (!tensor->constant || tensor->isFloat() || !fixedCount(tensor->shape, kMaxTracked))
    return std::nullopt;
  SymList result;
  bool isNatural = tensor->isBool() || tensor->isUnsigned(); // i1 is 0 or 1, not 0 or -1
  for (const APInt &element : tensor->constant.getValues<APInt>())
    result.push_back(isNatural ? static_cast<int64_t>(element.getZExtValue()) : element.getSExtValue());
  return inRange(std::move(result), tensor);
}

std::optional<std::vector<double>> Emitter::floats(const Tensor *tensor) const {
  if (!tensor->constant || !tensor->isFloat() || !fixedCount(tensor->shape, kMaxFolded))
    return std::nullopt;
  std::vector<double> result;
  for (APFloat element : tensor->constant.getValues<APFloat>()) {
    bool losesInfo;
    element.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
    result.push_back(element.convertToDouble());
  }
  return result;
}

std::optional<double> Emitter::floatScalar(const Tensor *tensor) const {
  if (!tensor->constant || !tensor->isFloat() || !tensor->constant.isSplat())
    return std::nullopt;
  APFloat element = tensor->constant.getSplatValue<APFloat>();
  bool losesInfo;
  element.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  return element.convertToDouble();
}

RankedTensorType Emitter::typeOf(Type elementType, ArrayRef<Sym> shape) const {
  SmallVector<int64_t> dims;
  for (const Sym &extent : shape)
    dims.push_back(extent.constant().value_or(ShapedType::kDynamic));
  return RankedTensorType::get(dims, storedType(elementType));
}

OpFoldResult Emitter::size(const Sym &sym) {
  if (std::optional<int64_t> fixed = sym.constant())
    return builder.getIndexAttr(*fixed);
  return index(sym);
}

SmallVector<OpFoldResult> Emitter::sizes(ArrayRef<Sym> shape) {
  return llvm::map_to_vector(shape, [&](const Sym &extent) { return size(extent); });
}

Value Emitter::empty(Type elementType, ArrayRef<Sym> shape) {
  return tensor::EmptyOp::create(builder, loc, sizes(shape), storedType(elementType));
}

Value Emitter::filled(TypedAttr scalar, ArrayRef<Sym> shape) {
  Value fill = arith::ConstantOp::create(builder, loc, scalar);
  return linalg::FillOp::create(builder, loc, fill, empty(scalar.getType(), shape)).getResult(0);
}

TypedAttr Emitter::scalar(Type type, double number) {
  if (isa<FloatType>(type))
    return builder.getFloatAttr(type, number);
  return builder.getIntegerAttr(storedType(type), static_cast<int64_t>(number));
}

//===- Computing ----------------------------------------------------------===//

Tensor *Emitter::generic(ArrayRef<Tensor *> operands, ArrayRef<AffineMap> maps, AffineMap resultMap, Type resultType,
                         const SymList &shape, Body body) {
  SmallVector<Value> inputs, scalars(operands.size());
  SmallVector<AffineMap> allMaps;
  for (auto [index, operand, map] : llvm::enumerate(operands, maps)) {
    if (operand->constant && operand->constant.isSplat()) {
      auto scalar = cast<TypedAttr>(operand->constant.getSplatValue<mlir::Attribute>());
      scalars[index] = arith::ConstantOp::create(builder, loc, scalar);
      continue;
    }
    inputs.push_back(value(operand));
    allMaps.push_back(map);
  }
  allMaps.push_back(resultMap);
  SmallVector<utils::IteratorType> iterators(resultMap.getNumDims(), utils::IteratorType::parallel);
  Value init = empty(resultType, shape);
  auto op = linalg::GenericOp::create(builder, loc, init.getType(), inputs, init, allMaps, iterators,
                                      [&](OpBuilder &nested, Location nestedLoc, ValueRange arguments) {
                                        SmallVector<Value> payload(scalars);
                                        auto argument = arguments.begin();
                                        for (Value &slot : payload)
                                          slot = slot ? slot : *argument++;
                                        linalg::YieldOp::create(nested, nestedLoc, body(nested, nestedLoc, payload));
                                      });
  return computed(op.getResult(0), shape, resultType);
}

/// How `tensor` is read by loops over `shape`: dims align at the right, an extent of 1 that is repeated reads index 0.
static AffineMap broadcastMap(const Tensor *tensor, const SymList &shape, MLIRContext *context) {
  SmallVector<AffineExpr> results;
  size_t missing = shape.size() - tensor->shape.size();
  for (auto [index, extent] : llvm::enumerate(tensor->shape)) {
    bool isRepeated = extent.isConstant(1) && !shape[missing + index].isConstant(1);
    results.push_back(isRepeated ? getAffineConstantExpr(0, context) : getAffineDimExpr(missing + index, context));
  }
  return AffineMap::get(shape.size(), 0, results, context);
}

Tensor *Emitter::elementwise(ArrayRef<Tensor *> operands, Type resultType, const SymList &shape, Body body) {
  MLIRContext *context = builder.getContext();
  auto maps = llvm::map_to_vector(operands, [&](Tensor *tensor) { return broadcastMap(tensor, shape, context); });
  return generic(operands, maps, AffineMap::getMultiDimIdentityMap(shape.size(), context), resultType, shape, body);
}

Tensor *Emitter::reduce(Tensor *tensor, ArrayRef<int64_t> dims, TypedAttr init, Body combine) {
  MLIRContext *context = builder.getContext();
  SmallVector<utils::IteratorType> iterators(tensor->rank(), utils::IteratorType::parallel);
  SmallVector<AffineExpr> kept;
  SymList shape;
  for (int64_t dim = 0; dim < tensor->rank(); ++dim) {
    if (llvm::is_contained(dims, dim)) {
      iterators[dim] = utils::IteratorType::reduction;
      continue;
    }
    kept.push_back(getAffineDimExpr(dim, context));
    shape.push_back(tensor->shape[dim]);
  }
  AffineMap maps[] = {AffineMap::getMultiDimIdentityMap(tensor->rank(), context),
                      AffineMap::get(tensor->rank(), 0, kept, context)};
  Value start = filled(init, shape);
  auto op = linalg::GenericOp::create(builder, loc, start.getType(), value(tensor), start, maps, iterators,
                                      [&](OpBuilder &nested, Location nestedLoc, ValueRange arguments) {
                                        Value next = combine(nested, nestedLoc, {arguments[1], arguments[0]});
                                        linalg::YieldOp::create(nested, nestedLoc, next);
                                      });
  return computed(op.getResult(0), shape,
                  init.getType() == storedType(tensor->elementType) ? tensor->elementType : init.getType());
}

Tensor *Emitter::contract(Tensor *lhs, Tensor *rhs, AffineMap lhsMap, AffineMap rhsMap, AffineMap resultMap,
                          const SymList &shape, Type sums) {
  Type type = sums ? sums : lhs->elementType;
  Type accumulator = isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32 ? builder.getF32Type() : type;
  Value start = filled(zero(accumulator), shape);
  auto op = linalg::ContractOp::create(builder, loc, start.getType(), ValueRange{value(lhs), value(rhs)}, start,
                                       builder.getAffineMapArrayAttr({lhsMap, rhsMap, resultMap}));
  return cast(computed(op.getResult(0), shape, accumulator), type);
}

/// One scalar of `type` as `target`, as ONNX Cast: toward zero, and anything but 0 is true.
static Value castScalar(OpBuilder &builder, Location loc, Value from, Type type, Type target) {
  bool fromFloat = isa<FloatType>(type), toFloat = isa<FloatType>(target);
  bool isNatural = type.isUnsignedInteger() || type.isInteger(1);
  unsigned fromBits = type.getIntOrFloatBitWidth(), toBits = target.getIntOrFloatBitWidth();
  Type to = storedType(target);
  if (to.isInteger(1)) {
    Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(from.getType()));
    if (fromFloat) // NaN is true
      return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNE, from, zero);
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, from, zero);
  }
  if (fromFloat && toFloat) {
    if (fromBits == toBits) // f16 <-> bf16
      from = arith::ExtFOp::create(builder, loc, builder.getF32Type(), from), fromBits = 32;
    if (fromBits > toBits)
      return arith::TruncFOp::create(builder, loc, to, from);
    return arith::ExtFOp::create(builder, loc, to, from);
  }
  if (fromFloat)
    return emitToInteger(builder, loc, from, target);
  if (toFloat && isNatural)
    return arith::UIToFPOp::create(builder, loc, to, from);
  if (toFloat)
    return arith::SIToFPOp::create(builder, loc, to, from);
  if (fromBits > toBits)
    return arith::TruncIOp::create(builder, loc, to, from);
  if (isNatural)
    return arith::ExtUIOp::create(builder, loc, to, from);
  return arith::ExtSIOp::create(builder, loc, to, from);
}

Tensor *Emitter::cast(Tensor *tensor, Type type) {
  if (tensor->elementType == type)
    return tensor;
  bool toFloat = isa<FloatType>(type);
  if (std::optional<SymList> known = elements(tensor)) {
    bool allFixed = llvm::all_of(*known, [](const Sym &element) { return element.constant().has_value(); });
    if (type.isInteger(1))
      for (Sym &element : *known)
        element = symbols.sub(1, symbols.equal(element, 0));
    // An extent that is known as an expression only may not fit into a narrow type.
    if (!toFloat && (allFixed || type.isInteger(1) || type.getIntOrFloatBitWidth() >= 32))
      return symbolic(type, tensor->shape, *known);
    if (allFixed && !known->empty()) {
      SmallVector<mlir::Attribute> numbers;
      for (const Sym &element : *known)
        numbers.push_back(builder.getFloatAttr(type, static_cast<double>(*element.constant())));
      return constant(DenseElementsAttr::get(typeOf(type, tensor->shape), numbers));
    }
  }
  if (auto known = floats(tensor); known && toFloat && !known->empty()) {
    SmallVector<mlir::Attribute> numbers;
    for (double number : *known)
      numbers.push_back(builder.getFloatAttr(type, number));
    return constant(DenseElementsAttr::get(typeOf(type, tensor->shape), numbers));
  }
  if (storedType(tensor->elementType) == storedType(type) && !tensor->elements) { // the same bits
    Tensor *other = add(*tensor);
    other->elementType = type;
    return other;
  }
  return elementwise(tensor, type, tensor->shape, [&](OpBuilder &nested, Location nestedLoc, ValueRange operands) {
    return castScalar(nested, nestedLoc, operands[0], tensor->elementType, type);
  });
}
