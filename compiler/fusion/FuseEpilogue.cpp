//===- FuseEpilogue.cpp - contraction and what follows it -> contract -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %0 = linalg.contract (m, k), (k, n) -> (m, n) ins(%x, %w) outs(%zero)
//   %1 = tensor.expand_shape %0 [[0, 1], [2]]              // (b s) n
//   %2 = linalg.generic { maximumf(%in + %bias, 0) } ins(%1, %bias)
// ->
//   %y = attn.contract lhs(%x "mk") rhs(%w "kn") captures(%bias) outs("mn", %init) epilogue {
//   ^bb0(%acc: f32, %m: index, %n: index, %b: tensor<nxf32>):
//     %3 = tensor.extract %b[%n]
//     %4 = arith.addf %acc, %3
//     attn.yield (arith.maximumf %4, 0)
//   }
//   %2 = tensor.expand_shape %y [[0, 1], [2]]
//
// Every linalg contraction of floats (and of i8 into i32) becomes an attn.contract,
// with an epilogue if the ops behind it allow one:
//
//   1. the destination, if it is not zero, is added as one more elementwise op;
//   2. the tail is found: views and elementwise ops whose values nothing else uses;
//   3. transposes of the operands and of the tail become letters in the layouts;
//   4. the tail becomes scalar code on the accumulator (ScalarExpression.h).
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Contraction.h"
#include "compiler/fusion/Layouts.h"
#include "compiler/fusion/Passes.h"
#include "compiler/fusion/ScalarExpression.h"

using namespace mlir;

namespace attnc::fusion {
#define GEN_PASS_DEF_FUSEEPILOGUE
#include "compiler/fusion/Passes.h.inc"

//===----------------------------------------------------------------------===//
// The tail of a contraction
//===----------------------------------------------------------------------===//

/// True if `op` computes floats, or more of the integers that are summed,
/// elementwise from `tail`, reading each element of it once.
static bool continuesTail(Operation *op, const llvm::SetVector<Value> &tail) {
  if (isView(op, /*broadcasts=*/false))
    return true;
  auto elementOf = [](Value value) { return getElementTypeOrSelf(value.getType()); };
  if (!isPointwise(op))
    return false;
  if (Type element = elementOf(op->getResult(0)); !isa<FloatType>(element) && element != elementOf(tail[0]))
    return false;
  auto structured = cast<linalg::LinalgOp>(op);
  return llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
    return !tail.contains(operand.get()) ||
           (structured.isDpsInput(&operand) && structured.getMatchingIndexingMap(&operand).isPermutation());
  });
}

/// The first op behind `tail` in its block that uses one of its values, or
/// null.
static Operation *nextUser(const llvm::SetVector<Value> &tail) {
  Operation *next = nullptr;
  for (Value value : tail)
    for (Operation *user : value.getUsers()) {
      if (user->getBlock() != value.getParentBlock())
        return nullptr;
      bool inside = user->getNumResults() == 1 && tail.contains(user->getResult(0));
      if (!inside && (!next || user->isBeforeInBlock(next)))
        next = user;
    }
  return next;
}

/// True if of all values in `tail` only `last` is used outside.
static bool endsAt(const llvm::SetVector<Value> &tail, Value last) {
  return llvm::all_of(tail, [&](Value value) {
    return value == last || llvm::all_of(value.getUsers(), [&](Operation *user) {
             return user->getNumResults() == 1 && tail.contains(user->getResult(0));
           });
  });
}

/// 2. The values that can be computed on the accumulators, the product first.
/// Views at the end are left where they are, unless one of them transposes.
static SmallVector<Value> findTails(Value product) {
  constexpr unsigned kLongest = 64;
  llvm::SetVector<Value> tail;
  tail.insert(product);
  SmallVector<Value> tails{product};
  for (Operation *next = nextUser(tail); next && tail.size() < kLongest; next = nextUser(tail)) {
    if (next->getNumResults() != 1 || !continuesTail(next, tail))
      break;
    tail.insert(next->getResult(0));
    if (isa<linalg::LinalgOp>(next) && endsAt(tail, next->getResult(0)))
      tails.push_back(next->getResult(0));
  }
  return tails;
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

namespace {
class ContractBuilder {
public:
  ContractBuilder(linalg::LinalgOp op, Value tail) : op(op), tail(tail), loc(op.getLoc()) {}
  /// The value that replaces the tail, or null if the tail cannot be an
  /// epilogue.
  Value build();

private:
  bool read();
  bool nameAxes();
  Value buildEpilogue(OpBuilder &builder, Block &scratch, const LaidOut &out);

  linalg::LinalgOp op;
  Value tail;
  Location loc;
  AxisSpace axes;
  Contraction contraction;
  std::unique_ptr<ScalarExpression> expression;
  Index result; ///< of the tail
  SmallVector<Role> roles;
};
} // namespace

/// Reads the operands behind transposes, and the tail.
bool ContractBuilder::read() {
  contraction = *matchContraction(op, axes);
  result = axes.createIndex(tail, /*measure=*/false);
  expression = std::make_unique<ScalarExpression>(axes, contraction.result);
  if (failed(expression->read({tail, result})))
    return false;
  for (Access &operand : contraction.operands)
    while (isa_and_nonnull<linalg::LinalgOp, tensor::CastOp>(operand.tensor.getDefiningOp()) &&
           followView(axes, operand, /*broadcasts=*/false)) {
    }
  for (Access &operand : contraction.operands) {
    operand.index = axes.resolve(operand.index);
    for (auto [dim, index] : llvm::enumerate(operand.index))
      if (index.size() == 1)
        axes.measure(index.front(), operand.tensor, dim);
  }
  result = axes.resolve(result);
  return true;
}

/// 3. A letter for each loop; for each axis where the tail tears a loop apart.
bool ContractBuilder::nameAxes() {
  auto has = [&](const Index &index, ArrayRef<Axis> dim) {
    return llvm::is_contained(flatten(axes.resolve(index)), dim.front());
  };
  std::string used;
  auto name = [&](ArrayRef<Axis> dim) {
    bool lhs = has(contraction.operands[0].index, dim), rhs = has(contraction.operands[1].index, dim);
    bool out = has(contraction.result.index, dim);
    StringRef preferred = !out ? "kdc" : !rhs ? "msp" : !lhs ? "no" : "bhg";
    for (char letter : (preferred + "abcdefghijklmnopqrstuvwxyz").str())
      if (used.find(letter) == std::string::npos)
        return used.push_back(letter), letter;
    return '\0';
  };
  auto nameAll = [&](bool whole) {
    roles.clear();
    used.clear();
    for (const DimIndex &loop : axes.resolve(contraction.loops)) {
      if (whole && !loop.empty())
        roles.push_back({name(loop), loop});
      for (Axis axis : loop)
        if (!whole)
          roles.push_back({name({axis}), {axis}});
    }
    return llvm::all_of(roles, [](const Role &role) { return role.letter != '\0'; });
  };
  std::string layout;
  Index index, loops = axes.resolve(contraction.loops);
  bool whole =
      expression->readsWhole(loops) && nameAll(/*whole=*/true) && cutIntoRoles(flatten(result), roles, layout, index);
  return whole || nameAll(/*whole=*/false);
}

/// 4. The scalar code of the tail, in terms of (acc, one index per letter of
/// out).
Value ContractBuilder::buildEpilogue(OpBuilder &builder, Block &scratch, const LaidOut &out) {
  Type element = getElementTypeOrSelf(op->getOperand(0).getType());
  Type real = element.isF64() ? builder.getF64Type() : builder.getF32Type(), i32 = builder.getI32Type();
  Type accumulator = isa<IntegerType>(element) ? i32 : real;
  Type yielded = isa<IntegerType>(getElementTypeOrSelf(tail.getType())) ? i32 : real;
  Value acc = scratch.addArgument(accumulator, loc);
  SmallVector<Role> arguments;
  for (auto [letter, dim] : llvm::zip(out.layout, out.index)) {
    scratch.addArgument(builder.getIndexType(), loc);
    arguments.push_back({letter, dim});
  }
  OpBuilder inside(builder.getContext());
  inside.setInsertionPointToEnd(&scratch);
  RegionIndices indices(builder, loc, axes, arguments, scratch.getArguments().drop_front());
  auto index = [&](OpBuilder &at, ArrayRef<Axis> dim) { return indices.get(at, dim); };
  Value value = expression->emit(inside, loc, {acc, index});
  if (tail == op->getResult(0))
    return acc;
  return value.getType() == yielded ? value : arith::ExtFOp::create(inside, loc, yielded, value).getResult();
}

Value ContractBuilder::build() {
  if (!read() || !nameAxes())
    return {};
  OpBuilder builder(tail.getDefiningOp());
  auto rolesOf = [&](const Index &index) {
    DimIndex flat = flatten(index);
    return llvm::to_vector(
        llvm::make_filter_range(roles, [&](const Role &role) { return llvm::is_contained(flat, role.axes.front()); }));
  };
  auto [left, right] = contraction.operands;
  FailureOr<LaidOut> lhs = layOut(builder, loc, axes, left, rolesOf(left.index));
  FailureOr<LaidOut> rhs = layOut(builder, loc, axes, right, rolesOf(right.index));
  FailureOr<LaidOut> out =
      makeDestination(builder, loc, axes, result, rolesOf(result), getElementTypeOrSelf(tail.getType()));
  if (failed(lhs) || failed(rhs) || failed(out))
    return {};
  Block scratch;
  Value value = buildEpilogue(builder, scratch, *out);
  SmallVector<Value> captures = collectCaptures(scratch, value).takeVector();
  auto contract = attn::ContractOp::create(builder, loc, out->tensor.getType(), lhs->tensor, rhs->tensor, captures,
                                           out->tensor, lhs->layout, rhs->layout, out->layout, /*schedule=*/nullptr);
  if (value != scratch.getArgument(0))
    fillRegion(*contract.addEpilogueBlock(), scratch.getArguments(), scratch, captures, value);
  return restore(builder, loc, axes, contract.getResults()[0], *out, result, tail.getType());
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct FuseEpilogue : impl::FuseEpilogueBase<FuseEpilogue> {
  using FuseEpilogueBase::FuseEpilogueBase;

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> contractions;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (isContraction(op) || isByteContraction(op))
        contractions.push_back(op);
    });
    for (linalg::LinalgOp op : contractions)
      fuse(op);
    getOperation().walk([](Block *block) { eraseDeadOps(*block); });
  }

  void fuse(linalg::LinalgOp op) {
    OpBuilder builder(op);
    if (!isZeroTensor(op.getDpsInitOperand(0)->get()))
      separateDestination(builder, op);
    SmallVector<Value> tails = findTails(op->getResult(0));
    for (Value tail : llvm::reverse(tails)) {
      Value fused = ContractBuilder(op, tail).build();
      if (!fused)
        continue;
      ++numContracts;
      if (tail != op->getResult(0))
        ++numEpilogues;
      tail.replaceAllUsesWith(fused);
      return;
    }
  }
};
} // namespace
} // namespace attnc::fusion
