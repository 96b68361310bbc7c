//===- Ops.cpp - What an operator's importer sees -------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Ops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

//===- Operands -----------------------------------------------------------===//

/// What `value` is computed from.
static void collectArguments(Value value, llvm::SmallPtrSetImpl<Operation *> &seen,
                             SmallVectorImpl<BlockArgument> &found) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (argument && isa<func::FuncOp>(argument.getOwner()->getParentOp()) && !llvm::is_contained(found, argument))
    found.push_back(argument);
  Operation *op = value.getDefiningOp();
  if (!op || !seen.insert(op).second)
    return;
  for (Value operand : op->getOperands())
    collectArguments(operand, seen, found);
  for (Region &region : op->getRegions())
    region.walk([&](Operation *inside) {
      for (Value operand : inside->getOperands())
        if (!region.isAncestor(operand.getParentRegion()))
          collectArguments(operand, seen, found);
    });
}

/// "; fix the value of input 'k' when compiling", or nothing where large inputs have a part in it.
std::string NodeContext::undecidedInputs(const Tensor *tensor) {
  constexpr int64_t kMostElements = 1024;
  llvm::SmallPtrSet<Operation *, 16> seen;
  SmallVector<BlockArgument> arguments;
  if (tensor->value)
    collectArguments(tensor->value, seen, arguments);
  std::vector<std::string> names;
  for (BlockArgument argument : arguments) {
    auto type = cast<RankedTensorType>(argument.getType());
    auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "attnc.name");
    if (type.getRank() > 1 || (type.hasStaticShape() && type.getNumElements() > kMostElements))
      return "";
    names.push_back(name.str());
  }
  requirements.undecided.insert(names.begin(), names.end());
  for (std::string &name : names)
    name = "'" + printable(name) + "'";
  return names.empty() ? "" : "; fix the value of input " + llvm::join(names, " and ") + " when compiling";
}

FailureOr<SymList> NodeContext::shapeInput(size_t index, StringRef what) {
  Tensor *tensor = input(index);
  if (tensor->rank() > 1 || tensor->isFloat())
    return fail(fmt::format("its {} must be a list of integers, not {}", what.str(), describe(tensor)));
  std::optional<SymList> elements = emit.elements(tensor);
  if (!elements)
    return fail(fmt::format("its {} depends on the data, so shapes are not known before it runs{}", what.str(),
                            undecidedInputs(tensor)));
  return *elements;
}

FailureOr<SmallVector<double>> NodeContext::fixedFloats(size_t index, StringRef what) {
  Tensor *tensor = input(index);
  bool isEmpty = llvm::any_of(tensor->shape, [](const Sym &extent) { return extent.isConstant(0); });
  auto numbers = emit.floats(tensor);
  if (!numbers && !isEmpty)
    return fail(fmt::format("its {} depends on the data, so shapes are not known before it runs{}", what.str(),
                            undecidedInputs(tensor)));
  return isEmpty ? SmallVector<double>() : SmallVector<double>(numbers->begin(), numbers->end());
}

FailureOr<SmallVector<int64_t>> NodeContext::fixedInput(size_t index, StringRef what) {
  FailureOr<SymList> elements = shapeInput(index, what);
  if (failed(elements))
    return failure();
  SmallVector<int64_t> result;
  for (const Sym &element : *elements) {
    if (!element.constant())
      return fail(fmt::format("its {} must be constant, not {}", what.str(), symbols.str(element)));
    result.push_back(*element.constant());
  }
  return result;
}

FailureOr<std::optional<SmallVector<int64_t>>> NodeContext::inputOrAttr(size_t index, StringRef name) {
  if (!input(index))
    return intsAttr(name);
  FailureOr<SmallVector<int64_t>> fixed = fixedInput(index, name);
  if (failed(fixed))
    return failure();
  return std::optional(*fixed);
}

//===- Attributes ---------------------------------------------------------===//

const NodeAttr *NodeContext::attr(StringRef name) {
  usedAttributes.insert(name);
  auto it = node.attributes.find(name);
  if (it != node.attributes.end())
    return &it->second;
  const AttributeInfo *info = signature.attribute(name);
  return info && info->otherwise ? &*info->otherwise : nullptr;
}

const NodeAttr &NodeContext::sureAttr(StringRef name) {
  if (const NodeAttr *attribute = attr(name))
    return *attribute;
  llvm::report_fatal_error("the signature of " + llvm::Twine(node.opType) + " does not say that it has '" + name + "'");
}

std::optional<SmallVector<int64_t>> NodeContext::intsAttr(StringRef name) {
  const NodeAttr *attribute = attr(name);
  if (!attribute)
    return std::nullopt;
  return SmallVector<int64_t>(attribute->ints.begin(), attribute->ints.end());
}

void NodeContext::checkAttributes() {
  for (const llvm::StringMapEntry<NodeAttr> &entry : node.attributes)
    if (!usedAttributes.contains(entry.getKey()))
      problems.push_back(fmt::format("attribute '{}' is not supported", printable(entry.getKey())));
}

//===- Results ------------------------------------------------------------===//

LogicalResult NodeContext::result(Tensor *tensor, size_t index) {
  if (index < results.size())
    results[index] = tensor;
  return success();
}

LogicalResult NodeContext::fail(std::string why) {
  problems.push_back(std::move(why));
  return failure();
}

//===- Checks -------------------------------------------------------------===//

FailureOr<int64_t> NodeContext::axis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return fail(fmt::format("its axis {} is outside of rank {}", axis, rank));
  return axis < 0 ? axis + rank : axis;
}

FailureOr<SmallVector<int64_t>> NodeContext::axes(ArrayRef<int64_t> axes, int64_t rank) {
  SmallVector<int64_t> result;
  for (int64_t entry : axes) {
    FailureOr<int64_t> normal = axis(entry, rank);
    if (failed(normal))
      return failure();
    if (llvm::is_contained(result, *normal))
      return fail(fmt::format("its axis {} is named twice", entry));
    result.push_back(*normal);
  }
  llvm::sort(result);
  return result;
}

bool NodeContext::sameExtent(const Sym &a, const Sym &b) {
  if (a == b)
    return true;
  bool nameA = symbols.nameOf(a).has_value(), nameB = symbols.nameOf(b).has_value();
  if ((!nameA || (!nameB && !b.constant())) && (!nameB || !a.constant()))
    return false;
  requirements.equalities.emplace_back(a, b);
  return true;
}

bool NodeContext::requireLimits(ArrayRef<Sym> extents) {
  size_t before = requirements.limits.size();
  for (const Sym &extent : extents)
    llvm::append_range(requirements.limits, symbols.possibleLimits(extent));
  return requirements.limits.size() > before;
}

bool NodeContext::requireAtMost(const Sym &extent, int64_t most) {
  if (std::optional<SumLimit> limit = symbols.asLimit(extent, most))
    requirements.limits.push_back(*limit);
  return !extent.constant() || *extent.constant() <= most;
}

/// The input whose elements `value` holds, moved or widened at most; null if it is computed.
static BlockArgument elementsOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, linalg::TransposeOp>(op)) {
      value = op->getOperand(0);
      continue;
    }
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic || generic.getNumDpsInputs() != 1)
      return nullptr;
    Value yielded = generic.getBody()->getTerminator()->getOperand(0);
    if (auto widened = yielded.getDefiningOp<arith::ExtSIOp>())
      yielded = widened.getIn();
    if (yielded != generic.getBody()->getArgument(0))
      return nullptr;
    value = generic.getDpsInputOperand(0)->get();
  }
  return cast<BlockArgument>(value);
}

void NodeContext::noteIndices(const Tensor *indices, const Sym &extent) {
  if (BlockArgument input = indices->value ? elementsOf(indices->value) : nullptr)
    requirements.indexed[input.getArgNumber()].push_back(extent);
}

FailureOr<Sym> NodeContext::broadcastExtent(const Sym &a, const Sym &b) {
  if (a.isConstant(1))
    return b;
  if (b.isConstant(1) || sameExtent(a, b))
    return a;
  if (a.constant() && b.constant())
    return fail(fmt::format("extents {} and {} do not fit together", *a.constant(), *b.constant()));
  if (requireLimits({a, b}))
    return failure();
  return fail(fmt::format("extents {} and {} are not known to be equal; fix them with --dims, or give both the same "
                          "dim_param in the model",
                          symbols.str(a), symbols.str(b)));
}

FailureOr<SymList> NodeContext::broadcastShapes(const SymList &a, const SymList &b) {
  const SymList &longer = a.size() >= b.size() ? a : b, &shorter = a.size() >= b.size() ? b : a;
  SymList result(longer);
  size_t missing = longer.size() - shorter.size();
  for (size_t dim = 0; dim < shorter.size(); ++dim) {
    FailureOr<Sym> extent = broadcastExtent(longer[missing + dim], shorter[dim]);
    if (failed(extent))
      return failure();
    result[missing + dim] = *extent;
  }
  return result;
}

LogicalResult NodeContext::checkTypes() {
  Tensor *last = nullptr;
  for (size_t index = 0; index < inputs.size(); ++index) {
    Tensor *tensor = inputs[index];
    const Parameter &parameter = signature.input(index);
    bool isBound =
        parameter.hasTypeOfLast || (parameter.isVariadic && !parameter.isMixed && index >= signature.inputs.size());
    if (tensor && isBound && last && tensor->elementType != last->elementType)
      return fail(fmt::format("its operands have different types: {} and {}", elementTypeName(last->elementType),
                              elementTypeName(tensor->elementType)));
    if (tensor && !isOneOf(tensor->elementType, parameter.types))
      return fail(fmt::format("its operand {} is of type {}, and may be of {}", parameter.name,
                              elementTypeName(tensor->elementType), typeNames(parameter.types)));
    if (tensor || !parameter.hasTypeOfLast)
      last = tensor;
  }
  return success();
}

LogicalResult NodeContext::sameTypes(ArrayRef<Tensor *> tensors) {
  for (Tensor *tensor : tensors.drop_front())
    if (tensor->elementType != tensors[0]->elementType)
      return fail(fmt::format("its operands have different types: {} and {}", elementTypeName(tensors[0]->elementType),
                              elementTypeName(tensor->elementType)));
  return success();
}

std::string NodeContext::describe(const SymList &shape) const {
  return "[" + llvm::join(llvm::map_range(shape, [&](const Sym &extent) { return symbols.str(extent); }), ", ") + "]";
}

std::string NodeContext::describe(const Tensor *tensor) const {
  return elementTypeName(tensor->elementType) + describe(tensor->shape);
}
