//===- Check.cpp - attnc check: compiled code against the reference -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Loaded.h"
#include "compiler/tools/attnc/check/Verdict.h"
#include "compiler/tools/attnc/inputs/MadeUp.h"
#include "compiler/tools/attnc/measure/Flops.h"
#include "dialects/Attn/Interpreter.h"
#include "llvm/Support/raw_ostream.h"
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
  Switch layers{"layers", "compare every op, each on what was computed before it, and name the first that is off"};
  Number seed{"seed", "N", "which made-up inputs", 1};
  Number threads{"threads", "N", "threads to use; 0: as many as suit", 0};
  Text tolerance{
      "tolerance", "X",
      "largest allowed relative error (default: the bound of each element; where none is known by type, f64 1e-12, "
      "f32 1e-5, f16 2e-3, bf16 1.6e-2, or what the magnitudes of scores and the rounding of tensors lead to; with "
      "--dtype=bf16 2e-2, with f16 2.5e-3)"};
};

/// The flags' values, and the tensors that came with them.
struct Settings {
  TensorFiles files;
  std::string expected, record, entry;
  uint64_t seed;
  int threads;
  std::optional<double> tolerance;
  double computing = 0; ///< what --dtype may cost, if it is less than f32
  DimBindings dims;
  bool layers = false;

  /// Whether files belong to the check: those of one entry.
  bool hasFiles() const { return files.any() || !expected.empty() || !record.empty(); }
};
} // namespace

static Flags &flags() {
  static Flags *all = new Flags; // never destroyed: see Options.h
  return *all;
}

/// The f64 reference's outputs for `inputs`; nothing after an error, which is
/// reported.
static std::optional<Expected> reference(func::FuncOp function, const Tensors &inputs, bool bf16Dots) {
  Expected expected;
  expected.bounds.bf16Dots = bf16Dots;
  auto results = attn::interpret(function, argumentsFor(function, inputs), &expected.bounds);
  if (failed(results))
    return std::nullopt;
  expected.outputs = std::move(*results);
  return expected;
}

/// One row per output; kInaccurate if one is off.
static int compareOutputs(const emit::EntryInfo &entry, func::FuncOp function, const Tensors &inputs,
                          const Tensors &outputs, const Expected &expected, const Settings &settings) {
  llvm::outs() << fmt::format("{:<16} {:<20} {:>10} {:>10} {:>10} {:>8} {:>10}\n", "output", "shape", "max abs",
                              "bound", "max rel", "ulps", "tolerance");
  int code = kOk;
  for (auto [index, info] : llvm::enumerate(entry.outputs)) {
    Type type = cast<RankedTensorType>(function.getResultTypes()[index]).getElementType();
    attn::RefTensor got = toReference(outputs[index], type);
    Compared output(got, expected, index);
    double typical = std::max(defaultTolerance(entry, info), settings.computing);
    if (settings.computing)
      output.bound = output.estimate = nullptr;
    Verdict verdict = judge(output, typical, settings.tolerance, [&, index = index] {
      return settings.expected.empty() ? findSensitivity(function, inputs, output.exact, index) : Sensitivity();
    });
    const attn::Comparison &comparison = output.comparison;
    llvm::outs() << fmt::format("{:<16} {:<20} {:>10.2e} {:>10} {:>10.2e} {:>8.1f} {:>10}  {}\n", info.name,
                                spellShape(outputs[index]), comparison.maxAbsolute,
                                output.bound ? fmt::format("{:.1e}", largestFinite(*output.bound)) : "-",
                                comparison.maxRelative, comparison.maxUlps, verdict.limit, spell(verdict).str());
    if (!verdict.isWithin)
      llvm::outs() << "  " << attn::describe(comparison, got, output.exact) << "\n";
    else if (verdict.unclear)
      llvm::outs() << "  rounding each tensor to its type " << spell(*verdict.unclear)
                   << ": this says little; --layers compares op by op\n";
    if (!verdict.isOk())
      code = kInaccurate;
  }
  if (code && settings.expected.empty())
    note("--layers says which op is off");
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

/// The inputs of a call, and a line about those that are made up.
static std::optional<Tensors> makeInputs(const emit::EntryInfo &entry, const Settings &settings, uint64_t seed,
                                         func::FuncOp function, bool says) {
  std::string said;
  auto inputs = readOrMakeInputs(entry, settings.files, settings.dims, seed, function, {}, &said);
  if (inputs && says && !said.empty())
    note("made-up inputs (--seed=" + llvm::Twine(settings.seed) + "): " + said);
  return inputs;
}

/// A mask that allows nothing tests nothing: other inputs are made up then, this many times at most.
constexpr uint64_t kMostDraws = 8;

static int checkEntry(Compilation &compilation, const emit::EntryInfo &entry, Loaded &loaded, func::FuncOp function,
                      const Settings &settings) {
  loaded.select(entry.name);
  bool bf16Dots = loaded.target(compilation.request().targets).hasDots(codegen::Element::bf16);
  std::optional<Tensors> inputs;
  std::optional<Expected> expected;
  Tensors outputs;
  for (uint64_t draw = 0; draw < kMostDraws; ++draw) {
    inputs = makeInputs(entry, settings, settings.seed + (draw << 32), function, /*says=*/draw == 0);
    if (!inputs)
      return kBadInput;
    if (int code = loaded.plan(*inputs, outputs))
      return code;
    if (int code = compilation.timed("run", [&] { return loaded.call(*inputs, outputs); }))
      return code;
    expected = expectedOutputs(compilation, entry, function, *inputs, settings, bf16Dots);
    if (!expected)
      return kBadInput;
    if (expected->bounds.allowedPairs || !expected->bounds.pairs || !settings.files.inputs.empty())
      break;
  }
  if (!settings.record.empty())
    if (int code = record(entry, *inputs, expected->outputs, settings.record))
      return code;
  int code = compareOutputs(entry, function, *inputs, outputs, *expected, settings);
  if (int64_t pairs = expected->bounds.pairs)
    llvm::outs() << fmt::format(
        "the mask allows {} of {} pairs of queries and keys ({:.1f}%)\n", expected->bounds.allowedPairs, pairs,
        100.0 * static_cast<double>(expected->bounds.allowedPairs) / static_cast<double>(pairs));
  return code;
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

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

/// "1.2e-07 1.0e-05 3.1e-07", and the first op that is off once more.
static int printLayers(llvm::ArrayRef<LayerRow> rows) {
  llvm::outs() << fmt::format("{:>8} {:>8} {:>8}  {:<4} {:<11} {:<24} {}\n", "error", "bound", "drift", "", "op",
                              "shape", "place");
  for (const LayerRow &row : rows)
    llvm::outs() << fmt::format("{:>8.1e} {:>8.1e} {:>8.1e}  {:<4} {:<11} {:<24} {}\n", row.error, row.bound, row.drift,
                                row.isOff ? "OFF" : "ok", row.op, row.shape, row.place);
  const auto *first = llvm::find_if(rows, [](const LayerRow &row) { return row.isOff; });
  if (first == rows.end()) {
    llvm::outs() << fmt::format("all {} values keep to their bounds\n", rows.size());
    return kOk;
  }
  llvm::outs() << fmt::format("first off: {} ({}), {}\n", first->place, first->op, first->why);
  return kInaccurate;
}

/// What rounding has grown to at the outputs. No op is off: what is far from f64 there is so in f32, however it is computed.
static void printDrift(const emit::EntryInfo &entry, const Tensors &outputs, llvm::ArrayRef<attn::RefTensor> exact,
                       double computing) {
  for (auto [info, tensor, reference] : llvm::zip(entry.outputs, outputs, exact)) {
    double drift = attn::compare(toReference(tensor, reference.elementType), reference).maxRelative;
    double typical = std::max(defaultTolerance(entry, info), computing);
    llvm::outs() << fmt::format("output {}: {:.1e} from f64, {}\n", info.name, drift,
                                drift <= typical ? fmt::format("within {:.1e}", typical)
                                                 : "which is what rounding grows to in this graph: no op is off");
  }
}

/// Fusion may not change what is meant, but for operands that --dtype rounds: f64 of the graph as it was written, and as
/// it was fused. Returns an exit code.
static int compareFusion(const emit::EntryInfo &entry, func::FuncOp asWritten, const Tensors &inputs,
                         llvm::ArrayRef<attn::RefTensor> fused, double computing) {
  constexpr double kFolded = 1e-6; // constants are rounded where they are computed with
  constexpr double kOften = 32;
  auto written = attn::interpret(asWritten, argumentsFor(asWritten, inputs));
  if (failed(written))
    return kBadInput;
  int code = kOk;
  for (auto [index, info] : llvm::enumerate(entry.outputs)) {
    const attn::RefTensor &before = (*written)[index], &after = fused[index];
    attn::Comparison comparison = attn::compare(after, before);
    if (comparison.within(std::max(kFolded, computing)))
      continue;
    Sensitivity rounding = findSensitivity(asWritten, inputs, before, index);
    if (rounding.flips || comparison.within(kOften * rounding.moved))
      continue;
    llvm::outs() << fmt::format("output {}: fusion has changed what it means, {}\n", info.name,
                                attn::describe(comparison, after, before));
    code = kInaccurate;
  }
  return code;
}

namespace {
/// An entry whose ops are looked at, and what it was.
struct ProbedEntry {
  std::string name;
  func::FuncOp asWritten, function;
  std::vector<Probe> probes;
};
} // namespace

static int checkLayersOf(Compilation &compilation, ProbedEntry &probed, const emit::EntryInfo &entry, Loaded &loaded,
                         const Settings &settings) {
  loaded.select(entry.name);
  std::optional<Tensors> inputs = makeInputs(entry, settings, settings.seed, probed.asWritten, /*says=*/true);
  if (!inputs)
    return kBadInput;
  Tensors outputs;
  if (int code = loaded.plan(*inputs, outputs))
    return code;
  if (int code = compilation.timed("run", [&] { return loaded.call(*inputs, outputs); }))
    return code;
  LayerCall call{probed.function,
                 probed.probes,
                 *inputs,
                 outputs,
                 loaded.target(compilation.request().targets).hasDots(codegen::Element::bf16),
                 settings.tolerance};
  std::vector<attn::RefTensor> exact;
  auto rows = compilation.timed("reference", [&] { return compareLayers(call, exact); });
  if (!rows)
    return kBadInput;
  int code = printLayers(*rows);
  emit::EntryInfo own = entry;
  own.outputs.resize(probed.asWritten.getNumResults());
  if (!code)
    printDrift(own, outputs, exact, settings.computing);
  int changed = compareFusion(own, probed.asWritten, *inputs, exact, settings.computing);
  return changed ? changed : code;
}

/// Each op on its own: values inside of the fused program are outputs of one that is compiled for that.
static int checkLayers(Compilation &compilation, ModuleOp asWritten, llvm::ArrayRef<std::string> names,
                       const Settings &settings) {
  if (int code = compilation.lowerShared(Stage::fused))
    return code;
  inlineCalls(compilation.module());
  std::vector<ProbedEntry> probed;
  for (const emit::EntryInfo &entry : compilation.entries())
    if (llvm::is_contained(names, entry.name)) {
      func::FuncOp function = compilation.functionOf(entry);
      probed.push_back({entry.name, asWritten.lookupSymbol<func::FuncOp>(entry.symbol), function, addProbes(function)});
    }
  if (int code = compilation.readEntriesAgain())
    return code;
  Loaded loaded;
  if (int code = loaded.load(compilation, settings.threads))
    return code;
  int result = kOk;
  for (ProbedEntry &each : probed) {
    if (compilation.entries().size() > 1)
      llvm::outs() << each.name << ":\n";
    int code = checkLayersOf(compilation, each, *compilation.findEntry(each.name, "check"), loaded, settings);
    if (code && code != kInaccurate)
      return code;
    result = std::max(result, code);
  }
  return result;
}

static int check(Compilation &compilation, Settings settings) {
  if (int code = compilation.load())
    return code;
  for (const std::string &name : compilation.fixedInputs())
    settings.files.named.erase(name);
  if (compilation.stage() != Stage::attn)
    return usageError("check",
                      "the reference starts from level attn; --from=" + stageName(compilation.stage()) + " is past it");
  llvm::ArrayRef<emit::EntryInfo> entries = chosenEntries(compilation, settings);
  if (entries.empty())
    return kUsage;
  OwningOpRef<ModuleOp> asWritten = compilation.module().clone(); // lowering changes the module
  if (settings.layers) {
    std::vector<std::string> names;
    for (const emit::EntryInfo &entry : entries)
      names.push_back(entry.name);
    return checkLayers(compilation, *asWritten, names, settings);
  }
  Loaded loaded;
  if (int code = loaded.load(compilation, settings.threads))
    return code;
  int result = kOk;
  for (const emit::EntryInfo &entry : entries) {
    if (compilation.entries().size() > 1)
      llvm::outs() << entry.name << ":\n";
    auto function = asWritten->lookupSymbol<func::FuncOp>(entry.symbol);
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
                    0,
                    {},
                    flags().layers};
  if (!readNames(rest, "check", settings.files))
    return kUsage;
  if (llvm::StringRef text = flags().tolerance.getValue(); !text.empty()) {
    double value;
    if (text.getAsDouble(value) || !(value >= 0))
      return usageError("check", "--tolerance is a number from 0, not '" + text + "'");
    settings.tolerance = value;
  }
  if (settings.layers && (!settings.expected.empty() || !settings.record.empty()))
    return usageError("check",
                      "--layers compares with the reference, op by op: --expected and --record are about outputs");
  std::optional<CompileRequest> request = readRequest(flags(), "check");
  if (!request)
    return kUsage;
  request->values = settings.files;
  request->checks = true; // the reference knows of no promise: a broken one would look like a wrong kernel
  settings.dims = request->dims;
  settings.computing = toleranceOfComputing(request->dtype);
  dropRunTimeDims(*request);
  Compilation compilation(std::move(*request));
  return check(compilation, settings);
}

const Verb checkVerb{"check",
                     "FILE [--inputs FOLDER | --dims B=1,M=33,...] [--layers] [--tolerance=X]",
                     "compile, run, and compare with the f64 reference; exit 3 if it is off",
                     R"(  attnc check causal.attn --dims H=4,D=64,B=2,M=33,N=65
  attnc check layer.onnx --inputs in --tolerance=1e-4
  attnc check model.onnx --dims B=1,S=16 --layers             which op goes wrong?
  attnc check layer.onnx --inputs in --expected out           files made elsewhere, say by PyTorch
)",
                     [] { flags(); },
                     run};

} // namespace attnc::tool
