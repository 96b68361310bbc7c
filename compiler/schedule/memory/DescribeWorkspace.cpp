//===- DescribeWorkspace.cpp - What a workspace holds, in words -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/memory/DescribeWorkspace.h"
#include "dialects/Common/DimNames.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

/// "batch * seq", in the order of arguments; "?" for an extent without a name, "" for none.
static std::string spellExtents(const Size &size) {
  SmallVector<std::tuple<unsigned, int64_t, std::string>> factors; // `extents` are sorted by address
  for (const Extent &extent : size.extents) {
    auto argument = dyn_cast<BlockArgument>(extent.base);
    StringAttr name = argument && extent.dim >= 0 ? DimNames::ofArgument(argument).symbol(extent.dim) : StringAttr();
    factors.emplace_back(argument ? argument.getArgNumber() : ~0u, extent.dim, name ? name.str() : "?");
  }
  llvm::sort(factors);
  return llvm::join(llvm::map_range(factors, [](const auto &factor) { return std::get<2>(factor); }), " * ");
}

/// "3072 * batch * seq", "64".
static std::string spell(int64_t scale, const std::string &extents) {
  if (extents.empty())
    return std::to_string(scale);
  return scale == 1 ? extents : std::to_string(scale) + " * " + extents;
}

std::string WorkspaceText::total() const {
  std::string text;
  for (const auto &[extents, scale] : terms)
    text += (text.empty() ? "" : " + ") + spell(scale, extents);
  return text;
}

/// What the user knows the place as: a node's name, or a line of a file.
static std::string spell(Location loc) {
  std::string text;
  loc->walk([&](Location part) {
    if (auto name = dyn_cast<NameLoc>(part))
      text = name.getName().str();
    else if (auto line = dyn_cast<FileLineColLoc>(part))
      text = fmt::format("{}:{}", llvm::sys::path::filename(line.getFilename()).str(), line.getLine());
    return text.empty() ? WalkResult::advance() : WalkResult::interrupt();
  });
  return text.empty() ? "a temporary" : text;
}

/// The first op that writes or reads `memory` or a view of it.
static Operation *firstUse(Value memory) {
  Operation *first = nullptr;
  for (Operation *user : memory.getUsers()) {
    Operation *use = isa<ViewLikeOpInterface>(user) ? firstUse(user->getResult(0)) : user;
    use = use ? memory.getParentBlock()->findAncestorOpInBlock(*use) : nullptr;
    if (use && (!first || use->isBeforeInBlock(first)))
      first = use;
  }
  return first;
}

/// The call that has `memory` as its workspace, the last operand; null if it is no such memory.
static func::CallOp callOn(memref::AllocOp memory) {
  for (Operation *user : memory->getUsers())
    if (auto call = dyn_cast<func::CallOp>(user); call && call.getOperands().back() == memory.getResult())
      return memory.getType().getElementType().isInteger(8) ? call : func::CallOp();
  return func::CallOp();
}

WorkspaceText attnc::schedule::describeSlots(func::FuncOp function, ArrayRef<Buffer> buffers, ArrayRef<Slot> slots,
                                             const LayerTexts &layers) {
  WorkspaceText text;
  llvm::SmallPtrSet<Operation *, 4> told;
  for (const Slot &slot : slots) {
    memref::AllocOp buffer = buffers[slot.largest].alloc;
    func::CallOp call = callOn(buffer);
    auto callee =
        call ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr()) : func::FuncOp();
    auto layer = callee ? layers.find(callee) : layers.end();
    bool isLayer = layer != layers.end();
    int64_t scale = slot.size.extents.empty() ? llvm::alignTo(slot.size.scale, kAlignment) : slot.size.scale;
    if (isLayer)
      for (const auto &[extents, part] : layer->second.terms)
        text.terms[extents] += part;
    else
      text.terms[spellExtents(slot.size)] += scale;
    Operation *use = firstUse(buffer);
    std::string others = slot.occupants > 1 ? fmt::format(" and {} more, one after another", slot.occupants - 1) : "";
    text.lines.push_back(
        isLayer ? fmt::format("{}: {} calls of {}", layer->second.total(), slot.occupants, callee.getSymName().str())
                : fmt::format("{}: {}{}", spell(scale, spellExtents(slot.size)),
                              spell(use ? use->getLoc() : buffer.getLoc()), others));
    if (isLayer && told.insert(callee).second)
      for (const std::string &line : layer->second.lines)
        text.lines.push_back("  " + line);
  }
  return text;
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

/// The symbols of the inputs' extents that `value` of the plan is computed from; "?" for one without name.
static void collectSymbols(Value value, llvm::SmallSetVector<StringAttr, 4> &symbols,
                           llvm::DenseSet<Operation *> &seen) {
  Operation *op = value.getDefiningOp();
  if (!op || !seen.insert(op).second)
    return;
  auto dim = dyn_cast<memref::DimOp>(op);
  if (!dim) {
    for (Value operand : op->getOperands())
      collectSymbols(operand, symbols, seen);
    return;
  }
  auto argument = cast<BlockArgument>(dim.getSource()); // all that a plan can ask
  StringAttr name = DimNames::ofArgument(argument).text(dim.getConstantIndex().value_or(-1));
  symbols.insert(name ? name : StringAttr::get(op->getContext(), "?"));
}

/// Bytes of the largest parallel body's own memory, in `function` and in what it calls.
static int64_t stackBytes(func::FuncOp function) {
  int64_t largest = 0;
  llvm::SmallPtrSet<Operation *, 4> callees; // layers are called often
  function.walk([&](func::CallOp call) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
    if (callee && !callee.isDeclaration() && callees.insert(callee).second)
      largest = std::max(largest, stackBytes(callee));
  });
  function.walk([&](scf::ForallOp body) {
    int64_t bytes = 0;
    body.walk([&](memref::AllocaOp scratch) {
      MemRefType type = scratch.getType();
      if (type.hasStaticShape())
        bytes += llvm::alignTo(type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8), kAlignment);
    });
    largest = std::max(largest, bytes);
  });
  return largest;
}

DictionaryAttr attnc::schedule::describeWorkspace(func::FuncOp function, func::FuncOp plan, const WorkspaceText &text) {
  Builder builder(function.getContext());
  Value total = plan.front().getTerminator()->getOperands().back();
  NamedAttrList list;
  list.set("stack", builder.getI64IntegerAttr(stackBytes(function)));
  if (!text.lines.empty()) {
    std::string peak = fmt::format("peak: {} bytes, each part rounded up to {}", text.total(), kAlignment);
    SmallVector<StringRef> lines{peak};
    llvm::append_range(lines, text.lines);
    list.set("plan", builder.getStrArrayAttr(lines));
  }
  if (std::optional<int64_t> bytes = getConstantIntValue(total)) {
    list.set("bytes", builder.getI64IntegerAttr(*bytes));
    return list.getDictionary(function.getContext());
  }
  llvm::SmallSetVector<StringAttr, 4> symbols;
  llvm::DenseSet<Operation *> seen;
  collectSymbols(total, symbols, seen);
  SmallVector<Attribute> names(symbols.begin(), symbols.end());
  list.set("grows", builder.getArrayAttr(names));
  return list.getDictionary(function.getContext());
}
