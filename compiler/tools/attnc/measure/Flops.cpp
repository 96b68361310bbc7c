//===- Flops.cpp - How much arithmetic a call is --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/measure/Flops.h"
#include "compiler/schedule/Passes.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/TypeSwitch.h"
#include <fmt/format.h>
#include <map>
#include <set>

using namespace mlir;

namespace attnc::tool {

/// What lies in memory of a constant or a weight; a splat becomes an immediate value.
static double bytesOfWeights(Operation *op) {
  auto constant = dyn_cast<arith::ConstantOp>(op);
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || (constant && isa<SplatElementsAttr>(constant.getValue())))
    return 0;
  std::optional<int64_t> bytes = attn::elementBytes(type.getElementType());
  return bytes ? static_cast<double>(*bytes) * static_cast<double>(type.getNumElements()) : 0;
}

Work WorkCounter::count() {
  function.walk([&](Operation *op) {
    if (hasProducts(op))
      add(op, countProducts(op));
    else if (isa<arith::ConstantOp, attn::WeightOp>(op))
      work.weightBytes += bytesOfWeights(op);
    else if (isa<LoopLikeOpInterface>(op))
      work.gaps.push_back("work inside a loop is counted once");
  });
  return std::move(work);
}

bool WorkCounter::hasProducts(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return isa<attn::AttentionOp, attn::ContractOp>(op) || (linalgOp && linalg::isaContractionOpInterface(linalgOp));
}

std::optional<double> WorkCounter::countProducts(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<double>>(op)
      .Case([&](attn::AttentionOp attention) { return countAttention(attention); })
      .Case([&](attn::ContractOp contract) { return countContract(contract); })
      .Case([&](linalg::LinalgOp contraction) { return countContraction(contraction); })
      .Default([](Operation *) { return std::nullopt; });
}

void WorkCounter::add(Operation *op, std::optional<double> flops) {
  if (flops)
    work.flops += *flops;
  else
    work.gaps.push_back(fmt::format("an operation '{}' whose extents only the run knows is not counted",
                                    op->getName().getStringRef().str()));
}

/// Extent of `letter` in the first operand whose layout has it; 1 if none has.
std::optional<int64_t> WorkCounter::extent(char letter, Operands operands) {
  for (auto [layout, tensor] : operands)
    if (int64_t index = attn::AttentionOp::dimOf(layout, letter); index >= 0)
      return extents.dim(tensor, index);
  return 1;
}

std::optional<double> WorkCounter::countContract(attn::ContractOp op) {
  std::pair<StringRef, Value> operands[] = {{op.getLhsLayout(), op.getLhs()}, {op.getRhsLayout(), op.getRhs()}};
  std::set<char> letters(op.getLhsLayout().begin(), op.getLhsLayout().end());
  letters.insert(op.getRhsLayout().begin(), op.getRhsLayout().end());
  double flops = 2;
  for (char letter : letters) {
    auto value = extent(letter, operands);
    if (!value)
      return std::nullopt;
    flops *= static_cast<double>(*value);
  }
  return flops;
}

std::optional<double> WorkCounter::countContraction(linalg::LinalgOp op) {
  std::map<unsigned, int64_t> loops;
  for (OpOperand &operand : op->getOpOperands())
    for (auto [index, expression] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expression)) {
        auto value = extents.dim(operand.get(), static_cast<int64_t>(index));
        if (!value)
          return std::nullopt;
        loops[dim.getPosition()] = *value;
      }
  double flops = 2;
  for (auto [loop, extent] : loops)
    flops *= static_cast<double>(extent);
  return flops;
}

void inlineCalls(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.enableVerifier(false);
  passes.addPass(schedule::createInlineLayers());
  (void)passes.run(module);
}

OwningOpRef<ModuleOp> withoutCalls(ModuleOp module) {
  OwningOpRef<ModuleOp> copy = module.clone();
  inlineCalls(*copy);
  return copy;
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// func @count(captures...) -> tensor<i64>: how many (b, h, i, j) below
/// `bounds` the mask of `op` allows.
static func::FuncOp buildCounter(ModuleOp module, attn::AttentionOp op, ArrayRef<int64_t> bounds, int64_t m,
                                 int64_t n) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = op.getLoc();
  auto resultType = RankedTensorType::get({}, builder.getI64Type());
  auto function =
      func::FuncOp::create(builder, loc, "count", builder.getFunctionType(op.getCaptures().getTypes(), {resultType}));
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(builder, loc, value); };
  Value zero = index(0), one = index(1), rows = index(m), columns = index(n);
  Value count = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(0));
  SmallVector<Value> indices;
  SmallVector<scf::ForOp> loops;
  for (int64_t bound : bounds) {
    auto loop = scf::ForOp::create(builder, loc, zero, index(bound), one, ValueRange(count));
    indices.push_back(loop.getInductionVar());
    count = loop.getRegionIterArg(0);
    loops.push_back(loop);
    builder.setInsertionPointToStart(loop.getBody());
  }
  Block &mask = op.getMask().front();
  IRMapping mapping;
  indices.append({rows, columns});
  for (auto [argument, value] :
       llvm::zip(mask.getArguments(), llvm::concat<Value>(indices, SmallVector<Value>(entry->getArguments()))))
    mapping.map(argument, value);
  for (Operation &inner : mask.without_terminator())
    builder.clone(inner, mapping);
  Value allowed = mapping.lookup(cast<attn::YieldOp>(mask.getTerminator()).getValue());
  Value next =
      arith::AddIOp::create(builder, loc, count, arith::ExtUIOp::create(builder, loc, builder.getI64Type(), allowed));
  for (scf::ForOp loop : llvm::reverse(loops)) {
    scf::YieldOp::create(builder, loc, next);
    next = loop.getResult(0);
    builder.setInsertionPointAfter(loop);
  }
  Value result = tensor::FromElementsOp::create(builder, loc, resultType, ValueRange(next));
  func::ReturnOp::create(builder, loc, result);
  return function;
}

/// The number of allowed (b, h, i, j). A mask that does not look at b (h) is
/// counted for one of them.
std::optional<double> WorkCounter::countPairs(attn::AttentionOp op, ArrayRef<int64_t> bhmn) {
  double all = 1;
  for (int64_t extent : bhmn)
    all *= static_cast<double>(extent);
  if (op.getMask().empty() || all == 0)
    return all;
  std::vector<attn::RefTensor> captures;
  for (Value capture : op.getCaptures()) {
    auto argument = dyn_cast<BlockArgument>(capture);
    if (!argument || !isa<RankedTensorType>(capture.getType())) {
      work.gaps.push_back("a mask that reads computed values is counted as if "
                          "it allowed every pair");
      return all;
    }
    captures.push_back(
        toReference(inputs[argument.getArgNumber()], cast<RankedTensorType>(capture.getType()).getElementType()));
  }
  Block &mask = op.getMask().front();
  double factor = 1;
  SmallVector<int64_t> bounds(bhmn);
  for (unsigned letter : {0u, 1u})
    if (mask.getArgument(letter).use_empty()) {
      factor *= static_cast<double>(bounds[letter]);
      bounds[letter] = 1;
    }
  OwningOpRef<ModuleOp> module = ModuleOp::create(op.getLoc());
  func::FuncOp counter = buildCounter(*module, op, bounds, bhmn[2], bhmn[3]);
  auto result = attn::interpret(counter, captures);
  if (failed(result))
    return std::nullopt;
  return factor * static_cast<double>(result->front().ints.front());
}

std::optional<double> WorkCounter::countAttention(attn::AttentionOp op) {
  SmallVector<int64_t> values;
  for (char letter : StringRef("BHMNDE")) {
    auto value = extents.of(op, letter);
    if (!value)
      return std::nullopt;
    values.push_back(*value);
  }
  auto pairs = countPairs(op, ArrayRef(values).take_front(4));
  if (!pairs)
    return std::nullopt;
  return 2.0 * *pairs * static_cast<double>(values[4] + values[5]);
}

} // namespace attnc::tool
