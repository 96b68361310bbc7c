//===- Entry.cpp - What a compiled function takes and gives ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Entry.h"
#include "codegen/emit/Names.h"
#include "dialects/Common/DimNames.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <optional>

using namespace mlir;

namespace attnc::emit {

constexpr llvm::StringLiteral kEntries = "attnc.entries", kCalled = "attnc.called";
static constexpr llvm::StringLiteral kInout = "attnc.inout", kUnsigned = "attnc.unsigned";

namespace {
/// One row per element type a tensor of the signature may have. `name` is also
/// the key back from DLPack.
struct TypeRow {
  llvm::StringLiteral name;
  uint8_t code,
      bits; // DLDataTypeCode: 0 int, 1 uint, 2 float, 4 bfloat, 6 bool
};
constexpr TypeRow kTypes[] = {{"f64", 2, 64},  {"f32", 2, 32}, {"f16", 2, 16}, {"bf16", 4, 16}, {"i64", 0, 64},
                              {"i32", 0, 32},  {"i16", 0, 16}, {"i8", 0, 8},   {"ui64", 1, 64}, {"ui32", 1, 32},
                              {"ui16", 1, 16}, {"ui8", 1, 8},  {"bool", 6, 8}};
} // namespace

static const TypeRow *findType(Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type;
  if (type.isInteger(1))
    name = "bool";
  auto *row = llvm::find_if(kTypes, [&](const TypeRow &row) { return row.name == name; });
  return row == std::end(kTypes) ? nullptr : row;
}

bool isTensorType(Type element) { return findType(element); }

llvm::StringRef spellType(const TensorInfo &tensor) {
  for (const TypeRow &row : kTypes)
    if (row.code == tensor.typeCode && row.bits == tensor.typeBits)
      return row.name;
  return "?";
}

bool EntryInfo::hasComputedOutput() const {
  return llvm::any_of(
      outputs, [](const TensorInfo &t) { return llvm::any_of(t.dims, [](DimInfo d) { return d.isComputed(); }); });
}

std::string EntryInfo::spellDim(const DimInfo &dim) const {
  if (dim.size >= 0)
    return std::to_string(dim.size);
  return dim.symbol >= 0 ? symbols[dim.symbol] : "?";
}

static std::string spellLimit(const DimInfo &dim) {
  return dim.size < -1 ? " <= " + std::to_string(-1 - dim.size) : "";
}

std::string EntryInfo::spellTensor(const TensorInfo &tensor) const {
  return ((tensor.isSorted ? "sorted " : "") + spellType(tensor) + "[" +
          llvm::join(llvm::map_range(tensor.dims, [&](const DimInfo &dim) { return spellDim(dim) + spellLimit(dim); }),
                     ", ") +
          "]")
      .str();
}

void WorkspaceInfo::merge(const WorkspaceInfo &other) {
  bytes = std::max(bytes, other.bytes);
  stack = std::max(stack, other.stack);
  for (const std::string &symbol : other.grows)
    if (!llvm::is_contained(grows, symbol))
      grows.push_back(symbol);
  if (plan.empty()) // else that of the first target
    plan = other.plan;
}

//===----------------------------------------------------------------------===//
// Recording, at level attn
//===----------------------------------------------------------------------===//

/// {name, type, dims} of one argument or result, from its type and its
/// attributes.
static FailureOr<Attribute> describe(func::FuncOp function, Type type, DictionaryAttr given, ArrayAttr dims,
                                     const llvm::Twine &which, bool isSorted, StringAttr indexed = {},
                                     IntegerAttr inout = {}) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto name = given ? given.getAs<StringAttr>("attnc.name") : StringAttr();
  if (!tensor || !findType(tensor.getElementType())) {
    function.emitError() << which << " has type " << type << "; an entry point takes and gives ranked tensors of "
                         << "floats (f64, f32, f16, bf16), integers or booleans";
    return failure();
  }
  if (!name || !dims || static_cast<int64_t>(dims.size()) != tensor.getRank()) {
    function.emitError() << which
                         << " needs the attributes attnc.name and attnc.dims "
                            "(one string for each of its "
                         << tensor.getRank() << " dimensions)";
    return failure();
  }
  Builder builder(function.getContext());
  Type element = tensor.getElementType();
  if (given.contains(kUnsigned) && element.isSignlessInteger() && !element.isInteger(1))
    element = builder.getIntegerType(element.getIntOrFloatBitWidth(), /*isSigned=*/false);
  SmallVector<NamedAttribute> attributes{builder.getNamedAttr("name", name),
                                         builder.getNamedAttr("type", TypeAttr::get(element)),
                                         builder.getNamedAttr("dims", dims)};
  if (isSorted)
    attributes.push_back(builder.getNamedAttr("sorted", builder.getUnitAttr()));
  if (indexed)
    attributes.push_back(builder.getNamedAttr("indexed", indexed));
  if (inout)
    attributes.push_back(builder.getNamedAttr("inout", inout));
  return Attribute(builder.getDictionaryAttr(attributes));
}

/// The argument that result `number` is the new value of: one of its type and name, which no other result updates.
static LogicalResult verifyInout(func::FuncOp function, unsigned number, llvm::SmallDenseSet<int64_t> &updated) {
  Attribute given = function.getResultAttr(number, kInout);
  if (!given)
    return success();
  auto argument = dyn_cast<IntegerAttr>(given);
  if (!argument || argument.getInt() < 0 || argument.getInt() >= function.getNumArguments())
    return function.emitError() << "result " << number << ": " << kInout << " is the number of an argument, from 0 to "
                                << static_cast<int64_t>(function.getNumArguments()) - 1 << ", not " << given;
  auto input = static_cast<unsigned>(argument.getInt());
  auto error = [&] { return function.emitError() << "result " << number << " is the new value of argument " << input; };
  if (function.getArgumentTypes()[input] != function.getResultTypes()[number] ||
      bool(function.getArgAttr(input, kUnsigned)) != bool(function.getResultAttr(number, kUnsigned)))
    return error() << ", but of another type: " << function.getResultTypes()[number] << ", not "
                   << function.getArgumentTypes()[input];
  if (function.getArgAttr(input, "attnc.name") != function.getResultAttr(number, "attnc.name"))
    return error() << ", but has another name";
  if (!updated.insert(argument.getInt()).second)
    return error() << ", and so is another one";
  return success();
}

static FailureOr<Attribute> describe(func::FuncOp function) {
  SmallVector<Attribute> inputs, outputs;
  llvm::SmallDenseSet<int64_t> updated;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto tensor =
        describe(function, type, function.getArgAttrDict(index), DimNames::ofArgument(function, index).attribute(),
                 "argument " + llvm::Twine(index), bool(function.getArgAttr(index, "attnc.sorted")),
                 function.getArgAttrOfType<StringAttr>(index, "attnc.indexed"));
    if (failed(tensor))
      return failure();
    inputs.push_back(*tensor);
  }
  for (auto [index, type] : llvm::enumerate(function.getResultTypes())) {
    if (failed(verifyInout(function, index, updated)))
      return failure();
    auto tensor = describe(function, type, function.getResultAttrDict(index),
                           DimNames::ofResult(function, index).attribute(), "result " + llvm::Twine(index),
                           /*isSorted=*/false, {}, function.getResultAttrOfType<IntegerAttr>(index, kInout));
    if (failed(tensor))
      return failure();
    outputs.push_back(*tensor);
  }
  Builder builder(function.getContext());
  auto doc = function->getAttrOfType<StringAttr>("attnc.doc");
  SmallVector<NamedAttribute> attributes{builder.getNamedAttr("name", function.getSymNameAttr()),
                                         builder.getNamedAttr("doc", doc ? doc : builder.getStringAttr("")),
                                         builder.getNamedAttr("inputs", builder.getArrayAttr(inputs)),
                                         builder.getNamedAttr("outputs", builder.getArrayAttr(outputs))};
  if (auto called = function->getAttrOfType<StringAttr>(kCalled))
    attributes.push_back(builder.getNamedAttr("called", called));
  if (Attribute limits = function->getAttr(DimSumLimit::kAttribute))
    attributes.push_back(builder.getNamedAttr("limits", limits));
  return Attribute(builder.getDictionaryAttr(attributes));
}

/// Gives `function` a name that C and the other functions of the IR leave free.
static LogicalResult rename(func::FuncOp function, EntryNames &names) {
  ModuleOp module = function->getParentOfType<ModuleOp>();
  std::string name = names.pick(function.getSymName());
  while (name != function.getSymName() && module.lookupSymbol(name))
    name = names.pick(name);
  if (name == function.getSymName())
    return success();
  function->setAttr(kCalled, function.getSymNameAttr());
  auto symbol = StringAttr::get(function.getContext(), name);
  if (failed(SymbolTable::replaceAllSymbolUses(function, symbol, module)))
    return function.emitError() << "cannot be renamed to '" << name << "', which C needs";
  function.setSymNameAttr(symbol);
  return success();
}

/// Names that need no change come first, and keep them.
static LogicalResult nameEntries(ArrayRef<func::FuncOp> functions) {
  EntryNames names;
  SmallVector<func::FuncOp> others;
  for (func::FuncOp function : functions) {
    bool isPlain = entryIdentifier(function.getSymName()) == function.getSymName();
    if (!isPlain)
      others.push_back(function);
    else if (failed(rename(function, names)))
      return failure();
  }
  for (func::FuncOp function : others)
    if (failed(rename(function, names)))
      return failure();
  return success();
}

void forgetEntries(ModuleOp module) { module->removeAttr(kEntries); }

LogicalResult recordEntries(ModuleOp module) {
  if (module->hasAttr(kEntries))
    return success();
  SmallVector<func::FuncOp> functions;
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPublic() && !function.isExternal())
      functions.push_back(function);
  if (failed(nameEntries(functions)))
    return failure();
  SmallVector<Attribute> entries;
  bool ok = true;
  for (func::FuncOp function : functions) {
    FailureOr<Attribute> entry = describe(function);
    if (succeeded(entry))
      entries.push_back(*entry);
    ok &= succeeded(entry);
  }
  if (ok && entries.empty())
    return module.emitError("nothing to compile: the module has no public function");
  module->setAttr(kEntries, ArrayAttr::get(module.getContext(), entries));
  return success(ok);
}

//===----------------------------------------------------------------------===//
// Reading, at any level
//===----------------------------------------------------------------------===//

/// New symbols are added only while `mayDefine`, for a symbol that no input carries is nothing the caller could know.
static DimInfo readDim(llvm::StringRef text, EntryInfo &entry, bool mayDefine) {
  if (text == "?")
    return {};
  DimName name = DimName::parse(text);
  if (name.fixed)
    return {*name.fixed};
  DimInfo dim;
  if (name.limit)
    dim.size = -1 - *name.limit;
  auto it = llvm::find(entry.symbols, name.symbol);
  if (it == entry.symbols.end()) {
    if (!mayDefine)
      return dim;
    entry.symbols.push_back(name.symbol.str());
    it = std::prev(entry.symbols.end());
  }
  dim.symbol = static_cast<int32_t>(it - entry.symbols.begin());
  return dim;
}

static std::optional<std::vector<TensorInfo>> readTensors(DictionaryAttr entry, llvm::StringRef key, EntryInfo &info) {
  auto list = entry.getAs<ArrayAttr>(key);
  if (!list)
    return std::nullopt;
  std::vector<TensorInfo> tensors;
  for (Attribute attribute : list) {
    auto dictionary = dyn_cast<DictionaryAttr>(attribute);
    auto name = dictionary ? dictionary.getAs<StringAttr>("name") : nullptr;
    auto type = dictionary ? dictionary.getAs<TypeAttr>("type") : nullptr;
    auto dims = dictionary ? dictionary.getAs<ArrayAttr>("dims") : nullptr;
    const TypeRow *row = type ? findType(type.getValue()) : nullptr;
    if (!name || !row || !dims || !llvm::all_of(dims, llvm::IsaPred<StringAttr>))
      return std::nullopt;
    TensorInfo tensor{name.str(), row->code, row->bits, {}, dictionary.contains("sorted"), {}};
    if (auto inout = dictionary.getAs<IntegerAttr>("inout"))
      tensor.inout = static_cast<int32_t>(inout.getInt());
    if (auto extends = dictionary.getAs<IntegerAttr>("extends"))
      tensor.extends = static_cast<int32_t>(extends.getInt());
    for (auto dim : dims.getAsRange<StringAttr>())
      tensor.dims.push_back(readDim(dim.getValue(), info, key == "inputs"));
    tensors.push_back(std::move(tensor));
  }
  for (auto [attribute, tensor] : llvm::zip(list, tensors)) // with all symbols known
    if (auto indexed = cast<DictionaryAttr>(attribute).getAs<StringAttr>("indexed"))
      if (DimInfo extent = readDim(indexed.getValue(), info, /*mayDefine=*/false); !extent.isComputed())
        tensor.indexed = extent;
  return tensors;
}

static std::optional<WorkspaceInfo> readWorkspace(DictionaryAttr entry) {
  auto workspace = entry.getAs<DictionaryAttr>("workspace");
  if (!workspace)
    return std::nullopt;
  WorkspaceInfo info;
  if (auto bytes = workspace.getAs<IntegerAttr>("bytes"))
    info.bytes = bytes.getInt();
  if (auto stack = workspace.getAs<IntegerAttr>("stack"))
    info.stack = stack.getInt();
  if (auto grows = workspace.getAs<ArrayAttr>("grows"))
    for (auto symbol : grows.getAsRange<StringAttr>())
      info.grows.push_back(symbol.str());
  if (auto plan = workspace.getAs<ArrayAttr>("plan"))
    for (Attribute line : plan)
      if (auto text = dyn_cast<StringAttr>(line))
        info.plan.push_back(text.str());
  return info;
}

/// Limits of symbols that inputs have.
static std::optional<std::vector<LimitInfo>> readLimits(DictionaryAttr entry, const EntryInfo &info) {
  std::vector<LimitInfo> limits;
  Attribute attribute = entry.get("limits");
  auto list = dyn_cast_or_null<ArrayAttr>(attribute);
  if (attribute && !list)
    return std::nullopt;
  for (Attribute given : list ? list.getValue() : ArrayRef<Attribute>()) {
    std::optional<DimSumLimit> limit = DimSumLimit::parse(given);
    if (!limit)
      return std::nullopt;
    LimitInfo &known = limits.emplace_back();
    known.most = limit->most;
    for (llvm::StringRef name : limit->symbols) {
      auto symbol = llvm::find(info.symbols, name);
      if (symbol == info.symbols.end())
        return std::nullopt;
      known.symbols.push_back(static_cast<int32_t>(symbol - info.symbols.begin()));
    }
  }
  return limits;
}

static std::optional<EntryInfo> readEntry(Attribute attribute, EntryNames &names) {
  auto dictionary = dyn_cast<DictionaryAttr>(attribute);
  auto name = dictionary ? dictionary.getAs<StringAttr>("name") : nullptr;
  if (!name)
    return std::nullopt;
  EntryInfo info;
  info.symbol = name.str();
  info.name = names.pick(name);
  if (auto called = dictionary.getAs<StringAttr>("called"))
    info.called = called.str();
  if (auto doc = dictionary.getAs<StringAttr>("doc"))
    info.doc = doc.str();
  auto inputs = readTensors(dictionary, "inputs", info);
  auto outputs = readTensors(dictionary, "outputs", info);
  if (!inputs || !outputs)
    return std::nullopt;
  info.inputs = std::move(*inputs);
  info.outputs = std::move(*outputs);
  for (const TensorInfo &output : info.outputs) {
    if (std::max(output.inout, output.extends) >= static_cast<int32_t>(info.inputs.size()))
      return std::nullopt;
    if (output.inout >= 0)
      info.inputs[static_cast<size_t>(output.inout)].isUpdated = true;
  }
  auto limits = readLimits(dictionary, info);
  if (!limits)
    return std::nullopt;
  info.limits = std::move(*limits);
  info.workspace = readWorkspace(dictionary);
  return info;
}

FailureOr<std::vector<EntryInfo>> readEntries(ModuleOp module) {
  auto list = module->getAttrOfType<ArrayAttr>(kEntries);
  if (!list || list.empty())
    return module.emitError("the module does not say what its entry points take and give "
                            "(attribute attnc.entries); "
                            "start from a stage that attnc has written, or from level attn");
  std::vector<EntryInfo> entries;
  EntryNames names;
  for (Attribute attribute : list) {
    std::optional<EntryInfo> entry = readEntry(attribute, names);
    if (!entry)
      return module.emitError("malformed attribute attnc.entries: ") << attribute;
    entries.push_back(std::move(*entry));
  }
  return entries;
}

} // namespace attnc::emit
