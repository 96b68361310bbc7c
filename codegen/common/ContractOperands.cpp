//===- ContractOperands.cpp - What a contraction multiplies ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A step along k, for `<2 x bf16>` and 16 lanes:
//
//   %b = vector.load %rhs[%word, 16 c] : vector<16xi32>
//   %a = vector.load %lhs[%row, 2 * %word] : vector<2xbf16>       // as one i32, in every lane
//   with an instruction    %sum + dot(%a, %b)
//   widened                per element e of the group: %sum + f32(bf16(%a >> 16 e)) * f32(bf16(%b >> 16 e))
//
// An instruction may take unsigned elements of lhs where these are signed (vpdpbusd):
//
//   sum of lhs * rhs = sum of (lhs + 128) * rhs - 128 * sum of rhs
//
// lhs + 128 is lhs with its sign bit turned, and the second sum is made once for all rows.
//
// Where lhs holds single elements, the elements of a group of rhs meet them one by one; those of a block with a scale are
// multiplied by it first.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/ContractOperands.h"
#include "codegen/common/Lowering.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

Value VectorTarget::dotProducts(OpBuilder &builder, Location loc, const DotInstruction &dot, Value sum, Value a,
                                Value b) const {
  auto elements = [&](Value words, Element element) -> Value {
    Type stored = tile::EncodingAttr::get(builder.getContext(), 1, typeOf(element, builder.getContext())).getStored();
    int64_t count = dot.group * cast<VectorType>(words.getType()).getNumElements();
    return vector::BitCastOp::create(builder, loc, VectorType::get({count}, stored), words);
  };
  SmallVector<Value> operands{sum, elements(a, dot.lhs), elements(b, dot.rhs)};
  return LLVM::CallIntrinsicOp::create(builder, loc, sum.getType(), builder.getStringAttr(dot.name), operands)
      .getResult(0);
}

ContractOperands::ContractOperands(OpBuilder &builder, tile::ContractOp op, const VectorTarget &target)
    : b(builder), op(op), target(target), loc(op.getLoc()), sums(op.getAccumulatorType()), left(op.getLhsWord()),
      right(op.getRhsWord()) {
  if (left.getGroup() == right.getGroup() && !right.getBlock())
    dot = target.info.findDot(left.getElement(), right.getElement(), left.getGroup());
  auto unsignedLeft = [&] { return IntegerType::get(b.getContext(), 8, IntegerType::Unsigned); };
  if (!dot && left.getElement().isSignedInteger(8) && left.getGroup() == right.getGroup() && !right.getBlock()) {
    dot = target.info.findDot(unsignedLeft(), right.getElement(), left.getGroup());
    offsetLhs = dot;
  }
  countWords();
}

void ContractOperands::countWords() {
  Value group = constantIndex(b, loc, right.getGroup());
  if (right.getGroup() == 1)
    words = op.getKEnd();
  else if (left.getGroup() > 1 && op.isLhsOfWords())
    words = b.createOrFold<arith::CeilDivSIOp>(loc, op.getKEnd(), group);
  else {
    words = b.createOrFold<arith::DivUIOp>(loc, op.getKEnd(), group);
    rest = b.createOrFold<arith::RemUIOp>(loc, op.getKEnd(), group);
    if (isConstantIntValue(rest, 0))
      rest = Value();
  }
}

/// Elements of the type `element`, stored without signs, in the type of the sums.
Value ContractOperands::widened(Value vector, Type element) {
  VectorType type = lanesOf(sums);
  if (element == sums)
    return vector;
  if (isa<FloatType>(element))
    return arith::ExtFOp::create(b, loc, type, vector);
  bool isUnsigned = element.isUnsignedInteger();
  if (isa<FloatType>(sums))
    return isUnsigned ? arith::UIToFPOp::create(b, loc, type, vector).getResult()
                      : arith::SIToFPOp::create(b, loc, type, vector).getResult();
  if (element.getIntOrFloatBitWidth() == sums.getIntOrFloatBitWidth())
    return vector;
  return isUnsigned ? arith::ExtUIOp::create(b, loc, type, vector).getResult()
                    : arith::ExtSIOp::create(b, loc, type, vector).getResult();
}

/// What stands in vectors of words, as `dot` or multiply-adds take it.
ContractOperands::Word ContractOperands::elementsOf(Value vector, tile::EncodingAttr encoding) {
  if (dot)
    return {vector};
  if (encoding.getGroup() == 1)
    return {widened(vector, encoding.getElement())};
  Word elements;
  unsigned bits = encoding.getElement().getIntOrFloatBitWidth();
  for (unsigned e = 0; e < encoding.getGroup(); ++e) {
    Value shifted = arith::ShRUIOp::create(b, loc, vector, constantInt(b, loc, vector.getType(), e * bits));
    Value element = arith::TruncIOp::create(b, loc, lanesOf(b.getIntegerType(bits)), shifted);
    if (isa<FloatType>(encoding.getStored()))
      element = arith::BitcastOp::create(b, loc, lanesOf(encoding.getStored()), element);
    elements.push_back(widened(element, encoding.getElement()));
  }
  return elements;
}

/// A word of lhs in every lane.
ContractOperands::Word ContractOperands::spread(Value scalar) {
  Value vector = vector::BroadcastOp::create(b, loc, lanesOf(scalar.getType()), scalar);
  if (offsetLhs) // + 128 in each byte
    vector = arith::XOrIOp::create(b, loc, vector, constantInt(b, loc, vector.getType(), int32_t(0x80808080)));
  return elementsOf(vector, left);
}

/// The elements of a group of rhs from `first` on, each of which is in memory; with `last`, those behind it are 0.
ContractOperands::Word ContractOperands::readSingles(Value row, Value first, Value last) {
  Word elements;
  for (unsigned e = 0; e < right.getGroup(); ++e) {
    Value k = b.createOrFold<arith::AddIOp>(loc, first, constantIndex(b, loc, e));
    Value at = last ? arith::MinSIOp::create(b, loc, k, last).getResult() : k;
    Value element = memref::LoadOp::create(b, loc, op.getLhs(), ValueRange{row, at});
    if (last) {
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element.getType()));
      Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, k, last);
      element = arith::SelectOp::create(b, loc, exists, element, zero);
    }
    elements.append(spread(element));
  }
  return elements;
}

ContractOperands::Word ContractOperands::readLhs(Value row, Value word) {
  if (left.getGroup() < right.getGroup()) {
    Value first = arith::MulIOp::create(b, loc, word, constantIndex(b, loc, right.getGroup()));
    return readSingles(row, first, Value());
  }
  if (op.isLhsOfWords())
    return spread(memref::LoadOp::create(b, loc, op.getLhs(), ValueRange{row, word}));
  Value first = arith::MulIOp::create(b, loc, word, constantIndex(b, loc, left.getGroup()));
  Value group = vector::LoadOp::create(b, loc, VectorType::get({left.getGroup()}, left.getStored()), op.getLhs(),
                                       ValueRange{row, first});
  Value one = vector::BitCastOp::create(b, loc, VectorType::get({1}, left.getWord()), group);
  return spread(vector::ExtractOp::create(b, loc, one, 0));
}

ContractOperands::Word ContractOperands::readLhsRest(Value row) {
  Value first = arith::MulIOp::create(b, loc, words, constantIndex(b, loc, right.getGroup()));
  if (left.getGroup() < right.getGroup())
    return readSingles(row, first, arith::SubIOp::create(b, loc, op.getKEnd(), constantIndex(b, loc, 1)));
  unsigned bits = left.getElement().getIntOrFloatBitWidth();
  Type bare = b.getIntegerType(bits), wide = left.getWord();
  Value zero = arith::ConstantIntOp::create(b, loc, wide, 0);
  Value word = buildLoop(b, loc, constantIndex(b, loc, 0), rest, 1, zero, [&](Value e, ValueRange partial) {
    Value k = arith::AddIOp::create(b, loc, first, e);
    Value element = memref::LoadOp::create(b, loc, op.getLhs(), ValueRange{row, k});
    if (element.getType() != bare)
      element = arith::BitcastOp::create(b, loc, bare, element);
    Value shift = arith::MulIOp::create(b, loc, arith::IndexCastOp::create(b, loc, wide, e),
                                        arith::ConstantIntOp::create(b, loc, wide, bits));
    Value placed = arith::ShLIOp::create(b, loc, arith::ExtUIOp::create(b, loc, wide, element), shift);
    return SmallVector<Value>{arith::OrIOp::create(b, loc, partial[0], placed)};
  })[0];
  return spread(word);
}

Value ContractOperands::loadPanel(Value row, Value column) {
  VectorType vector = lanesOf(cast<MemRefType>(op.getRhs().getType()).getElementType());
  SmallVector<Value> at{row, column};
  if (int64_t streams = op.getStreams(); streams > 1) {
    Value count = constantIndex(b, loc, streams);
    at = {b.createOrFold<arith::DivUIOp>(loc, row, count), b.createOrFold<arith::RemUIOp>(loc, row, count), column};
  }
  return vector::LoadOp::create(b, loc, vector, op.getRhs(), at);
}

ContractOperands::Word ContractOperands::readRhs(Value word, Value column) {
  if (!right.getBlock())
    return elementsOf(loadPanel(word, column), right);
  // Behind the words of each block there is a row of scales.
  Value inBlock = constantIndex(b, loc, right.getBlock() / right.getGroup());
  Value block = arith::DivUIOp::create(b, loc, word, inBlock);
  Value after = arith::MulIOp::create(b, loc, arith::AddIOp::create(b, loc, block, constantIndex(b, loc, 1)), inBlock);
  Word elements = elementsOf(loadPanel(arith::AddIOp::create(b, loc, word, block), column), right);
  Value scale = loadPanel(arith::AddIOp::create(b, loc, after, block), column);
  scale = arith::BitcastOp::create(b, loc, lanesOf(sums), scale);
  for (Value &element : elements)
    element = arith::MulFOp::create(b, loc, element, scale);
  return elements;
}

Value ContractOperands::multiplyAdd(Value sum, const Word &lhs, const Word &rhs) {
  if (dot)
    return target.dotProducts(b, loc, *dot, sum, lhs[0], rhs[0]);
  for (auto [x, y] : llvm::zip(lhs, rhs))
    sum = isa<FloatType>(sums) ? target.multiplyAdd(b, loc, x, y, sum)
                               : arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, x, y), sum).getResult();
  return sum;
}

SmallVector<Value> ContractOperands::corrections(unsigned columns) {
  if (!offsetLhs)
    return {};
  VectorType type = lanesOf(sums);
  Value ones = constantInt(b, loc, type, 0x01010101), zero = constantIndex(b, loc, 0);
  Value end =
      rest ? b.createOrFold<arith::CeilDivSIOp>(loc, op.getKEnd(), constantIndex(b, loc, left.getGroup())) : words;
  SmallVector<Value> starts(columns, constantInt(b, loc, type, 0));
  SmallVector<Value> corrections;
  for (Value sum : buildLoop(b, loc, zero, end, 1, starts, [&](Value word, ValueRange partial) {
         SmallVector<Value> next;
         for (unsigned c = 0; c < columns; ++c)
           next.push_back(
               multiplyAdd(partial[c], {ones}, readRhs(word, constantIndex(b, loc, c * target.info.lanes(32)))));
         return next;
       }))
    corrections.push_back(arith::MulIOp::create(b, loc, sum, constantInt(b, loc, type, -128)));
  return corrections;
}
