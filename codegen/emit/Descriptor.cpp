//===- Descriptor.cpp - What an artefact says about itself ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Descriptor.h"
#include "attnc/attnc.h"
#include "codegen/emit/Translate.h"
#include "codegen/emit/WeightTable.h"
#include "llvm/IR/IRBuilder.h"

namespace attnc::emit {

using llvm::Constant;

// Structs are built without a named type: their natural layout is that of C. A
// changed header must not go unnoticed.
static_assert(sizeof(attnc_dim) == 16 && sizeof(attnc_tensor_info) == 24 && sizeof(attnc_variant) == 32 &&
                  sizeof(attnc_entry) == 88 && sizeof(attnc_limit) == 24 && sizeof(attnc_module) == 32 &&
                  sizeof(attnc_weights) == 40,
              "the descriptor below repeats attnc.h field by field");

namespace {
class DescriptorBuilder {
public:
  DescriptorBuilder(llvm::Module &module, llvm::ArrayRef<codegen::TargetInfo> targets)
      : module(module), context(module.getContext()), targets(targets) {}

  Constant *entry(const EntryInfo &info);
  void moduleFunction(llvm::ArrayRef<EntryInfo> infos, Constant *entries);
  void accessor(llvm::StringRef name, Constant *data);
  void entryFunction(const EntryInfo &info, Constant *entry);
  void rawEntryFunction(const EntryInfo &info, Constant *entry);

  /// A private constant holding `elements`, which must not be empty; the
  /// address of its first element.
  Constant *array(llvm::ArrayRef<Constant *> elements, const llvm::Twine &name) {
    auto *type = llvm::ArrayType::get(elements.front()->getType(), elements.size());
    return constant(llvm::ConstantArray::get(type, elements), name);
  }

private:
  /// With a dot before its name, which no entry can have.
  Constant *constant(Constant *value, const llvm::Twine &name) {
    return new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true, llvm::GlobalValue::PrivateLinkage,
                                    value, "." + name);
  }
  Constant *text(llvm::StringRef value) { return constant(llvm::ConstantDataArray::getString(context, value), "text"); }
  Constant *integer(unsigned bits, uint64_t value) {
    return llvm::ConstantInt::get(context, llvm::APInt(bits, value, /*isSigned=*/false, /*implicitTrunc=*/true));
  }
  Constant *structure(llvm::ArrayRef<Constant *> fields) { return llvm::ConstantStruct::getAnon(context, fields); }
  Constant *null() { return llvm::ConstantPointerNull::get(pointer()); }
  llvm::PointerType *pointer() { return llvm::PointerType::getUnqual(context); }
  llvm::IntegerType *i32() { return llvm::Type::getInt32Ty(context); }
  llvm::IntegerType *i64() { return llvm::Type::getInt64Ty(context); }

  Constant *tensors(llvm::ArrayRef<TensorInfo> infos, const llvm::Twine &name);
  Constant *dims(const TensorInfo &info);
  Constant *symbols(const EntryInfo &info);
  Constant *limits(const EntryInfo &info);
  Constant *variants(const EntryInfo &info);
  Constant *weights();
  Constant *kernel(llvm::StringRef symbol, const codegen::TargetInfo &target);

  llvm::Function *function(llvm::StringRef name, llvm::ArrayRef<llvm::Type *> arguments);
  llvm::Value *pointerArray(llvm::IRBuilder<> &builder, llvm::ArrayRef<llvm::Value *> values, llvm::Type *element);

  llvm::Module &module;
  llvm::LLVMContext &context;
  llvm::ArrayRef<codegen::TargetInfo> targets;
};
} // namespace

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

// attnc_dim { int64_t size; int32_t symbol; }
Constant *DescriptorBuilder::dims(const TensorInfo &info) {
  if (info.dims.empty() && !info.indexed && info.extends < 0)
    return null();
  llvm::SmallVector<Constant *> elements;
  for (const DimInfo &dim : info.dims)
    elements.push_back(structure({integer(64, dim.size), integer(32, dim.symbol)}));
  if (info.indexed)
    elements.push_back(structure({integer(64, info.indexed->size), integer(32, info.indexed->symbol)}));
  if (info.extends >= 0)
    elements.push_back(structure({integer(64, info.extends), integer(32, -1)}));
  return array(elements, "dims");
}

static unsigned flags(const TensorInfo &info) {
  return (info.isSorted ? ATTNC_TENSOR_SORTED : 0) | (info.indexed ? ATTNC_TENSOR_INDEX : 0) |
         (info.isChecked ? ATTNC_TENSOR_CHECKED : 0) | (info.isUpdated || info.inout >= 0 ? ATTNC_TENSOR_INOUT : 0) |
         (info.extends >= 0 ? ATTNC_TENSOR_EXTENDS : 0);
}

// attnc_tensor_info { const char *name; uint8_t type_code, type_bits; uint16_t flags; int32_t rank; const attnc_dim
// *dims; }
Constant *DescriptorBuilder::tensors(llvm::ArrayRef<TensorInfo> infos, const llvm::Twine &name) {
  if (infos.empty())
    return null();
  llvm::SmallVector<Constant *> elements;
  for (const TensorInfo &info : infos)
    elements.push_back(structure({text(info.name), integer(8, info.typeCode), integer(8, info.typeBits),
                                  integer(16, flags(info)), integer(32, info.dims.size()), dims(info)}));
  return array(elements, name);
}

Constant *DescriptorBuilder::symbols(const EntryInfo &info) {
  if (info.symbols.empty())
    return null();
  llvm::SmallVector<Constant *> elements;
  for (const std::string &symbol : info.symbols)
    elements.push_back(text(symbol));
  return array(elements, "symbols");
}

// attnc_limit { int64_t most; int32_t num_symbols; const int32_t *symbols; }
Constant *DescriptorBuilder::limits(const EntryInfo &info) {
  if (info.limits.empty())
    return null();
  llvm::SmallVector<Constant *> elements;
  for (const LimitInfo &limit : info.limits) {
    llvm::SmallVector<Constant *> terms;
    for (int32_t symbol : limit.symbols)
      terms.push_back(integer(32, symbol));
    elements.push_back(structure(
        {integer(64, limit.most), integer(32, terms.size()), terms.empty() ? null() : array(terms, "terms")}));
  }
  return array(elements, "limits");
}

Constant *DescriptorBuilder::kernel(llvm::StringRef symbol, const codegen::TargetInfo &target) {
  auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer()}, false);
  auto *function =
      llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, variantSymbol(symbol, target), module);
  function->setVisibility(llvm::GlobalValue::HiddenVisibility);
  return function;
}

// attnc_variant { const char *target; uint64_t cpu_features; void (*plan)(void
// **), (*run)(void **); }
Constant *DescriptorBuilder::variants(const EntryInfo &info) {
  llvm::SmallVector<Constant *> elements;
  for (const codegen::TargetInfo &target : targets)
    elements.push_back(structure({text(target.name), integer(64, target.cpuFeatureBits),
                                  kernel(info.symbol + "__plan", target), kernel(info.symbol + "__run", target)}));
  return array(elements, "variants");
}

// attnc_entry { const char *name, *doc;
//               int32_t num_inputs, num_outputs, num_symbols, num_variants;
//               const attnc_tensor_info *inputs, *outputs;
//               const char *const *symbols;
//               const attnc_variant *variants;
//               const attnc_weights *weights;
//               int32_t num_limits; const attnc_limit *limits; }
Constant *DescriptorBuilder::entry(const EntryInfo &info) {
  return structure({text(info.name), info.doc.empty() ? null() : text(info.doc), integer(32, info.inputs.size()),
                    integer(32, info.outputs.size()), integer(32, info.symbols.size()), integer(32, targets.size()),
                    tensors(info.inputs, "inputs"), tensors(info.outputs, "outputs"), symbols(info), variants(info),
                    weights(), integer(32, info.limits.size()), limits(info)});
}

// attnc_weights { const char *file; uint64_t size, hash[2]; const void **address; }: no file, until placeBeside.
Constant *DescriptorBuilder::weights() {
  if (llvm::GlobalVariable *known = module.getGlobalVariable(kWeightsInfo, /*AllowInternal=*/true))
    return known;
  auto *type = llvm::StructType::get(context, {pointer(), i64(), i64(), i64(), pointer()});
  return new llvm::GlobalVariable(module, type, /*isConstant=*/true, llvm::GlobalValue::PrivateLinkage,
                                  Constant::getNullValue(type), kWeightsInfo);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// An attnc_status function.
llvm::Function *DescriptorBuilder::function(llvm::StringRef name, llvm::ArrayRef<llvm::Type *> arguments) {
  auto *type = llvm::FunctionType::get(i32(), arguments, false);
  auto *function = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
  function->setDoesNotThrow();
  llvm::BasicBlock::Create(context, "", function);
  return function;
}

// attnc_module { uint32_t struct_size, abi_version; const char *producer;
// int32_t num_entries; const attnc_entry *entries; }
void DescriptorBuilder::moduleFunction(llvm::ArrayRef<EntryInfo> infos, Constant *entries) {
  Constant *data = constant(structure({integer(32, sizeof(attnc_module)), integer(32, ATTNC_ABI_VERSION),
                                       text("attnc " ATTNC_VERSION), integer(32, infos.size()), entries}),
                            "module");
  accessor("attnc_module_v1", data);
  // A program may link several artefacts: each has its own entries, and the
  // first one's module is "the" module.
  module.getFunction("attnc_module_v1")->setLinkage(llvm::GlobalValue::WeakAnyLinkage);
}

/// const T *NAME(void) { return &data; }
void DescriptorBuilder::accessor(llvm::StringRef name, Constant *data) {
  auto *type = llvm::FunctionType::get(pointer(), false);
  auto *function = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
  function->setDoesNotThrow();
  llvm::IRBuilder<>(llvm::BasicBlock::Create(context, "", function)).CreateRet(data);
}

/// An array on the stack that holds `values`.
llvm::Value *DescriptorBuilder::pointerArray(llvm::IRBuilder<> &builder, llvm::ArrayRef<llvm::Value *> values,
                                             llvm::Type *element) {
  llvm::Value *array = builder.CreateAlloca(llvm::ArrayType::get(element, values.size()));
  for (auto [index, value] : llvm::enumerate(values))
    builder.CreateStore(value, builder.CreateConstInBoundsGEP1_64(element, array, index));
  return array;
}

/// The output tensors of a call: `given`, and for each state the one of the inputs.
static llvm::SmallVector<llvm::Value *> withStates(const EntryInfo &info, llvm::ArrayRef<llvm::Value *> inputs,
                                                   llvm::ArrayRef<llvm::Value *> given) {
  llvm::SmallVector<llvm::Value *> outputs;
  for (const TensorInfo &output : info.outputs) {
    outputs.push_back(output.inout >= 0 ? inputs[static_cast<size_t>(output.inout)] : given.front());
    given = given.drop_front(output.inout < 0);
  }
  return outputs;
}

static size_t countGiven(const EntryInfo &info) {
  return static_cast<size_t>(llvm::count_if(info.outputs, [](const TensorInfo &output) { return output.inout < 0; }));
}

/// NAME(inputs..., outputs..., options) -> attnc_call(entry, {inputs},
/// {outputs}, options); states stand among the inputs alone
void DescriptorBuilder::entryFunction(const EntryInfo &info, Constant *entry) {
  size_t inputs = info.inputs.size(), outputs = countGiven(info);
  llvm::Function *wrapper = function(info.name, llvm::SmallVector<llvm::Type *>(inputs + outputs + 1, pointer()));
  llvm::IRBuilder<> builder(&wrapper->getEntryBlock());
  llvm::SmallVector<llvm::Value *> arguments(llvm::make_pointer_range(wrapper->args()));
  llvm::ArrayRef<llvm::Value *> all(arguments);
  auto callee = module.getOrInsertFunction("attnc_call", i32(), pointer(), pointer(), pointer(), pointer());
  builder.CreateRet(builder.CreateCall(
      callee, {entry, pointerArray(builder, all.take_front(inputs), pointer()),
               pointerArray(builder, withStates(info, all, all.slice(inputs, outputs)), pointer()), all.back()}));
}

/// NAME_raw(symbols..., inputs..., outputs..., options) ->
/// attnc_call_raw(entry, {symbols}, {inputs}, {outputs}, options)
void DescriptorBuilder::rawEntryFunction(const EntryInfo &info, Constant *entry) {
  size_t symbols = info.symbols.size(), inputs = info.inputs.size(), outputs = countGiven(info);
  llvm::SmallVector<llvm::Type *> types(symbols, i64());
  types.append(inputs + outputs + 1, pointer());
  llvm::Function *wrapper = function(info.name + "_raw", types);
  llvm::IRBuilder<> builder(&wrapper->getEntryBlock());
  llvm::SmallVector<llvm::Value *> arguments(llvm::make_pointer_range(wrapper->args()));
  llvm::ArrayRef<llvm::Value *> all(arguments);
  auto callee =
      module.getOrInsertFunction("attnc_call_raw", i32(), pointer(), pointer(), pointer(), pointer(), pointer());
  builder.CreateRet(builder.CreateCall(
      callee, {entry, pointerArray(builder, all.take_front(symbols), i64()),
               pointerArray(builder, all.slice(symbols, inputs), pointer()),
               pointerArray(builder, withStates(info, all.drop_front(symbols), all.slice(symbols + inputs, outputs)),
                            pointer()),
               all.back()}));
}

std::unique_ptr<llvm::Module> buildDescriptor(llvm::ArrayRef<EntryInfo> entries,
                                              llvm::ArrayRef<codegen::TargetInfo> targets, llvm::LLVMContext &context) {
  auto module = std::make_unique<llvm::Module>("attnc.descriptor", context);
  DescriptorBuilder builder(*module, targets);
  llvm::SmallVector<Constant *> elements;
  for (const EntryInfo &info : entries)
    elements.push_back(builder.entry(info));
  Constant *table = builder.array(elements, "entries");
  builder.moduleFunction(entries, table);
  for (auto [index, info] : llvm::enumerate(entries)) {
    Constant *entry = llvm::ConstantExpr::getInBoundsGetElementPtr(
        elements.front()->getType(), table, llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), index));
    builder.accessor(info.name + "_entry", entry);
    builder.entryFunction(info, entry);
    builder.rawEntryFunction(info, entry);
  }
  return module;
}

void hideShared(llvm::Module &module) {
  for (llvm::GlobalValue &value : module.global_values())
    if (!value.isDeclaration() && value.hasHiddenVisibility())
      value.setLinkage(llvm::GlobalValue::InternalLinkage); // visibility becomes the default, as it must be
}

std::vector<std::string> exportedSymbols(llvm::ArrayRef<EntryInfo> entries) {
  std::vector<std::string> symbols{"attnc_*"};
  for (const EntryInfo &info : entries)
    symbols.insert(symbols.end(), {info.name, info.name + "_raw", info.name + "_entry"});
  return symbols;
}

} // namespace attnc::emit
