//===- AttnOps.cpp - Verifiers of the attn dialect ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/AttnOps.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace attnc;
using namespace attnc::attn;

#include "dialects/Attn/AttnDialect.cpp.inc"

#pragma clang diagnostic push // what tablegen writes
#pragma clang diagnostic ignored "-Wshadow"
#define GET_OP_CLASSES
#include "dialects/Attn/AttnOps.cpp.inc"
#pragma clang diagnostic pop

void AttnDialect::initialize() {
  registerSchedules();
  addOperations<
#define GET_OP_LIST
#include "dialects/Attn/AttnOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

int64_t AttentionOp::dimOf(StringRef layout, char letter) {
  size_t position = layout.find(letter);
  return position == StringRef::npos ? -1 : static_cast<int64_t>(position);
}

namespace {
/// One operand with its layout, for verification and extent look-up.
struct Labelled {
  StringRef name;
  StringRef layout;
  ShapedType type;
};
} // namespace

/// The extent of `letter` over several labelled operands: static if any says so.
static int64_t findExtentOf(ArrayRef<Labelled> operands, char letter, int64_t absent) {
  int64_t extent = absent;
  for (const Labelled &operand : operands) {
    int64_t dim = AttentionOp::dimOf(operand.layout, letter);
    if (dim < 0)
      continue;
    extent = operand.type.getDimSize(dim);
    if (!ShapedType::isDynamic(extent))
      return extent;
  }
  return extent;
}

static LogicalResult verifyLayout(Operation *op, const Labelled &operand, StringRef letters) {
  if (static_cast<int64_t>(operand.layout.size()) != operand.type.getRank())
    return op->emitOpError() << "layout \"" << operand.layout << "\" of " << operand.name << " names "
                             << operand.layout.size() << " dimensions, its type " << operand.type << " has "
                             << operand.type.getRank();
  llvm::SmallSet<char, 8> seen;
  for (char letter : operand.layout) {
    if (!letters.contains(letter))
      return op->emitOpError() << "layout \"" << operand.layout << "\" of " << operand.name << " has letter '" << letter
                               << "', expected letters of \"" << letters << "\"";
    if (!seen.insert(letter).second)
      return op->emitOpError() << "layout \"" << operand.layout << "\" of " << operand.name << " repeats letter '"
                               << letter << "'";
  }
  return success();
}

/// Every letter must have one extent wherever it is static.
static LogicalResult verifyExtents(Operation *op, ArrayRef<Labelled> operands) {
  llvm::DenseMap<char, std::pair<int64_t, StringRef>> known;
  for (const Labelled &operand : operands)
    for (auto [letter, extent] : llvm::zip(operand.layout, operand.type.getShape())) {
      if (ShapedType::isDynamic(extent))
        continue;
      auto [it, inserted] = known.try_emplace(letter, extent, operand.name);
      if (!inserted && it->second.first != extent)
        return op->emitOpError() << "dimension " << StringRef(&letter, 1) << " is " << it->second.first << " in "
                                 << it->second.second << " and " << extent << " in " << operand.name;
    }
  return success();
}

/// A missing letter stands for extent 1, so two operands that share a role must both name it unless the extent is 1.
static LogicalResult verifyBothName(Operation *op, StringRef letters, const Labelled &first, const Labelled &second) {
  for (char letter : letters)
    for (auto [named, other] : {std::pair(&first, &second), std::pair(&second, &first)}) {
      int64_t dim = AttentionOp::dimOf(named->layout, letter);
      if (dim >= 0 && named->type.getDimSize(dim) != 1 && !other->layout.contains(letter))
        return op->emitOpError() << "dimension " << StringRef(&letter, 1) << " of " << named->name << " is missing in "
                                 << other->name << ", layout \"" << other->layout << "\"";
    }
  return success();
}

static FloatType accumulatorOf(Type shaped) {
  Type element = cast<ShapedType>(shaped).getElementType();
  Builder builder(shaped.getContext());
  return element.isF64() ? builder.getF64Type() : builder.getF32Type();
}

/// What the region ends with, if that is a yield. Ops are verified before their regions: the block may be empty.
static YieldOp yieldOf(Region &region) {
  return region.front().empty() ? YieldOp() : dyn_cast<YieldOp>(region.front().back());
}

/// The type a tensor capture has inside a region is its operand type.
static LogicalResult verifyRegion(Operation *op, Region &region, StringRef name, ArrayRef<Type> leading,
                                  TypeRange captures, Type yielded) {
  if (region.empty())
    return success();
  SmallVector<Type> expected(leading);
  llvm::append_range(expected, captures);
  if (TypeRange(region.getArgumentTypes()) != TypeRange(expected)) {
    auto diagnostic = op->emitOpError() << "arguments of the " << name << " region must be (";
    llvm::interleaveComma(expected, diagnostic);
    return diagnostic << ")";
  }
  auto yield = yieldOf(region);
  if (!yield || yield.getValue().getType() != yielded)
    return op->emitOpError() << "the " << name << " region must yield " << yielded;
  return success();
}

/// Reads of the inputs and writes of the outputs, when the operands are memrefs.
static void addMemrefEffects(DestinationStyleOpInterface op,
                             SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    if (op.isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand, SideEffects::DefaultResource::get());
    else
      effects.emplace_back(MemoryEffects::Read::get(), &operand, SideEffects::DefaultResource::get());
  }
}

//===----------------------------------------------------------------------===//
// attention
//===----------------------------------------------------------------------===//

static SmallVector<Labelled> labelled(AttentionOp op, std::string &lseLayout) {
  SmallVector<Labelled> operands{{"q", op.getQLayout(), cast<ShapedType>(op.getQ().getType())},
                                 {"k", op.getKLayout(), cast<ShapedType>(op.getK().getType())},
                                 {"v", op.getVLayout(), cast<ShapedType>(op.getV().getType())}};
  if (!op.getInits().empty())
    operands.push_back({"the output", op.getOLayout(), cast<ShapedType>(op.getInits()[0].getType())});
  if (op.hasLse()) {
    lseLayout = op.getLseLayout();
    operands.push_back({"lse", lseLayout, cast<ShapedType>(op.getInits()[1].getType())});
  }
  return operands;
}

/// The tables of pages.
static SmallVector<Labelled> labelledTables(AttentionOp op) {
  SmallVector<Labelled> tables;
  for (auto [name, table, layout] : {std::tuple("the table of k", op.getKTable(), op.getKTableLayout()),
                                     std::tuple("the table of v", op.getVTable(), op.getVTableLayout())})
    if (table)
      tables.push_back({name, layout.value_or(""), cast<ShapedType>(table.getType())});
  return tables;
}

FloatType AttentionOp::getAccumulatorType() { return accumulatorOf(getQ().getType()); }

int64_t AttentionOp::getExtent(char letter) {
  if (letter == 'N' && isPaged()) {
    int64_t pages = getExtent('T'), keys = getExtent('P'), product;
    bool isKnown = !ShapedType::isDynamic(pages) && !ShapedType::isDynamic(keys);
    return isKnown && !llvm::MulOverflow(pages, keys, product) ? product : ShapedType::kDynamic;
  }
  std::string lse;
  SmallVector<Labelled> operands = labelled(*this, lse);
  llvm::append_range(operands, labelledTables(*this));
  return findExtentOf(operands, letter, /*absent=*/1);
}

ExtentSource AttentionOp::findExtent(char letter) {
  if (letter == 'N' && isPaged()) {
    ExtentSource pages = findExtent('T');
    pages.factor = getExtent('P');
    return pages;
  }
  std::pair<Value, StringRef> operands[] = {{getQ(), getQLayout()},
                                            {getK(), getKLayout()},
                                            {getV(), getVLayout()},
                                            {getInits()[0], getOLayout()},
                                            {getKTable(), getKTableLayout().value_or("")},
                                            {getVTable(), getVTableLayout().value_or("")}};
  for (auto [operand, layout] : operands)
    if (int64_t dim = dimOf(layout, letter); dim >= 0)
      return {operand, dim};
  return {};
}

std::string AttentionOp::getLseLayout() {
  std::string layout = getOLayout().str();
  layout.erase(std::remove(layout.begin(), layout.end(), 'E'), layout.end());
  return layout;
}

double AttentionOp::getScaleValue() {
  if (std::optional<APFloat> scale = getScale())
    return scale->convertToDouble();
  return 1.0 / std::sqrt(static_cast<double>(getExtent('D'))); // attention_a1
}

static Block *addBlock(Region &region, ArrayRef<Type> leading, OperandRange captures) {
  Block *block = new Block();
  region.push_back(block);
  SmallVector<Type> types(leading);
  llvm::append_range(types, captures.getTypes());
  block->addArguments(types, SmallVector<Location>(types.size(), region.getLoc()));
  return block;
}

StringRef AttentionOp::argumentLetters(Region &region) {
  constexpr StringLiteral kLetters[] = {"sbhijMN", "bhijMN", "bhidMN", "bgjdMN", "bhiMN"};
  return kLetters[region.getRegionNumber()];
}

BlockArgument AttentionOp::argumentOf(Region &region, char letter) {
  return region.getArgument(argumentLetters(region).find(letter));
}

Value AttentionOp::captureOf(BlockArgument argument) {
  Region *region = argument.getOwner()->getParent();
  unsigned leading = region->getParentOp() == getOperation() ? argumentLetters(*region).size() : ~0U;
  return argument.getArgNumber() < leading ? Value() : getCaptures()[argument.getArgNumber() - leading];
}

/// s is of the accumulator type, everything else an index.
static SmallVector<Type> leadingTypes(AttentionOp op, Region &region) {
  return llvm::map_to_vector(AttentionOp::argumentLetters(region), [&](char letter) -> Type {
    return letter == 's' ? Type(op.getAccumulatorType()) : IndexType::get(op.getContext());
  });
}

/// The sum, then one index for each letter of the output.
static SmallVector<Type> leadingTypes(ContractOp op) {
  SmallVector<Type> types{op.getAccumulatorType()};
  types.append(op.getOutLayout().size(), IndexType::get(op.getContext()));
  return types;
}

static Block *addBlock(AttentionOp op, Region &region) {
  return addBlock(region, leadingTypes(op, region), op.getCaptures());
}

Block *AttentionOp::addScoreBlock() { return addBlock(*this, getScore()); }
Block *AttentionOp::addMaskBlock() { return addBlock(*this, getMask()); }
Block *AttentionOp::addQueryBlock() { return addBlock(*this, getQuery()); }
Block *AttentionOp::addKeyBlock() { return addBlock(*this, getKey()); }
Block *AttentionOp::addSinkBlock() { return addBlock(*this, getSink()); }

bool AttentionOp::isUnusedCapture(unsigned capture) {
  return llvm::all_of(getOperation()->getRegions(),
                      [&](Region &region) { return region.empty() || captureArgument(region, capture).use_empty(); });
}

void AttentionOp::eraseCapture(unsigned capture) {
  for (Region &region : getOperation()->getRegions())
    if (!region.empty())
      region.eraseArgument(captureArgument(region, capture).getArgNumber());
  getCapturesMutable().erase(capture);
}

/// K and V in pages: what their tables and their layouts must say.
static LogicalResult verifyPages(AttentionOp op) {
  if (!op.getKTable() || !op.getVTable())
    return op.emitOpError() << "k and v both lie in pages or neither does, but " << (op.getKTable() ? "v" : "k")
                            << " has no table";
  for (const Labelled &table : labelledTables(op)) {
    if (failed(verifyLayout(op, table, "BT")))
      return failure();
    if (!table.layout.contains('T'))
      return op.emitOpError() << "layout \"" << table.layout << "\" of " << table.name
                              << " lacks letter 'T', the pages of a sequence";
    if (Type element = table.type.getElementType(); !element.isSignlessInteger(32) && !element.isSignlessInteger(64))
      return op.emitOpError() << table.name << " must hold page numbers, i32 or i64, found " << element;
  }
  for (auto [name, layout] : {std::pair("k", op.getKLayout()), std::pair("v", op.getVLayout())})
    for (char letter : StringRef("XP"))
      if (!layout.contains(letter))
        return op.emitOpError() << "layout \"" << layout << "\" of " << name << " lacks letter '" << letter << "', "
                                << (letter == 'X' ? "the page" : "the keys of a page");
  int64_t keys = op.getExtent('P');
  if (ShapedType::isDynamic(keys) || keys <= 0 || keys % 16 != 0)
    return op.emitOpError("a page must have a static multiple of 16 keys (P)");
  return success();
}

/// The letters of q, k, v, the output and lse.
static std::array<StringRef, 5> lettersOf(AttentionOp op) {
  bool isPaged = op.isPaged();
  return {"BMHD", isPaged ? "XPGD" : "BNGD", isPaged ? "XPGE" : "BNGE", "BMHE", "BMH"};
}

LogicalResult AttentionOp::verify() {
  if (getInits().empty() || getInits().size() > 2)
    return emitOpError("expects one or two destinations: the output and optionally lse"); // attention_a8
  std::string lseLayout;
  SmallVector<Labelled> operands = labelled(*this, lseLayout);
  for (auto [operand, allowed] : llvm::zip_first(operands, lettersOf(*this)))
    if (failed(verifyLayout(*this, operand, allowed)))
      return failure();
  if (isPaged() && failed(verifyPages(*this))) // attention_a12
    return failure();
  SmallVector<Labelled> all = operands;
  llvm::append_range(all, labelledTables(*this));
  if (failed(verifyExtents(*this, all)))
    return failure();
  if (failed(verifyBothName(*this, "D", operands[0], operands[1])) ||
      failed(verifyBothName(*this, "N", operands[1], operands[2])) ||
      failed(verifyBothName(*this, "E", operands[2], operands[3])) ||
      failed(verifyBothName(*this, "BMH", operands[0], operands[3]))) // attention_a7
    return failure();
  // attention_a7: heads and features are compile-time numbers, G divides H.
  for (char letter : {'H', 'G', 'D', 'E'})
    if (ShapedType::isDynamic(getExtent(letter)))
      return emitOpError() << "dimension " << StringRef(&letter, 1) << " must be static (A7)";
  int64_t heads = getExtent('H'), groups = getExtent('G');
  if (groups == 0 ? heads != 0 : heads % groups != 0)
    return emitOpError() << "H = " << heads << " is not a multiple of G = " << groups << " (A7)";
  for (const Labelled &operand : operands)
    if (!isa<FloatType>(operand.type.getElementType()))
      return emitOpError() << operand.name << " must have a floating-point element type, found "
                           << operand.type.getElementType();
  if (std::optional<APFloat> scale = getScale(); scale && !scale->isFinite())
    return emitOpError("scale must be finite (A1)"); // attention_a1
  if (!getScale() && getExtent('D') == 0)
    return emitOpError("needs a scale: D = 0 has no default (A1)"); // attention_a1
  if (!getResults().empty() && TypeRange(getInits()) != TypeRange(getResults()))
    return emitOpError("result types must be those of the destinations");
  Type acc = getAccumulatorType(), truth = IntegerType::get(getContext(), 1);
  auto verify = [&](Region &region, StringRef name, Type yielded) {
    return succeeded(verifyRegion(*this, region, name, leadingTypes(*this, region), getCaptures().getTypes(), yielded));
  };
  bool fine = verify(getScore(), "score", acc) && // attention_a2
              verify(getMask(), "mask", truth) && // attention_a3
              verify(getQuery(), "query", acc) && // attention_a11
              verify(getKey(), "key", acc) &&     // attention_a11
              verify(getSink(), "sink", acc);     // attention_a10
  return success(fine);
}

void AttentionOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  addMemrefEffects(cast<DestinationStyleOpInterface>(getOperation()), effects);
}

//===----------------------------------------------------------------------===//
// feature, sum
//===----------------------------------------------------------------------===//

/// `op` must stand in a query or key region and have its type (attention_a11).
static LogicalResult verifyInRow(Operation *op) {
  Region *region = op->getParentRegion();
  while (region && isa<SumOp>(region->getParentOp()))
    region = region->getParentOp()->getParentRegion();
  auto attention = region ? dyn_cast<AttentionOp>(region->getParentOp()) : AttentionOp();
  if (!attention || (region != &attention.getQuery() && region != &attention.getKey()))
    return op->emitOpError("must stand in the query or key region of an attention (A11)");
  if (op->getResult(0).getType() != attention.getAccumulatorType())
    return op->emitOpError() << "must have the accumulation type " << attention.getAccumulatorType();
  return success();
}

LogicalResult FeatureOp::verify() { return verifyInRow(*this); }

LogicalResult SumOp::verify() {
  if (getBody().getArgumentTypes() != TypeRange(IndexType::get(getContext())))
    return emitOpError("expects one argument, the index of a feature");
  auto yield = yieldOf(getBody());
  if (!yield || yield.getValue().getType() != getType())
    return emitOpError() << "must yield " << getType();
  if (failed(verifyInRow(*this)))
    return failure();
  // The feature around: of the sum that this one stands in, or of the region.
  Block &around = *(*this)->getBlock();
  Value feature =
      isa<SumOp>(around.getParentOp()) ? around.getArgument(0) : AttentionOp::argumentOf(*around.getParent(), 'd');
  llvm::SetVector<Value> needed;
  getUsedValuesDefinedAbove(getBody(), needed);
  for (unsigned next = 0; next < needed.size(); ++next) {
    if (needed[next] == feature)
      return emitOpError("must not depend on the feature around it");
    if (Operation *definition = needed[next].getDefiningOp(); definition && definition->getNumRegions() == 0)
      needed.insert(definition->operand_begin(), definition->operand_end());
  }
  return success();
}

//===----------------------------------------------------------------------===//
// contract
//===----------------------------------------------------------------------===//

static SmallVector<Labelled> labelled(ContractOp op) {
  return {{"lhs", op.getLhsLayout(), cast<ShapedType>(op.getLhs().getType())},
          {"rhs", op.getRhsLayout(), cast<ShapedType>(op.getRhs().getType())},
          {"the output", op.getOutLayout(), cast<ShapedType>(op.getInit().getType())}};
}

static bool holdsIntegers(Value shaped) { return isa<IntegerType>(getElementTypeOrSelf(shaped.getType())); }

Type ContractOp::getAccumulatorType() {
  if (holdsIntegers(getLhs()))
    return IntegerType::get(getContext(), 32);
  FloatType left = accumulatorOf(getLhs().getType()), right = accumulatorOf(getRhs().getType());
  return left.isF64() ? left : right;
}

Type ContractOp::getYieldedType() {
  bool becomesFloat = holdsIntegers(getLhs()) && !holdsIntegers(getInit());
  return becomesFloat ? Type(Float32Type::get(getContext())) : getAccumulatorType();
}

int64_t ContractOp::getExtent(char letter) { return findExtentOf(labelled(*this), letter, /*absent=*/1); }

Block *ContractOp::addEpilogueBlock() { return addBlock(getEpilogue(), leadingTypes(*this), getCaptures()); }

LogicalResult ContractOp::verify() {
  SmallVector<Labelled> operands = labelled(*this);
  for (const Labelled &operand : operands)
    if (failed(verifyLayout(*this, operand, "abcdefghijklmnopqrstuvwxyz")))
      return failure();
  if (failed(verifyExtents(*this, operands)))
    return failure();
  for (char letter : getOutLayout())
    if (!getLhsLayout().contains(letter) && !getRhsLayout().contains(letter))
      return emitOpError() << "letter '" << letter << "' of the output occurs in neither operand";
  for (auto [layout, other, name] :
       {std::tuple(getLhsLayout(), getRhsLayout(), "lhs"), std::tuple(getRhsLayout(), getLhsLayout(), "rhs")})
    for (char letter : layout)
      if (!getOutLayout().contains(letter) && !other.contains(letter))
        return emitOpError() << "letter '" << letter << "' occurs in " << name << " alone";
  if (!getResults().empty() && TypeRange(ValueRange(getInit())) != TypeRange(getResults()))
    return emitOpError("result type must be that of the destination");
  if (holdsIntegers(getLhs()) || holdsIntegers(getRhs())) {
    for (Value operand : {getLhs(), getRhs()})
      if (Type element = getElementTypeOrSelf(operand.getType()); !element.isInteger(8))
        return emitOpError() << "integers are multiplied with integers, of 8 bits both; " << element << " is not";
    if (getEpilogue().empty() && !holdsIntegers(getInit()))
      return emitOpError("sums of integers become floats in an epilogue only");
  }
  return verifyRegion(*this, getEpilogue(), "epilogue", leadingTypes(*this), getCaptures().getTypes(),
                      getYieldedType());
}

void ContractOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  addMemrefEffects(cast<DestinationStyleOpInterface>(getOperation()), effects);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

OpFoldResult WeightOp::fold(FoldAdaptor) { return getNameAttr(); }

Operation *AttnDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto name = dyn_cast<FlatSymbolRefAttr>(value);
  return name && isa<RankedTensorType>(type) ? WeightOp::create(builder, loc, type, name).getOperation() : nullptr;
}

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &) {
  Operation *weight = weights::lookup(*this, getNameAttr());
  if (!weight)
    return failure();
  if (weights::typeOf(weight) != getType())
    return emitOpError() << "has another type than " << getNameAttr() << ", a " << weights::typeOf(weight);
  return success();
}

LogicalResult LayerWeightOp::verifySymbolUses(SymbolTableCollection &) {
  weights::StackOp stack = weights::lookupStack(*this, getStackAttr());
  if (!stack)
    return failure();
  if (stack.getTensorType() != getType())
    return emitOpError() << "has another type than those of " << getStackAttr() << ", " << stack.getTensorType();
  APInt layer;
  if (matchPattern(getLayer(), m_ConstantInt(&layer)) && layer.uge(stack.getSources().size()))
    return emitOpError() << "there are " << stack.getSources().size() << " tensors in " << getStackAttr();
  return success();
}

/// A known layer's weight needs no stack.
static LogicalResult chooseLayer(LayerWeightOp op, PatternRewriter &rewriter) {
  APInt layer;
  if (!matchPattern(op.getLayer(), m_ConstantInt(&layer)))
    return rewriter.notifyMatchFailure(op, "the layer is not known");
  weights::StackOp stack = weights::lookupStack(op, op.getStackAttr());
  rewriter.replaceOpWithNewOp<WeightOp>(
      op, op.getType(), cast<FlatSymbolRefAttr>(stack.getSources()[static_cast<unsigned>(layer.getZExtValue())]));
  return success();
}

void LayerWeightOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(chooseLayer);
}
