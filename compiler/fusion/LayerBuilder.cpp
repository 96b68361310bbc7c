//===- LayerBuilder.cpp - The function of a repetition --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/LayerBuilder.h"
#include "compiler/fusion/Axes.h"
#include "dialects/Common/Builders.h"
#include "dialects/Common/DimNames.h"
#include "dialects/Common/Locations.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace attnc::fusion {

static Key keyOf(const Values &values) {
  return llvm::map_to_vector(values, [](Value value) -> const void * { return value.getAsOpaquePointer(); });
}

/// The key of an extent; with a null in it where it is not known.
static Key keyOf(const Values &tensors, int64_t dim) {
  return llvm::map_to_vector(tensors, [&](Value tensor) { return extentKey(tensor, dim); });
}

template <typename OpTy>
SmallVector<OpTy> LayerBuilder::allMadeBy(const Values &values) {
  SmallVector<OpTy> ops;
  for (Value value : values)
    if (auto op = value.getDefiningOp<OpTy>())
      ops.push_back(op);
  return ops.size() == values.size() ? ops : SmallVector<OpTy>();
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

/// The tensors from outside become arguments before ops are cloned: extents are looked for in all of them.
void LayerBuilder::findTensors() {
  for (size_t i = 0; i < repetition.period(); ++i) {
    auto leaves = llvm::map_to_vector(repetition.occurrences, [&](Occurrence each) { return leavesOf(each[i]); });
    for (size_t leaf = 0; leaf < leaves.front().size(); ++leaf) {
      if (!leaves.front()[leaf].use)
        continue;
      auto values = llvm::map_to_vector(leaves, [&](ArrayRef<Leaf> of) { return of[leaf].use->get(); });
      bool isShared = llvm::all_of(values, [&](Value value) { return shared.contains(value.getDefiningOp()); });
      if (isa<TensorType>(values[0].getType()) && !isShared && !isInternal(values))
        argumentFor(values);
    }
  }
}

/// The argument of the function that is `values` in the calls.
Value LayerBuilder::argumentFor(const Values &values) {
  Value &argument = known[keyOf(values)];
  if (argument)
    return argument;
  for (auto [value, occurrence] : llvm::zip_equal(values, repetition.occurrences))
    failed |= placeIn(occurrence, value).has_value(); // outside in another occurrence: no one meaning
  argument = layer.front().addArgument(values[0].getType(), loc);
  arguments.push_back(values);
  addExtents(argument, values);
  return argument;
}

/// What the function's own extents are called.
void LayerBuilder::findNames() {
  for (BlockArgument argument : function.getArguments()) {
    DimNames dims = DimNames::ofArgument(argument);
    for (int64_t d = 0; d < dims.size(); ++d)
      if (StringAttr symbol = dims.symbol(d)) {
        ownNames.try_emplace(extentKey(argument, d), dims.text(d));
        taken.insert(symbol.getValue());
      }
  }
}

/// Notes where the extents of an argument are found. They are called as in the function if they are its own in all calls.
void LayerBuilder::addExtents(Value argument, const Values &tensors) {
  auto type = dyn_cast<RankedTensorType>(tensors[0].getType());
  for (int64_t d = 0, rank = type ? type.getRank() : 0; d < rank; ++d) {
    Key key = type.isDynamicDim(d) ? keyOf(tensors, d) : Key{nullptr};
    if (llvm::is_contained(key, nullptr) || extents.count(key))
      continue;
    StringAttr own = llvm::all_equal(key) ? ownNames.lookup(key.front()) : StringAttr();
    std::string name = own ? own.str() : "";
    for (size_t next = 0; name.empty() || (!own && !taken.insert(name).second); ++next)
      name = "n" + std::to_string(next);
    extents[key] = {argument, d, name};
  }
}

/// The names of the dimensions of what is `tensors` in the calls.
ArrayAttr LayerBuilder::namesOf(const Values &tensors) {
  auto type = cast<RankedTensorType>(tensors[0].getType());
  SmallVector<Attribute> texts;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    auto extent = type.isDynamicDim(d) ? extents.find(keyOf(tensors, d)) : extents.end();
    texts.push_back(b.getStringAttr(!type.isDynamicDim(d)     ? std::to_string(type.getDimSize(d))
                                    : extent == extents.end() ? "?"
                                                              : extent->second.name));
  }
  return b.getArrayAttr(texts);
}

/// Whether the extents of a result are those of arguments.
bool LayerBuilder::hasKnownExtents(const Values &tensors) {
  auto type = dyn_cast<RankedTensorType>(tensors[0].getType());
  if (!type)
    return false;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.isDynamicDim(d) && !extents.count(keyOf(tensors, d)))
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// What is made in the function
//===----------------------------------------------------------------------===//

/// `values` in the function: made there, or an argument.
Value LayerBuilder::valueFor(const Values &values) {
  if (auto found = known.find(keyOf(values)); found != known.end())
    return found->second;
  Value made = make(values);
  if (!made)
    made = argumentFor(values);
  return known[keyOf(values)] = made;
}

Value LayerBuilder::make(const Values &values) {
  if (!llvm::all_of(values, [&](Value value) { return shared.contains(value.getDefiningOp()); }))
    return Value();
  if (auto ops = allMadeBy<attn::WeightOp>(values); !ops.empty())
    return makeWeight(ops);
  if (auto ops = allMadeBy<arith::ConstantOp>(values); !ops.empty())
    return makeConstant(ops);
  if (Value extent = makeExtent(values))
    return extent;
  return cloneShared(values);
}

/// An extent that an argument has.
Value LayerBuilder::makeExtent(const Values &values) {
  if (!values[0].getType().isIndex())
    return Value();
  auto found = extents.find(keyOf(values, 0));
  if (found == extents.end())
    return Value();
  return tensor::DimOp::create(b, loc, found->second.argument, found->second.dim);
}

/// The same op in the function, made of what its operands are there.
Value LayerBuilder::cloneShared(const Values &values) {
  OpForms formOf;
  if (allMadeBy<tensor::DimOp>(values).size() == values.size() ||
      !llvm::all_equal(llvm::map_range(values, [&](Value value) { return formOf(value.getDefiningOp()); })))
    return Value();
  Operation *first = values[0].getDefiningOp();
  SmallVector<Value> operands;
  for (unsigned i = 0, e = first->getNumOperands(); i < e; ++i)
    operands.push_back(
        valueFor(llvm::map_to_vector(values, [&](Value value) { return value.getDefiningOp()->getOperand(i); })));
  Operation *clone = b.clone(*first);
  clone->setOperands(operands);
  return clone->getResult(cast<OpResult>(values[0]).getResultNumber());
}

/// "layer.*.q" for "layer.0.q", "layer.1.q".
static std::string commonName(ArrayRef<attn::WeightOp> ops) {
  std::string first = attn::WeightOp(ops.front()).getName().str();
  size_t before = first.size(), behind = first.size();
  for (attn::WeightOp op : ops) {
    StringRef name = op.getName();
    auto [a, x] = std::mismatch(first.begin(), first.begin() + std::min(before, name.size()), name.begin());
    before = a - first.begin();
    auto [c, z] = std::mismatch(first.rbegin(), first.rbegin() + std::min(behind, name.size()), name.rbegin());
    behind = c - first.rbegin();
  }
  behind = std::min(behind, first.size() - before);
  return first.substr(0, before) + "*" + first.substr(first.size() - behind);
}

Value LayerBuilder::makeWeight(ArrayRef<attn::WeightOp> ops) {
  attn::WeightOp first = ops.front();
  if (llvm::all_equal(llvm::map_range(ops, [](attn::WeightOp op) { return op.getNameAttr(); })))
    return b.clone(*first)->getResult(0);
  Operation *last = nullptr;
  SmallVector<Attribute> sources;
  for (attn::WeightOp op : ops) {
    Operation *source = symbols.lookup(op.getName());
    last = !last || last->isBeforeInBlock(source) ? source : last;
    sources.push_back(op.getNameAttr());
  }
  OpBuilder outside(last->getContext());
  outside.setInsertionPointAfter(last);
  auto stack = weights::StackOp::create(outside, loc, commonName(ops), outside.getArrayAttr(sources), first.getType());
  symbols.insert(stack, std::next(last->getIterator()));
  return attn::LayerWeightOp::create(b, loc, first.getType(), stack.getSymName(), layer.getArgument(0));
}

/// %table[%layer] of numbers of a scalar type.
Value LayerBuilder::readTable(ArrayRef<Attribute> numbers, Type type) {
  auto tableType = RankedTensorType::get({static_cast<int64_t>(times)}, type);
  Value table = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(tableType, numbers));
  return tensor::ExtractOp::create(b, loc, table, ValueRange{layer.getArgument(0)});
}

/// A constant of all layers, or one for each; null for tensors that differ.
Value LayerBuilder::makeConstant(ArrayRef<arith::ConstantOp> ops) {
  arith::ConstantOp first = ops.front();
  auto numbers = llvm::map_to_vector(ops, [](arith::ConstantOp op) -> Attribute { return op.getValue(); });
  if (llvm::all_equal(numbers))
    return b.clone(*first)->getResult(0);
  return first.getType().isIntOrIndexOrFloat() ? readTable(numbers, first.getType()) : Value();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// A constant in a region of `clone` becomes that of the layer. A region that sees nothing around it captures it.
void LayerBuilder::setConstant(Operation *constant, ArrayRef<Operation *> constants) {
  auto numbers = llvm::map_to_vector(constants, [](Operation *op) { return cast<arith::ConstantOp>(op).getValue(); });
  if (llvm::all_equal(numbers))
    return;
  Value number = readTable(SmallVector<Attribute>(numbers.begin(), numbers.end()), constant->getResult(0).getType());
  Operation *isolated = constant->getParentWithTrait<OpTrait::IsIsolatedFromAbove>();
  if (isolated != layer) {
    if (auto attention = dyn_cast<attn::AttentionOp>(isolated))
      attention.getCapturesMutable().append(number);
    else if (auto contract = dyn_cast<attn::ContractOp>(isolated))
      contract.getCapturesMutable().append(number);
    else
      return void(failed = true);
    for (Region &region : isolated->getRegions()) {
      if (region.empty())
        continue;
      Value inside = region.addArgument(number.getType(), loc);
      if (region.findAncestorBlockInRegion(*constant->getBlock()))
        number = inside;
    }
  }
  constant->getResult(0).replaceAllUsesWith(number);
  constant->erase();
}

/// Op `i` of the layer, at the end of the function.
void LayerBuilder::cloneOp(size_t i) {
  Occurrence first = repetition.occurrences.front();
  auto leaves = llvm::map_to_vector(repetition.occurrences, [&](Occurrence each) { return leavesOf(each[i]); });
  SmallVector<Value> operands; // before the clone, whose operands they are
  for (size_t leaf = 0; leaf < leaves.front().size(); ++leaf)
    if (leaves.front()[leaf].use)
      operands.push_back(valueFor(llvm::map_to_vector(leaves, [&](ArrayRef<Leaf> of) { return of[leaf].use->get(); })));
  Operation *clone = b.clone(*first[i]);
  clone->setLoc(locationOfLayers(
      llvm::map_to_vector(repetition.occurrences, [&](Occurrence each) { return each[i]->getLoc(); })));
  auto *next = operands.begin();
  SmallVector<Leaf> own = leavesOf(clone);
  for (const Leaf &leaf : own)
    if (leaf.use)
      leaf.use->set(*next++);
  b.setInsertionPoint(clone);
  for (auto [number, leaf] : llvm::enumerate(own))
    if (leaf.constant)
      setConstant(leaf.constant, llvm::map_to_vector(leaves, [&](ArrayRef<Leaf> of) { return of[number].constant; }));
  b.setInsertionPointAfter(clone);
  for (unsigned number = 0, e = clone->getNumResults(); number < e; ++number)
    known[keyOf(gather([&](Occurrence each) { return each[i]->getResult(number); }))] = clone->getResult(number);
}

LogicalResult LayerBuilder::build() {
  OpBuilder outside(function);
  outside.setInsertionPointAfter(function);
  layer = func::FuncOp::create(outside, loc, (function.getSymName() + "_layer").str(), b.getFunctionType({}, {}));
  layer.setPrivate();
  Block *body = layer.addEntryBlock();
  body->addArgument(b.getIndexType(), loc);
  b.setInsertionPointToEnd(body);
  findNames();
  findTensors();
  for (size_t i = 0; i < repetition.period(); ++i)
    cloneOp(i);
  SmallVector<Value> yielded;
  for (auto [i, number] : results) {
    Values values = gather([&, i = i, number = number](Occurrence each) { return each[i]->getResult(number); });
    failed |= !hasKnownExtents(values);
    yielded.push_back(known[keyOf(values)]);
  }
  func::ReturnOp::create(b, loc, yielded);
  layer.setFunctionType(b.getFunctionType(body->getArgumentTypes(), ValueRange(yielded).getTypes()));
  if (failed) {
    layer.erase();
    return failure();
  }
  symbols.insert(layer, std::next(function->getIterator()));
  for (auto [number, values] : llvm::enumerate(arguments))
    if (isa<RankedTensorType>(values[0].getType()))
      layer.setArgAttr(number + 1, DimNames::kAttribute, namesOf(values));
  for (auto [number, place] : llvm::enumerate(results))
    layer.setResultAttr(number, DimNames::kAttribute, namesOf(gather([place = place](Occurrence each) {
                          return each[place.first]->getResult(place.second);
                        })));
  return success();
}

void LayerBuilder::callInstead() {
  for (auto [number, occurrence] : llvm::enumerate(repetition.occurrences)) {
    b.setInsertionPoint(occurrence.back());
    SmallVector<Value> operands{constantIndex(b, loc, static_cast<int64_t>(number))};
    for (const Values &values : arguments)
      operands.push_back(values[number]);
    auto call = func::CallOp::create(b, loc, layer, operands);
    for (auto [place, result] : llvm::zip_equal(results, call.getResults())) {
      Value old = occurrence[place.first]->getResult(place.second);
      old.replaceUsesWithIf(result, [&, each = occurrence](OpOperand &use) {
        return !llvm::is_contained(each, call->getBlock()->findAncestorOpInBlock(*use.getOwner()));
      });
      for (Values &values : arguments) // of later calls
        std::replace(values.begin(), values.end(), old, Value(result));
    }
  }
  for (Occurrence occurrence : repetition.occurrences)
    for (Operation *op : llvm::reverse(occurrence)) {
      op->dropAllUses(); // extents that nothing asks for
      op->erase();
    }
}

} // namespace attnc::fusion
