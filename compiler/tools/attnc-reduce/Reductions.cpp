//===- Reductions.cpp - Ways to make a module smaller ---------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc-reduce/Reductions.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringExtras.h"
#include <set>

using namespace mlir;

namespace attnc::reduce {

/// The ops below `module` for which `fits` holds, outermost first.
static std::vector<Operation *> find(ModuleOp module, llvm::function_ref<bool(Operation *)> fits) {
  std::vector<Operation *> found;
  module->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op != module && fits(op))
      found.push_back(op);
  });
  return found;
}

/// Calls `apply` on the chosen ones, the last first: then those before are still there.
static void forChosen(llvm::ArrayRef<Operation *> places, const llvm::BitVector &chosen,
                      llvm::function_ref<void(Operation *)> apply) {
  for (int place = chosen.find_last(); place >= 0; place = place ? chosen.find_last_in(0, place) : -1)
    apply(places[static_cast<size_t>(place)]);
}

static bool isTerminator(Operation *op) { return op->hasTrait<OpTrait::IsTerminator>(); }

//===----------------------------------------------------------------------===//
// Whole functions
//===----------------------------------------------------------------------===//

static std::vector<Operation *> functions(ModuleOp module) {
  return find(module, [](Operation *op) { return isa<SymbolOpInterface>(op); });
}
static size_t countFunctions(ModuleOp module) { return functions(module).size(); }
static void eraseFunctions(ModuleOp module, const llvm::BitVector &chosen) {
  forChosen(functions(module), chosen, [](Operation *op) { op->erase(); });
}

//===----------------------------------------------------------------------===//
// What a function returns
//===----------------------------------------------------------------------===//

namespace {
/// Operand `operand` of a function's return.
struct Returned {
  func::ReturnOp op;
  unsigned operand;
};
} // namespace

static std::vector<Returned> returnedValues(ModuleOp module) {
  std::vector<Returned> found;
  module.walk([&](func::ReturnOp op) {
    for (unsigned operand = 0; operand < op.getNumOperands(); ++operand)
      found.push_back({op, operand});
  });
  return found;
}

/// The function returns what its return says.
static void updateType(func::ReturnOp op) {
  auto function = op->getParentOfType<func::FuncOp>();
  function.setType(FunctionType::get(op.getContext(), function.getArgumentTypes(), op.getOperandTypes()));
  function.setResAttrsAttr(nullptr);
}

static size_t countReturned(ModuleOp module) { return returnedValues(module).size(); }

static void dropReturned(ModuleOp module, const llvm::BitVector &chosen) {
  std::vector<Returned> places = returnedValues(module);
  for (size_t place = places.size(); place-- > 0;)
    if (chosen.test(static_cast<unsigned>(place))) {
      places[place].op->eraseOperand(places[place].operand);
      updateType(places[place].op);
    }
}

/// return %y, where %y = op(%a, %b)  ->  return %a, %b
static void returnOperands(ModuleOp module, const llvm::BitVector &chosen) {
  std::vector<Returned> places = returnedValues(module);
  for (size_t place = places.size(); place-- > 0;) {
    auto [op, number] = places[place];
    Operation *producer = op.getOperand(number).getDefiningOp();
    if (!chosen.test(static_cast<unsigned>(place)) || !producer)
      continue;
    SmallVector<Value> operands;
    for (Value operand : producer->getOperands())
      if (isa<ShapedType>(operand.getType()))
        operands.push_back(operand);
    op->setOperands(number, 1, operands);
    updateType(op);
  }
}

//===----------------------------------------------------------------------===//
// Ops and their uses
//===----------------------------------------------------------------------===//

static std::vector<Operation *> opsWithoutUses(ModuleOp module) {
  return find(module,
              [](Operation *op) { return !isa<SymbolOpInterface>(op) && !isTerminator(op) && op->use_empty(); });
}
static size_t countWithoutUses(ModuleOp module) { return opsWithoutUses(module).size(); }
static void eraseWithoutUses(ModuleOp module, const llvm::BitVector &chosen) {
  forChosen(opsWithoutUses(module), chosen, [](Operation *op) { op->erase(); });
}

static std::vector<Operation *> opsWithUses(ModuleOp module) {
  return find(module, [](Operation *op) { return !op->use_empty() && !isa<SymbolOpInterface>(op); });
}
static size_t countWithUses(ModuleOp module) { return opsWithUses(module).size(); }

/// The op goes, and each result becomes the first operand of its type; the place is skipped if there is none.
static void replaceByOperands(ModuleOp module, const llvm::BitVector &chosen) {
  forChosen(opsWithUses(module), chosen, [](Operation *op) {
    SmallVector<Value> values;
    for (Value result : op->getResults()) {
      auto *it = llvm::find_if(op->getOpOperands(),
                               [&](OpOperand &operand) { return operand.get().getType() == result.getType(); });
      if (it != op->getOpOperands().end())
        values.push_back(it->get());
    }
    if (values.size() != op->getNumResults())
      return;
    op->replaceAllUsesWith(values);
    op->erase();
  });
}

static func::FuncOp functionAround(Operation *op) { return op->getParentOfType<func::FuncOp>(); }

/// The op goes, and its results become arguments of the function.
static void replaceByArguments(ModuleOp module, const llvm::BitVector &chosen) {
  forChosen(opsWithUses(module), chosen, [](Operation *op) {
    func::FuncOp function = functionAround(op);
    if (!function || op->hasTrait<OpTrait::ConstantLike>())
      return;
    for (Value result : op->getResults()) {
      if (result.use_empty())
        continue;
      if (failed(function.insertArgument(function.getNumArguments(), result.getType(), {}, op->getLoc())))
        return;
      result.replaceAllUsesWith(function.getArguments().back());
    }
    op->erase();
  });
}

static TypedAttr simpleValue(Type type) {
  if (type.isIntOrIndexOrFloat())
    return Builder(type.getContext()).getOneAttr(type);
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape() || !tensor.getElementType().isIntOrIndexOrFloat())
    return nullptr;
  return DenseElementsAttr::get(tensor, Builder(type.getContext()).getOneAttr(tensor.getElementType()));
}

/// The op goes, and its results become ones. Weights, too, become splats in this way.
static void replaceByConstants(ModuleOp module, const llvm::BitVector &chosen) {
  forChosen(opsWithUses(module), chosen, [](Operation *op) {
    Attribute known;
    bool isSimple =
        matchPattern(op, m_Constant(&known)) && !(isa<ElementsAttr>(known) && !isa<SplatElementsAttr>(known));
    if (isSimple || !llvm::all_of(op->getResultTypes(), [](Type type) { return simpleValue(type); }))
      return;
    OpBuilder builder(op);
    for (Value result : op->getResults())
      if (!result.use_empty())
        result.replaceAllUsesWith(arith::ConstantOp::create(builder, op->getLoc(), simpleValue(result.getType())));
    op->erase();
  });
}

//===----------------------------------------------------------------------===//
// Parts of ops
//===----------------------------------------------------------------------===//

/// Regions that an op may lack.
static std::vector<Region *> optionalRegions(ModuleOp module) {
  std::vector<Region *> found;
  module.walk([&](Operation *op) {
    if (isa<attn::AttentionOp, attn::ContractOp>(op))
      for (Region &region : op->getRegions())
        if (!region.empty())
          found.push_back(&region);
  });
  return found;
}
static size_t countRegions(ModuleOp module) { return optionalRegions(module).size(); }
static void dropRegions(ModuleOp module, const llvm::BitVector &chosen) {
  std::vector<Region *> places = optionalRegions(module);
  for (unsigned place : chosen.set_bits()) {
    places[place]->dropAllReferences();
    places[place]->getBlocks().clear();
  }
}

static std::vector<std::pair<func::FuncOp, unsigned>> unusedArguments(ModuleOp module) {
  std::vector<std::pair<func::FuncOp, unsigned>> found;
  module.walk([&](func::FuncOp function) {
    if (!function.isExternal())
      for (BlockArgument argument : function.getArguments())
        if (argument.use_empty())
          found.emplace_back(function, argument.getArgNumber());
  });
  return found;
}
static size_t countArguments(ModuleOp module) { return unusedArguments(module).size(); }
static void eraseArguments(ModuleOp module, const llvm::BitVector &chosen) {
  auto places = unusedArguments(module);
  for (size_t place = places.size(); place-- > 0;)
    if (chosen.test(static_cast<unsigned>(place)))
      (void)places[place].first.eraseArgument(places[place].second);
}

/// Attributes that no op asks for, by the op and their name.
static std::vector<std::pair<Operation *, StringAttr>> notes(ModuleOp module) {
  std::vector<std::pair<Operation *, StringAttr>> found;
  module->walk([&](Operation *op) {
    for (NamedAttribute attribute : op->getDiscardableAttrs())
      found.emplace_back(op, attribute.getName());
  });
  return found;
}
static size_t countNotes(ModuleOp module) { return notes(module).size(); }
static void dropNotes(ModuleOp module, const llvm::BitVector &chosen) {
  auto places = notes(module);
  for (unsigned place : chosen.set_bits())
    places[place].first->removeDiscardableAttr(places[place].second);
}

llvm::ArrayRef<Reduction> reductions() {
  static constexpr Reduction all[] = {
      {"erase functions", countFunctions, eraseFunctions},
      {"return less", countReturned, dropReturned},
      {"return operands", countReturned, returnOperands},
      {"erase ops without uses", countWithoutUses, eraseWithoutUses},
      {"make results arguments", countWithUses, replaceByArguments},
      {"make results operands", countWithUses, replaceByOperands},
      {"make results ones", countWithUses, replaceByConstants},
      {"drop regions", countRegions, dropRegions},
      {"erase arguments", countArguments, eraseArguments},
      {"drop attributes", countNotes, dropNotes},
  };
  return all;
}

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

static bool isWord(char c) { return llvm::isAlnum(c) || c == '_' || c == '%' || c == '#' || c == '.' || c == '$'; }

/// Where the number `digits` stands in `text`: as a whole word ("= 768 :"), or as an extent ("<2x768xf32>").
static std::vector<size_t> placesOf(llvm::StringRef text, llvm::StringRef digits) {
  std::vector<size_t> places;
  for (size_t at = text.find(digits); at != llvm::StringRef::npos; at = text.find(digits, at + 1)) {
    char before = at ? text[at - 1] : ' ', after = at + digits.size() < text.size() ? text[at + digits.size()] : ' ';
    bool startsExtent = before == 'x' && at > 1 && (llvm::isDigit(text[at - 2]) || text[at - 2] == '?');
    if ((!isWord(before) || startsExtent) && (!isWord(after) || after == 'x'))
      places.push_back(at);
  }
  return places;
}

static std::string replaced(llvm::StringRef text, llvm::StringRef digits, llvm::StringRef by) {
  std::string result;
  size_t done = 0;
  for (size_t at : placesOf(text, digits)) {
    result += text.slice(done, at).str() + by.str();
    done = at + digits.size();
  }
  return result + text.substr(done).str();
}

/// The extents of static dimensions in `text`, largest first.
static std::set<int64_t, std::greater<>> extentsIn(llvm::StringRef text) {
  std::set<int64_t, std::greater<>> extents;
  for (size_t at = 0; at < text.size(); ++at) {
    llvm::StringRef digits = text.substr(at).take_while(llvm::isDigit);
    int64_t extent;
    if (!digits.empty() && text.substr(at + digits.size()).starts_with("x") && !digits.getAsInteger(10, extent) &&
        extent > 1)
      extents.insert(extent);
    at += digits.size();
  }
  return extents;
}

std::vector<std::string> smallerExtents(const std::string &text) {
  std::vector<std::string> smaller;
  for (int64_t extent : extentsIn(text))
    for (int64_t by : {int64_t(1), int64_t(2), int64_t(4), extent / 2})
      if (by < extent && by > 0)
        smaller.push_back(replaced(text, std::to_string(extent), std::to_string(by)));
  return smaller;
}

} // namespace attnc::reduce
