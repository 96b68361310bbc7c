//===- LongBlocks.cpp - Code generation in the time of a block ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/LongBlocks.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Instructions.h"

using namespace llvm;

namespace attnc::emit {

/// In instructions of LLVM: shorter blocks are optimised, longer ones become pieces of this length.
constexpr unsigned kLong = 2000, kPiece = 256;

/// No CPU divides vectors of 64 bits: lane by lane it is done.
static bool isLaneDivision(const Instruction &instruction) {
  auto *type = dyn_cast<FixedVectorType>(instruction.getType());
  return type && instruction.isIntDivRem() && type->getScalarSizeInBits() == 64;
}

static bool isLong(const BasicBlock &block) { return block.size() > kLong; }

/// A function of the caller's instruction sets that divides as `division` does.
static Function *functionFor(BinaryOperator &division) {
  Function &caller = *division.getFunction();
  auto *type = cast<FixedVectorType>(division.getType());
  std::string name = (caller.getName() + "." + division.getOpcodeName() + "." + Twine(type->getNumElements())).str();
  Module &module = *caller.getParent();
  if (Function *known = module.getFunction(name))
    return known;
  auto *function =
      Function::Create(FunctionType::get(type, {type, type}, false), GlobalValue::InternalLinkage, name, module);
  function->addFnAttrs(AttrBuilder(module.getContext(), caller.getAttributes().getFnAttrs()));
  IRBuilder<> b(BasicBlock::Create(module.getContext(), "", function));
  b.CreateRet(b.CreateBinOp(division.getOpcode(), function->getArg(0), function->getArg(1)));
  return function;
}

static void callDivisions(BasicBlock &block) {
  for (Instruction &instruction : make_early_inc_range(block)) {
    if (!isLaneDivision(instruction))
      continue;
    auto &division = cast<BinaryOperator>(instruction);
    auto *call = CallInst::Create(functionFor(division), {division.getOperand(0), division.getOperand(1)}, "",
                                  division.getIterator());
    division.replaceAllUsesWith(call);
    division.eraseFromParent();
  }
}

/// What begins a block stays together: values of its predecessors, and a function's memory, which has a fixed place only
/// in its first block.
static BasicBlock::iterator endOfHead(BasicBlock &block) {
  BasicBlock::iterator end = block.getFirstNonPHIIt();
  for (auto it = end; it != block.end(); ++it)
    if (isa<AllocaInst>(*it))
      end = std::next(it);
  return end;
}

static void cut(BasicBlock *block) {
  unsigned length = 0;
  for (auto it = endOfHead(*block); it != block->end(); ++it)
    if (++length > kPiece && !it->isTerminator()) {
      block = block->splitBasicBlock(it);
      it = block->begin();
      length = 1;
    }
}

void leaveLongBlocks(Module &module) {
  for (Function &function : make_early_inc_range(module)) {
    SmallVector<BasicBlock *> longBlocks;
    for (BasicBlock &block : function)
      if (isLong(block))
        longBlocks.push_back(&block);
    if (longBlocks.empty())
      continue;
    function.removeFnAttr(Attribute::AlwaysInline);
    function.addFnAttr(Attribute::NoInline); // what optnone wants
    function.addFnAttr(Attribute::OptimizeNone);
    for (BasicBlock &block : function)
      callDivisions(block);
    for (BasicBlock *block : longBlocks)
      cut(block);
  }
}

} // namespace attnc::emit
