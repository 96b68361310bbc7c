//===- InterpretControl.cpp - scf.if, scf.for, func.call, cf.assert -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/InterpreterImpl.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attnc::attn;
using namespace attnc::attn::interpreter;

namespace {
/// A block whose yielded values become other values.
struct Branch {
  Program program;
  SmallVector<Move> yields;
  bool run(Frame &frame) const {
    if (!program.run(frame))
      return false;
    apply(yields, frame);
    return true;
  }
};
} // namespace

static Branch compileBranch(Compiler &compiler, Region &region, ValueRange targets) {
  if (region.empty())
    return {};
  Program program = compiler.compile(region.front());
  SmallVector<Move> yields = compiler.moves(program.results, targets);
  return {std::move(program), std::move(yields)};
}

static void compileIf(Compiler &compiler, scf::IfOp op) {
  Slot condition = compiler.slot(op.getCondition());
  Branch yes = compileBranch(compiler, op.getThenRegion(), op.getResults());
  Branch no = compileBranch(compiler, op.getElseRegion(), op.getResults());
  compiler.push([=](Frame &frame) { return frame.integer(condition) ? yes.run(frame) : no.run(frame); });
}

static void compileFor(Compiler &compiler, scf::ForOp op) {
  Slot lower = compiler.slot(op.getLowerBound()), upper = compiler.slot(op.getUpperBound());
  Slot step = compiler.slot(op.getStep()), index = compiler.slot(op.getInductionVar());
  SmallVector<Move> enter = compiler.moves(op.getInitArgs(), op.getRegionIterArgs());
  Branch body = compileBranch(compiler, op.getRegion(), op.getRegionIterArgs());
  SmallVector<Move> leave = compiler.moves(op.getRegionIterArgs(), op.getResults());
  Operation *loop = op;
  compiler.push([=](Frame &frame) {
    int64_t end = frame.integer(upper), by = frame.integer(step);
    if (by <= 0) {
      loop->emitError() << "loop step is " << by << ", must be positive";
      return false;
    }
    apply(enter, frame);
    for (int64_t i = frame.integer(lower); i < end; i += std::min(by, end - i)) {
      frame.integer(index) = i;
      if (!body.run(frame))
        return false;
    }
    apply(leave, frame);
    return true;
  });
}

static void compileWhile(Compiler &compiler, scf::WhileOp op) {
  SmallVector<Move> enter = compiler.moves(op.getInits(), op.getBeforeArguments());
  scf::ConditionOp decision = op.getConditionOp();
  Program before = compiler.compile(op.getBefore().front());
  Slot more = compiler.slot(decision.getCondition());
  SmallVector<Move> go = compiler.moves(decision.getArgs(), op.getAfterArguments());
  SmallVector<Move> leave = compiler.moves(decision.getArgs(), op.getResults());
  Branch after = compileBranch(compiler, op.getAfter(), op.getBeforeArguments());
  compiler.push([=](Frame &frame) {
    apply(enter, frame);
    for (;;) {
      if (!before.run(frame))
        return false;
      if (!frame.integer(more))
        break;
      apply(go, frame);
      if (!after.run(frame))
        return false;
    }
    apply(leave, frame);
    return true;
  });
}

/// Copies values of one frame to the first slots of another, tensors and
/// scalars numbered separately.
static void passArguments(Frame &from, Frame &to, ArrayRef<Move> arguments) {
  Slot tensor = 0, scalar = 0;
  for (const Move &argument : arguments) {
    if (argument.isTensor)
      to.tensors[tensor++] = from.tensors[argument.from];
    else
      to.scalars[scalar++] = from.scalars[argument.from];
  }
}

static void compileCall(Compiler &compiler, func::CallOp op) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getCalleeAttr());
  if (!callee)
    return compiler.fail(op, "there is no function '" + op.getCallee() + "'");
  SmallVector<Move> arguments = compiler.moves(op.getOperands(), op.getOperands());
  SmallVector<Move> results = compiler.moves(op.getResults(), op.getResults());
  Session *session = &compiler.session;
  Operation *caller = op;
  compiler.push([=](Frame &frame) {
    auto enter = [&](Frame &inner) { passArguments(frame, inner, arguments); };
    auto leave = [&](Frame &inner, ArrayRef<Slot> yielded) {
      for (auto [slot, result] : llvm::zip(yielded, results)) {
        if (result.isTensor)
          frame.tensors[result.to] = inner.tensors[slot];
        else
          frame.scalars[result.to] = inner.scalars[slot];
      }
    };
    return session->call(callee, caller, enter, leave);
  });
}

static void compileAssert(Compiler &compiler, cf::AssertOp op) {
  Slot condition = compiler.slot(op.getArg());
  compiler.push([=](Frame &frame) mutable {
    if (!frame.integer(condition))
      op->emitError() << "assertion failed: " << op.getMsg();
    return frame.integer(condition) != 0;
  });
}

bool interpreter::compileControl(Compiler &compiler, Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case([&](scf::IfOp op) { return compileIf(compiler, op), true; })
      .Case([&](scf::ForOp op) { return compileFor(compiler, op), true; })
      .Case([&](scf::WhileOp op) { return compileWhile(compiler, op), true; })
      .Case([&](func::CallOp op) { return compileCall(compiler, op), true; })
      .Case([&](cf::AssertOp op) { return compileAssert(compiler, op), true; })
      .Default([](Operation *) { return false; });
}
