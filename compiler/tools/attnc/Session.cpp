//===- Session.cpp - The IR context and the diagnostics of a run ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Session.h"
#include "compiler/pipeline/Dialects.h"
#include "compiler/tools/attnc/Progress.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace attnc::tool {

DiagnosticPrinter::DiagnosticPrinter(llvm::SourceMgr &sources, MLIRContext *context)
    : SourceMgrDiagnosticHandler(sources, context, llvm::errs()) {
  setHandler([this](Diagnostic &diagnostic) {
    print(diagnostic);
    return success();
  });
}

void DiagnosticPrinter::print(Diagnostic &diagnostic) {
  if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
    ++errors;
  if (diagnostic.getSeverity() == DiagnosticSeverity::Remark && !showRemarks)
    return;
  if (diagnostic.getSeverity() == DiagnosticSeverity::Warning && !isNew(diagnostic))
    return;
  ProgressHidden hidden;
  if (!printNamed(diagnostic))
    emitDiagnostic(diagnostic);
}

/// The front end and the schedule of each target may find the same.
bool DiagnosticPrinter::isNew(const Diagnostic &warning) {
  return warnings.insert({warning.getLocation().getAsOpaquePointer(), warning.str()}).second;
}

static void printSeverity(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Error:
    llvm::WithColor::error();
    return;
  case DiagnosticSeverity::Warning:
    llvm::WithColor::warning();
    return;
  case DiagnosticSeverity::Note:
    llvm::WithColor::note();
    return;
  case DiagnosticSeverity::Remark:
    llvm::WithColor::remark();
    return;
  }
}

/// "layer.onnx: node 'attn_3' (Softmax)" of a location without text, or
/// "layer.onnx"; "" if there is a line to show.
static std::string spellNamed(LocationAttr location) {
  std::string file, name;
  if (auto whole = dyn_cast<FileLineColLoc>(location); whole && whole.getLine() == 0)
    return whole.getFilename().str();
  location.walk([&](LocationAttr part) {
    if (auto named = dyn_cast<NameLoc>(part); named && name.empty())
      name = named.getName().str();
    if (auto inFile = dyn_cast<FileLineColLoc>(part); inFile && file.empty())
      file = inFile.getFilename().str();
    return WalkResult::advance();
  });
  if (name.empty())
    return "";
  return file.empty() ? name : file + ": " + name;
}

bool DiagnosticPrinter::printNamed(Diagnostic &diagnostic) {
  std::string place = spellNamed(diagnostic.getLocation());
  if (place.empty())
    return false;
  auto line = [](llvm::StringRef place, Diagnostic &diagnostic) {
    llvm::errs() << place << ": ";
    printSeverity(diagnostic.getSeverity());
    llvm::errs() << diagnostic << "\n";
  };
  line(place, diagnostic);
  for (Diagnostic &note : diagnostic.getNotes())
    if (std::string where = spellNamed(note.getLocation()); !where.empty())
      line(where, note);
    else
      emitDiagnostic(note.getLocation(), note.str(), DiagnosticSeverity::Note);
  return true;
}

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerDialects(registry);
  return registry;
}

namespace {
class NoThreads : public llvm::ThreadPoolInterface {
  void asyncEnqueue(llvm::unique_function<void()> task, llvm::ThreadPoolTaskGroup *) override { task(); }
  void wait() override {}
  void wait(llvm::ThreadPoolTaskGroup &) override {}
  unsigned getMaxConcurrency() const override { return 1; }
};
} // namespace

Session::~Session() = default;

Session::Session()
    : noThreads(std::make_unique<NoThreads>()), context(makeRegistry(), MLIRContext::Threading::DISABLED),
      diagnostics(sources, &context) {
  context.setThreadPool(*noThreads);  // and locks what threads share
  context.printOpOnDiagnostic(false); // users did not write the op
}

} // namespace attnc::tool
