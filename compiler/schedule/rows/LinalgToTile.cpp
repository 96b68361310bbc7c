//===- LinalgToTile.cpp - linalg on memrefs -> row programs ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   linalg.generic #row_sum ins(%x : memref<?x64xf32>) outs(%s : memref<?xf32>) { addf }
//   linalg.generic #divide ins(%x, %s) outs(%y : memref<?x64xf32>) { divf }
//
// becomes one loop over rows, because both walk the rows of %x in order and the
// second reads of %s only its own row:
//
//   scf.forall (%task) in (%tasks) {
//     scf.for %i = %begin to %end step %c1 {
//       %0 = memref.load %s[%i]
//       %1 = tile.reduce add %c0 to %c64 init(%0) { load %x[%i, %j] }
//       memref.store %1, %s[%i]
//       %2 = memref.load %s[%i]
//       tile.map %c0 to %c64 { store (load %x[%i, %j]) / %2, %y[%i, %j] }
//
// Steps: 1. every linalg op becomes a linalg.generic; 2. neighbours that walk
// the same rows form groups; 3. an op alone has its contiguous dimensions
// collapsed, so that short rows fill lanes; 4. loops are emitted.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "compiler/schedule/rows/RowEmitter.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_LOWERLINALGTOTILE
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

//===----------------------------------------------------------------------===//
// 1. One form
//===----------------------------------------------------------------------===//

/// Scalar operands become values that the body captures: then every operand is
/// a memref.
static void captureScalars(linalg::GenericOp op) {
  auto isScalar = [](Value operand) { return !isa<MemRefType>(operand.getType()); };
  if (llvm::none_of(op.getInputs(), isScalar))
    return;
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  llvm::BitVector dropped(op.getBody()->getNumArguments());
  for (OpOperand &operand : op->getOpOperands()) {
    unsigned number = operand.getOperandNumber();
    if (isScalar(operand.get())) {
      op.getBody()->getArgument(number).replaceAllUsesWith(operand.get());
      dropped.set(number);
      continue;
    }
    maps.push_back(op.getMatchingIndexingMap(&operand));
    if (op.isDpsInput(&operand))
      inputs.push_back(operand.get());
  }
  op.getBody()->eraseArguments(dropped);
  OpBuilder builder(op);
  auto onMemrefs =
      linalg::GenericOp::create(builder, op.getLoc(), inputs, op.getOutputs(), maps, op.getIteratorTypesArray());
  onMemrefs.getRegion().takeBody(op.getRegion());
  op.erase();
}

/// memref.copy and named ops -> linalg.generic. Fails, with an error, on an op
/// that has no generic form.
static LogicalResult generalise(func::FuncOp function) {
  IRRewriter rewriter(function.getContext());
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) {
    if (isa<memref::CopyOp, linalg::LinalgOp>(op) && !isa<linalg::GenericOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    rewriter.setInsertionPoint(op);
    if (auto copy = dyn_cast<memref::CopyOp>(op))
      op = rewriter.replaceOpWithNewOp<linalg::CopyOp>(copy, copy.getSource(), copy.getTarget());
    if (failed(linalg::generalizeNamedOp(rewriter, cast<linalg::LinalgOp>(op))))
      return op->emitError() << "'" << op->getName() << "' has no form as loops over elements";
  }
  function.walk(captureScalars);
  return success();
}

//===----------------------------------------------------------------------===//
// 2. Groups
//===----------------------------------------------------------------------===//

/// The buffer behind views.
static Value baseOf(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref;
}

/// The memref behind views that change nothing about the first `rows` dimensions: element (i, ...) of the view is an
/// element (i, ...) of what it shows. Dimensions of extent 1 may follow the rows.
static Value rowsBehindViews(Value memref, unsigned rows) {
  auto keepsRows = [&](ArrayRef<ReassociationIndices> groups, MemRefType expanded) {
    if (rows == 0 || groups.size() < rows)
      return false;
    for (unsigned g = 0; g + 1 < rows; ++g)
      if (groups[g].size() != 1)
        return false;
    return llvm::all_of(ArrayRef(groups[rows - 1]).drop_front(),
                        [&](int64_t d) { return expanded.getDimSize(d) == 1; });
  };
  while (Operation *view = memref.getDefiningOp()) {
    if (auto expand = dyn_cast<memref::ExpandShapeOp>(view);
        expand && keepsRows(expand.getReassociationIndices(), expand.getResultType()))
      memref = expand.getSrc();
    else if (auto collapse = dyn_cast<memref::CollapseShapeOp>(view);
             collapse && keepsRows(collapse.getReassociationIndices(), collapse.getSrcType()))
      memref = collapse.getSrc();
    else
      break;
  }
  return memref;
}

/// True if row i of the operand belongs to row i of the program: the map begins
/// with the outer loops.
static bool walksRows(const RowProgram &program, OpOperand &operand) {
  linalg::GenericOp op = program.op;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (map.getNumResults() < program.outer.size())
    return false;
  for (auto [loop, expr] : llvm::zip(program.outer, map.getResults()))
    if (expr != getAffineDimExpr(loop, map.getContext()))
      return false;
  return true;
}

/// The buffers that the body of `op` looks up at places of its own choice, beside its operands (a gather, a reversal).
static llvm::SmallSetVector<Value, 2> lookedUp(linalg::GenericOp op) {
  llvm::SmallSetVector<Value, 2> bases;
  op.getBody()->walk([&](Operation *inside) {
    for (Value operand : inside->getOperands())
      if (isa<MemRefType>(operand.getType()))
        bases.insert(baseOf(operand));
  });
  return bases;
}

/// Does the body of `reader` look up what `writer` writes?
static bool looksUpResultOf(linalg::GenericOp reader, linalg::GenericOp writer) {
  auto bases = lookedUp(reader);
  return llvm::any_of(writer.getOutputs(), [&](Value output) { return bases.contains(baseOf(output)); });
}

/// May `b` run on row i right after `a` ran on row i? Every buffer that one of
/// them writes and the other touches must show the same rows, walked by both.
static bool rowsAreIndependent(const RowProgram &a, const RowProgram &b) {
  linalg::GenericOp opA = a.op, opB = b.op;
  if (looksUpResultOf(opA, opB) || looksUpResultOf(opB, opA))
    return false;
  for (OpOperand &x : opA->getOpOperands())
    for (OpOperand &y : opB->getOpOperands()) {
      if (!isa<MemRefType>(x.get().getType()) || !isa<MemRefType>(y.get().getType()))
        continue;
      if (baseOf(x.get()) != baseOf(y.get()) || (!opA.isDpsInit(&x) && !opB.isDpsInit(&y)))
        continue;
      if (rowsBehindViews(x.get(), a.outer.size()) != rowsBehindViews(y.get(), b.outer.size()) || !walksRows(a, x) ||
          !walksRows(b, y))
        return false;
    }
  return true;
}

static bool shareABuffer(linalg::GenericOp a, linalg::GenericOp b) {
  return llvm::any_of(a->getOperands(), [&](Value x) {
    return isa<MemRefType>(x.getType()) &&
           llvm::any_of(b->getOperands(), [&](Value y) { return baseOf(x) == baseOf(y); });
  });
}

/// The programs of `ops` with `outer` loops outside, if they can share them.
static std::optional<SmallVector<RowProgram>> planGroup(ArrayRef<linalg::GenericOp> ops, unsigned outer) {
  SmallVector<RowProgram> programs;
  for (linalg::GenericOp op : ops) {
    std::optional<RowProgram> program = planRows(op, outer);
    if (!program)
      return std::nullopt;
    for (const RowProgram &before : programs)
      if (!rowsAreIndependent(before, *program))
        return std::nullopt;
    for (unsigned loop = 0; loop < outer && !programs.empty(); ++loop)
      if (llvm::none_of(programs.front().extents(loop), [&](Extent e) { return program->hasExtent(loop, e); }))
        return std::nullopt;
    programs.push_back(std::move(*program));
  }
  return programs;
}

namespace {
/// Neighbouring ops that run in one loop over rows. An op alone keeps its free
/// plan.
struct Group {
  SmallVector<linalg::GenericOp> ops;
  SmallVector<RowProgram> programs;

  /// Takes `op` in if all can share their outer loops, be it as many as now or
  /// as many as `op` alone would have.
  bool tryAdd(linalg::GenericOp op) {
    bool related = op.getNumDpsInputs() == 0 || llvm::any_of(ops, [&](auto o) { return shareABuffer(o, op); });
    constexpr size_t kMostOps = 32; // each op is compared with all others, again for each that is added
    if (ops.empty() || ops.size() == kMostOps || !related)
      return false;
    SmallVector<linalg::GenericOp> more(ops);
    more.push_back(op);
    for (unsigned outer :
         {static_cast<unsigned>(programs.front().outer.size()), static_cast<unsigned>(planRows(op).outer.size())}) {
      if (outer == 0)
        continue;
      if (std::optional<SmallVector<RowProgram>> plan = planGroup(more, outer)) {
        ops = std::move(more);
        programs = std::move(*plan);
        return true;
      }
    }
    return false;
  }
};
} // namespace

/// True if moving a linalg op across `op` changes nothing.
static bool isTransparent(Operation *op) {
  return isMemoryEffectFree(op) || isa<memref::AllocOp, memref::GetGlobalOp>(op);
}

static bool touches(Operation *op, Value base) {
  return op
      ->walk([&](Operation *inside) {
        return llvm::any_of(inside->getOperands(), [&](Value operand) { return baseOf(operand) == base; })
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Moves every op that reads no memory (a fill) to right before the first op that
/// needs its result, whose rows it can join.
static void sinkFills(Block &block) {
  for (auto op : llvm::to_vector(block.getOps<linalg::GenericOp>())) {
    if (op.getNumDpsInputs() > 0 || op.getNumDpsInits() != 1 || !lookedUp(op).empty())
      continue;
    Value base = baseOf(op.getDpsInitOperand(0)->get());
    Operation *next = op->getNextNode();
    while (next != block.getTerminator() && (isTransparent(next) || !touches(next, base)))
      next = next->getNextNode();
    op->moveBefore(next);
  }
}

static SmallVector<Group> formGroups(Block &block) {
  SmallVector<Group> groups;
  bool open = false;
  for (Operation &op : block) {
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      if (!open || !groups.back().tryAdd(generic))
        groups.push_back({{generic}, {planRows(generic)}});
      open = true;
    } else if (!isTransparent(&op)) {
      open = false;
    }
  }
  return groups;
}

//===----------------------------------------------------------------------===//
// 3. Collapsing
//===----------------------------------------------------------------------===//

/// Runs of neighbouring loops of one kind that every operand walks as one.
static SmallVector<ReassociationIndices> collapsibleLoops(linalg::GenericOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<utils::IteratorType> types = op.getIteratorTypesArray();
  SmallVector<ReassociationIndices> runs;
  for (int64_t loop = 0, e = op.getNumLoops(); loop < e; ++loop) {
    if (!runs.empty() && types[loop] == types[runs.back().back()]) {
      ReassociationIndices longer(runs.back());
      longer.push_back(loop);
      if (linalg::areDimSequencesPreserved(maps, {longer})) {
        runs.back() = longer;
        continue;
      }
    }
    runs.push_back({loop});
  }
  llvm::erase_if(runs, [](const ReassociationIndices &run) { return run.size() < 2; });
  return runs;
}

/// Collapses what can be; returns the op that now does the work.
static linalg::GenericOp collapseLoops(linalg::GenericOp op) {
  auto simple = [](AffineMap map) { return map.isProjectedPermutation(); };
  if (op.hasIndexSemantics() || !llvm::all_of(op.getIndexingMapsArray(), simple))
    return op;
  SmallVector<ReassociationIndices> runs = collapsibleLoops(op);
  if (runs.empty())
    return op;
  IRRewriter rewriter(op);
  FailureOr<linalg::CollapseResult> collapsed = linalg::collapseOpIterationDims(op, runs, rewriter);
  if (failed(collapsed))
    return op; // an operand has strides
  rewriter.eraseOp(op);
  return cast<linalg::GenericOp>(collapsed->collapsedOp.getOperation());
}

//===----------------------------------------------------------------------===//
// 4. Emission
//===----------------------------------------------------------------------===//

/// An op whose work no lane can do says so: it is correct, and slow.
static void remarkScalar(const RowProgram &program) {
  linalg::GenericOp op = program.op;
  if (!program.lane && op.getNumLoops() > 0 && program.outer.size() < op.getNumLoops())
    op->emitRemark("runs as scalar loops: its reduction has no known combiner "
                   "and no loop is left for lanes");
}

namespace {
struct LowerLinalgToTilePass : schedule::impl::LowerLinalgToTileBase<LowerLinalgToTilePass> {
  using LowerLinalgToTileBase::LowerLinalgToTileBase;

  void lower(Group &group) {
    if (group.ops.size() == 1)
      group.programs = {planRows(collapseLoops(group.ops.front()))};
    else
      numFused += group.ops.size() - 1;
    for (const RowProgram &program : group.programs)
      remarkScalar(program);
    // At the last op: what lies between the ops of a group is transparent and
    // dominates this point.
    OpBuilder builder(group.programs.back().op);
    emitRows(builder, group.programs, grain);
    for (const RowProgram &program : group.programs)
      linalg::GenericOp(program.op)->erase();
    ++numNests;
  }

  void runOnOperation() override {
    if (failed(generalise(getOperation())))
      return signalPassFailure();
    SmallVector<Block *> blocks;
    getOperation().walk([&](linalg::GenericOp op) {
      if (!llvm::is_contained(blocks, op->getBlock()))
        blocks.push_back(op->getBlock());
    });
    for (Block *block : blocks) {
      sinkFills(*block);
      for (Group &group : formGroups(*block))
        lower(group);
    }
  }
};
} // namespace
