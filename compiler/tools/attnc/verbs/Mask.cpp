//===- Mask.cpp - attnc mask: which blocks a mask leaves, as a picture ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The classes of the blocks are what the lowering would decide, from the same code; the pairs are the mask itself,
// evaluated one by one. A block that hides a pair would be seen here at once: that is checked for every picture.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/masks/MaskProbe.h"
#include "compiler/tools/attnc/Compilation.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/MaskPicture.h"
#include "compiler/tools/attnc/OpenExtents.h"
#include "compiler/tools/attnc/OutputFiles.h"
#include "compiler/tools/attnc/Tensors.h"
#include "compiler/tools/attnc/inputs/MadeUp.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::tool {

using schedule::MaskQuestion;

namespace {
struct Flags {
  cl::opt<std::string> file{cl::Positional, cl::desc("FILE"), cl::cat(options())};
  cl::list<std::string> dims{"dims", cl::value_desc("M=512,N=512"), cl::cat(options()),
                             cl::desc("extents; M and N are 512 without, heads and features what suits")};
  Text output{"o", "FILE.svg", "write a drawing; without, the picture is text"};
  Text block{"block", "ROWSxCOLS", "queries and keys of a block (default: about 16 blocks a side; kernels use 64x64)"};
  Text entry{"entry", "NAME", "which attention of the file"};
  Text title{"title", "TEXT", "above the picture, instead of the entry's name and lengths"};
  Text inputs{"inputs", "FOLDER",
              "take every input from NAME.npy there; without, those no --NAME FILE gives are made up"};
  Number batch{"batch", "b", "which batch entry", 0};
  Number head{"head", "h", "which query head", 0};
  Number seed{"seed", "N", "which made-up inputs", 1};
};

struct Settings {
  TensorFiles files;
  std::string output, entry, title;
  MaskQuestion question;
  std::optional<std::pair<int64_t, int64_t>> block;
  uint64_t seed;
  DimBindings dims;
};
} // namespace

static Flags &flags() {
  static Flags *all = new Flags; // never destroyed: see Options.h
  return *all;
}

constexpr int64_t kMaxPairs = int64_t(1) << 24, kMaxBlocks = int64_t(1) << 20;
constexpr int64_t kMaxTextColumns = 128;

//===----------------------------------------------------------------------===//
// Lengths that nobody has given
//===----------------------------------------------------------------------===//

/// Extents of a call for symbols that neither the command nor a file gives.
static DimBindings callExtents(const emit::EntryInfo &entry) {
  DimBindings dims;
  for (const std::string &symbol : entry.symbols)
    dims[symbol] = symbol == "B" || symbol == "batch" ? 1 : 512;
  return dims;
}

//===----------------------------------------------------------------------===//
// Asking
//===----------------------------------------------------------------------===//

/// The attention to draw: the first with a mask, else the first.
static attn::AttentionOp findAttention(func::FuncOp function) {
  attn::AttentionOp found;
  int64_t count = 0;
  for (auto op : function.getBody().getOps<attn::AttentionOp>()) {
    ++count;
    if (!found || (found.getMask().empty() && !op.getMask().empty()))
      found = op;
  }
  if (count > 1)
    note(fmt::format("'{}' holds {} attentions; this is the first with a mask", function.getSymName().str(), count));
  return found;
}

/// Files may hold anything: ranks, fixed extents and those that share a symbol must fit. Reports all that do not.
static bool checkShapes(const emit::EntryInfo &entry, const Tensors &inputs) {
  bool ok = true;
  DimBindings symbols;
  for (auto [info, tensor] : llvm::zip(entry.inputs, inputs)) {
    bool fits = tensor.rank == static_cast<int32_t>(info.dims.size());
    for (size_t d = 0; fits && d < info.dims.size(); ++d) {
      const emit::DimInfo &dim = info.dims[d];
      fits = dim.symbol < 0
                 ? dim.size < 0 || dim.size == tensor.shape[d]
                 : symbols.try_emplace(entry.symbols[dim.symbol], tensor.shape[d]).first->second == tensor.shape[d];
    }
    if (!fits)
      error(fmt::format("input '{}' is {}, expected {} with the extents of the inputs before it", info.name,
                        spellShape(tensor), entry.spellTensor(info)));
    ok = ok && fits;
  }
  return ok;
}

/// An input that is read for its extents alone needs no elements.
static bool isReadForExtents(Value argument) {
  return llvm::all_of(argument.getUsers(), [](Operation *user) { return isa<tensor::DimOp>(user); });
}

static std::vector<attn::RefTensor> toReferences(func::FuncOp probe, const Tensors &inputs) {
  std::vector<attn::RefTensor> references;
  for (auto [tensor, argument] : llvm::zip(inputs, probe.getArguments())) {
    Type element = cast<RankedTensorType>(argument.getType()).getElementType();
    if (!isReadForExtents(argument)) {
      references.push_back(toReference(tensor, element));
      continue;
    }
    attn::RefTensor &shapeOnly = references.emplace_back();
    shapeOnly.elementType = element;
    shapeOnly.shape.assign(tensor.shape, tensor.shape + tensor.rank);
  }
  return references;
}

/// About 16 blocks for the longer side: a power of two from 4.
static int64_t defaultBlock(int64_t queries, int64_t keys) {
  return std::max<int64_t>(4, llvm::PowerOf2Ceil(std::max(queries, keys)) / 16);
}

/// The extent of `letter`; 512 where that is computed and not an input's.
static int64_t extentIn(const Tensors &inputs, attn::AttentionOp op, char letter) {
  attn::ExtentSource source = op.findExtent(letter);
  if (!source.operand)
    return source.factor;
  auto argument = dyn_cast<BlockArgument>(source.operand);
  return argument ? inputs[argument.getArgNumber()].shape[source.dim] * source.factor : 512;
}

static BlockClass classOf(bool someAllowed, bool someMasked, bool walked) {
  if (!someAllowed || !walked)
    return walked ? BlockClass::empty : BlockClass::skipped;
  return someMasked ? BlockClass::partial : BlockClass::full;
}

static MaskPicture toPicture(llvm::ArrayRef<attn::RefTensor> answers, const MaskQuestion &question) {
  const attn::RefTensor &pairs = answers[schedule::kAllowed], &some = answers[schedule::kSomeAllowed];
  MaskPicture picture;
  picture.blockRows = question.blockRows, picture.blockCols = question.blockCols;
  picture.rows = some.shape[0], picture.columns = some.shape[1];
  for (int64_t at = 0; at < some.size(); ++at)
    picture.blocks.push_back(
        classOf(some.ints[at], answers[schedule::kSomeMasked].ints[at], answers[schedule::kWalked].ints[at]));
  picture.pairs.assign(pairs.ints.begin(), pairs.ints.end());
  return picture;
}

/// Whether a pair contradicts the class of its block.
static bool isSound(const MaskPicture &picture) {
  for (size_t at = 0; at < picture.pairs.size(); ++at) {
    int64_t i = static_cast<int64_t>(at) / picture.keys, j = static_cast<int64_t>(at) % picture.keys;
    BlockClass kind = picture.at(i / picture.blockRows, j / picture.blockCols);
    if (picture.pairs[at] ? kind < BlockClass::partial : kind == BlockClass::full)
      return error(
                 fmt::format("internal error: query {} and key {} contradict what is known of their block. This is our "
                             "bug, not yours: please report it with the file.",
                             i, j)),
             false;
  }
  return true;
}

/// Which arguments of the function the mask reads elements of.
static llvm::SmallPtrSet<Value, 8> argumentsRead(attn::AttentionOp attention) {
  llvm::SmallPtrSet<Value, 8> arguments;
  if (attention.getMask().empty())
    return arguments;
  llvm::SetVector<Value> read;
  auto captured = attention.getMask().front().getArguments().take_back(attention.getCaptures().size());
  for (auto [value, argument] : llvm::zip(attention.getCaptures(), captured))
    if (!argument.use_empty())
      read.insert(value);
  for (size_t at = 0; at < read.size(); ++at) {
    Operation *op = read[at].getDefiningOp();
    if (!op)
      arguments.insert(read[at]);
    else if (!isa<tensor::DimOp>(op))
      read.insert(op->operand_begin(), op->operand_end());
  }
  return arguments;
}

/// The files of a folder by name: those that are there, and must be where the mask reads the tensor. Nothing after an
/// error.
static std::optional<TensorFiles> filesThere(const emit::EntryInfo &entry, func::FuncOp function,
                                             attn::AttentionOp attention, const TensorFiles &files) {
  if (files.inputs.empty())
    return files;
  TensorFiles there{"", files.named};
  llvm::SmallPtrSet<Value, 8> read = argumentsRead(attention);
  bool ok = true;
  for (auto [info, argument] : llvm::zip(entry.inputs, function.getArguments())) {
    std::string file = fileOf(info, files);
    if (llvm::sys::fs::exists(file))
      there.named.try_emplace(info.name, file);
    else if (read.contains(argument)) {
      error("no file for input '" + info.name + "', which the mask reads: '" + file + "' is not there");
      ok = false;
    }
  }
  return ok ? std::optional(std::move(there)) : std::nullopt;
}

/// The picture, or an exit code.
static int ask(Compilation &compilation, const emit::EntryInfo &entry, Settings &settings, MaskPicture &picture) {
  auto function = compilation.module().lookupSymbol<func::FuncOp>(entry.symbol);
  attn::AttentionOp attention = function ? findAttention(function) : nullptr;
  if (!attention)
    return error("'" + entry.name + "' of '" + compilation.request().file + "' holds no attention");
  std::optional<TensorFiles> files = filesThere(entry, function, attention, settings.files);
  if (!files)
    return kBadInput;
  std::optional<Tensors> inputs =
      readOrMakeInputs(entry, *files, settings.dims, settings.seed, function, callExtents(entry));
  if (!inputs || !checkShapes(entry, *inputs))
    return kBadInput;
  MaskQuestion &question = settings.question;
  if (int64_t heads = attention.getExtent('H'); question.head >= heads)
    return usageError("mask", fmt::format("--head={} of {} heads", question.head, heads));
  if (int64_t batch = extentIn(*inputs, attention, 'B'); question.batch >= batch)
    return usageError("mask", fmt::format("--batch={} of {} batch entries", question.batch, batch));
  int64_t queries = extentIn(*inputs, attention, 'M');
  int64_t keys = extentIn(*inputs, attention, 'N');
  int64_t side = defaultBlock(queries, keys);
  std::tie(question.blockRows, question.blockCols) = settings.block.value_or(std::pair(side, side));
  if (llvm::divideCeil(queries, question.blockRows) * llvm::divideCeil(keys, question.blockCols) > kMaxBlocks)
    return usageError(
        "mask", fmt::format("{} x {} pairs are more than a million blocks: give a larger --block", queries, keys));
  question.pairs = queries * keys <= kMaxPairs;
  func::FuncOp probe = schedule::emitMaskProbe(attention, "attnc_mask_probe", question);
  auto answers = attn::interpret(probe, toReferences(probe, *inputs));
  if (failed(answers))
    return kBadInput;
  picture = toPicture(*answers, question);
  picture.queries = question.pairs ? (*answers)[schedule::kAllowed].shape[0] : queries;
  picture.keys = question.pairs ? (*answers)[schedule::kAllowed].shape[1] : keys;
  picture.title = settings.title.empty()
                      ? fmt::format("{}: {} queries, {} keys", entry.name, picture.queries, picture.keys)
                      : settings.title;
  return isSound(picture) ? kOk : kOurBug;
}

//===----------------------------------------------------------------------===//
// Showing
//===----------------------------------------------------------------------===//

static int show(const MaskPicture &picture, const std::string &output) {
  if (output.empty() && picture.columns > kMaxTextColumns)
    return usageError(
        "mask", fmt::format("{} blocks do not fit on a line: give a larger --block, or -o FILE.svg", picture.columns));
  if (output.empty())
    return printText(picture, llvm::outs()), kOk;
  if (output == "-")
    return llvm::outs() << makeSvg(picture), kOk;
  if (int code = writeOutput(output, makeSvg(picture)))
    return code;
  llvm::outs() << output << ": " << describe(picture) << "\n";
  return kOk;
}

static int draw(Compilation &compilation, Settings &settings) {
  if (int code = compilation.load())
    return code;
  const emit::EntryInfo *found = compilation.findEntry(settings.entry, "mask");
  if (!found)
    return kUsage;
  emit::EntryInfo entry = *found;
  if (int code = compilation.lowerShared(Stage::fused)) // an imported graph has its attention from here on
    return code;
  MaskPicture picture;
  if (int code = ask(compilation, entry, settings, picture))
    return code;
  return show(picture, settings.output);
}

//===----------------------------------------------------------------------===//
// The verb
//===----------------------------------------------------------------------===//

/// "64" or "64x128"; false after a usage error.
static bool readBlock(llvm::StringRef text, Settings &settings) {
  if (text.empty())
    return true;
  auto [rows, columns] = text.split('x');
  int64_t blockRows, blockCols;
  if (rows.getAsInteger(10, blockRows) || (columns.empty() ? rows : columns).getAsInteger(10, blockCols) ||
      blockRows < 1 || blockCols < 1 || std::max(blockRows, blockCols) > (int64_t(1) << 40)) {
    usageError("mask", "--block is like 64 or 64x128, not '" + text + "'");
    return false;
  }
  settings.block = {blockRows, blockCols};
  return true;
}

static bool readDims(DimBindings &dims) {
  bool ok = true;
  for (const std::string &text : flags().dims)
    if (llvm::Error failure = parseDimBindings(text, dims)) {
      usageError("mask", "--dims " + llvm::toString(std::move(failure)));
      ok = false;
    }
  return ok;
}

static int run(llvm::ArrayRef<const char *> arguments) {
  std::vector<std::string> rest;
  if (std::optional<int> done = parse(maskVerb, arguments, &rest))
    return *done;
  Settings settings;
  settings.files.inputs = flags().inputs;
  settings.output = flags().output;
  settings.entry = flags().entry;
  settings.title = flags().title;
  settings.seed = static_cast<uint64_t>(int(flags().seed));
  settings.question.batch = flags().batch, settings.question.head = flags().head;
  CompileRequest request;
  request.file = flags().file;
  request.targets.push_back(*codegen::parseTarget("host"));
  if (request.file.empty())
    return usageError("mask", "no input file; '-' reads standard input");
  if (settings.question.batch < 0 || settings.question.head < 0)
    return usageError("mask", "--batch and --head count from 0");
  if (!readNames(rest, "mask", settings.files) || !readBlock(flags().block, settings) || !readDims(settings.dims))
    return kUsage;
  fixOpenExtents(request.file, settings.dims);
  for (const auto &dim : settings.dims)
    request.dims[dim.first()] = dim.second;
  dropRunTimeDims(request);
  Compilation compilation(std::move(request));
  return draw(compilation, settings);
}

const Verb maskVerb{"mask",
                    "FILE [--dims M=512,N=512] [--block 32x32] [-o FILE.svg] [--NAME FILE.npy ...]",
                    "draw which blocks of a mask are empty, full and partial",
                    R"(  attnc mask window.attn --dims M=4096,N=4096 --block 256
  attnc mask document.attn --ids ids.npy -o document.svg
)",
                    [] { flags(); },
                    run};

} // namespace attnc::tool
