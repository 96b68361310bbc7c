//===- RowProgram.cpp - How one linalg op is walked -----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/rows/RowProgram.h"
#include "dialects/Common/DimNames.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace attnc::schedule {

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

/// The first (argument, dimension) of the function that has the same symbol.
static Extent firstOfSymbol(BlockArgument argument, int64_t dim) {
  StringAttr symbol = DimNames::ofArgument(argument).symbol(dim);
  if (!symbol)
    return {argument, dim};
  for (BlockArgument other : argument.getOwner()->getArguments()) {
    DimNames names = DimNames::ofArgument(other);
    for (int64_t d = 0; d < names.size(); ++d)
      if (names.symbol(d) == symbol)
        return {other, d};
  }
  return {argument, dim};
}

static Extent extentOf(OpFoldResult size) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return {Value(), *constant};
  Value value = cast<Value>(size);
  if (auto dim = value.getDefiningOp<memref::DimOp>())
    if (std::optional<int64_t> position = dim.getConstantIndex())
      return extentOf(dim.getSource(), *position);
  return {value, -1};
}

Extent extentOf(Value memref, int64_t dim) {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(dim))
    return {Value(), type.getDimSize(dim)};
  if (auto argument = dyn_cast<BlockArgument>(memref))
    return firstOfSymbol(argument, dim);
  return TypeSwitch<Operation *, Extent>(memref.getDefiningOp())
      .Case([&](memref::AllocOp op) { return extentOf(op.getMixedSizes()[dim]); })
      .Case([&](memref::CastOp op) { return extentOf(op.getSource(), dim); })
      .Case([&](memref::ExpandShapeOp op) { return extentOf(op.getMixedOutputShape()[dim]); })
      .Case([&](memref::CollapseShapeOp op) {
        ReassociationIndices group = op.getReassociationIndices()[dim];
        return group.size() == 1 ? extentOf(op.getSrc(), group.front()) : Extent{memref, dim};
      })
      .Case([&](memref::SubViewOp op) {
        return op.getDroppedDims().none() ? extentOf(op.getMixedSizes()[dim]) : Extent{memref, dim};
      })
      .Default([&](Operation *) { return Extent{memref, dim}; });
}

std::pair<Value, int64_t> RowProgram::source(unsigned loop) const {
  std::pair<Value, int64_t> found;
  linalg::GenericOp generic = op;
  for (OpOperand &operand : generic->getOpOperands()) {
    AffineMap map = generic.getMatchingIndexingMap(&operand);
    for (auto [position, expr] : llvm::enumerate(map.getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim || dim.getPosition() != loop)
        continue;
      if (!cast<MemRefType>(operand.get().getType()).isDynamicDim(position))
        return {operand.get(), position};
      if (!found.first)
        found = {operand.get(), position};
    }
  }
  return found;
}

SmallVector<Extent> RowProgram::extents(unsigned loop) const {
  SmallVector<Extent> names;
  linalg::GenericOp generic = op;
  for (OpOperand &operand : generic->getOpOperands())
    for (auto [position, expr] : llvm::enumerate(generic.getMatchingIndexingMap(&operand).getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr); dim && dim.getPosition() == loop)
        names.push_back(extentOf(operand.get(), position));
  return names;
}

int64_t RowProgram::extent(unsigned loop) const {
  auto [memref, dim] = source(loop);
  return memref ? cast<MemRefType>(memref.getType()).getDimSize(dim) : ShapedType::kDynamic;
}

bool RowProgram::hasExtent(unsigned loop, Extent extent) const { return llvm::is_contained(extents(loop), extent); }

int64_t RowProgram::workPerElement() const {
  linalg::GenericOp generic = op;
  // A transcendental is worth about ten simple operations.
  int64_t work = 1;
  for (Operation &inside : generic.getBody()->without_terminator())
    work += isa<math::MathDialect>(inside.getDialect()) ? 10 : 1;
  return work;
}

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

/// How an operand is walked when `loop` runs in the lanes.
enum class Walk { Same, Contiguous, Strided };

static Walk walkOf(linalg::GenericOp op, OpOperand &operand, unsigned loop) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (!map.isFunctionOfDim(loop))
    return Walk::Same;
  auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
  for (AffineExpr expr : map.getResults().drop_back())
    if (expr.isFunctionOfDim(loop))
      return Walk::Strided;
  auto type = cast<MemRefType>(operand.get().getType());
  return last && type.isLastDimUnitStride() ? Walk::Contiguous : Walk::Strided;
}

/// The op of the body that combines the result so far with a new value: `yield
/// (out <op> value)`, with `out` read once.
static Operation *combinerOf(linalg::GenericOp op, tile::ReductionKind &kind) {
  if (op.getNumDpsInits() != 1)
    return nullptr;
  Value out = op.getRegionOutputArgs().front();
  Operation *combiner = op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  if (!combiner || !out.hasOneUse() || *out.getUsers().begin() != combiner || combiner->getNumOperands() != 2)
    return nullptr;
  std::optional<tile::ReductionKind> found =
      TypeSwitch<Operation *, std::optional<tile::ReductionKind>>(combiner)
          .Case<arith::AddFOp, arith::AddIOp>([](auto) { return tile::ReductionKind::Add; })
          .Case<arith::MulFOp, arith::MulIOp>([](auto) { return tile::ReductionKind::Mul; })
          .Case<arith::MaximumFOp, arith::MaxSIOp>([](auto) { return tile::ReductionKind::Max; })
          .Case<arith::MinimumFOp, arith::MinSIOp>([](auto) { return tile::ReductionKind::Min; })
          .Case<arith::AndIOp>([](auto) { return tile::ReductionKind::And; })
          .Case<arith::OrIOp>([](auto) { return tile::ReductionKind::Or; })
          .Default([](Operation *) { return std::nullopt; });
  // maxsi of booleans is not `or`: -1 < 0. Such a program keeps its scalar
  // loops.
  bool boolean = out.getType().isInteger(1);
  if (!found || (boolean && !isa<arith::AndIOp, arith::OrIOp>(combiner)))
    return nullptr;
  kind = *found;
  return combiner;
}

namespace {
/// What speaks for and against running a loop in the lanes. Higher is better.
struct LaneChoice {
  unsigned loop;
  int score;
};
} // namespace

static constexpr int kNoLane = -100;

/// What accumulating through memory costs: -1; -4 for small floats, which would be rounded at every step.
static int scoreAccumulation(linalg::GenericOp op) {
  if (op.getNumReductionLoops() == 0)
    return 0;
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(op.getOutputs().front().getType()));
  return element && element.getWidth() < 32 ? -4 : -1;
}

/// Other costs: a gather -2, a scatter -4, lanes that stay mostly empty -3.
static int scoreLane(const RowProgram &program, unsigned loop, bool hasCombiner) {
  linalg::GenericOp op = program.op;
  bool reduction = op.getIteratorTypesArray()[loop] == utils::IteratorType::reduction;
  if (reduction && !hasCombiner)
    return kNoLane;
  int score = reduction ? 0 : scoreAccumulation(op);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    Walk walk = walkOf(op, operand, loop);
    bool output = op.isDpsInit(&operand);
    if (output && !reduction && walk == Walk::Same)
      return kNoLane; // two lanes would write one element
    if (walk == Walk::Strided)
      score -= output ? 4 : 2;
  }
  int64_t extent = program.extent(loop);
  return score - (!ShapedType::isDynamic(extent) && extent < 4 ? 3 : 0);
}

/// The best of `candidates`; among equals the last, which is the innermost.
static std::optional<unsigned> bestLane(const RowProgram &program, ArrayRef<unsigned> candidates, bool hasCombiner) {
  LaneChoice best{0, kNoLane};
  for (unsigned loop : candidates)
    if (int score = scoreLane(program, loop, hasCombiner);
        program.extent(loop) != 1 && score > kNoLane && score >= best.score)
      best = {loop, score};
  return best.score == kNoLane ? std::nullopt : std::optional(best.loop);
}

/// Sets lane and inner, given outer: the lane comes from the loops that are not
/// outside.
static void placeLoops(RowProgram &program, std::optional<unsigned> lane, Operation *combiner) {
  linalg::GenericOp op = program.op;
  program.lane = lane;
  bool reduces = lane && op.getIteratorTypesArray()[*lane] == utils::IteratorType::reduction;
  program.combiner = reduces ? combiner : nullptr;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (!llvm::is_contained(program.outer, loop) && lane != loop)
      program.inner.push_back(loop);
}

RowProgram planRows(linalg::GenericOp op) {
  RowProgram program;
  program.op = op;
  Operation *combiner = combinerOf(op, program.kind);
  SmallVector<unsigned> loops = llvm::to_vector(llvm::seq(op.getNumLoops()));
  std::optional<unsigned> lane = bestLane(program, loops, combiner);
  SmallVector<utils::IteratorType> types = op.getIteratorTypesArray();
  for (unsigned loop : loops)
    if (types[loop] == utils::IteratorType::parallel && lane != loop)
      program.outer.push_back(loop);
  placeLoops(program, lane, combiner);
  return program;
}

std::optional<RowProgram> planRows(linalg::GenericOp op, unsigned outer) {
  RowProgram program, free = planRows(op);
  program.op = op;
  if (outer > op.getNumLoops())
    return std::nullopt;
  SmallVector<utils::IteratorType> types = op.getIteratorTypesArray();
  for (unsigned loop = 0; loop < outer; ++loop) {
    if (types[loop] != utils::IteratorType::parallel)
      return std::nullopt;
    program.outer.push_back(loop);
  }
  Operation *combiner = combinerOf(op, program.kind);
  SmallVector<unsigned> rest = llvm::to_vector(llvm::seq<unsigned>(outer, op.getNumLoops()));
  std::optional<unsigned> lane = bestLane(program, rest, combiner);
  // A row of one element has no lanes and needs none; else the lanes must be
  // those of the free choice.
  auto isUnit = [&](unsigned loop) { return program.extent(loop) == 1; };
  if (!llvm::all_of(rest, isUnit) && lane != free.lane)
    return std::nullopt;
  placeLoops(program, lane, combiner);
  // Lanes are reduced once per row: parallel loops must all be outside.
  for (unsigned loop : program.inner)
    if (program.combiner && !isUnit(loop) && types[loop] == utils::IteratorType::parallel)
      return std::nullopt;
  return program;
}

} // namespace attnc::schedule
