//===- Translate.cpp - LLVM dialect to LLVM IR to machine code ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Translate.h"
#include "codegen/emit/LongBlocks.h"
#include "codegen/emit/Ptx.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include <mutex>

using namespace mlir;

namespace attnc::emit {

std::string variantSymbol(llvm::StringRef symbol, const codegen::TargetInfo &target) {
  std::string name = (symbol + "_" + target.name).str();
  std::replace_if(name.begin(), name.end(), [](char c) { return !llvm::isAlnum(c); }, '_');
  return name;
}

void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); // the section of the weights
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
}

std::unique_ptr<llvm::TargetMachine> createTargetMachine(ModuleOp module) {
  initializeTargets();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *llvmTarget = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!llvmTarget) {
    module.emitError("this LLVM has no code generator for ") << triple.str() << ": " << error;
    return nullptr;
  }
  llvm::TargetOptions options;
  options.FunctionSections = true; // --gc-sections then drops what an artefact does not use
  options.DataSections = true;
  options.LoopAlignment = 64; // else register tiles are up to 4% slower or faster by where they happen to lie
  return std::unique_ptr<llvm::TargetMachine>(llvmTarget->createTargetMachine(
      triple, "x86-64", "", options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}

/// What a kernel may call: the fork-join of the runtime, its launch of a GPU kernel, and what every C
/// library has.
static bool mayCall(llvm::StringRef name) {
  static const llvm::StringSet<> allowed{
      "attnc_rt_parallel_for", "attnc_rt_launch", "attnc_rt_bad_index", "memcpy", "memmove", "memset"};
  return allowed.contains(name);
}

static LogicalResult checkCalls(ModuleOp module, const llvm::Module &llvmModule, const llvm::StringSet<> &shared) {
  for (const llvm::Function &function : llvmModule)
    if (function.isDeclaration() && !function.isIntrinsic() && !function.use_empty() && !mayCall(function.getName()) &&
        !shared.contains(function.getName()))
      return module.emitError("a kernel calls '") << function.getName()
                                                  << "', which the runtime does not have; code generation must not "
                                                     "leave such calls";
  return success();
}

/// Other parts of the artefact, and nobody else, see `value`.
static void exposeToParts(llvm::GlobalValue &value, const codegen::TargetInfo &target) {
  value.setName(variantSymbol(value.getName(), target));
  value.setLinkage(llvm::GlobalValue::ExternalLinkage);
  value.setVisibility(llvm::GlobalValue::HiddenVisibility);
  value.setDSOLocal(true);
}

/// Gives the two kernels of `entry` their variant's names.
static LogicalResult renameKernels(ModuleOp module, llvm::Module &llvmModule, const EntryInfo &entry,
                                   const codegen::TargetInfo &target) {
  for (llvm::StringRef suffix : {"__run", "__plan"}) {
    std::string symbol = entry.symbol + suffix.str();
    llvm::Function *kernel = llvmModule.getFunction(symbol);
    if (!kernel || kernel->isDeclaration() || kernel->arg_size() != 1 || !kernel->getArg(0)->getType()->isPointerTy())
      return module.emitError("expects a function 'void ") << symbol << "(ptr)' at the last stage";
    exposeToParts(*kernel, target);
  }
  return success();
}

/// The target's instruction sets are a property of each function, so that one
/// module holds several variants.
static void setTarget(llvm::Module &module, const codegen::TargetInfo &target) {
  if (target.isGpu()) // the host launches kernels, which every x86-64 can
    return setTarget(module, *codegen::parseTarget("x86-64"));
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    if (!target.features.empty())
      function.addFnAttr("target-features", target.features);
    if (!target.tune.empty())
      function.addFnAttr("tune-cpu", target.tune);
  }
}

/// Nothing but what was renamed is seen from outside; nothing unwinds, so no
/// unwind tables are needed.
static void internalize(llvm::Module &module) {
  for (llvm::GlobalValue &value : module.global_values())
    if (!value.isDeclaration() && value.hasDefaultVisibility())
      value.setLinkage(llvm::GlobalValue::InternalLinkage);
  for (llvm::Function &function : module)
    function.setDoesNotThrow();
}

FailureOr<std::unique_ptr<llvm::Module>> translateDevice(ModuleOp module, const codegen::TargetInfo &target,
                                                         llvm::LLVMContext &context) {
  std::unique_ptr<llvm::Module> whole = translateModuleToLLVMIR(module, context, "device");
  return whole ? takeDevice(module, *whole, target) : FailureOr<std::unique_ptr<llvm::Module>>(failure());
}

/// Replaces the kernels of `whole` by a text constant.
static LogicalResult embedDevice(ModuleOp module, llvm::Module &whole, const codegen::TargetInfo &target) {
  auto device = takeDevice(module, whole, target);
  if (failed(device))
    return failure();
  auto ptx = generatePtx(module, **device, target);
  if (succeeded(ptx))
    embedPtx(whole, *ptx);
  return ptx;
}

FailureOr<std::unique_ptr<llvm::Module>> translate(ModuleOp module, ArrayRef<EntryInfo> entries,
                                                   const llvm::StringSet<> &shared, const codegen::TargetInfo &target,
                                                   llvm::TargetMachine &machine, llvm::LLVMContext &context) {
  std::unique_ptr<llvm::Module> llvmModule = translateModuleToLLVMIR(module, context, "attnc");
  if (!llvmModule)
    return failure(); // the translation has said why
  if (target.isGpu() && failed(embedDevice(module, *llvmModule, target)))
    return failure();
  llvmModule->setTargetTriple(machine.getTargetTriple());
  llvmModule->setDataLayout(machine.createDataLayout());
  for (const EntryInfo &entry : entries)
    if (failed(renameKernels(module, *llvmModule, entry, target)))
      return failure();
  if (failed(checkCalls(module, *llvmModule, shared)))
    return failure();
  for (llvm::StringRef symbol : shared.keys())
    if (llvm::GlobalValue *value = llvmModule->getNamedValue(symbol))
      exposeToParts(*value, target);
  internalize(*llvmModule);
  setTarget(*llvmModule, target);
  return llvmModule;
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine, llvm::StringRef first) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  llvm::ModulePassManager passes;
  std::string text = (first + "function(sroa,early-cse,instcombine<no-verify-fixpoint>,loop-mssa(licm),simplifycfg),"
                              "globaldce")
                         .str();
  llvm::cantFail(builder.parsePassPipeline(passes, text));
  passes.run(module, modules);
  leaveLongBlocks(module);
}

namespace {
/// Leaves out loop strength reduction, and what prepares loops for it, where code is generated in one context.
struct WithoutLoopReduction : llvm::OptPassGate {
  bool isEnabled() const override { return true; }
  bool shouldRunPass(llvm::StringRef pass, llvm::StringRef) const override {
    return pass != "Loop Strength Reduction" && pass != "Canonicalize Freeze Instructions in Loops";
  }
};
} // namespace

/// As TargetMachine::addPassesToEmitFile, but without the second scheduler where `leavesOut` says so.
static bool addPasses(llvm::legacy::PassManager &passes, llvm::TargetMachine &machine, bool leavesOut,
                      llvm::raw_pwrite_stream &stream, llvm::CodeGenFileType kind) {
  auto *info = new llvm::MachineModuleInfoWrapperPass(&machine); // the pass manager owns both
  llvm::TargetPassConfig *config = machine.createPassConfig(passes);
  config->setDisableVerify(true);
  if (leavesOut)
    config->disablePass(&llvm::PostRASchedulerID);
  passes.add(config);
  passes.add(info);
  if (config->addISelPasses())
    return false;
  config->addMachinePasses();
  config->setInitialized();
  if (machine.addAsmPrinter(passes, stream, nullptr, kind, info->getMMI().getContext()))
    return false;
  passes.add(llvm::createFreeMachineFunctionPass());
  return true;
}

FailureOr<llvm::SmallVector<char, 0>> generate(llvm::Module &module, llvm::TargetMachine &machine,
                                               ArrayRef<codegen::TargetInfo> targets, llvm::CodeGenFileType kind) {
  bool isWide = llvm::all_of(targets, [](const codegen::TargetInfo &target) { return target.vectorRegisters >= 32; });
  llvm::OptPassGate &before = module.getContext().getOptPassGate();
  static WithoutLoopReduction gate; // has no state; outlives a crash that is recovered from
  if (isWide)
    module.getContext().setOptPassGate(gate);
  llvm::scope_exit restore([&] { module.getContext().setOptPassGate(before); });
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (!addPasses(passes, machine, isWide, stream, kind))
    return failure();
  passes.run(module);
  return bytes;
}

} // namespace attnc::emit
