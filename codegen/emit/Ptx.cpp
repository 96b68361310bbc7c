//===- Ptx.cpp - The device's half of a module ----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Ptx.h"
#include "codegen/emit/Translate.h"
#include "codegen/nvptx/Passes.h"
#include "llvm/IR/Constants.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/xxhash.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::emit {

static std::unique_ptr<llvm::TargetMachine> createGpuMachine(ModuleOp module, const codegen::TargetInfo &target) {
  initializeTargets();
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *llvmTarget = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!llvmTarget) {
    module.emitError("this LLVM has no code generator for ") << triple.str() << ": " << error;
    return nullptr;
  }
  return std::unique_ptr<llvm::TargetMachine>(
      llvmTarget->createTargetMachine(triple, target.cpu, target.features, llvm::TargetOptions(), std::nullopt,
                                      std::nullopt, llvm::CodeGenOptLevel::Default));
}

static bool isKernel(const llvm::Function &function) {
  return function.getCallingConv() == llvm::CallingConv::PTX_Kernel;
}

/// A driver links nothing: whatever a kernel calls must be there.
static LogicalResult checkComplete(ModuleOp module, const llvm::Module &device) {
  for (const llvm::GlobalValue &value : device.global_values())
    if (value.isDeclaration() && !value.use_empty() && !value.getName().starts_with("llvm."))
      return module.emitError("a GPU kernel needs '")
             << value.getName() << "', which no GPU has; code generation must not leave such uses";
  return success();
}

FailureOr<std::unique_ptr<llvm::Module>> takeDevice(ModuleOp module, llvm::Module &whole,
                                                    const codegen::TargetInfo &target) {
  std::unique_ptr<llvm::TargetMachine> machine = createGpuMachine(module, target);
  if (!machine)
    return failure();
  std::unique_ptr<llvm::Module> device = llvm::CloneModule(whole);
  for (llvm::Function &function : llvm::make_early_inc_range(whole))
    if (isKernel(function))
      function.eraseFromParent();
  device->setTargetTriple(machine->getTargetTriple());
  device->setDataLayout(machine->createDataLayout());
  for (llvm::GlobalValue &value : device->global_values()) {
    auto *function = llvm::dyn_cast<llvm::Function>(&value);
    if (!value.isDeclaration() && !(function && isKernel(*function)))
      value.setLinkage(llvm::GlobalValue::InternalLinkage);
  }
  for (llvm::Function &function : *device)
    function.setDoesNotThrow();
  // always-inline first: the pointers of a kernel are known to be global memory.
  optimize(*device, *machine, "always-inline,globaldce,");
  if (failed(checkComplete(module, *device)))
    return failure();
  return device;
}

FailureOr<std::string> generatePtx(ModuleOp module, llvm::Module &device, const codegen::TargetInfo &target) {
  std::unique_ptr<llvm::TargetMachine> machine = createGpuMachine(module, target);
  if (!machine)
    return failure();
  auto text = generate(device, *machine, target, llvm::CodeGenFileType::AssemblyFile);
  if (failed(text))
    return failure();
  llvm::StringRef code(text->data(), text->size());
  return fmt::format("// {:016x}\n", llvm::xxh3_64bits(llvm::arrayRefFromStringRef(code))) + code.str();
}

void embedPtx(llvm::Module &host, llvm::StringRef ptx) {
  llvm::GlobalVariable *declared = host.getGlobalVariable(codegen::kPtxSymbol);
  if (!declared)
    return; // nothing is launched
  llvm::Constant *text = llvm::ConstantDataArray::getString(host.getContext(), ptx);
  auto *defined =
      new llvm::GlobalVariable(host, text->getType(), /*isConstant=*/true, llvm::GlobalValue::InternalLinkage, text);
  declared->replaceAllUsesWith(defined);
  defined->takeName(declared);
  declared->eraseFromParent();
}

} // namespace attnc::emit
