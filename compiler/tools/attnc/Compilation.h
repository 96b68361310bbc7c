//===- Compilation.h - From a file to machine code, step by step *- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/emit/Entry.h"
#include "codegen/emit/WeightTable.h"
#include "compiler/tools/attnc/Options.h"
#include "compiler/tools/attnc/Parts.h"
#include "compiler/tools/attnc/Progress.h"
#include "compiler/tools/attnc/Session.h"
#include "compiler/tools/attnc/Times.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace attnc::tool {

/// The stages of the IR, in order, by the names that --emit and --from use.
enum class Stage { attn, fused, scheduled, tile, llvmDialect };
std::optional<Stage> parseStage(llvm::StringRef name);
llvm::StringRef stageName(Stage stage);

/// Marks what is printed of `module` with its stage, so that it is read back as what it is.
void recordStage(mlir::ModuleOp module, Stage stage);

/// One run of the compiler over one file. Each step returns an exit code, and
/// has reported what went wrong; steps that fail for our own reasons leave a
/// reproducer file and return kOurBug.
class Compilation {
public:
  explicit Compilation(CompileRequest request);
  ~Compilation(); // prints the time report

  /// Reads the file; the module is then at `stage()`, usually attn.
  int load();

  /// Inputs of the file that have values and are none of the module.
  llvm::ArrayRef<std::string> fixedInputs() const { return session.fixedInputs; }

  /// From now on each call checks that indices lie inside of what they index. Programs always do: who reads files has
  /// not seen what is in them.
  void checkIndices();

  /// Brings the module to `stage`, one that does not depend on the target (attn
  /// or fused).
  int lowerShared(Stage stage);

  /// A copy of the module at `stage` for `target`.
  int lowerFor(const codegen::TargetInfo &target, Stage stage, mlir::OwningOpRef<mlir::ModuleOp> &result);

  /// Fills in what entries() say of the workspace, which follows from the schedules: the most that any target needs.
  /// What builds code does that too.
  int planWorkspaces();

  /// Says in the descriptor's module where the weights will lie; returns an exit code.
  using PlaceWeights = llvm::function_ref<int(llvm::Module &)>;

  /// LLVM IR of all variants and of the descriptor, optimised. Weights, if there are any, go inside, or where `place`
  /// says.
  int buildLlvm(std::unique_ptr<llvm::Module> &result, PlaceWeights place = nullptr);

  /// What runs on the GPU alone, for the first target, which must be one: as
  /// LLVM IR, and with `ptx` as text.
  int buildDevice(std::unique_ptr<llvm::Module> &module, std::string *ptx);

  /// The same as assembly.
  int buildAssembly(emit::Bytes &result, PlaceWeights place = nullptr);

  /// Object files that together are the artefact's code; which there are does not depend on the number of threads.
  int buildObjects(std::vector<emit::Bytes> &objects, PlaceWeights place = nullptr);

  /// Times `body` as step `name`.
  template <typename Body>
  auto timed(llvm::StringRef name, Body body) {
    ShownStep shown(*this, name);
    return times.timed(name, body);
  }

  const CompileRequest &request() const { return asked; }
  /// What is forced on the ops that have a schedule, one by one in order, in the code that is built from now on for
  /// target `index` of the request.
  void setRecords(size_t index, std::vector<schedule::Schedule> sizes) { records[index] = std::move(sizes); }
  mlir::ModuleOp module() { return *ir; }
  Stage stage() const { return current; }
  /// The weights that the code built last reads.
  const emit::WeightTable &weights() const { return table; }
  const std::vector<emit::EntryInfo> &entries() const { return entryInfos; }
  /// The entry called `name`, the first if that is empty; null after a usage error of `verb`, which is reported.
  const emit::EntryInfo *findEntry(llvm::StringRef name, llvm::StringRef verb) const;
  /// Calls the only entry `name` in C, several of them NAME_ENTRY.
  void nameEntries(llvm::StringRef name);
  /// The numbers of ops that are one in code with marks, for `target`: the last stands for all.
  const std::vector<std::vector<int64_t>> &joinedOps(const std::string &target) { return joined[target]; }
  /// Reads the entries again, after their functions were changed, at level attn or fused. Returns an exit code.
  int readEntriesAgain();
  /// The function of `entry` while it takes tensors: up to level scheduled, then null.
  mlir::func::FuncOp functionOf(const emit::EntryInfo &entry);
  /// What is to come is not the making of an artefact, but the stages up to `last` and then `others`.
  void expectSteps(Stage last, llvm::ArrayRef<llvm::StringRef> others = {});
  /// Says that `share` of the current step is done; any thread may.
  void advance(double share) { progress.advance(share); }
  /// The name of the artefact: the file's without folder and extension.
  const std::string &stem() const { return artefact; }

private:
  /// A step on the terminal while it takes place, and in the list of -v when it has ended.
  struct ShownStep {
    ShownStep(Compilation &owner, llvm::StringRef name) : owner(owner) { owner.progress.begin(name); }
    ~ShownStep() {
      owner.progress.end();
      if (owner.asked.verbose)
        Times::printStep(owner.times.steps().back());
    }
    Compilation &owner;
  };

  int import();
  int readEntries();
  int checkStage();
  int runSafely(mlir::ModuleOp module, Stage from, Stage to, llvm::function_ref<mlir::LogicalResult()> lower);
  int runStage(mlir::ModuleOp module, Stage from, Stage to, const codegen::TargetInfo &target);
  std::string stepFor(const codegen::TargetInfo &target, llvm::StringRef step) const;
  int readWorkspaces(mlir::ModuleOp lowered);
  void readJoined(mlir::ModuleOp lowered, const std::string &target);
  int makeFrom(mlir::ModuleOp lowered, llvm::StringRef kind, llvm::function_ref<bool()> step);
  int linkVariants(std::unique_ptr<llvm::Module> &result, PlaceWeights place);
  int buildVariant(const codegen::TargetInfo &target, llvm::Module &into);
  std::unique_ptr<llvm::Module> makeDescriptor();
  int placeWeights(llvm::Module &descriptor, PlaceWeights place);
  int splitFor(Variant &variant, std::vector<Part> &parts);
  void expectCosts(llvm::ArrayRef<Part> parts);
  int reportPart(const Part &part);
  int reportBug(mlir::ModuleOp before, Stage from, llvm::StringRef during);
  int reportLost(const codegen::TargetInfo &target, Stage stage, bool survived);

  int useRecords();

  CompileRequest asked;
  std::vector<std::vector<schedule::Schedule>> records; // of each target
  bool hasLookedUp = false;                             // --tuned's records
  Session session;
  mlir::OwningOpRef<mlir::ModuleOp> ir;
  Stage current = Stage::attn;
  std::vector<emit::EntryInfo> entryInfos;
  std::map<std::string, std::vector<std::vector<int64_t>>> joined;
  emit::WeightTable table;
  std::string artefact;
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::TargetMachine> machine;
  Times times;
  Progress progress;
};

/// Says on stderr for which CPU the code is: "target: x86-64-v4 (AMD EPYC,
/// AVX-512, 16 lanes)".
void echoTargets(const CompileRequest &request);

} // namespace attnc::tool
