//===- OnnxSource.cpp - A model, with inputs that decide shapes -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/OnnxSource.h"
#include "compiler/frontend/onnx/Import.h"
#include "compiler/tools/attnc/Console.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;

namespace attnc::tool {

/// Shapes, axes and counts are small; more is a mistake.
constexpr int64_t kMostFixed = int64_t(1) << 20;

static Type typeOf(rt::ElementType type, Builder &builder) {
  if (type.code == ATTNC_DL_BOOL)
    return builder.getI1Type();
  if (type.code != kDLFloat)
    return builder.getIntegerType(type.bits);
  return type.bits == 64 ? Type(builder.getF64Type()) : type.bits == 32 ? builder.getF32Type() : builder.getF16Type();
}

/// The tensor in `file`, the value of input `name`; null after an error.
static DenseElementsAttr readValue(llvm::StringRef name, const std::string &file, MLIRContext &context) {
  rt::TextBuffer<512> why;
  NpyTensor tensor;
  if (!tensor.read(file.c_str(), nullptr, why)) {
    error("input '" + name + "': " + why.c_str());
    return nullptr;
  }
  llvm::ArrayRef<int64_t> shape(tensor.shape, static_cast<size_t>(tensor.rank));
  int64_t count = tensor.bytes / (tensor.type.bits / 8);
  if (count > kMostFixed) {
    error("input '" + name + "': " + file + " has " + llvm::Twine(count) +
          " elements; what decides shapes has at most 2^20");
    return nullptr;
  }
  Builder builder(&context);
  auto type = RankedTensorType::get(shape, typeOf(tensor.type, builder));
  llvm::ArrayRef<char> bytes(static_cast<const char *>(tensor.data), static_cast<size_t>(tensor.bytes));
  if (tensor.type.code != ATTNC_DL_BOOL)
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  llvm::SmallVector<bool> flags(bytes.begin(), bytes.end());
  return DenseElementsAttr::get(type, flags);
}

/// The file that the user has named for input `name`, or that lies in the folder of inputs; "" if there is none.
static std::string fileFor(llvm::StringRef name, const TensorFiles &files) {
  if (auto named = files.named.find(name); named != files.named.end())
    return named->second;
  std::string file = files.inputs + "/" + name.str() + ".npy";
  bool isPlain = name.find_first_of("/\\") == llvm::StringRef::npos; // a name of the model's leads nowhere else
  return !files.inputs.empty() && isPlain && llvm::sys::fs::exists(file) ? file : "";
}

/// Adds those of `undecided` that have files. False if that is no news, or after an error.
static bool fixMore(llvm::ArrayRef<std::string> undecided, const CompileRequest &request, MLIRContext &context,
                    onnx::FixedInputs &fixed) {
  bool isNews = false;
  for (const std::string &name : undecided) {
    std::string file = fileFor(name, request.values);
    if (file.empty() || fixed.contains(name))
      continue;
    DenseElementsAttr value = readValue(name, file, context);
    if (!value)
      return false;
    fixed[name] = value;
    note("input '" + name + "' decides shapes: compiled for the value in " + file);
    isNews = true;
  }
  return isNews;
}

OwningOpRef<ModuleOp> readOnnx(const CompileRequest &request, Session &session) {
  MLIRContext &context = session.context;
  onnx::FixedInputs fixed;
  for (const auto &[name, file] : request.fix)
    if (!(fixed[name] = readValue(name, file, context)))
      return nullptr;
  while (true) {
    std::vector<Diagnostic> said; // an import that is tried again says nothing
    std::vector<std::string> undecided;
    FailureOr<OwningOpRef<ModuleOp>> module = failure();
    {
      ScopedDiagnosticHandler hold(&context, [&](Diagnostic &diagnostic) {
        said.push_back(std::move(diagnostic));
        return success();
      });
      module = onnx::importModel(request.file, &context, request.dims, fixed, &undecided);
    }
    if (failed(module) && fixMore(undecided, request, context, fixed))
      continue;
    for (Diagnostic &diagnostic : said)
      context.getDiagEngine().emit(std::move(diagnostic));
    for (const auto &value : fixed)
      session.fixedInputs.push_back(value.getKey().str());
    return failed(module) ? nullptr : std::move(*module);
  }
}

} // namespace attnc::tool
