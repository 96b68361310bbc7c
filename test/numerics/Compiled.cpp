//===- Compiled.cpp - A module compiled and loaded into this process ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/numerics/Compiled.h"
#include "codegen/emit/Descriptor.h"
#include "codegen/emit/Link.h"
#include "codegen/emit/Translate.h"
#include "codegen/emit/WeightTable.h"
#include "codegen/emit/WeightsSection.h"
#include "compiler/pipeline/Dialects.h"
#include "compiler/pipeline/Pipeline.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;
using attn::RefTensor;

std::unique_ptr<MLIRContext> numerics::makeContext() {
  DialectRegistry registry;
  registerDialects(registry);
  return std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

/// A library with its weights behind it.
static llvm::Error writeLibrary(emit::Bytes &library, const emit::WeightTable &weights, StringRef file) {
  if (!weights.empty())
    if (llvm::Error failed = emit::openWeightsSection(library))
      return failed;
  int descriptor;
  if (std::error_code failed =
          llvm::sys::fs::openFileForReadWrite(file, descriptor, llvm::sys::fs::CD_CreateAlways, llvm::sys::fs::OF_None))
    return llvm::errorCodeToError(failed);
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true, /*unbuffered=*/true);
  stream << StringRef(library.data(), library.size());
  if (weights.empty())
    return llvm::Error::success();
  return weights.write(descriptor, library.size()).takeError();
}

bool Compiled::link(ModuleOp module, StringRef targetName, const std::string &file) {
  FailureOr<codegen::TargetInfo> target = codegen::parseTarget(targetName);
  if (failed(target) || failed(emit::recordEntries(module)))
    return false;
  auto entries = emit::readEntries(module);
  PipelineOptions options;
  options.target = *target;
  if (const char *text = std::getenv("ATTNC_TEST_SCHEDULE"))
    if (llvm::Error problem = schedule::parseSchedule(text, options.schedule))
      llvm::report_fatal_error(std::move(problem));
  if (failed(entries) || failed(runPipeline(module, "attn", "llvm", options)))
    return false;
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::TargetMachine> machine = emit::createTargetMachine(module);
  std::unique_ptr<llvm::Module> whole = emit::buildDescriptor(*entries, *target, llvmContext);
  whole->setTargetTriple(machine->getTargetTriple());
  whole->setDataLayout(machine->createDataLayout());
  emit::WeightTable weights;
  FailureOr<emit::WeightOffsets> offsets = weights.take(module);
  if (failed(offsets))
    return false;
  auto kernels = emit::translate(module, *entries, /*shared=*/{}, *target, *machine, llvmContext);
  if (failed(kernels))
    return false;
  emit::bindWeights(**kernels, *offsets);
  emit::optimize(**kernels, *machine);
  llvm::Linker::linkModules(*whole, std::move(*kernels));
  if (!weights.empty())
    emit::placeInside(*whole, weights);
  emit::hideShared(*whole);
  auto object = emit::generate(*whole, *machine, *target, llvm::CodeGenFileType::ObjectFile);
  if (failed(object))
    return false;
  auto linked = emit::linkShared({*object, "test", "test.so", emit::exportedSymbols(*entries)});
  if (!linked) {
    module.emitError(llvm::toString(linked.takeError()));
    return false;
  }
  if (llvm::Error failed = writeLibrary(*linked, weights, file)) {
    module.emitError(llvm::toString(std::move(failed)));
    return false;
  }
  return true;
}

bool Compiled::load(const std::string &file) {
  library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    llvm::errs() << dlerror() << "\n";
    return false;
  }
  entry = reinterpret_cast<const attnc_module *(*)()>(dlsym(library, "attnc_module_v1"))()->entries;
  return true;
}

std::unique_ptr<Compiled> Compiled::create(ModuleOp module, StringRef target) {
  std::unique_ptr<Compiled> compiled(new Compiled);
  func::FuncOp function = *module.getOps<func::FuncOp>().begin();
  for (Type type : function.getArgumentTypes())
    compiled->inputTypes.push_back(getElementTypeOrSelf(type));
  for (Type type : function.getResultTypes())
    compiled->outputTypes.push_back(getElementTypeOrSelf(type));
  OwningOpRef<ModuleOp> copy = module.clone();
  llvm::SmallString<128> folder, file;
  if (llvm::sys::fs::createUniqueDirectory("attnc-numerics", folder))
    return nullptr;
  file = folder;
  llvm::sys::path::append(file, "test.so");
  bool ok = compiled->link(*copy, target, file.str().str()) && compiled->load(file.str().str());
  (void)llvm::sys::fs::remove(file); // what is loaded stays loaded
  (void)llvm::sys::fs::remove(folder);
  return ok ? std::move(compiled) : nullptr;
}

Compiled::~Compiled() {
  attnc_context_destroy(context);
  if (library)
    dlclose(library);
}

void Compiled::useThreads(int32_t threads) {
  attnc_context_destroy(std::exchange(context, nullptr));
  if (attnc_context_create(threads, &context) != ATTNC_OK)
    llvm::report_fatal_error("cannot start threads");
}

bool Compiled::isRunnable() const { return attnc_select_variant(entry, nullptr) != nullptr; }

//===----------------------------------------------------------------------===//
// Calling
//===----------------------------------------------------------------------===//

namespace {
/// Memory whose end is the end of the accessible pages.
class Guarded {
public:
  explicit Guarded(size_t bytes) {
    size_t page = sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
    mapped = whole + page;
    base = static_cast<char *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base == MAP_FAILED || mprotect(base + whole, page, PROT_NONE))
      llvm::report_fatal_error("cannot map guarded memory");
    data = base + whole - bytes;
  }
  Guarded(Guarded &&other) : base(std::exchange(other.base, nullptr)), mapped(other.mapped), data(other.data) {}
  ~Guarded() {
    if (base)
      munmap(base, mapped);
  }

private:
  char *base;
  size_t mapped;

public:
  char *data;
};

/// Where element `n` of a tensor in row-major order lies.
int64_t placeOf(ArrayRef<int64_t> shape, ArrayRef<int64_t> strides, int64_t n) {
  int64_t place = 0;
  for (auto [extent, stride] : llvm::reverse(llvm::zip(shape, strides))) {
    place += n % extent * stride;
    n /= extent;
  }
  return place;
}

/// Tensors as the runtime takes them.
struct Arguments {
  std::vector<Guarded> memory;
  std::vector<DLTensor> tensors;
  std::vector<DLTensor *> pointers;
  std::vector<llvm::SmallVector<int64_t>> shapes, strides;
  std::vector<size_t> sizes; // in bytes

  /// Adds a tensor with these strides, all of whose memory is NaN.
  void add(const attnc_tensor_info &info, Type type, ArrayRef<int64_t> shape, ArrayRef<int64_t> elementStrides) {
    bool isEmpty = llvm::is_contained(shape, 0);
    int64_t last = 0;
    for (auto [extent, stride] : llvm::zip(shape, elementStrides))
      last += (extent - 1) * stride;
    size_t bytes = isEmpty ? 0 : (last + 1) * attn::elementBytes(type).value();
    shapes.emplace_back(shape);
    strides.emplace_back(elementStrides);
    sizes.push_back(bytes);
    memory.emplace_back(bytes);
    std::fill_n(memory.back().data, bytes, '\xff');
    tensors.emplace_back();
    tensors.back().device.device_type = kDLCPU;
    tensors.back().dtype = {info.type_code, info.type_bits, 1};
    tensors.back().ndim = shape.size();
  }
  /// Adds a tensor with these strides and copies its row-major elements there.
  void add(const attnc_tensor_info &info, const RefTensor &tensor, ArrayRef<int64_t> elementStrides) {
    add(info, tensor.elementType, tensor.shape, elementStrides);
    std::vector<char> bytes = attn::toBytes(tensor);
    size_t width = attn::elementBytes(tensor.elementType).value();
    for (int64_t n = 0; n < tensor.size(); ++n)
      std::memcpy(memory.back().data + placeOf(tensor.shape, elementStrides, n) * width, bytes.data() + n * width,
                  width);
  }
  /// The row-major elements of tensor `number`, which are NaN afterwards.
  std::vector<char> take(size_t number, Type type) {
    size_t width = attn::elementBytes(type).value();
    std::vector<char> bytes(attn::sizeOf(shapes[number]).value() * width);
    for (size_t n = 0; n < bytes.size() / width; ++n) {
      char *element = memory[number].data + placeOf(shapes[number], strides[number], n) * width;
      std::memcpy(bytes.data() + n * width, element, width);
      std::fill_n(element, width, '\xff');
    }
    return bytes;
  }
  /// Whether all memory of tensor `number` is as it was at first.
  bool isUnwritten(size_t number) const {
    return std::all_of(memory[number].data, memory[number].data + sizes[number], [](char c) { return c == '\xff'; });
  }
  void finish() { // nothing moves any more
    for (auto [tensor, shape, stride, bytes] : llvm::zip(tensors, shapes, strides, memory)) {
      tensor.shape = shape.data();
      tensor.strides = stride.empty() ? nullptr : stride.data();
      tensor.data = bytes.data;
      pointers.push_back(&tensor);
    }
  }
};
} // namespace

/// Strides in elements of a tensor that is placed so.
static SmallVector<int64_t> stridesFor(ArrayRef<int64_t> shape, Placement placement) {
  SmallVector<int64_t> strides(shape.size());
  int64_t next = placement == Placement::interleaved ? 2 : 1;
  for (auto [stride, extent] : llvm::reverse(llvm::zip(strides, shape))) {
    stride = next;
    next = extent * next + (placement == Placement::contiguous ? 0 : 3);
  }
  return strides;
}

std::optional<std::vector<RefTensor>> Compiled::run(ArrayRef<RefTensor> inputs, std::string &error,
                                                    Placement placement) {
  char message[512] = "";
  attnc_options options = attnc_options_init();
  options.message = message;
  options.message_capacity = sizeof message;
  options.context = context;
  auto refused = [&](attnc_status status) {
    error = message;
    return status != ATTNC_OK;
  };
  Arguments in, out;
  for (auto [n, input] : llvm::enumerate(inputs))
    in.add(entry->inputs[n], input, stridesFor(input.shape, placement));
  in.finish();
  std::vector<int64_t> extents(64);
  if (refused(attnc_plan(entry, in.pointers.data(), extents.data(), nullptr, &options)))
    return std::nullopt;
  ArrayRef<int64_t> rest = extents;
  for (auto [n, type] : llvm::enumerate(outputTypes)) {
    ArrayRef<int64_t> shape = rest.take_front(entry->outputs[n].rank);
    rest = rest.drop_front(shape.size());
    out.add(entry->outputs[n], type, shape, stridesFor(shape, Placement::padded));
  }
  out.finish();
  if (refused(attnc_call(entry, in.pointers.data(), out.pointers.data(), &options)))
    return std::nullopt;
  std::vector<RefTensor> outputs;
  for (auto [n, type] : llvm::enumerate(outputTypes)) {
    outputs.push_back(*attn::fromBytes(type, out.shapes[n], out.take(n, type)));
    if (!out.isUnwritten(n))
      llvm::report_fatal_error("an output was written beside its elements");
  }
  return outputs;
}
