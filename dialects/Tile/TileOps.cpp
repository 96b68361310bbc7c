//===- TileOps.cpp - Verifiers of the tile dialect ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tile/TileOps.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::tile;

#include "dialects/Tile/TileDialect.cpp.inc"

#include "dialects/Tile/TileEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Tile/TileAttrs.cpp.inc"

#pragma clang diagnostic push // what tablegen writes
#pragma clang diagnostic ignored "-Wshadow"
#define GET_OP_CLASSES
#include "dialects/Tile/TileOps.cpp.inc"
#pragma clang diagnostic pop

void TileDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Tile/TileAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Tile/TileOps.cpp.inc"
      >();
}

/// What the region ends with, if that is a yield. Ops are verified before their regions: the block may be empty.
static YieldOp yieldOf(Region &region) {
  return region.front().empty() ? YieldOp() : dyn_cast<YieldOp>(region.front().back());
}

/// A region must take `arguments` and yield `yielded` (null: nothing).
static LogicalResult verifyRegion(Operation *op, Region &region, StringRef name, ArrayRef<Type> arguments,
                                  Type yielded) {
  if (region.empty())
    return success();
  if (TypeRange(region.getArgumentTypes()) != TypeRange(arguments)) {
    auto diagnostic = op->emitOpError() << "arguments of the " << name << " region must be (";
    llvm::interleaveComma(arguments, diagnostic);
    return diagnostic << ")";
  }
  auto yield = yieldOf(region);
  Type found = yield && yield.getValue() ? yield.getValue().getType() : Type();
  if (!yield || found != yielded) {
    auto diagnostic = op->emitOpError() << "the " << name << " region must yield ";
    return yielded ? diagnostic << yielded : diagnostic << "nothing";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// What operands hold
//===----------------------------------------------------------------------===//

LogicalResult EncodingAttr::verify(function_ref<InFlightDiagnostic()> emitError, unsigned group, Type element,
                                   unsigned block) {
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() > 64)
    return emitError() << "an encoding holds floats or integers, not " << element;
  if (group != 1 && group * element.getIntOrFloatBitWidth() != 32)
    return emitError() << group << " elements of " << element << " do not fill a word of 32 bits";
  if (block % group != 0 || (block && (group == 1 || !isa<IntegerType>(element))))
    return emitError() << "blocks with a scale are of whole groups of integers, not " << block << " in groups of "
                       << group << " x " << element;
  return success();
}

Type EncodingAttr::getStored() {
  Type element = getElement();
  return isa<FloatType>(element) ? element : IntegerType::get(getContext(), element.getIntOrFloatBitWidth());
}

Type EncodingAttr::getWord() { return getGroup() == 1 ? getStored() : IntegerType::get(getContext(), 32); }

EncodingAttr TargetAttr::getDots(Type element) {
  if (getDots())
    for (auto encoding : getDots().getAsRange<EncodingAttr>())
      if (encoding.getElement() == element)
        return encoding;
  return {};
}

static EncodingAttr wordOf(EncodingAttr encoding, Value operand) {
  return encoding ? encoding
                  : EncodingAttr::get(operand.getContext(), 1, cast<MemRefType>(operand.getType()).getElementType());
}
EncodingAttr ContractOp::getLhsWord() { return wordOf(getLhsEncodingAttr(), getLhs()); }
EncodingAttr ContractOp::getRhsWord() { return wordOf(getRhsEncodingAttr(), getRhs()); }

bool ContractOp::isLhsOfWords() {
  return cast<MemRefType>(getLhs().getType()).getElementType() == getLhsWord().getWord();
}

int64_t ContractOp::getStreams() {
  auto rhs = cast<MemRefType>(getRhs().getType());
  return rhs.getRank() == 2 ? 1 : rhs.getDimSize(getDots() ? 2 : 1);
}

int64_t ContractOp::getWidth() {
  auto rhs = cast<MemRefType>(getRhs().getType());
  return getDots() && rhs.getRank() == 3 ? rhs.getDimSize(1) * rhs.getDimSize(2) : rhs.getShape().back();
}

Type ContractOp::getAccumulatorType() {
  Type lhs = getLhsWord().getElement(), rhs = getRhsWord().getElement();
  Builder builder(getContext());
  if (lhs.isF64() || rhs.isF64())
    return builder.getF64Type();
  bool areReal = isa<FloatType>(lhs) || isa<FloatType>(rhs) || getRhsWord().getBlock();
  return areReal ? Type(builder.getF32Type()) : builder.getI32Type();
}

/// Operands hold what their encodings say, in words of one size.
static LogicalResult verifyEncodings(ContractOp op) {
  EncodingAttr left = op.getLhsWord(), right = op.getRhsWord();
  if (left.getBlock() || (right.getBlock() && op.getAccumulatorType().isF64()))
    return op.emitOpError("blocks with a scale stand in rhs, beside a lhs that is no f64");
  if (left.getGroup() != right.getGroup() && left.getGroup() != 1)
    return op.emitOpError() << "groups of " << left.getGroup() << " in lhs meet groups of " << right.getGroup()
                            << " in rhs";
  auto lhs = cast<MemRefType>(op.getLhs().getType()), rhs = cast<MemRefType>(op.getRhs().getType());
  bool besides = lhs.getElementType() == left.getStored() && lhs.getStridesAndOffset().first.back() == 1;
  if (!op.isLhsOfWords() && !besides)
    return op.emitOpError() << "lhs as " << left << " wants " << left.getWord() << ", or " << left.getStored()
                            << " side by side along k";
  if (rhs.getElementType() != right.getWord())
    return op.emitOpError() << "rhs as " << right << " wants " << right.getWord();
  if (op.getDots() && (op.getLhsEncoding() || op.getRhsEncoding()))
    return op.emitOpError("dot products are of operands without an encoding");
  return success();
}

LogicalResult ContractOp::verify() {
  auto lhs = cast<MemRefType>(getLhs().getType()), rhs = cast<MemRefType>(getRhs().getType());
  if (lhs.getRank() != 2 || (rhs.getRank() != 2 && rhs.getRank() != 3))
    return emitOpError("lhs must have rank 2, and rhs too, or 3 with streams");
  if (llvm::any_of(rhs.getShape().drop_front(), ShapedType::isDynamic))
    return emitOpError("the panel rhs must have a static number of columns");
  if (rhs.getRank() == 3 && getRhsWord().getGroup() > 1)
    return emitOpError("streams of rhs are of single elements");
  if (failed(verifyEncodings(*this)))
    return failure();
  if (getDots() && (lhs.getStridesAndOffset().first.back() != 1 || rhs.getStridesAndOffset().first.front() != 1))
    return emitOpError("dot products want lhs and rhs contiguous along k");
  Builder builder(getContext());
  Type index = builder.getIndexType(), acc = getAccumulatorType();
  if (getDots() && !getPrefetch().empty() && !prefetchesVectors())
    return emitOpError("dot products prefetch by (k, column): their rows take no turns");
  SmallVector<Type> ahead(prefetchesVectors() ? 2 : 1, index);
  if (failed(verifyRegion(*this, getInit(), "init", {index, index}, acc)) ||
      failed(verifyRegion(*this, getPrefetch(), "prefetch", ahead, Type())))
    return failure();
  return verifyRegion(*this, getEpilogue(), "epilogue", {acc, index, index, builder.getI1Type()}, Type());
}

EncodingAttr SoftmaxStepOp::getWeightsWord() { return wordOf(getWeightsEncodingAttr(), getWeights()); }

LogicalResult SoftmaxStepOp::verify() {
  auto contract = (*this)->getParentOfType<ContractOp>();
  if (!contract || &contract.getEpilogue() != (*this)->getParentRegion())
    return emitOpError("stands in the epilogue of a tile.contract only");
  Type element = getScore().getType();
  auto state = cast<MemRefType>(getMax().getType());
  if (state.getRank() != 1 || state.getElementType() != element)
    return emitOpError() << "max, shift, limit and sum must hold one " << element << " for each column";
  EncodingAttr word = getWeightsWord();
  if (word.getBlock() || (word.getGroup() == 1 && word.getElement() != element) ||
      (word.getGroup() > 1 && !(isa<FloatType>(word.getElement()) && element.isF32())))
    return emitOpError() << "weights of a score of " << element << " cannot be held as " << word;
  int64_t columns = cast<MemRefType>(contract.getRhs().getType()).getDimSize(1);
  auto holdsColumns = [&](Value memref, Type stored) {
    auto type = cast<MemRefType>(memref.getType());
    return type.getRank() == 2 && type.getDimSize(1) == columns && type.getElementType() == stored;
  };
  if (state.getDimSize(0) != columns)
    return emitOpError() << "has a state for " << state.getDimSize(0) << " columns in a contraction of " << columns;
  if (!holdsColumns(getWeights(), word.getWord()))
    return emitOpError() << "weights must have " << columns << " columns of " << word.getWord();
  if (!llvm::all_of(getScaled(), [&](Value memref) { return holdsColumns(memref, element); }))
    return emitOpError() << "what is scaled must have " << columns << " columns of " << element;
  if (!(getUnit().convertToDouble() > 0) || !(getThreshold().convertToDouble() > 0))
    return emitOpError("unit and threshold must be positive");
  return success();
}

LogicalResult MapOp::verify() { return verifyRegion(*this, getBody(), "body", {IndexType::get(getContext())}, Type()); }

LogicalResult ReduceOp::verify() {
  return verifyRegion(*this, getBody(), "body", {IndexType::get(getContext())}, getInit().getType());
}

LogicalResult TransposeOp::verify() {
  auto src = cast<MemRefType>(getSrc().getType()), dst = cast<MemRefType>(getDst().getType());
  if (src.getRank() != 2 || dst.getRank() != 2)
    return emitOpError("src and dst must have rank 2");
  Type index = IndexType::get(getContext()), seen = src.getElementType();
  if (EncodingAttr encoding = getEncodingAttr()) {
    if (seen != encoding.getStored() || src.getStridesAndOffset().first.back() != 1)
      return emitOpError() << "src as " << encoding << " wants " << encoding.getStored() << " side by side";
    seen = encoding.getWord();
  }
  return verifyRegion(*this, getBody(), "body", {seen, index, index}, dst.getElementType());
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &) {
  RankedTensorType tensor;
  if (getLayer()) {
    if (weights::StackOp stack = weights::lookupStack(*this, getNameAttr()))
      tensor = stack.getTensorType();
  } else if (Operation *weight = weights::lookup(*this, getNameAttr()))
    tensor = weights::typeOf(weight);
  if (!tensor)
    return failure();
  if (getType() == MemRefType::get(tensor.getShape(), tensor.getElementType()))
    return success();
  // Groups as words.
  Type word = IntegerType::get(getContext(), 32);
  if (tensor.getRank() > 0 && tensor.getShape().back() * tensor.getElementTypeBitWidth() == 32 &&
      getType() == MemRefType::get(tensor.getShape().drop_back(), word))
    return success();
  return emitOpError() << "is the memory of " << getNameAttr() << ", a " << tensor << " without gaps";
}
