//===- LaneEmitter.cpp - Scalar code on a grid of vectors -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/common/LaneEmitter.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

using Form = LaneValue::Form;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Index of element (r, c) in `parts`.
static unsigned partIndex(const LaneValue &value, unsigned cols, unsigned r, unsigned c) {
  return (value.byRow ? r : 0) * (value.byCol ? cols : 1) + (value.byCol ? c : 0);
}

Value LaneEmitter::scalarAt(const LaneValue &value, unsigned r, unsigned c) const {
  return value.parts[partIndex(value, grid.cols, r, c)];
}

LaneValue LaneEmitter::columns(Location loc, Value base) {
  LaneValue value{Form::Affine, false, grid.cols > 1, 1, {base}};
  for (unsigned c = 1; c < grid.cols; ++c) {
    Value offset = constantIndex(b, loc, c * grid.lanes);
    value.parts.push_back(arith::AddIOp::create(b, loc, base, offset));
  }
  return value;
}

LaneValue LaneEmitter::rows(ArrayRef<Value> scalars) {
  return {Form::Scalar, scalars.size() > 1, false, 0, SmallVector<Value>(scalars)};
}

LaneValue LaneEmitter::vectors(ArrayRef<Value> grid) { return {Form::Vector, true, true, 0, SmallVector<Value>(grid)}; }

LaneValue LaneEmitter::valueOf(Value scalar) {
  auto it = values.find(scalar);
  if (auto kept = stored.find(scalar); it == values.end() && kept != stored.end()) {
    LaneValue value = kept->second.shape;
    value.byRow = grid.rows > 1, value.byCol = grid.cols > 1;
    for (unsigned at = 0; at < grid.rows * grid.cols; ++at) {
      Value index = constantIndex(b, scalar.getLoc(), at);
      value.parts.push_back(loadPart(scalar.getLoc(), kept->second, scalar.getType(), index).parts[0]);
    }
    bind(scalar, value);
    return value;
  }
  return it == values.end() ? LaneValue::uniform(scalar) : it->second; // defined above the region: uniform
}

/// Indices wrap around, as they do at run time.
static int64_t times(int64_t lhs, int64_t rhs) { return static_cast<int64_t>(static_cast<uint64_t>(lhs) * rhs); }
static int64_t plus(int64_t lhs, int64_t rhs) { return static_cast<int64_t>(static_cast<uint64_t>(lhs) + rhs); }

Value LaneEmitter::laneIota(Location loc, Type element, int64_t step) {
  SmallVector<Attribute> lanes;
  for (unsigned lane = 0; lane < grid.lanes; ++lane)
    lanes.push_back(b.getIntegerAttr(element, times(step, lane)));
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vectorOf(element), lanes));
}

Value LaneEmitter::vectorAt(Location loc, const LaneValue &value, Type type, unsigned r, unsigned c) {
  Value part = scalarAt(value, r, c);
  if (value.form == Form::Vector)
    return part;
  Value splat = b.createOrFold<vector::BroadcastOp>(loc, vectorOf(type), part);
  if (value.form == Form::Scalar)
    return splat;
  return arith::AddIOp::create(b, loc, splat, laneIota(loc, type, value.step)); // base + step * lane
}

/// The smallest grid that holds the results of an op on `operands`.
LaneValue LaneEmitter::makeShape(ArrayRef<LaneValue> operands, Form form) const {
  LaneValue shape;
  shape.form = form;
  for (const LaneValue &operand : operands) {
    shape.byRow |= operand.byRow;
    shape.byCol |= operand.byCol;
  }
  return shape;
}

/// Calls `body(r, c)` for every part of `shape`, in row-major order.
template <typename Body>
static void forEachPart(const LaneValue &shape, const LaneGrid &grid, Body body) {
  for (unsigned r = 0; r < (shape.byRow ? grid.rows : 1); ++r)
    for (unsigned c = 0; c < (shape.byCol ? grid.cols : 1); ++c)
      body(r, c);
}

Value LaneEmitter::mask(Location loc, unsigned c) {
  if (masks.empty())
    masks.resize(grid.cols);
  if (!masks[c]) {
    Value offset = constantIndex(b, loc, c * grid.lanes);
    Value left = arith::SubIOp::create(b, loc, grid.colCount, offset); // create_mask clamps to [0, lanes]
    masks[c] = vector::CreateMaskOp::create(b, loc, vectorOf(b.getI1Type()), ValueRange{left});
  }
  return masks[c];
}

/// Of vector column c one lane is real, which is known now. LLVM 22 makes of a masked store of such a lane a scalar one,
/// and where the vector was truncated it stores the lane as wide as it was before, beyond the end.
bool LaneEmitter::isSingleLane(unsigned c) const {
  std::optional<int64_t> count = grid.colCount ? getConstantIntValue(grid.colCount) : std::nullopt;
  return count && *count == c * int64_t(grid.lanes) + 1;
}

//===----------------------------------------------------------------------===//
// Dispatch
//===----------------------------------------------------------------------===//

LogicalResult LaneEmitter::emit(Block &block, Operation *except) {
  if (isLong(block))
    return emitChunks(block, except);
  for (Operation &op : block.without_terminator())
    if (&op != except && failed(emitOp(&op)))
      return failure();
  return success();
}

LogicalResult LaneEmitter::emitOp(Operation *op) {
  if (special && op->getDialect() && op->getDialect()->getNamespace() == "tile")
    return special(*this, op);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return emitIf(branch);
  SmallVector<LaneValue> operands;
  for (Value operand : op->getOperands())
    operands.push_back(valueOf(operand));
  bool scalar = llvm::all_of(operands, [](const LaneValue &v) { return v.form == Form::Scalar; });
  if (auto store = dyn_cast<memref::StoreOp>(op))
    return emitStore(op, ArrayRef(operands).drop_front(2));
  if (scalar && op->getNumRegions() == 0 && op->getNumResults() > 0) {
    emitScalars(op, operands);
    return success();
  }
  if (isa<memref::LoadOp>(op))
    return emitLoad(op, ArrayRef(operands).drop_front(1));
  if (emitAffine(op) || emitAffineCompare(op))
    return success();
  return emitVectors(op, operands);
}

/// Emits `from` into `to`; returns the vectors that it yields. What is made there is not to be used elsewhere.
FailureOr<SmallVector<Value>> LaneEmitter::emitBranch(Block &from, Block &to) {
  llvm::SaveAndRestore outerMasks(masks, masks);
  llvm::SaveAndRestore outerStored(stored, stored);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&to);
  if (failed(emit(from)))
    return failure();
  SmallVector<Value> yielded;
  for (Value value : from.getTerminator()->getOperands())
    for (unsigned r = 0; r < grid.rows; ++r)
      for (unsigned c = 0; c < grid.cols; ++c)
        yielded.push_back(vectorAt(from.getTerminator()->getLoc(), valueOf(value), value.getType(), r, c));
  return yielded;
}

/// A condition that all elements share is one branch for the tile.
LogicalResult LaneEmitter::emitIf(scf::IfOp op) {
  LaneValue condition = valueOf(op.getCondition());
  if (condition.form != Form::Scalar || condition.byRow || condition.byCol)
    return op.emitError("a branch on what differs from element to element has no vector form");
  Location loc = op.getLoc();
  unsigned parts = grid.rows * grid.cols;
  SmallVector<Type> types;
  for (Type type : op.getResultTypes())
    types.append(parts, vectorOf(type));
  auto branch = scf::IfOp::create(b, loc, types, condition.parts[0], /*addThenBlock=*/true, op.elseBlock() != nullptr);
  for (auto [from, to] :
       {std::pair(op.thenBlock(), branch.thenBlock()), std::pair(op.elseBlock(), branch.elseBlock())}) {
    if (!from)
      continue;
    auto yielded = emitBranch(*from, *to);
    if (failed(yielded))
      return failure();
    OpBuilder end = OpBuilder::atBlockEnd(to);
    scf::YieldOp::create(end, loc, *yielded);
  }
  for (auto [index, result] : llvm::enumerate(op.getResults()))
    bind(result, vectors(SmallVector<Value>(branch.getResults().slice(index * parts, parts))));
  return success();
}

/// No operand depends on the lane: one scalar op per distinct part.
void LaneEmitter::emitScalars(Operation *op, ArrayRef<LaneValue> operands) {
  LaneValue shape = makeShape(operands, Form::Scalar);
  SmallVector<LaneValue> results(op->getNumResults(), shape);
  forEachPart(shape, grid, [&](unsigned r, unsigned c) {
    IRMapping mapping;
    for (auto [operand, value] : llvm::zip(op->getOperands(), operands))
      mapping.map(operand, scalarAt(value, r, c));
    Operation *clone = b.clone(*op, mapping);
    for (auto [result, value] : llvm::zip(results, clone->getResults()))
      result.parts.push_back(value);
  });
  for (auto [result, value] : llvm::zip(op->getResults(), results))
    bind(result, value);
}

/// Integers of these types have bases of their own type and a step.
static bool mayBeAffine(Type type) { return type.isIndex() || type.isInteger(32); }

/// i32 may wrap from lane to lane, unless the operation promises that it does not.
static bool mayWrap(Operation *op) {
  auto sum = dyn_cast<arith::ArithIntegerOverflowFlagsInterface>(op);
  return op->getResult(0).getType().isInteger(32) && !(sum && sum.hasNoSignedWrap());
}

/// Sums and constant multiples of affine indices stay affine, as index or i32.
bool LaneEmitter::emitAffine(Operation *op) {
  if (auto cast = dyn_cast<arith::IndexCastOp>(op))
    return emitAffineCast(cast);
  if (op->getNumOperands() != 2 || !mayBeAffine(op->getResult(0).getType()) ||
      !isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op) || mayWrap(op))
    return false;
  LaneValue lhs = valueOf(op->getOperand(0)), rhs = valueOf(op->getOperand(1));
  if (lhs.form == Form::Vector || rhs.form == Form::Vector)
    return false;
  int64_t step;
  if (isa<arith::MulIOp>(op)) {
    APInt factor;
    bool right = matchPattern(op->getOperand(1), m_ConstantInt(&factor));
    if (!right && !matchPattern(op->getOperand(0), m_ConstantInt(&factor)))
      return false;
    step = times(right ? lhs.step : rhs.step, factor.getSExtValue());
  } else {
    step = plus(lhs.step, isa<arith::AddIOp>(op) ? rhs.step : times(rhs.step, -1));
  }
  LaneValue result = makeShape({lhs, rhs}, step == 0 ? Form::Scalar : Form::Affine);
  result.step = step;
  forEachPart(result, grid, [&](unsigned r, unsigned c) {
    IRMapping mapping;
    mapping.map(op->getOperand(0), scalarAt(lhs, r, c));
    mapping.map(op->getOperand(1), scalarAt(rhs, r, c));
    result.parts.push_back(b.clone(*op, mapping)->getResult(0));
  });
  bind(op->getResult(0), result);
  return true;
}

/// A value that fits into both types keeps its step. Affine values of i32 do: they never wrap.
bool LaneEmitter::emitAffineCast(arith::IndexCastOp op) {
  LaneValue value = valueOf(op.getIn());
  bool isExact = op.getType().isIndex()
                     ? op.getIn().getType().isInteger(32)
                     : op.getType().isInteger(32) && op->hasAttr(tile::TileDialect::getExactAttrName());
  if (value.form == Form::Vector || !isExact)
    return false;
  for (Value &part : value.parts)
    part = arith::IndexCastOp::create(b, op.getLoc(), op.getType(), part);
  bind(op.getOut(), value);
  return true;
}

static arith::CmpIPredicate swapped(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::slt:
    return P::sgt;
  case P::sle:
    return P::sge;
  case P::sgt:
    return P::slt;
  case P::sge:
    return P::sle;
  default:
    return predicate; // eq, ne
  }
}

/// A number of bits that surely hold `value`, an integer: a position or an extent has few, since there is an element in
/// memory for it; what the caller gave as 64 bits, or what may have wrapped around, has 64.
unsigned LaneEmitter::bitsOf(Value value) {
  constexpr unsigned kPosition = 40, kAll = 64;
  if (!value.getType().isIndex())
    return value.getType().getIntOrFloatBitWidth();
  auto [it, isNew] = bits.try_emplace(value, kAll);
  if (!isNew || bitDepth == 64) // deep chains are not worth it
    return it->second;
  llvm::SaveAndRestore deeper(bitDepth, bitDepth + 1);
  APInt constant;
  Operation *op = value.getDefiningOp();
  unsigned result = kAll;
  if (!op || isa<memref::DimOp>(op))
    result = kPosition;
  else if (matchPattern(value, m_ConstantInt(&constant)))
    result = constant.getSignificantBits();
  else if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op))
    result = bitsOf(op->getOperand(0)) + 1;
  else if (isa<arith::AddIOp, arith::SubIOp>(op))
    result = std::max(bitsOf(op->getOperand(0)), bitsOf(op->getOperand(1))) + 1;
  else if (isa<arith::MulIOp>(op))
    result = bitsOf(op->getOperand(0)) + bitsOf(op->getOperand(1));
  else if (isa<arith::MaxSIOp, arith::MinSIOp>(op))
    result = std::max(bitsOf(op->getOperand(0)), bitsOf(op->getOperand(1)));
  else if (isa<arith::SelectOp>(op))
    result = std::max(bitsOf(op->getOperand(1)), bitsOf(op->getOperand(2)));
  else if (isa<arith::FloorDivSIOp, arith::CeilDivSIOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp>(
               op))
    result = bitsOf(op->getOperand(0)) + 1;
  return bits[value] = std::min(result, kAll);
}

/// base + step*lane <= x  becomes  step*lane <= x - base: one vector compare of i32 lanes, whatever the size of the
/// indices, because step*lane is small and the scalar difference may be clamped. base + step*lane must not wrap around;
/// an x of any size is first moved to where the difference does not.
bool LaneEmitter::emitAffineCompare(Operation *op) {
  auto compare = dyn_cast<arith::CmpIOp>(op);
  if (!compare || !mayBeAffine(compare.getLhs().getType()))
    return false;
  LaneValue lhs = valueOf(compare.getLhs()), rhs = valueOf(compare.getRhs());
  if (lhs.form == Form::Vector || rhs.form == Form::Vector)
    return false;
  arith::CmpIPredicate predicate = compare.getPredicate();
  if (predicate >= arith::CmpIPredicate::ult)
    return false;
  constexpr unsigned kFits = 61;
  bool isLeftWild = bitsOf(compare.getLhs()) > kFits, isRightWild = bitsOf(compare.getRhs()) > kFits;
  if ((isLeftWild && (isRightWild || lhs.form != Form::Scalar)) || (isRightWild && rhs.form != Form::Scalar))
    return false;
  if (lhs.form == Form::Scalar) {
    std::swap(lhs, rhs);
    std::swap(isLeftWild, isRightWild);
    predicate = swapped(predicate);
  }
  int64_t step = plus(lhs.step, times(rhs.step, -1)); // (lhs.base - rhs.base) + step*lane  ?  0
  if (step > (1 << 16) || step < -(1 << 16))
    return false;
  Location loc = op->getLoc();
  LaneValue result = makeShape({lhs, rhs}, Form::Vector);
  IndexMath math{b, loc};
  auto indexOf = [&](Value base, bool isWild) { // differences of i32 need more than 32 bits
    if (isWild)
      base = math.max(math.min(base, math.index(int64_t(1) << kFits)), math.index(-(int64_t(1) << kFits)));
    return base.getType().isIndex() ? base : b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), base);
  };
  forEachPart(result, grid, [&](unsigned r, unsigned c) {
    Value difference = math.sub(indexOf(scalarAt(rhs, r, c), isRightWild), indexOf(scalarAt(lhs, r, c), isLeftWild));
    difference = math.max(math.min(difference, math.index(1 << 30)), math.index(-(1 << 30)));
    Value bound = b.createOrFold<arith::IndexCastOp>(loc, b.getI32Type(), difference);
    Value splat = b.createOrFold<vector::BroadcastOp>(loc, vectorOf(b.getI32Type()), bound);
    result.parts.push_back(arith::CmpIOp::create(b, loc, predicate, laneIota(loc, b.getI32Type(), step), splat));
  });
  bind(op->getResult(0), result);
  return true;
}

/// Elementwise ops of arith and math take vectors as they take scalars.
LogicalResult LaneEmitter::emitVectors(Operation *op, ArrayRef<LaneValue> operands) {
  bool elementwise = op->hasTrait<OpTrait::Elementwise>() && op->hasTrait<OpTrait::Vectorizable>();
  if (!elementwise || op->getNumResults() != 1)
    return op->emitError() << "'" << op->getName() << "' has no vector form";
  Location loc = op->getLoc();
  Type type = op->getResult(0).getType();
  LaneValue result = makeShape(operands, Form::Vector);
  forEachPart(result, grid, [&](unsigned r, unsigned c) {
    OperationState state(loc, op->getName());
    for (auto [operand, value] : llvm::zip(op->getOperands(), operands))
      state.operands.push_back(vectorAt(loc, value, operand.getType(), r, c));
    state.addTypes(vectorOf(type));
    state.addAttributes(op->getAttrs());
    state.propertiesAttr = op->getPropertiesAsAttribute();
    result.parts.push_back(b.create(state)->getResult(0));
  });
  bind(op->getResult(0), result);
  return success();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

namespace {
/// How neighbouring lanes lie in memory.
struct Neighbours {
  int64_t step = 0;         ///< elements from one to the next; 0: not known
  bool isInnermost = false; ///< along the last dimension, whose stride is 1
};
} // namespace

/// Neighbours of an access of which one index depends on the lane, along a dimension of known stride.
static Neighbours findNeighbours(MemRefType type, ArrayRef<LaneValue> indices) {
  if (type.getElementType().isInteger(1)) // bytes hold i1, vectors of i1 are packed bits
    return {};
  auto [strides, offset] = type.getStridesAndOffset();
  Neighbours found;
  for (auto [d, index] : llvm::enumerate(indices)) {
    if (index.form == Form::Scalar)
      continue;
    if (found.step || index.form != Form::Affine || ShapedType::isDynamic(strides[d]))
      return {};
    found = {index.step * strides[d], d + 1 == indices.size() && strides[d] == 1};
  }
  return found;
}

static bool isContiguous(MemRefType type, ArrayRef<LaneValue> indices) {
  Neighbours found = findNeighbours(type, indices);
  return found.step == 1 && found.isInnermost;
}

/// memref[at..] and what follows it in memory, as a line:
///
///   %line = memref.reinterpret_cast %memref to offset: [%offset + sum of at * strides], sizes: [2 * L], strides: [1]
Value LaneEmitter::lineFrom(Location loc, Value memref, ValueRange at) {
  IndexMath math{b, loc};
  auto parts = memref::ExtractStridedMetadataOp::create(b, loc, memref);
  Value place = getValueOrCreateConstantIndexOp(b, loc, parts.getConstifiedMixedOffset());
  for (auto [index, stride] : llvm::zip_equal(at, parts.getConstifiedMixedStrides()))
    place = math.add(place, math.mul(index, getValueOrCreateConstantIndexOp(b, loc, stride)));
  int64_t length = 2 * static_cast<int64_t>(grid.lanes);
  auto layout = StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {1});
  auto type = MemRefType::get({length}, getElementTypeOrSelf(memref.getType()), layout);
  return memref::ReinterpretCastOp::create(b, loc, type, parts.getBaseBuffer(), OpFoldResult(place),
                                           OpFoldResult(b.getIndexAttr(length)), OpFoldResult(b.getIndexAttr(1)));
}

/// `count` (null: all) neighbouring elements of `memref` from `at` on; 0 beyond.
Value LaneEmitter::loadNeighbours(Location loc, Value memref, ValueRange at, Value count) {
  VectorType type = vectorOf(getElementTypeOrSelf(memref.getType()));
  if (!count)
    return vector::LoadOp::create(b, loc, type, memref, at);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  Value real = vector::CreateMaskOp::create(b, loc, vectorOf(b.getI1Type()), ValueRange{count});
  return vector::MaskedLoadOp::create(b, loc, type, memref, at, real, zero);
}

/// Every second element from `at` on: those at even places of the first L, and those at odd places of L more that begin
/// with the last of them, so that nothing is read behind the last lane's element.
Value LaneEmitter::loadSeconds(Location loc, Value memref, SmallVector<Value> at, unsigned c) {
  int64_t lanes = grid.lanes;
  auto index = [&](int64_t value) -> Value { return constantIndex(b, loc, value); };
  Value lowCount, highCount; // of elements up to that of the last real lane
  if (grid.colCount) {
    Value left = arith::SubIOp::create(b, loc, grid.colCount, index(c * lanes));
    Value twice = arith::MulIOp::create(b, loc, left, index(2));
    lowCount = arith::SubIOp::create(b, loc, twice, index(1));
    highCount = arith::SubIOp::create(b, loc, twice, index(lanes));
  }
  Value low = loadNeighbours(loc, memref, at, lowCount);
  at.back() = arith::AddIOp::create(b, loc, at.back(), index(lanes - 1));
  Value high = loadNeighbours(loc, memref, at, highCount);
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < lanes; ++lane)
    order.push_back(lane < lanes / 2 ? 2 * lane : 2 * lane + 1);
  return vector::ShuffleOp::create(b, loc, low, high, order);
}

LogicalResult LaneEmitter::emitLoad(Operation *op, ArrayRef<LaneValue> indices) {
  auto load = cast<memref::LoadOp>(op);
  Location loc = op->getLoc();
  Type type = load.getType();
  LaneValue result = makeShape(indices, Form::Vector);
  Neighbours lie = findNeighbours(load.getMemRefType(), indices);
  bool seconds = lie.step == 2 && grid.lanes % 2 == 0;
  forEachPart(result, grid, [&](unsigned r, unsigned c) {
    if (lie.step == 1 || seconds) {
      Value memref = load.getMemRef();
      SmallVector<Value> at = llvm::map_to_vector(indices, [&](const LaneValue &v) { return scalarAt(v, r, c); });
      if (!lie.isInnermost) {
        memref = lineFrom(loc, memref, at);
        at = {constantIndex(b, loc, 0)};
      }
      if (seconds) {
        result.parts.push_back(loadSeconds(loc, memref, std::move(at), c));
        return;
      }
      if (!grid.colCount) {
        result.parts.push_back(vector::LoadOp::create(b, loc, vectorOf(type), memref, at));
        return;
      }
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(vectorOf(type)));
      result.parts.push_back(vector::MaskedLoadOp::create(b, loc, vectorOf(type), memref, at, mask(loc, c), zero));
      return;
    }
    // Lane by lane. Columns that are not real read element 0, which exists whenever a real column does.
    SmallVector<Value> vectors;
    for (const LaneValue &index : indices) {
      Value lanes = index.form == Form::Scalar ? scalarAt(index, r, c) : vectorAt(loc, index, b.getIndexType(), r, c);
      if (grid.colCount && index.form != Form::Scalar) {
        Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(vectorOf(b.getIndexType())));
        lanes = arith::SelectOp::create(b, loc, mask(loc, c), lanes, zero);
      }
      vectors.push_back(lanes);
    }
    Value gathered = arith::ConstantOp::create(b, loc, b.getZeroAttr(vectorOf(type)));
    for (unsigned lane = 0; lane < grid.lanes; ++lane) {
      SmallVector<Value> at;
      for (Value index : vectors)
        at.push_back(isa<VectorType>(index.getType()) ? vector::ExtractOp::create(b, loc, index, lane) : index);
      Value element = memref::LoadOp::create(b, loc, load.getMemRef(), at);
      gathered = vector::InsertOp::create(b, loc, element, gathered, lane);
    }
    result.parts.push_back(gathered);
  });
  bind(load.getResult(), result);
  return success();
}

LogicalResult LaneEmitter::emitStore(Operation *op, ArrayRef<LaneValue> indices) {
  auto store = cast<memref::StoreOp>(op);
  Location loc = op->getLoc();
  LaneValue value = valueOf(store.getValue());
  Type type = store.getValue().getType();
  SmallVector<LaneValue> all(indices);
  all.push_back(value);
  LaneValue shape = makeShape(all, Form::Vector);
  bool contiguous = isContiguous(store.getMemRefType(), indices);
  forEachPart(shape, grid, [&](unsigned r, unsigned c) {
    Value element = vectorAt(loc, value, type, r, c);
    if (contiguous) {
      SmallVector<Value> at = llvm::map_to_vector(indices, [&](const LaneValue &v) { return scalarAt(v, r, c); });
      if (isSingleLane(c) && type.isIntOrFloat() && type.getIntOrFloatBitWidth() < 32)
        memref::StoreOp::create(b, loc, vector::ExtractOp::create(b, loc, element, 0), store.getMemRef(), at);
      else if (grid.colCount)
        vector::MaskedStoreOp::create(b, loc, store.getMemRef(), at, mask(loc, c), element);
      else
        vector::StoreOp::create(b, loc, element, store.getMemRef(), at);
      return;
    }
    for (unsigned lane = 0; lane < grid.lanes; ++lane) {
      auto storeLane = [&](OpBuilder &nested, Location loc) {
        SmallVector<Value> at;
        for (const LaneValue &index : indices)
          at.push_back(
              index.form == Form::Scalar
                  ? scalarAt(index, r, c)
                  : vector::ExtractOp::create(nested, loc, vectorAt(loc, index, nested.getIndexType(), r, c), lane));
        memref::StoreOp::create(nested, loc, vector::ExtractOp::create(nested, loc, element, lane), store.getMemRef(),
                                at);
      };
      if (!grid.colCount) {
        storeLane(b, loc);
        continue;
      }
      Value real = vector::ExtractOp::create(b, loc, mask(loc, c), lane);
      auto guard = scf::IfOp::create(b, loc, real, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard restore(b);
      b.setInsertionPointToStart(guard.thenBlock());
      storeLane(b, loc);
    }
  });
  return success();
}
