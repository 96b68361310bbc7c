//===- Import.cpp - A .attn file to IR at level attn ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   attention f(q: f32[B, M, H=16, D=64], ..., cap: f32) -> f32[B, M, H, Dv] {
//     score = softcap(s, cap)
//   }
//
// becomes
//
//   func.func @f(%q: tensor<?x?x16x64xf32> {attnc.name = "q", attnc.dims = ["B", "M", "16", "64"]}, ...) {
//     %0 = tensor.extract %cap[] : tensor<f32>
//     %1 = tensor.dim %q, %c0
//     %2 = tensor.empty(%1, ...)
//     %3 = attn.attention q(%q "BMHD" ...) captures(%0) outs("BMHE", %2 ...) score { ... }
//     return %3
//   }
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Import.h"
#include "compiler/frontend/spec/analysis/Views.h"
#include "compiler/frontend/spec/lowering/Expressions.h"
#include "compiler/frontend/spec/syntax/Parser.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/DimNames.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::spec;

static constexpr char kLibraryText[] =
#include "compiler/frontend/spec/Library.attn.inc"
    ;

llvm::StringRef attnc::spec::getLibraryText() { return kLibraryText; }

namespace {
/// Builds the function of one attention.
class AttentionImporter {
public:
  AttentionImporter(const Program &program, const Attention &attention, const Shapes &shapes, Diagnostics &diagnostics)
      : program(program), attention(attention), shapes(shapes), diagnostics(diagnostics),
        builder(diagnostics.getContext()), loc(diagnostics.translate(attention.name.loc)),
        used(attention.params.size()) {}

  void import(ModuleOp module);

private:
  void createFunction(ModuleOp module);
  DictionaryAttr tensorAttributes(const TensorInfo &info, llvm::StringRef defaultName);
  Value tensorOf(unsigned position);
  Value createView(const TensorInfo &view);
  Value createInit(const TensorInfo &result);
  Value extentOf(char letter);
  void createAttention();
  void gatherCaptures();
  FloatAttr evaluateScale();
  void lowerRegion(llvm::StringRef name);
  Environment regionEnvironment(Block &block, llvm::StringRef names);
  void dropUnusedCaptures();
  void warnUnused();
  const Expr *find(llvm::StringRef statement) const;

  const Program &program;
  const Attention &attention;
  const Shapes &shapes;
  Diagnostics &diagnostics;
  OpBuilder builder;
  Location loc;
  func::FuncOp function;
  attn::AttentionOp op;
  llvm::SmallVector<Value> captures;
  llvm::SmallVector<std::optional<unsigned>> captureOf; // per parameter
  std::optional<unsigned> batchCapture;
  llvm::DenseMap<unsigned, Value> views; // by position among the parameters
  llvm::SmallVector<bool> used;
};
} // namespace

void AttentionImporter::import(ModuleOp module) {
  createFunction(module);
  createAttention();
  for (llvm::StringRef region : {"query", "key", "score", "mask", "sink"})
    lowerRegion(region);
  dropUnusedCaptures();
  warnUnused();
}

const Expr *AttentionImporter::find(llvm::StringRef statement) const {
  for (const Statement &candidate : attention.statements)
    if (candidate.name.text == statement)
      return candidate.value.get();
  return nullptr;
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

DictionaryAttr AttentionImporter::tensorAttributes(const TensorInfo &info, llvm::StringRef defaultName) {
  llvm::SmallVector<Attribute> dims;
  for (const std::string &symbol : info.symbols)
    dims.push_back(builder.getStringAttr(symbol));
  llvm::StringRef name = info.parameter->name.text;
  llvm::SmallVector<NamedAttribute> attributes{
      builder.getNamedAttr(DimNames::kAttribute, builder.getArrayAttr(dims)),
      builder.getNamedAttr("attnc.name", builder.getStringAttr(name.empty() ? defaultName : name))};
  if (info.parameter->type.sorted)
    attributes.push_back(builder.getNamedAttr("attnc.sorted", builder.getUnitAttr()));
  return builder.getDictionaryAttr(attributes);
}

void AttentionImporter::createFunction(ModuleOp module) {
  llvm::SmallVector<Type> inputs, outputs;
  llvm::SmallVector<DictionaryAttr> inputAttributes, outputAttributes;
  for (const TensorInfo &param : shapes.params) {
    if (param.parameter->view)
      break; // views come last
    inputs.push_back(param.type);
    inputAttributes.push_back(tensorAttributes(param, ""));
  }
  for (const TensorInfo &result : shapes.results) {
    outputs.push_back(result.type);
    outputAttributes.push_back(tensorAttributes(result, "o"));
  }
  builder.setInsertionPointToEnd(module.getBody());
  function = func::FuncOp::create(builder, loc, attention.name.text, builder.getFunctionType(inputs, outputs));
  function.setAllArgAttrs(inputAttributes);
  function.setAllResultAttrs(outputAttributes);
  if (!attention.doc.empty())
    function->setAttr("attnc.doc", builder.getStringAttr(attention.doc));
  Block *body = function.addEntryBlock();
  for (auto [argument, param] : llvm::zip_first(body->getArguments(), shapes.params))
    argument.setLoc(diagnostics.translate(param.parameter->name.loc));
  builder.setInsertionPointToEnd(body);
}

/// The function's argument, or a part of one.
Value AttentionImporter::tensorOf(unsigned position) {
  if (!shapes.params[position].parameter->view)
    return function.getArgument(position);
  Value &value = views[position];
  if (!value)
    value = createView(shapes.params[position]);
  return value;
}

Value AttentionImporter::createView(const TensorInfo &info) {
  const View &view = *info.parameter->view;
  used[view.position] = true;
  Value source = function.getArgument(view.position);
  Location at = diagnostics.translate(info.parameter->name.loc);
  llvm::SmallVector<OpFoldResult> offsets, sizes = tensor::getMixedSizes(builder, at, source);
  for (auto [dim, index] : llvm::enumerate(view.indices)) {
    offsets.push_back(builder.getIndexAttr(index.first.value_or(0)));
    if (index.first)
      sizes[dim] = builder.getIndexAttr(index.end.value_or(*index.first + 1) - *index.first);
  }
  llvm::SmallVector<OpFoldResult> strides(offsets.size(), builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, at, info.type, source, offsets, sizes, strides);
}

/// The run-time extent of a role, from the first of q, k, v that has it.
Value AttentionImporter::extentOf(char letter) {
  for (unsigned position : {shapes.q, shapes.k, shapes.v}) {
    size_t dim = shapes.params[position].layout.find(letter);
    if (dim != std::string::npos)
      return tensor::DimOp::create(builder, loc, tensorOf(position), dim);
  }
  llvm_unreachable("a run-time role is in q, k or v");
}

Value AttentionImporter::createInit(const TensorInfo &result) {
  // Results have the roles of the output in its order; lse lacks E, which is
  // static.
  llvm::SmallVector<Value> dynamic;
  for (char letter : shapes.getOutput().layout)
    if (ShapedType::isDynamic(shapes.getOutput().extentOf(letter)))
      dynamic.push_back(extentOf(letter));
  return tensor::EmptyOp::create(builder, loc, result.type, dynamic);
}

//===----------------------------------------------------------------------===//
// The attention
//===----------------------------------------------------------------------===//

/// Every parameter besides q, k, v, scalars as their element, and B. Those that
/// turn out unread are dropped later.
void AttentionImporter::gatherCaptures() {
  captureOf.assign(shapes.params.size(), std::nullopt);
  for (auto [position, param] : llvm::enumerate(shapes.params)) {
    if (llvm::is_contained({shapes.q, shapes.k, shapes.v}, position) || shapes.isTable(position) ||
        param.parameter->paged)
      continue;
    Value value = function.getArgument(position);
    if (param.type.getRank() == 0)
      value = tensor::ExtractOp::create(builder, value.getLoc(), value, ValueRange());
    captureOf[position] = captures.size();
    captures.push_back(value);
  }
  if (ShapedType::isDynamic(shapes.extents.lookup("B"))) {
    batchCapture = captures.size();
    captures.push_back(extentOf('B'));
  }
}

void AttentionImporter::createAttention() {
  gatherCaptures();
  llvm::SmallVector<Value> inits;
  llvm::SmallVector<Type> types;
  for (const TensorInfo &result : shapes.results) {
    inits.push_back(createInit(result));
    types.push_back(result.type);
  }
  auto layout = [&](unsigned position) { return builder.getStringAttr(shapes.params[position].layout); };
  auto table = [&](std::optional<unsigned> position) { return position ? tensorOf(*position) : Value(); };
  auto tableLayout = [&](std::optional<unsigned> position) { return position ? layout(*position) : StringAttr(); };
  op = attn::AttentionOp::create(builder, loc, types, tensorOf(shapes.q), tensorOf(shapes.k), tensorOf(shapes.v),
                                 captures, inits, table(shapes.kTable), table(shapes.vTable), layout(shapes.q),
                                 layout(shapes.k), layout(shapes.v), builder.getStringAttr(shapes.getOutput().layout),
                                 evaluateScale(), /*schedule=*/nullptr, tableLayout(shapes.kTable),
                                 tableLayout(shapes.vTable));
  func::ReturnOp::create(builder, loc, op.getResults());
}

/// `scale` is evaluated here, in f64: it must fold to a constant. Null when it
/// is not given.
FloatAttr AttentionImporter::evaluateScale() {
  const Expr *expr = find("scale");
  if (!expr)
    return {};
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(loc); // its operations are thrown away
  Environment environment;
  environment.params.resize(shapes.params.size());
  environment.used = &used;
  OpBuilder scratchBuilder = OpBuilder::atBlockEnd(scratch->getBody());
  StatementContext context{program, attention, shapes, "scale"};
  Operand value = lowerStatement(*expr, context, environment, scratchBuilder, scratchBuilder.getF64Type(), diagnostics);
  FloatAttr constant;
  if (value.isPoison())
    return {};
  if (matchPattern(value.value, m_Constant(&constant)) && constant.getValue().isFinite())
    return constant;
  diagnostics.error(expr->loc) << "'scale' must be a finite number";
  return {};
}

/// The block arguments by name: `names` are those before the captures.
Environment AttentionImporter::regionEnvironment(Block &block, llvm::StringRef names) {
  Environment environment;
  environment.bind(names, block.getArguments().take_front(names.size()));
  auto argument = [&](unsigned capture) { return block.getArgument(names.size() + capture); };
  environment.B = batchCapture ? argument(*batchCapture) : Value();
  for (std::optional<unsigned> capture : captureOf)
    environment.params.push_back(capture ? argument(*capture) : Value());
  environment.used = &used;
  return environment;
}

/// Erases what folding has left behind, users before definitions.
static void eraseDeadOperations(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

void AttentionImporter::lowerRegion(llvm::StringRef name) {
  const Expr *expr = find(name);
  if (!expr)
    return;
  Block *block = name == "score"   ? op.addScoreBlock()
                 : name == "mask"  ? op.addMaskBlock()
                 : name == "query" ? op.addQueryBlock()
                 : name == "key"   ? op.addKeyBlock()
                                   : op.addSinkBlock();
  OpBuilder regionBuilder = OpBuilder::atBlockEnd(block);
  StatementContext context{program, attention, shapes, name};
  Environment environment = regionEnvironment(*block, getRegionNames(name));
  Operand value = lowerStatement(*expr, context, environment, regionBuilder, op.getAccumulatorType(), diagnostics);
  if (value.isPoison())
    return;
  if (name == "mask" && value.range.high == 0)
    diagnostics.warning(expr->loc) << "the mask is never true: no key is allowed and the output is 0";
  attn::YieldOp::create(regionBuilder, diagnostics.translate(expr->loc), value.value);
  eraseDeadOperations(*block); // a capture that only they read is none
}

/// What `op` needs of its block: its operands, and for a sum what its body reads from around it.
static llvm::SmallVector<Operation *> neededBy(Operation *op) {
  llvm::SetVector<Value> values(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  llvm::SmallVector<Operation *> definitions;
  for (Value value : values)
    if (Operation *definition = value.getDefiningOp(); definition && definition->getBlock() == op->getBlock())
      definitions.push_back(definition);
  return definitions;
}

/// Puts the operations in the order in which the yielded value needs them,
/// operands from left to right: the order then depends on what is computed and
/// not on how the file names its parts.
static void sortOperations(Block &block) {
  eraseDeadOperations(block); // all that is left is reached from the end
  struct Visit {
    Operation *op;
    llvm::SmallVector<Operation *> needed;
    unsigned next = 0;
  };
  DenseSet<Operation *> placed;
  std::vector<Visit> stack;
  auto visit = [&](Operation *op) { stack.push_back({op, neededBy(op)}); };
  visit(block.getTerminator());
  llvm::SmallVector<Operation *> order;
  while (!stack.empty()) {
    Visit &top = stack.back();
    if (top.next == top.needed.size()) {
      if (placed.insert(top.op).second)
        order.push_back(top.op);
      stack.pop_back();
    } else if (Operation *definition = top.needed[top.next++]; !placed.contains(definition)) {
      visit(definition);
    }
  }
  for (Operation *op : order)
    op->moveBefore(&block, block.end());
}

void AttentionImporter::dropUnusedCaptures() {
  for (unsigned capture = captures.size(); capture-- > 0;)
    if (op.isUnusedCapture(capture))
      op.eraseCapture(capture);
}

void AttentionImporter::warnUnused() {
  if (diagnostics.hasErrors())
    return; // what reads it may have been the error
  for (auto [position, param] : llvm::enumerate(attention.params))
    if (captureOf[position] && !used[position])
      diagnostics.warning(param.name.loc) << "'" << param.name.text << "' is never read";
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

/// Reports the type errors of an attention whose shapes are wrong; what is emitted on the way is thrown away.
static void checkStatements(const Program &program, const Attention &attention, Diagnostics &diagnostics) {
  Shapes shapes = guessShapes(attention, diagnostics.getContext());
  Builder types(diagnostics.getContext());
  Location loc = diagnostics.translate(attention.name.loc);
  for (const Statement &statement : attention.statements) {
    if (!statement.value)
      continue;
    OwningOpRef<ModuleOp> scratch = ModuleOp::create(loc);
    Block *block = scratch->getBody();
    Environment environment;
    llvm::SmallVector<bool> used(attention.params.size());
    environment.used = &used;
    environment.params.resize(attention.params.size());
    llvm::StringRef names = getRegionNames(statement.name.text);
    for (char name : names)
      block->addArgument(name == 's' ? Type(types.getF32Type()) : types.getIndexType(), loc);
    environment.bind(names, block->getArguments());
    if (!names.empty()) {
      environment.B = block->addArgument(types.getIndexType(), loc);
      for (auto [value, info] : llvm::zip(environment.params, shapes.params))
        if (info.type)
          value = block->addArgument(info.type.getRank() == 0 ? info.type.getElementType() : Type(info.type), loc);
    }
    StatementContext context{program, attention, shapes, statement.name.text};
    lowerStatement(*statement.value, context, environment, OpBuilder::atBlockEnd(block), types.getF32Type(),
                   diagnostics);
  }
}

/// Parses the library as a second buffer of `sources`; its diagnostics would be
/// our bug.
static File parseLibrary(llvm::SourceMgr &sources, Diagnostics &diagnostics) {
  auto buffer = llvm::MemoryBuffer::getMemBuffer(getLibraryText(), "Library.attn");
  llvm::StringRef text = buffer->getBuffer();
  sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  File library = parse(text, diagnostics);
  for (Definition &definition : library.definitions)
    definition.isLibrary = true;
  return library;
}

FailureOr<OwningOpRef<ModuleOp>> attnc::spec::importSpec(llvm::SourceMgr &sources, MLIRContext *context,
                                                         const DimBindings &bindings) {
  context->loadDialect<attn::AttnDialect, arith::ArithDialect, func::FuncDialect, math::MathDialect,
                       tensor::TensorDialect>();
  Diagnostics diagnostics(sources, context);
  const llvm::MemoryBuffer *main = sources.getMemoryBuffer(sources.getMainFileID());
  Program program;
  program.library = parseLibrary(sources, diagnostics);
  program.user = parse(main->getBuffer(), diagnostics);
  resolveViews(program.user, bindings, diagnostics);
  if (program.user.attentions.empty() && !diagnostics.hasErrors())
    diagnostics.error(llvm::SMLoc::getFromPointer(main->getBufferEnd()))
        << "the file defines no attention, as in: attention f(q: f32[B, M, H, "
           "D], k: f32[B, N, G, D], "
           "v: f32[B, N, G, Dv]) -> f32[B, M, H, Dv] { mask = causal }";
  resolveNames(program, diagnostics);
  checkBindings(program.user, bindings, diagnostics);

  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context));
  auto isBroken = [](const Parameter &parameter) { return parameter.view && !parameter.view->isResolved; };
  for (const Attention &attention : program.user.attentions)
    if (llvm::any_of(attention.params, isBroken))
      continue; // reported, and without it no type is known
    else if (std::optional<Shapes> shapes = resolveShapes(attention, bindings, diagnostics))
      AttentionImporter(program, attention, *shapes, diagnostics).import(*module);
    else
      checkStatements(program, attention, diagnostics);
  if (diagnostics.hasErrors())
    return failure();

  // Values that were written twice become one; what nobody reads disappears.
  IRRewriter rewriter(context);
  DominanceInfo dominance;
  eliminateCommonSubExpressions(rewriter, dominance, *module);
  auto sortRegions = [](Operation *op) {
    for (Region &region : op->getRegions())
      for (Block &block : region)
        sortOperations(block);
  };
  module->walk([&](Operation *op) {
    if (isa<attn::AttentionOp, attn::SumOp>(op))
      sortRegions(op);
  });
  if (failed(verify(*module)))
    return failure();
  return module;
}
