//===- WeightTable.cpp - The weights of an artefact -----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/WeightTable.h"
#include "attnc/attnc.h"
#include "codegen/common/Passes.h"
#include "dialects/Common/Alignment.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/ReplaceConstant.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/xxhash.h"
#include <atomic>
#include <fmt/format.h>
#include <mutex>
#include <unistd.h>

using namespace mlir;

namespace attnc::emit {

//===----------------------------------------------------------------------===//
// Collecting
//===----------------------------------------------------------------------===//

uint64_t WeightTable::add(weights::RecipePtr recipe) {
  auto [known, isNew] = offsets.try_emplace(recipe->text(), size);
  if (!isNew)
    return known->second;
  if (const auto *stack = std::get_if<weights::Recipe::Stack>(&recipe->step)) // one tensor at a time is made
    for (auto [i, source] : llvm::enumerate(stack->sources))
      list.push_back({source, size + i * stack->pitch});
  else
    list.push_back({recipe, size});
  size = llvm::alignTo(size + recipe->bytes(), kAlignment);
  return known->second;
}

/// The name of the weight that `op` declares; "" if it does no such thing. Other globals hold their numbers.
static StringRef weightOf(Operation &op) {
  StringRef name = TypeSwitch<Operation *, StringRef>(&op)
                       .Case([](memref::GlobalOp global) { return global.isExternal() ? global.getSymName() : ""; })
                       .Case([](LLVM::GlobalOp global) { return global.getValueOrNull() ? "" : global.getSymName(); })
                       .Default(StringRef());
  return name.consume_front(codegen::kWeightPrefix) ? name : "";
}

FailureOr<WeightOffsets> WeightTable::take(ModuleOp module) {
  WeightOffsets taken;
  bool ok = true;
  for (Operation &op : *module.getBody()) {
    StringRef name = weightOf(op);
    if (name.empty())
      continue;
    FailureOr<weights::RecipePtr> recipe = failure();
    if (Operation *weight = module.lookupSymbol(name))
      recipe = weights::recipeOf(weight);
    else
      op.emitError() << "there is no weight @" << name;
    if (succeeded(recipe))
      taken[(codegen::kWeightPrefix + name).str()] = add(*recipe);
    ok &= succeeded(recipe);
  }
  if (!ok)
    return failure();
  return taken;
}

std::string WeightTable::firstUnknown() const {
  for (const Weight &weight : list)
    if (!weight.recipe->isKnown())
      return weight.recipe->name;
  return "";
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

/// The base as kernels see it: constant while they run.
static llvm::GlobalVariable *declareBase(llvm::Module &module) {
  if (llvm::GlobalVariable *known = module.getGlobalVariable(kWeightsBase, /*AllowInternal=*/true))
    return known;
  auto *type = llvm::PointerType::getUnqual(module.getContext());
  auto *base = new llvm::GlobalVariable(module, type, /*isConstant=*/false, llvm::GlobalValue::ExternalLinkage,
                                        /*Initializer=*/nullptr, kWeightsBase);
  base->setVisibility(llvm::GlobalValue::HiddenVisibility);
  base->setDSOLocal(true);
  return base;
}

/// base + offset at the start of `function`.
static llvm::Value *emitAddress(llvm::Function &function, llvm::GlobalVariable *base, uint64_t offset) {
  llvm::IRBuilder<> builder(&*function.getEntryBlock().getFirstNonPHIOrDbgOrAlloca());
  llvm::LoadInst *start = builder.CreateLoad(base->getValueType(), base);
  start->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(function.getContext(), {}));
  start->setMetadata(
      llvm::LLVMContext::MD_align,
      llvm::MDNode::get(function.getContext(), llvm::ConstantAsMetadata::get(builder.getInt64(kAlignment))));
  return builder.CreateInBoundsGEP(builder.getInt8Ty(), start, builder.getInt64(offset));
}

void bindWeights(llvm::Module &module, const WeightOffsets &weights) {
  for (const auto &[name, offset] : weights) {
    llvm::GlobalVariable *global = module.getGlobalVariable(name, /*AllowInternal=*/true);
    if (!global)
      continue;
    llvm::convertUsersOfConstantsToInstructions({global});
    llvm::MapVector<llvm::Function *, llvm::Value *> addresses;
    for (llvm::Use &use : llvm::make_early_inc_range(global->uses())) {
      llvm::Function *function = llvm::cast<llvm::Instruction>(use.getUser())->getFunction();
      llvm::Value *&address = addresses[function];
      if (!address)
        address = emitAddress(*function, declareBase(module), offset);
      use.set(address);
    }
    global->eraseFromParent();
  }
}

void placeInside(llvm::Module &descriptor, const WeightTable &table) {
  constexpr const char *start = "attnc_weights_start"; // a local symbol of the assembler
  descriptor.appendModuleInlineAsm(
      fmt::format("\t.section\t{},\"al\",@nobits\n\t.p2align\t12\n{}:\n\t.zero\t{}\n\t.text\n", kWeightsSection.str(),
                  start, table.bytes()));
  auto *section = new llvm::GlobalVariable(descriptor, llvm::Type::getInt8Ty(descriptor.getContext()),
                                           /*isConstant=*/true, llvm::GlobalValue::ExternalLinkage,
                                           /*Initializer=*/nullptr, start);
  section->setDSOLocal(true);
  llvm::GlobalVariable *base = declareBase(descriptor);
  base->setInitializer(section);
  base->setConstant(true);
}

void placeBeside(llvm::Module &descriptor, const WeightTable &table, StringRef file, WeightsHash hash) {
  llvm::LLVMContext &context = descriptor.getContext();
  llvm::GlobalVariable *base = declareBase(descriptor);
  base->setInitializer(llvm::ConstantPointerNull::get(llvm::PointerType::getUnqual(context)));
  llvm::GlobalVariable *info = descriptor.getGlobalVariable(kWeightsInfo, /*AllowInternal=*/true);
  auto number = [&](uint64_t value) { return llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), value); };
  llvm::Constant *name = llvm::ConstantDataArray::getString(context, file);
  auto *text = new llvm::GlobalVariable(descriptor, name->getType(), /*isConstant=*/true,
                                        llvm::GlobalValue::PrivateLinkage, name, ".weights.file");
  info->setInitializer(
      llvm::ConstantStruct::getAnon(context, {text, number(table.bytes()), number(hash.low), number(hash.high), base}));
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static llvm::Error writeAll(int descriptor, llvm::ArrayRef<char> bytes, uint64_t at) {
  while (!bytes.empty()) {
    ssize_t done = pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return llvm::createStringError(llvm::sys::StrError());
    bytes = bytes.drop_front(static_cast<size_t>(done));
    at += static_cast<uint64_t>(done);
  }
  return llvm::Error::success();
}

llvm::Expected<WeightsHash> WeightTable::write(int descriptor, uint64_t at, Advance advance) const {
  if (ftruncate(descriptor, static_cast<off_t>(at + size)) != 0)
    return llvm::createStringError(llvm::sys::StrError());
  std::vector<uint64_t> hashes(list.size());
  std::atomic<uint64_t> written = 0;
  std::mutex lock;
  llvm::Error failed = llvm::Error::success();
  // Each thread makes one weight at a time: what is in memory does not grow with the model.
  llvm::parallelFor(0, list.size(), [&](size_t i) {
    std::vector<char> scratch;
    llvm::ArrayRef<char> bytes = weights::make(*list[i].recipe, scratch);
    hashes[i] = llvm::xxh3_64bits(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
    if (llvm::Error error = writeAll(descriptor, bytes, at + list[i].offset)) {
      std::lock_guard<std::mutex> guard(lock);
      failed = llvm::joinErrors(std::move(failed), std::move(error));
    }
    written += bytes.size();
    if (advance)
      advance(static_cast<double>(written) / static_cast<double>(size));
  });
  if (failed)
    return std::move(failed);
  auto whole = llvm::xxh3_128bits(
      llvm::ArrayRef(reinterpret_cast<const uint8_t *>(hashes.data()), hashes.size() * sizeof(uint64_t)));
  return WeightsHash{whole.low64, whole.high64};
}

llvm::Expected<WeightsHash> writeWeightsFile(const WeightTable &table, int descriptor, Advance advance) {
  auto hash = table.write(descriptor, ATTNC_WEIGHTS_START, advance);
  if (!hash)
    return hash.takeError();
  attnc_weights_head head;
  std::memcpy(head.magic, ATTNC_WEIGHTS_MAGIC, sizeof head.magic);
  head.size = table.bytes();
  head.hash[0] = hash->low;
  head.hash[1] = hash->high;
  if (llvm::Error failed = writeAll(descriptor, {reinterpret_cast<const char *>(&head), sizeof head}, 0))
    return std::move(failed);
  return *hash;
}

} // namespace attnc::emit
