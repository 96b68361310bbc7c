//===- Check.cpp - attnc check: compiled code against the reference -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Loaded.h"
#include "dialects/Attn/Interpreter.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;

namespace attnc::tool {

namespace {
struct Flags : CompileFlags {
  Text inputs{"inputs", "FOLDER",
              "take every input from NAME.npy there; without, inputs that no --NAME FILE gives are made up"};
  Text expected{"expected", "FOLDER", "compare with NAME.npy there instead of the reference"};
  Text entry{"entry", "NAME", "check this entry only; made-up inputs check all"};
  Text record{"record", "FOLDER", "write the inputs and the reference's outputs there"};
  Number seed{"seed", "N", "which made-up inputs", 1};
  Number threads{"threads", "N", "threads to use; 0: as many as suit", 0};
  Text tolerance{"tolerance", "X",
                 "largest allowed error (default by type: f64 1e-12, f32 1e-5, f16 2e-3, bf16 1.6e-2)"};
};

/// The flags' values, and the tensors that came with them.
struct Settings {
  TensorFiles files;
  std::string expected, record, entry;
  uint64_t seed;
  int threads;
  std::optional<double> tolerance;
  DimBindings dims;

  /// Whether files belong to the check: those of one entry.
  bool hasFiles() const { return files.any() || !expected.empty() || !record.empty(); }
};
} // namespace

static Flags &flags() {
  static Flags *all = new Flags; // never destroyed: see Options.h
  return *all;
}

/// What the outputs should be, and how far off compiled code may be where that is known.
struct Expected {
  std::vector<attn::RefTensor> outputs;
  attn::ErrorBounds bounds;
};

/// The f64 reference's outputs for `inputs`; nothing after an error, which is
/// reported.
static std::optional<Expected> reference(func::FuncOp function, const Tensors &inputs, bool bf16Dots) {
  std::vector<attn::RefTensor> arguments;
  for (auto [tensor, type] : llvm::zip(inputs, function.getArgumentTypes()))
    arguments.push_back(toReference(tensor, cast<RankedTensorType>(type).getElementType()));
  Expected expected{{}, {bf16Dots, {}}};
  auto results = attn::interpret(function, arguments, &expected.bounds);
  if (failed(results))
    return std::nullopt;
  expected.outputs = std::move(*results);
  return expected;
}

/// The bound of one output as check prints it: its largest element, and whether `got` keeps to every one.
struct BoundCheck {
  std::string text = "-";
  bool kept = true;
};

static BoundCheck checkBound(const attn::ErrorBounds &bounds, size_t output, const attn::RefTensor &got,
                             const attn::RefTensor &reference) {
  if (output >= bounds.results.size() || !bounds.results[output])
    return {};
  double largest = 0;
  bool kept = true;
  for (auto [bound, mine, exact] : llvm::zip(bounds.results[output]->floats, got.floats, reference.floats)) {
    if (!std::isfinite(bound) || !std::isfinite(exact))
      continue;
    largest = std::max(largest, bound);
    kept = kept && !(std::abs(mine - exact) > bound);
  }
  return {fmt::format("{:.1e}", largest), kept};
}

/// One row per output; kInaccurate if one is off.
static int compareOutputs(const emit::EntryInfo &entry, func::FuncOp function, const Tensors &outputs,
                          const Expected &expected, std::optional<double> tolerance) {
  llvm::outs() << fmt::format("{:<16} {:<20} {:>10} {:>10} {:>10} {:>8} {:>10}\n", "output", "shape", "max abs",
                              "bound", "max rel", "ulps", "tolerance");
  int code = kOk;
  for (auto [index, info] : llvm::enumerate(entry.outputs)) {
    Type type = cast<RankedTensorType>(function.getResultTypes()[index]).getElementType();
    attn::RefTensor got = toReference(outputs[index], type);
    const attn::RefTensor &exact = expected.outputs[index];
    attn::Comparison comparison = attn::compare(got, exact);
    double limit = tolerance.value_or(defaultTolerance(entry, info));
    BoundCheck bound = checkBound(expected.bounds, index, got, exact);
    bool ok = comparison.within(limit);
    llvm::outs() << fmt::format("{:<16} {:<20} {:>10.2e} {:>10} {:>10.2e} {:>8.1f} {:>10.1e}  {}\n", info.name,
                                spellShape(outputs[index]), comparison.maxAbsolute, bound.text, comparison.maxRelative,
                                comparison.maxUlps, limit,
                                !ok          ? "OFF"
                                : bound.kept ? "ok"
                                             : "OVER ITS BOUND");
    if (!ok)
      llvm::outs() << "  " << attn::describe(comparison, got, exact) << "\n";
    if (!ok || !bound.kept)
      code = kInaccurate;
  }
  return code;
}

/// What the outputs should be: files, or what the reference makes of `inputs`. Nothing after an error.
static std::optional<Expected> expectedOutputs(Compilation &compilation, const emit::EntryInfo &entry,
                                               func::FuncOp function, const Tensors &inputs, const Settings &settings,
                                               bool bf16Dots) {
  if (settings.expected.empty())
    return compilation.timed("reference", [&] { return reference(function, inputs, bf16Dots); });
  Expected expected;
  for (auto [index, info] : llvm::enumerate(entry.outputs)) {
    std::optional<NpyTensor> tensor = readTensor(info, settings.expected);
    if (!tensor)
      return std::nullopt;
    Type type = cast<RankedTensorType>(function.getResultTypes()[index]).getElementType();
    bool isDouble = tensor->type == rt::ElementType{kDLFloat, 64};
    expected.outputs.push_back(toReference(*tensor, isDouble ? Float64Type::get(function.getContext()) : type));
  }
  return expected;
}

/// Writes what a later --inputs and --expected will read.
static int record(const emit::EntryInfo &entry, const Tensors &inputs, const std::vector<attn::RefTensor> &references,
                  const std::string &folder) {
  for (auto [info, tensor] : llvm::zip(entry.inputs, inputs))
    if (int code = writeTensor(info, folder, {tensor.shape, static_cast<size_t>(tensor.rank)}, tensor.data))
      return code;
  for (auto [info, tensor] : llvm::zip(entry.outputs, references)) {
    std::vector<char> bytes = attn::toBytes(tensor);
    if (int code = writeTensor(info, folder, tensor.shape, bytes.data()))
      return code;
  }
  return kOk;
}

static int checkEntry(Compilation &compilation, const emit::EntryInfo &entry, Loaded &loaded, func::FuncOp function,
                      const Settings &settings) {
  std::optional<Tensors> inputs = readOrMakeInputs(entry, settings.files, settings.dims, settings.seed);
  if (!inputs)
    return kBadInput;
  Tensors outputs;
  loaded.select(entry.name);
  if (int code = loaded.plan(*inputs, outputs))
    return code;
  if (int code = compilation.timed("run", [&] { return loaded.call(*inputs, outputs); }))
    return code;
  bool bf16Dots = loaded.target(compilation.request().targets).hasBf16Dot;
  auto expected = expectedOutputs(compilation, entry, function, *inputs, settings, bf16Dots);
  if (!expected)
    return kBadInput;
  if (!settings.record.empty())
    if (int code = record(entry, *inputs, expected->outputs, settings.record))
      return code;
  return compareOutputs(entry, function, outputs, *expected, settings.tolerance);
}

/// All entries, or the one that is meant; none after a usage error.
static llvm::ArrayRef<emit::EntryInfo> chosenEntries(const Compilation &compilation, const Settings &settings) {
  llvm::ArrayRef<emit::EntryInfo> all = compilation.entries();
  if (settings.entry.empty() && (all.size() == 1 || !settings.hasFiles()))
    return all;
  if (settings.entry.empty()) {
    usageError("check", "the files belong to one entry of '" + compilation.request().file +
                            "': choose it with --entry=" + all.front().name);
    return {};
  }
  const emit::EntryInfo *entry = compilation.findEntry(settings.entry, "check");
  return entry ? llvm::ArrayRef(*entry) : llvm::ArrayRef<emit::EntryInfo>();
}

static int check(Compilation &compilation, const Settings &settings) {
  if (int code = compilation.load())
    return code;
  if (compilation.stage() != Stage::attn)
    return usageError("check",
                      "the reference starts from level attn; --from=" + stageName(compilation.stage()) + " is past it");
  llvm::ArrayRef<emit::EntryInfo> entries = chosenEntries(compilation, settings);
  if (entries.empty())
    return kUsage;
  OwningOpRef<ModuleOp> asWritten = compilation.module().clone(); // lowering changes the module
  Loaded loaded;
  if (int code = loaded.load(compilation, settings.threads))
    return code;
  int result = kOk;
  for (const emit::EntryInfo &entry : entries) {
    if (compilation.entries().size() > 1)
      llvm::outs() << entry.name << ":\n";
    auto function = asWritten->lookupSymbol<func::FuncOp>(entry.name);
    int code = checkEntry(compilation, entry, loaded, function, settings);
    if (code && code != kInaccurate)
      return code;
    result = std::max(result, code);
  }
  return result;
}

static int run(llvm::ArrayRef<const char *> arguments) {
  std::vector<std::string> rest;
  if (std::optional<int> done = parse(checkVerb, arguments, &rest))
    return *done;
  Settings settings{{flags().inputs, {}},
                    flags().expected,
                    flags().record,
                    flags().entry,
                    static_cast<uint64_t>(int(flags().seed)),
                    flags().threads,
                    std::nullopt,
                    {}};
  if (!readNames(rest, "check", settings.files))
    return kUsage;
  if (llvm::StringRef text = flags().tolerance.getValue(); !text.empty()) {
    double value;
    if (text.getAsDouble(value) || !(value >= 0))
      return usageError("check", "--tolerance is a number from 0, not '" + text + "'");
    settings.tolerance = value;
  }
  std::optional<CompileRequest> request = readRequest(flags(), "check");
  if (!request)
    return kUsage;
  request->checks = true; // the reference knows of no promise: a broken one would look like a wrong kernel
  settings.dims = request->dims;
  dropRunTimeDims(*request);
  Compilation compilation(std::move(*request));
  return check(compilation, settings);
}

const Verb checkVerb{"check",
                     "FILE [--inputs FOLDER | --dims B=1,M=33,...] [--tolerance=X]",
                     "compile, run, and compare with the f64 reference; exit 3 if it is off",
                     R"(  attnc check causal.attn --dims H=4,D=64,B=2,M=33,N=65
  attnc check layer.onnx --inputs in --tolerance=1e-4
  attnc check layer.onnx --inputs in --expected out           files made elsewhere, say by PyTorch
)",
                     [] { flags(); },
                     run};

} // namespace attnc::tool
