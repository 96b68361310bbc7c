//===- Import.cpp - ONNX model -> attn-level IR ---------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. Read and check the file (Reader).
// 2. Find the nodes that the outputs need; list those that are not supported.
// 3. Walk them in order. Each node's importer computes what is known and emits the rest (Ops, Emitter).
// 4. When extents met that must be equal, or one must be below a limit, note that and start over: every shape sees it.
// 5. Return the outputs; drop what turned out to be needed for nothing but its shape.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Import.h"
#include "compiler/frontend/onnx/Ops.h"
#include "compiler/frontend/onnx/Reader.h"
#include "compiler/frontend/onnx/TensorData.h"
#include "compiler/support/Limits.h"
#include "compiler/support/Suggest.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/DimNames.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::onnx;

namespace {
/// One problem per line, each said once, with the nodes that have it.
class Problems {
public:
  void add(std::string text) { nodesWith("", std::move(text)); }
  void add(const Node &node, const std::string &text) {
    std::string op = (node.domain.empty() ? "" : node.domain + ".") + node.opType;
    std::vector<std::string> &nodes = nodesWith(op, text);
    if (!llvm::is_contained(nodes, node.name))
      nodes.push_back(node.name);
  }
  bool empty() const { return list.empty(); }
  std::string str(const Model &model) const {
    constexpr size_t kMaxShown = 100;
    std::string text = fmt::format("cannot import '{}' (opset {}): {} problem{}", model.path, model.opset, list.size(),
                                   list.size() == 1 ? "" : "s");
    for (const Problem &problem : ArrayRef(list).take_front(kMaxShown))
      text += "\n  " + problem.str();
    return list.size() > kMaxShown ? fmt::format("{}\n  and {} more", text, list.size() - kMaxShown) : text;
  }

private:
  struct Problem {
    std::string op, text; ///< `op` is "" where it is no node's
    std::vector<std::string> nodes;

    /// "node 'a' (Conv): TEXT", "nodes 'a', 'b', 'c' and 4 more (Conv, 7 in all): TEXT"
    std::string str() const {
      constexpr size_t kMaxNamed = 3;
      if (op.empty())
        return text;
      if (nodes.size() == 1)
        return fmt::format("node '{}' ({}): {}", nodes[0], op, text);
      std::string names;
      for (const std::string &node : ArrayRef(nodes).take_front(kMaxNamed))
        names += fmt::format("{}'{}'", names.empty() ? "" : ", ", node);
      if (nodes.size() > kMaxNamed)
        names += fmt::format(" and {} more", nodes.size() - kMaxNamed);
      return fmt::format("nodes {} ({}, {} in all): {}", names, op, nodes.size(), text);
    }
  };
  std::vector<std::string> &nodesWith(std::string op, std::string text) {
    auto [it, isNew] = index.try_emplace({op, text}, list.size());
    if (isNew)
      list.push_back({std::move(op), std::move(text), {}});
    return list[it->second].nodes;
  }

  std::vector<Problem> list;
  std::map<std::pair<std::string, std::string>, size_t> index;
};

class GraphImporter {
public:
  GraphImporter(const Model &model, MLIRContext *context, const DimBindings &dims, const FixedInputs &fixed)
      : model(model), context(context), dims(dims), fixedInputs(fixed),
        file(FileLineColLoc::get(context, model.path, 0, 0)) {}

  FailureOr<OwningOpRef<ModuleOp>> run();
  const std::set<std::string> &getUndecided() const { return requirements.undecided; }

private:
  void checkBindings();
  void checkNames();
  void findNeededNodes();
  void checkOps();
  OwningOpRef<ModuleOp> importOnce(Extents &symbols);
  bool meetRequirements(Extents &symbols);
  void addInputs(Emitter &emit, func::FuncOp function);
  Tensor *addFixed(Emitter &emit, const ValueInfo &input, DenseElementsAttr value);
  void addOutputs(Emitter &emit, func::FuncOp function);
  void checkOp(const Node &node);
  void importNode(Emitter &emit, const Node &node);
  void importCall(const Node &node, const Function &function, Emitter &emit, ArrayRef<Tensor *> inputs);
  FailureOr<SmallVector<Tensor *>> importGraph(Emitter &emit, const Node &node, const Graph &graph,
                                               ArrayRef<Tensor *> inputs);
  Tensor *lookUp(Emitter &emit, const Node &node, const std::string &name);
  Tensor **find(StringRef name);
  const Function *functionOf(const Node &node) const {
    auto it = model.functions.find({node.domain, node.opType});
    return it == model.functions.end() ? nullptr : &it->second;
  }
  /// In which version of its domain a node is written.
  int64_t versionOf(const Node &node) const;
  LogicalResult failWithProblems() { return emitError(file, problems.str(model)); }

  Location nodeLoc(const Node &node) { return NameLoc::get(StringAttr::get(context, node.describe()), file); }
  void nameSymbols();
  const std::string &symbolName(const ValueInfo &input, size_t dim) const {
    const std::string &given = (*input.shape)[dim].name;
    return given.empty() ? ownNames.at({&input, dim}) : symbolNames.at(given);
  }
  ArrayAttr dimNames(Extents &symbols, const SymList &shape);
  DictionaryAttr describe(Extents &symbols, StringRef name, Type elementType, const SymList &shape);
  void addPromises(Extents &symbols, func::FuncOp function);

  const Model &model;
  MLIRContext *context;
  const DimBindings &dims;
  const FixedInputs &fixedInputs;
  Location file;
  Problems problems;
  llvm::StringMap<std::string> symbolNames;                             ///< by dim_param
  std::map<std::pair<const ValueInfo *, size_t>, std::string> ownNames; ///< of dims without one
  std::vector<bool> needed;
  llvm::StringMap<size_t> producer;
  /// The names of the model's graph, and of the graph or function inside of it that is walked. A function's know nothing
  /// of those around them.
  struct Scope {
    const Graph *graph = nullptr;
    const Function *function = nullptr;
    llvm::StringMap<Tensor *> tensors; ///< null: its producer failed, which has been said
  };
  std::vector<std::unique_ptr<Scope>> scopes;
  int64_t importedNodes = 0; ///< in this round; bodies of loops count each time
  std::set<const Function *> checked;
  Requirements requirements;
  llvm::StringMap<std::pair<unsigned, unsigned>> symbolHome; ///< the argument and dim that a symbol is read from
};
} // namespace

//===- Before anything is emitted -----------------------------------------===//

/// Could `name` be read as something else in attnc.dims: "?" (computed), "5" (fixed), "n<=4" (n with a limit)?
static bool isAmbiguous(StringRef name) { return name == "?" || name.contains("<=") || llvm::isDigit(name[0]); }

/// A plain word made of `name`: "n<=4" -> n_4, "5" -> dim_5, "?" -> dim.
static std::string plainName(StringRef name) {
  std::string word;
  for (char c : name)
    word += llvm::isAlnum(c) ? c : '_';
  StringRef trimmed = StringRef(word).trim('_');
  if (trimmed.empty())
    return "dim";
  return (llvm::isDigit(trimmed[0]) ? "dim_" : "") + trimmed.str();
}

/// One symbol for each dim_param, and one for each dim that has none (x_0); no two of them are spelt alike. Names that
/// can stand as they are come first: they are never changed.
void GraphImporter::nameSymbols() {
  llvm::StringSet<> taken;
  auto unique = [&](std::string name) {
    std::string candidate = name;
    for (int i = 2; !taken.insert(candidate).second; ++i)
      candidate = fmt::format("{}_{}", name, i);
    return candidate;
  };
  auto forEachOpenDim = [&](auto visit) {
    for (const ValueInfo &input : model.inputs)
      for (size_t dim = 0; input.shape && dim < input.shape->size(); ++dim)
        if (!(*input.shape)[dim].value)
          visit(input, dim, (*input.shape)[dim].name);
  };
  forEachOpenDim([&](const ValueInfo &, size_t, const std::string &given) {
    if (!given.empty() && !isAmbiguous(given) && !symbolNames.contains(given))
      symbolNames[given] = unique(printable(given));
  });
  forEachOpenDim([&](const ValueInfo &, size_t, const std::string &given) {
    if (given.empty() || symbolNames.contains(given))
      return;
    const std::string &name = symbolNames[given] = unique(plainName(given));
    emitRemark(file) << "the dimension called '" << printable(given) << "' in the model is '" << name << "' here";
  });
  forEachOpenDim([&](const ValueInfo &input, size_t dim, const std::string &given) {
    if (given.empty())
      ownNames[{&input, dim}] = unique(fmt::format("{}_{}", printable(input.name), dim));
  });
}

void GraphImporter::checkBindings() {
  SmallVector<StringRef> inputs;
  for (const ValueInfo &input : model.inputs)
    inputs.push_back(input.name);
  for (const auto &value : fixedInputs)
    if (!llvm::is_contained(inputs, value.getKey()))
      problems.add(fmt::format("a value is given for '{}', but no input has that name{}", value.getKey().str(),
                               didYouMean(value.getKey(), inputs)));
  std::vector<std::string> names;
  for (const ValueInfo &input : model.inputs)
    for (size_t dim = 0; input.shape && dim < input.shape->size(); ++dim)
      if (!(*input.shape)[dim].value)
        names.push_back(symbolName(input, dim));
  SmallVector<StringRef> refs(names.begin(), names.end());
  for (const auto &binding : dims)
    if (!llvm::is_contained(names, binding.getKey()))
      problems.add(fmt::format("--dims names '{}', but no input has an extent of that name{}", binding.getKey().str(),
                               didYouMean(binding.getKey(), refs)));
}

/// Every name is made once: by an input, an initializer or one node.
void GraphImporter::checkNames() {
  llvm::StringSet<> made;
  for (const ValueInfo &input : model.inputs)
    if (!made.insert(input.name).second)
      problems.add(fmt::format("two inputs are named '{}'", printable(input.name)));
  for (const auto &initializer : model.initializers)
    made.insert(initializer.getKey());
  for (auto [index, node] : llvm::enumerate(model.nodes))
    for (const std::string &output : node.outputs) {
      if (output.empty())
        continue;
      if (!made.insert(output).second)
        problems.add(node, fmt::format("its output '{}' is made twice", printable(output)));
      producer.try_emplace(output, index);
    }
}

/// The names that a node reads, also those that graphs inside of it read.
static void collectInputs(const Node &node, SmallVectorImpl<StringRef> &names) {
  llvm::append_range(names, node.inputs);
  for (const llvm::StringMapEntry<NodeAttr> &attribute : node.attributes) {
    if (!attribute.getValue().graph)
      continue;
    for (const Node &inner : attribute.getValue().graph->nodes)
      collectInputs(inner, names);
    for (const ValueInfo &output : attribute.getValue().graph->outputs)
      names.push_back(output.name);
  }
}

void GraphImporter::findNeededNodes() {
  needed.assign(model.nodes.size(), false);
  SmallVector<StringRef> worklist;
  for (const ValueInfo &output : model.outputs)
    worklist.push_back(output.name);
  while (!worklist.empty()) {
    auto it = producer.find(worklist.pop_back_val());
    if (it == producer.end() || needed[it->second])
      continue;
    needed[it->second] = true;
    collectInputs(model.nodes[it->second], worklist);
  }
}

/// What is wrong with a node, and with those inside of it.
void GraphImporter::checkOp(const Node &node) {
  for (const llvm::StringMapEntry<NodeAttr> &attribute : node.attributes)
    if (attribute.getValue().graph)
      for (const Node &inner : attribute.getValue().graph->nodes)
        checkOp(inner);
  if (const Function *function = functionOf(node)) {
    if (!checked.insert(function).second)
      return;
    auto scope = std::make_unique<Scope>();
    scope->function = function;
    scopes.push_back(std::move(scope));
    for (const Node &inner : function->nodes)
      checkOp(inner);
    scopes.pop_back();
    return;
  }
  for (const std::string &problem : opTable().problemsOf(node, versionOf(node)))
    problems.add(node, problem);
}

void GraphImporter::checkOps() {
  for (auto [index, node] : llvm::enumerate(model.nodes)) {
    if (!needed[index])
      continue;
    checkOp(node);
  }
}

//===- Inputs and outputs -------------------------------------------------===//

ArrayAttr GraphImporter::dimNames(Extents &symbols, const SymList &shape) {
  Builder builder(context);
  SmallVector<mlir::Attribute> names;
  for (const Sym &extent : shape) {
    std::optional<int64_t> fixed = extent.constant();
    std::string text = fixed ? std::to_string(*fixed) : symbols.nameOf(extent).value_or("?");
    if (std::optional<int64_t> limit = symbols.limitOf(text))
      text += fmt::format("<={}", *limit);
    names.push_back(builder.getStringAttr(text));
  }
  return builder.getArrayAttr(names);
}

/// Bytes of a tensor are counted in 63 bits everywhere, with room for the rounding of sizes. The extents that are fixed
/// are counted here, the others when the program runs.
static bool fitsMemory(const SymList &shape) {
  constexpr int64_t kMaxBytes = int64_t(1) << 62;
  bool isEmpty = llvm::any_of(shape, [](const Sym &extent) { return extent.isConstant(0); });
  int64_t bytes = 8; // of the widest element
  for (const Sym &extent : shape)
    if (std::optional<int64_t> fixed = extent.constant())
      if (*fixed > kMaxElements || (!isEmpty && (llvm::MulOverflow(bytes, *fixed, bytes) || bytes > kMaxBytes)))
        return false;
  return true;
}

/// What the attributes of an argument or result say of a tensor: integers without a sign are signless in its type.
DictionaryAttr GraphImporter::describe(Extents &symbols, StringRef name, Type elementType, const SymList &shape) {
  Builder builder(context);
  SmallVector<NamedAttribute> attributes{builder.getNamedAttr("attnc.name", builder.getStringAttr(name)),
                                         builder.getNamedAttr(DimNames::kAttribute, dimNames(symbols, shape))};
  if (elementType.isUnsignedInteger())
    attributes.push_back(builder.getNamedAttr("attnc.unsigned", builder.getUnitAttr()));
  return builder.getDictionaryAttr(attributes);
}

/// An input with a known value: a constant, if that has the type and the extents of the input.
Tensor *GraphImporter::addFixed(Emitter &emit, const ValueInfo &input, DenseElementsAttr value) {
  ArrayRef<int64_t> shape = value.getType().getShape();
  bool fits = input.elementType && value.getElementType() == storedType(input.elementType) &&
              (!input.shape || input.shape->size() == shape.size());
  for (size_t dim = 0; fits && input.shape && dim < shape.size(); ++dim) {
    std::optional<int64_t> extent = (*input.shape)[dim].value;
    if (!extent)
      extent = emit.symbols.symbol(symbolName(input, dim)).constant();
    fits = !extent || *extent == shape[dim];
  }
  if (fits)
    return emit.constant(value, input.elementType);
  problems.add(
      fmt::format("input '{}': the value that is given for it has another type or shape", printable(input.name)));
  return nullptr;
}

void GraphImporter::addInputs(Emitter &emit, func::FuncOp function) {
  for (const ValueInfo &input : model.inputs) {
    Tensor *&tensor = scopes.back()->tensors[input.name];
    if (auto known = fixedInputs.find(input.name); known != fixedInputs.end()) {
      tensor = addFixed(emit, input, known->second);
      continue;
    }
    if (!input.elementType || !input.shape) {
      problems.add(
          fmt::format("input '{}': {}", printable(input.name),
                      input.elementType ? "its shape is not given" : "type " + input.problem + " is not supported"));
      continue;
    }
    SymList shape;
    for (auto [dim, extent] : llvm::enumerate(*input.shape)) {
      shape.push_back(extent.value ? Sym(*extent.value) : emit.symbols.symbol(symbolName(input, dim)));
      if (std::optional<std::string> name = emit.symbols.nameOf(shape.back()))
        symbolHome.try_emplace(*name, function.getNumArguments(), dim);
    }
    if (!fitsMemory(shape)) {
      auto extents = llvm::map_range(shape, [&](const Sym &extent) { return emit.symbols.str(extent); });
      problems.add(fmt::format("input '{}': {}[{}] is larger than any memory", printable(input.name),
                               elementTypeName(input.elementType), llvm::join(extents, ", ")));
      continue;
    }
    unsigned index = function.getNumArguments();
    Builder builder(context);
    DictionaryAttr attributes = describe(emit.symbols, input.name, input.elementType, shape);
    Location loc = NameLoc::get(builder.getStringAttr(input.name), file);
    if (failed(function.insertArgument(index, emit.typeOf(input.elementType, shape), attributes, loc)))
      llvm::report_fatal_error("inserting a function argument failed");
    tensor = emit.computed(function.getArgument(index), shape, input.elementType);
  }
}

void GraphImporter::addOutputs(Emitter &emit, func::FuncOp function) {
  Builder builder(context);
  SmallVector<Value> results;
  SmallVector<DictionaryAttr> attributes;
  emit.loc = file;
  for (const ValueInfo &output : model.outputs) {
    if (!find(output.name) && model.initializers.contains(output.name))
      lookUp(emit, Node{}, output.name);
    Tensor **found = find(output.name);
    if (!found) {
      problems.add(fmt::format("output '{}' is made by no node", printable(output.name)));
      continue;
    }
    Tensor *tensor = *found;
    if (!tensor)
      continue;
    for (const Sym &extent : tensor->shape)
      if (std::optional<int64_t> fixed = extent.constant(); fixed && *fixed > kMaxExtent)
        problems.add(
            fmt::format("output '{}': extent {} is out of range: expected 0 to 2^29", printable(output.name), *fixed));
    if (output.elementType && output.elementType != tensor->elementType)
      problems.add(fmt::format("output '{}' is declared {}, but is {}", printable(output.name),
                               elementTypeName(output.elementType), elementTypeName(tensor->elementType)));
    results.push_back(emit.value(tensor));
    attributes.push_back(describe(emit.symbols, output.name, tensor->elementType, tensor->shape));
  }
  func::ReturnOp::create(emit.builder, file, results);
  function.setFunctionType(
      FunctionType::get(context, function.getArgumentTypes(), llvm::to_vector(ValueRange(results).getTypes())));
  function.setAllResultAttrs(attributes);
}

/// attnc.indexed = "30522" on ids that look up rows of a table; of several extents, the smallest that is fixed.
void GraphImporter::addPromises(Extents &symbols, func::FuncOp function) {
  for (const auto &[input, extents] : requirements.indexed) {
    std::optional<int64_t> smallest;
    for (const Sym &extent : extents)
      if (std::optional<int64_t> fixed = extent.constant())
        smallest = std::min(*fixed, smallest.value_or(*fixed));
    std::string text = smallest ? std::to_string(*smallest) : symbols.nameOf(extents.front()).value_or("?");
    function.setArgAttr(input, "attnc.indexed", StringAttr::get(context, text));
  }
  Builder builder(context);
  SmallVector<mlir::Attribute> limits;
  for (const SumLimit &limit : symbols.sumLimits())
    if (llvm::all_of(limit.names, [&](const std::string &name) { return symbolHome.contains(name); }))
      limits.push_back(DimSumLimit{
          llvm::map_to_vector(limit.names, [](const std::string &name) { return StringRef(name); }), limit.most}
                           .attribute(context));
  if (!limits.empty())
    function->setAttr(DimSumLimit::kAttribute, builder.getArrayAttr(limits));
}

//===- Nodes --------------------------------------------------------------===//

int64_t GraphImporter::versionOf(const Node &node) const {
  for (const std::unique_ptr<Scope> &scope : llvm::reverse(scopes))
    if (const Function *function = scope->function) {
      auto it = function->opsets.find(node.domain);
      return node.domain.empty() ? function->opset : it == function->opsets.end() ? 1 : it->second;
    }
  return opsetOf(model, node.domain);
}

/// What `name` stands for here; null if it is unknown so far.
Tensor **GraphImporter::find(StringRef name) {
  for (const std::unique_ptr<Scope> &scope : llvm::reverse(scopes)) {
    if (auto it = scope->tensors.find(name); it != scope->tensors.end())
      return &it->second;
    if (scope->function)
      break;
  }
  return nullptr;
}

Tensor *GraphImporter::lookUp(Emitter &emit, const Node &node, const std::string &name) {
  if (Tensor **known = find(name))
    return *known;
  for (const std::unique_ptr<Scope> &scope : llvm::reverse(scopes)) {
    if (scope->function)
      break;
    auto initializer = scope->graph->initializers.find(name);
    if (initializer == scope->graph->initializers.end())
      continue;
    Tensor *&tensor = scope->tensors[name];
    if ((tensor = emit.constant(initializer->second, name)))
      return tensor;
    problems.add(
        fmt::format("initializer '{}': type {} is not supported", printable(name), initializer->second.problem));
    return nullptr;
  }
  scopes.back()->tensors[name] = nullptr;
  const char *reason = producer.contains(name) ? "made only by a later node: the nodes form a cycle or are not sorted"
                                               : "made by nothing";
  problems.add(node, fmt::format("its input '{}' is {}", printable(name), reason));
  return nullptr;
}

void GraphImporter::importNode(Emitter &emit, const Node &node) {
  emit.loc = nodeLoc(node);
  SmallVector<Tensor *> inputs;
  bool isReady = true;
  for (const std::string &name : node.inputs) {
    inputs.push_back(name.empty() ? nullptr : lookUp(emit, node, name));
    isReady &= name.empty() || inputs.back();
  }
  llvm::StringMap<Tensor *> &tensors = scopes.back()->tensors;
  for (const std::string &output : node.outputs)
    tensors[output] = nullptr;
  constexpr int64_t kMostNodes = 1 << 18;
  if (++importedNodes == kMostNodes)
    problems.add(node, "with all turns of loops the graph has too many nodes");
  if (!isReady || importedNodes >= kMostNodes)
    return;
  if (const Function *function = functionOf(node))
    return importCall(node, *function, emit, inputs);
  // A call may leave out an operand or an attribute that its function's body needs.
  std::vector<std::string> lacking;
  if (scopes.back()->function)
    lacking = opTable().problemsOf(node, versionOf(node));
  for (const std::string &problem : lacking)
    problems.add(node, problem);
  if (!lacking.empty())
    return;
  const OpInfo &op = *opTable().find(node, versionOf(node));
  NodeContext ctx(node, op.signature, emit, inputs, requirements);
  ctx.importGraph = [&](const Graph &graph, ArrayRef<Tensor *> arguments) {
    return importGraph(emit, node, graph, arguments);
  };
  if (succeeded(ctx.checkTypes()) && succeeded(op.import(ctx)))
    ctx.checkAttributes();
  for (Tensor *tensor : ctx.getResults())
    if (tensor && !fitsMemory(tensor->shape))
      (void)ctx.fail(fmt::format("its result {} is larger than any memory", ctx.describe(tensor)));
  for (const std::string &problem : ctx.getProblems())
    problems.add(node, problem);
  for (auto [name, tensor] : llvm::zip(node.outputs, ctx.getResults()))
    if (!name.empty())
      tensors[name] = tensor;
}

/// What a graph inside of a node makes of `inputs`.
FailureOr<SmallVector<Tensor *>> GraphImporter::importGraph(Emitter &emit, const Node &node, const Graph &graph,
                                                            ArrayRef<Tensor *> inputs) {
  if (graph.inputs.size() != inputs.size()) {
    problems.add(node, fmt::format("its graph takes {} inputs instead of {}", graph.inputs.size(), inputs.size()));
    return failure();
  }
  Location outer = emit.loc;
  scopes.push_back(std::make_unique<Scope>());
  scopes.back()->graph = &graph;
  for (auto [info, tensor] : llvm::zip(graph.inputs, inputs))
    scopes.back()->tensors[info.name] = tensor;
  for (const Node &inner : graph.nodes)
    importNode(emit, inner);
  SmallVector<Tensor *> results;
  for (const ValueInfo &output : graph.outputs)
    results.push_back(lookUp(emit, node, output.name));
  scopes.pop_back();
  emit.loc = outer;
  if (llvm::is_contained(results, nullptr))
    return failure();
  return results;
}

/// The node with the attributes that its function was given in place of those that name them.
static Node withAttributes(const Node &node, const Node &call) {
  Node result = node;
  for (const llvm::StringMapEntry<NodeAttr> &entry : node.attributes) {
    const std::string &reference = entry.getValue().reference;
    if (reference.empty())
      continue;
    auto given = call.attributes.find(reference);
    if (given == call.attributes.end())
      result.attributes.erase(entry.getKey());
    else
      result.attributes[entry.getKey()] = given->second;
  }
  return result;
}

/// The nodes of a function of the model's own, in place of a node that calls it.
void GraphImporter::importCall(const Node &node, const Function &function, Emitter &emit, ArrayRef<Tensor *> inputs) {
  constexpr size_t kMostScopes = 64;
  if (scopes.size() >= kMostScopes)
    return problems.add(node, "functions call each other too deeply");
  auto scope = std::make_unique<Scope>();
  scope->function = &function;
  for (auto [index, name] : llvm::enumerate(function.inputs))
    if (index < inputs.size() && inputs[index])
      scope->tensors[name] = inputs[index];
  scopes.push_back(std::move(scope));
  for (const Node &inner : function.nodes) {
    Node own = withAttributes(inner, node);
    // An operand that the call leaves out is left out here too.
    for (std::string &input : own.inputs)
      if (size_t at = llvm::find(function.inputs, input) - function.inputs.begin();
          at < function.inputs.size() && (at >= inputs.size() || !inputs[at]))
        input.clear();
    importNode(emit, own);
  }
  SmallVector<Tensor *> results;
  for (size_t index = 0; index < node.outputs.size() && index < function.outputs.size(); ++index)
    results.push_back(lookUp(emit, node, function.outputs[index]));
  scopes.pop_back();
  for (auto [name, tensor] : llvm::zip(node.outputs, results))
    if (!name.empty())
      scopes.back()->tensors[name] = tensor;
}

//===- The whole graph ----------------------------------------------------===//

/// A C identifier from the file name: "my-model.onnx" -> my_model.
static std::string functionName(StringRef path) {
  std::string name;
  for (char c : llvm::sys::path::stem(path))
    name += llvm::isAlnum(c) ? c : '_';
  if (name.empty() || llvm::isDigit(name[0]))
    name = "model_" + name;
  static const char *const reserved[] = {"main",   "auto", "break",  "case",   "char",   "const",  "default", "do",
                                         "double", "else", "enum",   "extern", "float",  "for",    "goto",    "if",
                                         "int",    "long", "return", "short",  "static", "struct", "switch",  "void"};
  return llvm::is_contained(reserved, StringRef(name)) ? name + "_" : name;
}

OwningOpRef<ModuleOp> GraphImporter::importOnce(Extents &symbols) {
  scopes.clear(), symbolHome.clear();
  scopes.push_back(std::make_unique<Scope>());
  scopes.back()->graph = &model;
  importedNodes = 0;
  requirements = {};
  symbols.forgetEmitted();
  OwningOpRef<ModuleOp> module = ModuleOp::create(file);
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  auto function = func::FuncOp::create(builder, file, functionName(model.path), builder.getFunctionType({}, {}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  Emitter emit(builder, symbols);
  emit.loc = file;
  emit.symbolValue = [&](StringRef name) -> Value {
    auto [argument, dim] = symbolHome.at(name);
    return tensor::DimOp::create(builder, file, function.getArgument(argument), dim);
  };
  addInputs(emit, function);
  for (auto [index, node] : llvm::enumerate(model.nodes))
    if (needed[index])
      importNode(emit, node);
  addOutputs(emit, function);
  addPromises(symbols, function);
  return module;
}

/// Removes ops whose results nobody uses, last first.
static void dropUnused(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
}

/// Makes extents that must be equal one, and notes limits. True when that is news; it cannot be for ever, as each time
/// a symbol less is left or a limit is lower.
bool GraphImporter::meetRequirements(Extents &symbols) {
  bool isNew = false;
  for (const auto &[a, b] : requirements.equalities) {
    std::string textA = symbols.str(a), textB = symbols.str(b);
    if (!symbols.makeEqual(a, b))
      continue;
    isNew = true;
    emitRemark(file) << "extents '" << textA << "' and '" << textB
                     << "' meet in one operation: the compiled function requires them to be equal";
  }
  // Sums first, because they may say what there is to say of their symbols.
  llvm::sort(requirements.limits);
  for (const SumLimit &limit : requirements.limits)
    if (symbols.limit(limit)) {
      isNew = true;
      emitRemark(file) << (limit.names.size() > 1 ? "the sum of extents '" : "extent '")
                       << llvm::join(limit.names, "' and '") << "' indexes a table of " << limit.most
                       << ": the compiled function requires it to be at most that";
    }
  return isNew;
}

FailureOr<OwningOpRef<ModuleOp>> GraphImporter::run() {
  nameSymbols();
  checkBindings();
  checkNames();
  findNeededNodes();
  checkOps();
  if (!problems.empty())
    return failWithProblems();
  Extents symbols;
  for (const auto &binding : dims)
    symbols.bind(binding.getKey(), binding.getValue());
  while (true) {
    OwningOpRef<ModuleOp> module = importOnce(symbols);
    if (problems.empty() && meetRequirements(symbols))
      continue;
    if (!problems.empty())
      return failWithProblems();
    auto function = *(*module).getOps<func::FuncOp>().begin();
    if (function.getNumResults() != model.outputs.size()) // a limit on what is no symbol any more
      return emitError(file,
                       fmt::format("cannot import '{}': it needs extents that contradict each other", model.path));
    dropUnused(*module);
    if (failed(verify(*module)))
      return failure();
    return module;
  }
}

FailureOr<OwningOpRef<ModuleOp>> attnc::onnx::importModel(StringRef path, MLIRContext *context, const DimBindings &dims,
                                                          const FixedInputs &fixed,
                                                          std::vector<std::string> *undecided) {
  context->loadDialect<attn::AttnDialect, weights::WeightsDialect, arith::ArithDialect, func::FuncDialect,
                       linalg::LinalgDialect, math::MathDialect, tensor::TensorDialect>();
  FailureOr<Model> model = readModel(path, context);
  if (failed(model))
    return failure();
  GraphImporter importer(*model, context, dims, fixed);
  FailureOr<OwningOpRef<ModuleOp>> module = importer.run();
  if (undecided)
    undecided->assign(importer.getUndecided().begin(), importer.getUndecided().end());
  return module;
}
