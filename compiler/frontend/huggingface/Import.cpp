//===- Import.cpp - A Hugging Face model directory to attn-level IR -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   config.json + architectures/gemma2.attn  ->  the text of an .attn file  ->  IR at level attn
//
//   #: cap = attn_logit_softcapping | 50.0       becomes     def cap = 30.0 # attn_logit_softcapping = 30.0
//   #: D = head_dim | 256                        becomes     what --dims D=256 says
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/huggingface/Import.h"
#include "compiler/frontend/huggingface/CheckKeys.h"
#include "compiler/frontend/huggingface/CheckWeights.h"
#include "compiler/frontend/spec/Import.h"
#include "compiler/support/Suggest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::hf;

static constexpr StringLiteral kDims[] = {"H", "G", "D", "Dv"};

//===----------------------------------------------------------------------===//
// What config.json may say
//===----------------------------------------------------------------------===//

/// The architecture that model_type names.
static FailureOr<Architecture> findArchitecture(const Config &config) {
  llvm::SmallVector<StringRef> known = modelTypes();
  std::string list = " (known: " + llvm::join(known, ", ") + ")";
  std::optional<simdjson::dom::element> element = config.find("model_type");
  std::string_view type;
  if (!element || element->get(type) != simdjson::SUCCESS)
    return config.error("model_type") << "it has no 'model_type' that says which model this is" << list;
  if (!llvm::is_contained(known, StringRef(type)))
    return config.error("model_type") << "model_type " << spell(*element) << " is not known" << didYouMean(type, known)
                                      << list;
  return getArchitecture(type);
}

/// A note at `loc`: what the user should know, and is no mistake.
static void emitNote(Location loc, const llvm::Twine &text) {
  loc.getContext()->getDiagEngine().emit(loc, DiagnosticSeverity::Note) << text;
}

/// The element type of q, k and v, as .attn spells it: what the model is stored in.
static FailureOr<StringRef> elementType(const Config &config) {
  constexpr std::pair<StringLiteral, StringLiteral> kTypes[] = {
      {"float32", "f32"}, {"float16", "f16"}, {"bfloat16", "bf16"}, {"float64", "f64"}};
  for (StringRef key : {"torch_dtype", "dtype"}) {
    std::optional<simdjson::dom::element> value = config.find(key);
    if (!value || value->is_null())
      continue;
    std::string name = plain(*value);
    const auto *row = llvm::find_if(kTypes, [&](const auto &candidate) { return candidate.first == name; });
    if (row == std::end(kTypes))
      return config.error(key) << "'" << key << "' is " << spell(*value)
                               << ", but models are known in float32, float16, bfloat16 and float64";
    return StringRef(row->second);
  }
  return StringRef("f32");
}

//===----------------------------------------------------------------------===//
// Kinds of layers
//===----------------------------------------------------------------------===//

namespace {
/// Which kinds of layers the model has.
struct Kinds {
  bool local = false, global = false;
};
} // namespace

/// The kinds that `layer_types` lists, one name for each layer.
static FailureOr<Kinds> readLayerTypes(simdjson::dom::element value, const Config &config) {
  simdjson::dom::array types;
  Kinds kinds;
  if (value.get(types) != simdjson::SUCCESS)
    return config.error("layer_types") << "'layer_types' must be a list of names";
  for (simdjson::dom::element type : types) {
    std::string name = plain(type);
    if (name != "full_attention" && name != "sliding_attention")
      return config.error("layer_types") << "layers of type " << spell(type)
                                         << " are not supported (known: full_attention, sliding_attention)";
    (name == "full_attention" ? kinds.global : kinds.local) = true;
  }
  if (!kinds.global && !kinds.local)
    return config.error("layer_types") << "'layer_types' names no layer";
  return kinds;
}

static FailureOr<Kinds> kindsByRule(const KindRule &rule, const Config &config, const Bindings &bindings) {
  std::optional<Bound> number = evaluate(rule.value, "", config, bindings);
  if (!number)
    return failure();
  int64_t layers = bindings.find("layers")->second.integer();
  if (rule.rule == KindRule::GlobalEvery) {
    if (number->integer() < 1)
      return config.error(StringRef(number->origins.back()).split(' ').first)
             << "the pattern of layers must be at least 1 (" << llvm::join(number->origins, ", ") << ")";
    return Kinds{number->integer() > 1, layers >= number->integer()};
  }
  const bool *applies = std::get_if<bool>(&bindings.find(rule.condition)->second.value);
  bool hasLocal = applies && *applies && number->integer() < layers;
  return Kinds{hasLocal, !hasLocal || number->integer() > 0};
}

static FailureOr<Kinds> findKinds(const Architecture &architecture, const Config &config, const Bindings &bindings) {
  std::optional<simdjson::dom::element> types = config.find("layer_types");
  if (types && !types->is_null()) {
    FailureOr<Kinds> kinds = readLayerTypes(*types, config);
    if (succeeded(kinds) && architecture.kinds.rule == KindRule::OneKind && kinds->local && kinds->global)
      return config.error("layer_types") << "layers of two kinds are not understood for " << architecture.modelType
                                         << " models";
    if (succeeded(kinds) && kinds->local && !architecture.reads("sliding_window"))
      return config.error("layer_types") << "layers that see a window are not understood for " << architecture.modelType
                                         << " models";
    return kinds;
  }
  if (architecture.kinds.rule == KindRule::OneKind)
    return Kinds{};
  return kindsByRule(architecture.kinds, config, bindings);
}

/// Removes the attention that no layer has; what remains alone is called `attention`.
static void keepKinds(ModuleOp module, const Kinds &kinds) {
  auto local = module.lookupSymbol<func::FuncOp>("local");
  auto global = module.lookupSymbol<func::FuncOp>("global");
  if (!local || !global || (kinds.local && kinds.global))
    return;
  (kinds.local ? local : global).setName("attention");
  (kinds.local ? global : local).erase();
}

//===----------------------------------------------------------------------===//
// Text and IR
//===----------------------------------------------------------------------===//

/// The rule that stands in `line`, or null.
static const BindingRule *findRule(const Architecture &architecture, StringRef line) {
  for (const BindingRule &rule : architecture.bindings)
    if (line.begin() <= rule.name.begin() && rule.name.end() <= line.end())
      return &rule;
  return nullptr;
}

/// The architecture's text with its constants defined, line by line, so that places stay the same.
static std::string writeText(const Architecture &architecture, const Bindings &bindings, StringRef element) {
  std::string result;
  for (StringRef line : llvm::split(architecture.text, '\n')) {
    const BindingRule *rule = findRule(architecture, line);
    if (rule && !llvm::is_contained(kDims, rule->name)) {
      const Bound &bound = bindings.find(rule->name)->second;
      result += fmt::format("def {} = {} # {}", rule->name.str(), spell(bound.value), llvm::join(bound.origins, ", "));
    } else {
      result += line;
    }
    result += '\n';
  }
  std::string type = element.str() + "[";
  for (size_t at = 0; (at = result.find("f32[", at)) != std::string::npos; at += type.size())
    result.replace(at, 4, type);
  return result;
}

/// `dims` of the user with those of config.json; the latter cannot be changed.
static FailureOr<DimBindings> mergeDims(const Bindings &bindings, const DimBindings &dims, const Config &config) {
  DimBindings result = dims;
  for (StringRef name : kDims) {
    auto it = bindings.find(name);
    if (it == bindings.end())
      continue;
    int64_t extent = it->second.integer();
    auto [given, isNew] = result.try_emplace(name, extent);
    if (!isNew && given->second != extent)
      return emitError(config.location()) << "--dims gives " << name << "=" << given->second << ", but it is " << extent
                                          << " here (" << llvm::join(it->second.origins, ", ") << ")";
  }
  return result;
}

/// Compares with the weights in `folder`, if there are any.
static LogicalResult checkWeightsIn(StringRef folder, const Architecture &architecture, const Config &config,
                                    const Bindings &bindings) {
  std::optional<std::string> file = weights::findWeights(folder);
  if (!file)
    return success();
  llvm::Expected<weights::Weights> opened = weights::openWeights(*file);
  if (opened)
    return checkWeights(architecture, config, bindings, *opened);
  llvm::handleAllErrors(opened.takeError(), [&](const llvm::ErrorInfoBase &error) {
    emitError(config.location()) << "the weights beside it: " << error.message();
  });
  return failure();
}

/// Says that nothing was compared with config.json.
static void noteMissingWeights(StringRef folder, const Config &config) {
  if (!weights::findWeights(folder))
    emitNote(config.location(), "there are no weights beside it to compare it with (model.safetensors, or "
                                "model.safetensors.index.json and its shards)");
}

/// Says that a model's attention is not the model.
static void warnOfScope(ModuleOp module, const Architecture &architecture, const Config &config,
                        const Bindings &bindings) {
  llvm::SmallVector<std::string> kinds;
  for (auto function : module.getOps<func::FuncOp>())
    kinds.push_back("'" + function.getSymName().str() + "'");
  int64_t layers = bindings.find("layers")->second.integer();
  emitWarning(config.location()) << "only the attention of this " << architecture.modelType
                                 << " model is compiled: " << llvm::join(kinds, ", ") << " of its " << layers
                                 << (layers == 1 ? " layer" : " layers")
                                 << ", which takes q, k and v; embeddings, projections, positions, norms and "
                                    "feed-forward layers are not in it: whole models are not supported yet";
}

bool hf::isModelDirectory(StringRef path) {
  llvm::SmallString<128> config(path);
  llvm::sys::path::append(config, "config.json");
  return llvm::sys::fs::is_directory(path) && llvm::sys::fs::exists(config);
}

FailureOr<OwningOpRef<ModuleOp>> hf::importDirectory(StringRef folder, MLIRContext *context, const DimBindings &dims) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, "config.json");
  FailureOr<Config> config = Config::read(path, context);
  if (failed(config))
    return failure();
  FailureOr<Architecture> architecture = findArchitecture(*config);
  if (failed(architecture))
    return failure();
  LogicalResult keys = checkKeys(*architecture, *config);
  FailureOr<StringRef> element = elementType(*config);
  FailureOr<Bindings> bindings = bindConfig(*architecture, *config);
  if (failed(keys) || failed(element) || failed(bindings))
    return failure();
  FailureOr<Kinds> kinds = findKinds(*architecture, *config, *bindings);
  FailureOr<DimBindings> allDims = mergeDims(*bindings, dims, *config);
  LogicalResult weights = checkWeightsIn(folder, *architecture, *config, *bindings);
  if (failed(kinds) || failed(allDims) || failed(weights))
    return failure();

  llvm::SourceMgr sources;
  std::string name = "architectures/" + architecture->modelType.str() + ".attn";
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(writeText(*architecture, *bindings, *element), name),
                             llvm::SMLoc());
  FailureOr<OwningOpRef<ModuleOp>> module = spec::importSpec(sources, context, *allDims);
  if (failed(module)) {
    for (const BindingRule &rule : architecture->bindings)
      if (const Bound &bound = bindings->find(rule.name)->second; !llvm::is_contained(kDims, rule.name))
        emitNote(config->location(), fmt::format("{} is {} here ({})", rule.name.str(), spell(bound.value),
                                                 llvm::join(bound.origins, ", ")));
    return failure();
  }
  keepKinds(**module, *kinds);
  warnOfScope(**module, *architecture, *config, *bindings);
  noteMissingWeights(folder, *config);
  return module;
}
