//===- Parts.cpp - From parts of a module to objects, by threads ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Parts.h"
#include "codegen/emit/Translate.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/support/Parallel.h"
#include "compiler/support/Unsupported.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>

using namespace mlir;

namespace attnc::tool {

void keepError(const llvm::DiagnosticInfo *diagnostic, void *messages) {
  if (diagnostic->getSeverity() != llvm::DS_Error)
    return;
  llvm::raw_string_ostream stream(*static_cast<std::string *>(messages));
  llvm::DiagnosticPrinterRawOStream printer(stream);
  diagnostic->print(printer);
  stream << "\n";
}

/// Lowers the module of `part` and translates it; null if that fails, which has been reported.
static std::unique_ptr<llvm::Module> translatePart(Part &part, const PartContext &common, llvm::TargetMachine &machine,
                                                   llvm::LLVMContext &llvmContext) {
  const Variant &variant = *part.variant;
  auto lower = [&] { return lowerOutlined(*part.module, *variant.target); };
  if (!common.isLowered && failed(part.times.timed("llvm-dialect", lower)))
    return nullptr;
  auto entries = part.hasEntries ? common.entries : llvm::ArrayRef<emit::EntryInfo>();
  auto translated = part.times.timed("translate", [&] {
    return emit::translate(*part.module, entries, variant.shared, *variant.target, machine, llvmContext);
  });
  if (failed(translated))
    return nullptr;
  emit::bindWeights(**translated, variant.weights);
  part.times.timed("optimize", [&] { emit::optimize(**translated, machine); });
  return std::move(*translated);
}

static bool compilePart(Part &part, const PartContext &common) {
  llvm::LLVMContext own;
  llvm::LLVMContext &llvmContext = part.descriptor ? part.descriptor->getContext() : own;
  llvmContext.setDiagnosticHandlerCallBack(keepError, &part.messages);
  std::unique_ptr<llvm::TargetMachine> machine = emit::createTargetMachine(common.errors);
  if (!machine)
    return false;
  std::unique_ptr<llvm::Module> module =
      part.descriptor ? std::move(part.descriptor) : translatePart(part, common, *machine, own);
  if (!module)
    return false;
  module->setSourceFileName(common.name);
  auto targets = part.variant ? llvm::ArrayRef(*part.variant->target) : llvm::ArrayRef<codegen::TargetInfo>();
  auto object = part.times.timed(
      "codegen", [&] { return emit::generate(*module, *machine, targets, llvm::CodeGenFileType::ObjectFile); });
  if (failed(object))
    return false;
  part.object = std::move(*object);
  return part.messages.empty();
}

/// Dialects that passes want are loaded before threads do it at the same time: nothing is lowered here.
static void loadDialects(llvm::ArrayRef<Part> parts, const PartContext &common) {
  if (common.isLowered)
    return;
  OwningOpRef<ModuleOp> empty = ModuleOp::create(ModuleOp(common.errors).getLoc());
  for (const Part &part : parts)
    if (part.hasEntries) // one of each target
      (void)lowerOutlined(*empty, *part.variant->target);
}

void compileParts(llvm::MutableArrayRef<Part> parts, const PartContext &context, unsigned threads,
                  llvm::function_ref<void(double)> advance) {
  llvm::SmallVector<std::pair<size_t, Part *>> order;
  for (Part &part : parts)
    order.push_back({part.module ? emit::estimateSize(*part.module) : 0, &part});
  llvm::sort(order, std::greater<>());
  size_t all = 1; // of nothing, too, there is a share
  for (auto &[size, part] : order)
    all += size;
  std::atomic<size_t> finished = 0;
  loadDialects(parts, context);
  llvm::CrashRecoveryContext::Enable();
  forEachInParallel(order.size(), threads ? threads : usableCores(), [&](size_t i) {
    Part &part = *order[i].second;
    bool done = false;
    if (!llvm::CrashRecoveryContext().RunSafely([&] { done = compilePart(part, context); }))
      part.outcome = Part::Outcome::Crashed;
    else if (!done)
      part.outcome = part.module && isUnsupported(*part.module) ? Part::Outcome::Unsupported : Part::Outcome::Failed;
    else
      part.module = {};
    advance(static_cast<double>(finished += order[i].first) / all);
  });
  llvm::CrashRecoveryContext::Disable();
}

} // namespace attnc::tool
