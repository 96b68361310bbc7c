//===- Print.cpp - IR at level attn to the .attn language -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inverse of Import.cpp. Names come from the arguments' attnc.name,
// dimension letters from the attention's layouts, expressions from the regions
// (PrintExpressions.cpp).
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/printing/Print.h"
#include "compiler/frontend/spec/analysis/Names.h"
#include "compiler/frontend/spec/lowering/Expressions.h"
#include "compiler/frontend/spec/printing/PrintExpressions.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/DimNames.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace attnc;

namespace {
class FunctionPrinter {
public:
  FunctionPrinter(func::FuncOp function, raw_ostream &os) : function(function), os(os) {}
  LogicalResult run();

private:
  LogicalResult checkBody();
  LogicalResult checkRoles();
  void nameArguments();
  std::string uniqueName(StringRef wish);
  StringRef symbolOf(Value argument, int64_t dim);
  std::string roleDim(char letter, int64_t extent, Value argument, unsigned dim);
  std::string shaped(Type element, ArrayRef<std::string> dims);
  std::string roleType(Value argument, Type type, StringRef layout);
  FailureOr<std::string> captureType(Value argument);
  FailureOr<std::string> packedType(Value argument);
  std::string tableOf(BlockArgument argument);
  bool isPartOf(Value role, BlockArgument argument);
  void printView(Value role, StringRef name, StringRef layout);
  FailureOr<std::string> captureName(Value capture);
  LogicalResult printSignature();
  void printResults();
  LogicalResult printRegion(Region &region, StringRef name);

  func::FuncOp function;
  raw_ostream &os;
  attn::AttentionOp op;
  SmallVector<std::string> argumentNames;
  SmallVector<std::string> captureNames;
  llvm::StringSet<> taken;
  llvm::StringSet<> fixed; // letters whose extent has been written
  unsigned letCount = 0;
};
} // namespace

LogicalResult FunctionPrinter::run() {
  if (failed(checkBody()) || failed(checkRoles()))
    return failure();
  nameArguments();
  for (Value capture : op.getCaptures()) {
    FailureOr<std::string> name = captureName(capture);
    if (failed(name))
      return failure();
    captureNames.push_back(*name);
  }
  if (failed(printSignature()))
    return failure();
  if (auto scale = op.getScale()) {
    std::string text = fmt::format("{}", scale->convertToDouble());
    os << "  scale = " << text << "\n";
  }
  std::pair<Region *, StringRef> regions[] = {{&op.getQuery(), "query"},
                                              {&op.getKey(), "key"},
                                              {&op.getScore(), "score"},
                                              {&op.getMask(), "mask"},
                                              {&op.getSink(), "sink"}};
  for (auto [region, name] : regions)
    if (failed(printRegion(*region, name)))
      return failure();
  os << "}\n";
  return success();
}

//===----------------------------------------------------------------------===//
// What can be said
//===----------------------------------------------------------------------===//

LogicalResult FunctionPrinter::checkBody() {
  if (!function.getBody().hasOneBlock())
    return function.emitError("only a function of one block can be written in the .attn language");
  for (Operation &inner : function.getBody().front()) {
    if (auto attention = dyn_cast<attn::AttentionOp>(inner)) {
      if (op)
        return attention.emitError("a second attention in one function cannot "
                                   "be written in the .attn language");
      op = attention;
    } else if (!isa<arith::ConstantOp, tensor::DimOp, tensor::EmptyOp, tensor::ExtractOp, tensor::ExtractSliceOp,
                    func::ReturnOp>(inner)) {
      return inner.emitError() << "'" << inner.getName() << "' cannot be written in the .attn language";
    }
  }
  if (!op)
    return function.emitError("a function without attention cannot be written in the .attn language");
  Operation *terminator = function.getBody().front().getTerminator();
  if (terminator->getOperands() != op.getResults())
    return terminator->emitError("only a function that returns its attention's results can be written");
  return success();
}

/// The slice of an argument that `value` is, if the language can write it: constant offsets, no gaps, and where the
/// size is no constant the whole dimension.
static tensor::ExtractSliceOp viewOf(Value value) {
  auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice || !isa<BlockArgument>(slice.getSource()) || !slice.hasUnitStride() ||
      llvm::any_of(slice.getStaticOffsets(), ShapedType::isDynamic))
    return {};
  for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes())) {
    auto extent = isa<Value>(size) ? cast<Value>(size).getDefiningOp<tensor::DimOp>() : tensor::DimOp();
    bool isWhole = extent && extent.getSource() == slice.getSource() && extent.getConstantIndex() == int64_t(dim);
    if (isa<Value>(size) && !isWhole)
      return {};
  }
  return slice;
}

/// Dimensions of the source that `slice` keeps, in order.
static SmallVector<int64_t> keptDims(tensor::ExtractSliceOp slice) {
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  SmallVector<int64_t> kept;
  for (int64_t dim = 0; dim < slice.getSourceType().getRank(); ++dim)
    if (!dropped.test(dim))
      kept.push_back(dim);
  return kept;
}

static bool isWholeDim(tensor::ExtractSliceOp slice, int64_t dim) {
  return slice.getStaticOffset(dim) == 0 && slice.getStaticSize(dim) == slice.getSourceType().getDimSize(dim);
}

/// q, k and v must be three different arguments, or parts of arguments.
LogicalResult FunctionPrinter::checkRoles() {
  SmallVector<Value> roles{op.getQ(), op.getK(), op.getV()};
  bool distinct = roles[0] != roles[1] && roles[1] != roles[2] && roles[0] != roles[2];
  for (Value table : {op.getKTable(), op.getVTable()})
    if (table && !isa<BlockArgument>(table))
      return op.emitError("a table of pages must be an argument of the function, to be written in the .attn language");
  if (distinct && llvm::all_of(roles, [](Value value) { return isa<BlockArgument>(value) || viewOf(value); }))
    return success();
  return op.emitError("q, k and v must be three arguments of the function, or parts of them, to "
                      "be written in the .attn language");
}

//===----------------------------------------------------------------------===//
// Names and types
//===----------------------------------------------------------------------===//

/// An identifier like `wish` that means nothing else.
std::string FunctionPrinter::uniqueName(StringRef wish) {
  std::string name;
  for (char c : wish)
    name += llvm::isAlnum(c) ? c : '_';
  if (name.empty() || llvm::isDigit(name.front()))
    name = "x" + name;
  static const llvm::StringSet<> keywords{"attention", "def", "let", "if", "else", "and", "or", "not", "true", "false"};
  auto isFree = [&](StringRef candidate) {
    return !taken.contains(candidate) && !keywords.contains(candidate) && spec::getReservedMeaning(candidate).empty();
  };
  std::string unique = name;
  for (unsigned suffix = 1; !isFree(unique); ++suffix)
    unique = fmt::format("{}_{}", name, suffix);
  taken.insert(unique);
  return unique;
}

void FunctionPrinter::nameArguments() {
  for (const char *name : {"q", "k", "v", "g", "d"}) // a parameter called d would hide the feature
    taken.insert(name);
  for (BlockArgument argument : function.getArguments()) {
    if (argument == op.getQ() || argument == op.getK() || argument == op.getV()) {
      argumentNames.push_back(argument == op.getQ() ? "q" : argument == op.getK() ? "k" : "v");
      continue;
    }
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "attnc.name");
    argumentNames.push_back(uniqueName(name ? name.getValue() : "x"));
  }
}

/// The entry of attnc.dims, or "".
StringRef FunctionPrinter::symbolOf(Value argument, int64_t dim) {
  if (tensor::ExtractSliceOp view = viewOf(argument))
    return dim < 0 ? "" : symbolOf(view.getSource(), keptDims(view)[dim]);
  StringAttr name = DimNames::ofArgument(cast<BlockArgument>(argument)).text(dim);
  return name ? name.getValue() : "";
}

/// "B", or "H=16" where an extent is written for the first time.
std::string FunctionPrinter::roleDim(char letter, int64_t extent, Value argument, unsigned dim) {
  std::string name = letter == 'E' ? "Dv" : letter == 'X' ? "pages" : std::string(1, letter);
  if (!ShapedType::isDynamic(extent))
    return fixed.insert(name).second ? fmt::format("{}={}", name, extent) : name;
  // Self-attention: the queries share the symbol of the keys.
  StringRef queries = symbolOf(op.getQ(), attn::AttentionOp::dimOf(op.getQLayout(), 'M'));
  StringRef keys = symbolOf(op.getK(), attn::AttentionOp::dimOf(op.getKLayout(), 'N'));
  return letter == 'M' && !queries.empty() && queries == keys ? "N" : name;
}

std::string FunctionPrinter::shaped(Type element, ArrayRef<std::string> dims) {
  std::string text;
  llvm::raw_string_ostream(text) << element;
  if (element.isInteger(1))
    text = "bool";
  return text + fmt::format("[{}]", fmt::join(dims, ", "));
}

std::string FunctionPrinter::roleType(Value argument, Type type, StringRef layout) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<std::string> dims;
  for (auto [dim, letter] : llvm::enumerate(layout))
    dims.push_back(roleDim(letter, tensor.getDimSize(dim), argument, dim));
  return shaped(tensor.getElementType(), dims);
}

/// The type of an argument that is not q, k or v.
FailureOr<std::string> FunctionPrinter::captureType(Value argument) {
  auto type = cast<RankedTensorType>(argument.getType());
  Type element = type.getElementType();
  if (!(element.isF32() || element.isF64() || element.isF16() || element.isBF16() || element.isSignlessInteger(1) ||
        element.isSignlessInteger(8) || element.isSignlessInteger(16) || element.isSignlessInteger(32) ||
        element.isSignlessInteger(64)))
    return function.emitError() << "the .attn language has no element type " << element;
  std::string scalar = shaped(element, {});
  if (type.getRank() == 0)
    return scalar.substr(0, scalar.size() - 2); // without "[]"
  SmallVector<std::string> dims;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim)) {
      dims.push_back(std::to_string(type.getDimSize(dim)));
      continue;
    }
    // A run-time dimension must be one of q's or k's.
    StringRef symbol = symbolOf(argument, dim), name;
    for (auto [tensor, layout] : {std::pair(op.getQ(), op.getQLayout()), {op.getK(), op.getKLayout()}})
      for (auto [position, letter] : llvm::enumerate(layout))
        if (!symbol.empty() && symbolOf(tensor, position) == symbol)
          name = StringRef(&letter, 1) == "M"   ? "M"
                 : StringRef(&letter, 1) == "N" ? "N"
                 : StringRef(&letter, 1) == "B" ? "B"
                                                : "";
    if (name.empty())
      return function.emitError() << "the run-time dimension '" << symbol << "' of an argument is none of B, M and N";
    dims.push_back(name.str());
  }
  return shaped(element, dims);
}

/// The type of an argument that q, k or v are parts of: dimensions that a part keeps have its letters.
FailureOr<std::string> FunctionPrinter::packedType(Value argument) {
  auto type = cast<RankedTensorType>(argument.getType());
  SmallVector<std::string> dims;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    std::string name = std::to_string(type.getDimSize(dim));
    std::pair<Value, StringRef> roles[] = {
        {op.getV(), op.getVLayout()}, {op.getK(), op.getKLayout()}, {op.getQ(), op.getQLayout()}};
    char letter = 0;
    for (auto [role, layout] : roles) { // q's letter counts most
      tensor::ExtractSliceOp view = viewOf(role);
      if (!view || view.getSource() != argument || !isWholeDim(view, dim) || view.getDroppedDims().test(dim))
        continue;
      letter = layout[llvm::count_if(keptDims(view), [&](int64_t kept) { return kept < dim; })];
    }
    if (letter)
      name = roleDim(letter, type.getDimSize(dim), argument, dim);
    else if (type.isDynamicDim(dim))
      return function.emitError() << "a run-time dimension of an argument is in none of its parts";
    dims.push_back(name);
  }
  return shaped(type.getElementType(), dims);
}

/// What a capture is called in an expression.
FailureOr<std::string> FunctionPrinter::captureName(Value capture) {
  if (auto argument = dyn_cast<BlockArgument>(capture))
    return argumentNames[argument.getArgNumber()];
  if (auto extract = capture.getDefiningOp<tensor::ExtractOp>(); extract && extract.getIndices().empty())
    if (auto argument = dyn_cast<BlockArgument>(extract.getTensor()))
      return argumentNames[argument.getArgNumber()];
  if (auto dim = capture.getDefiningOp<tensor::DimOp>())
    for (auto [tensor, layout] : {std::pair(op.getQ(), op.getQLayout()), {op.getK(), op.getKLayout()}})
      if (std::optional<int64_t> index = dim.getConstantIndex(); index && dim.getSource() == tensor)
        if (char letter = layout[*index]; letter == 'B' || letter == 'M' || letter == 'N')
          return std::string(1, letter);
  return op.emitError() << "a captured value is neither an argument nor one of B, M and N";
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

LogicalResult FunctionPrinter::printSignature() {
  if (auto doc = function->getAttrOfType<StringAttr>("attnc.doc"))
    for (StringRef line : llvm::split(doc.getValue(), '\n'))
      os << "# " << line << "\n";
  auto called = function->getAttrOfType<StringAttr>("attnc.called"); // the name before C had to be able to say it
  std::string head = fmt::format("attention {}(", (called ? called.getValue() : function.getSymName()).str());
  SmallVector<std::string> params;
  for (BlockArgument argument : function.getArguments()) {
    StringRef layout = argument == op.getQ()        ? op.getQLayout()
                       : argument == op.getK()      ? op.getKLayout()
                       : argument == op.getV()      ? op.getVLayout()
                       : argument == op.getKTable() ? *op.getKTableLayout()
                       : argument == op.getVTable() ? *op.getVTableLayout()
                                                    : StringRef();
    bool isPacked = layout.empty() && llvm::any_of(ArrayRef<Value>{op.getQ(), op.getK(), op.getV()},
                                                   [&](Value role) { return isPartOf(role, argument); });
    FailureOr<std::string> type = !layout.empty() ? roleType(argument, argument.getType(), layout)
                                  : isPacked      ? packedType(argument)
                                                  : captureType(argument);
    if (failed(type))
      return failure();
    bool isSorted = bool(function.getArgAttr(argument.getArgNumber(), "attnc.sorted"));
    std::string table = tableOf(argument);
    params.push_back(fmt::format("{}: {}{}{}", argumentNames[argument.getArgNumber()],
                                 isSorted        ? "sorted "
                                 : table.empty() ? ""
                                                 : "paged ",
                                 *type, table.empty() ? "" : " by " + table));
  }
  // One parameter after the other under the first, as far as 100 columns reach.
  os << head;
  size_t column = head.size();
  for (auto [position, param] : llvm::enumerate(params)) {
    if (position != 0) {
      bool fits = column + param.size() + 2 <= 100;
      os << (fits ? std::string(", ") : ",\n" + std::string(head.size(), ' '));
      column = fits ? column + 2 : head.size();
    }
    os << param;
    column += param.size();
  }
  printResults();
  printView(op.getQ(), "q", op.getQLayout());
  printView(op.getK(), "k", op.getKLayout());
  printView(op.getV(), "v", op.getVLayout());
  return success();
}

/// `role` is `argument`, or a part of it.
bool FunctionPrinter::isPartOf(Value role, BlockArgument argument) {
  tensor::ExtractSliceOp view = viewOf(role);
  return role == argument || (view && view.getSource() == argument);
}

/// The table of the pages that `argument` lies in, "" where it lies in none.
std::string FunctionPrinter::tableOf(BlockArgument argument) {
  for (auto [role, table] : {std::pair<Value, Value>(op.getK(), op.getKTable()), {op.getV(), op.getVTable()}})
    if (table && isPartOf(role, argument))
      return argumentNames[cast<BlockArgument>(table).getArgNumber()];
  return "";
}

/// "q = qkv[:, :, 0]" where q is a part of an argument.
void FunctionPrinter::printView(Value role, StringRef name, StringRef layout) {
  tensor::ExtractSliceOp view = viewOf(role);
  if (!view)
    return;
  SmallVector<std::string> indices;
  for (int64_t dim = 0; dim < view.getSourceType().getRank(); ++dim) {
    int64_t first = view.getStaticOffset(dim);
    if (view.getDroppedDims().test(dim)) {
      indices.push_back(std::to_string(first));
    } else if (isWholeDim(view, dim)) {
      indices.push_back(":");
    } else {
      char letter = layout[llvm::count_if(keptDims(view), [&](int64_t kept) { return kept < dim; })];
      indices.push_back(fmt::format("{}={}:{}", letter == 'E' ? "Dv" : std::string(1, letter), first,
                                    first + view.getStaticSize(dim)));
    }
  }
  while (indices.size() > 1 && indices.back() == ":")
    indices.pop_back();
  os << fmt::format("  {} = {}[{}]\n", name.str(), argumentNames[cast<BlockArgument>(view.getSource()).getArgNumber()],
                    fmt::join(indices, ", "));
}

void FunctionPrinter::printResults() {
  auto type = [&](unsigned result, StringRef layout) {
    return roleType(op.getQ(), function.getResultTypes()[result], layout);
  };
  auto name = function.getResultAttrOfType<StringAttr>(0, "attnc.name");
  std::string output = name && name.getValue() != "o" ? uniqueName(name.getValue()) : "o";
  std::string outputType = type(0, op.getOLayout());
  if (!op.hasLse() && output == "o")
    os << ") -> " << outputType << " {\n";
  else if (!op.hasLse())
    os << fmt::format(") -> ({}: {}) {{\n", output, outputType);
  else
    os << fmt::format(") -> ({}: {}, lse: {}) {{\n", output, outputType, type(1, op.getLseLayout()));
}

LogicalResult FunctionPrinter::printRegion(Region &region, StringRef name) {
  if (region.empty())
    return success();
  SmallVector<std::string> names;
  for (char index : spec::getRegionNames(name))
    names.push_back(std::string(1, index));
  llvm::append_range(names, captureNames);
  auto newName = [&] { return uniqueName(fmt::format("t{}", letCount++)); };
  FailureOr<spec::StatementText> text = spec::printStatement(region.front(), names, newName);
  if (failed(text))
    return failure();
  for (const spec::LetText &let : text->lets)
    os << "  let " << let.name << " = " << let.text << "\n";
  os << "  " << name << " = " << text->expr << "\n";
  return success();
}

LogicalResult attnc::spec::printSpec(ModuleOp module, raw_ostream &os) {
  bool first = true;
  for (Operation &inner : *module.getBody()) {
    auto function = dyn_cast<func::FuncOp>(inner);
    if (!function)
      return inner.emitError() << "'" << inner.getName() << "' cannot be written in the .attn language";
    if (!std::exchange(first, false))
      os << "\n";
    if (failed(FunctionPrinter(function, os).run()))
      return failure();
  }
  return success();
}
