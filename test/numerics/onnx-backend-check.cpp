//===- onnx-backend-check.cpp - The ONNX project's own tests --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   onnx-backend-check FOLDER...
//
// Every test_NAME below the folders holds model.onnx and test_data_set_K/{input,output}_I.pb. Each model is imported,
// compiled, run and compared with the outputs given, and so is the interpreter. Prints how many are right, every one
// that is not, and how many are refused by operator and reason: a checked-in copy of that shows what changes.
//
// Each test has a process of its own, two at a time, so that a crash is one line and not the end.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Import.h"
#include "compiler/frontend/onnx/Model.h"
#include "compiler/frontend/onnx/TensorData.h"
#include "compiler/frontend/onnx/proto/onnx.pb.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/IR/Diagnostics.h"
#include "test/numerics/Modules.h"
#include "llvm/ADT/StringExtras.h"
#include <deque>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;
using namespace attnc;
using attn::RefTensor;
namespace fs = std::filesystem;

//===----------------------------------------------------------------------===//
// One test
//===----------------------------------------------------------------------===//

/// FILE as a tensor that the model declares `declared`; nothing if it holds something else (a sequence) or a type that
/// attnc does not read.
static std::optional<DenseElementsAttr> readTensor(const fs::path &path, int declared, MLIRContext *context) {
  std::ifstream file(path, std::ios::binary);
  ::onnx::TensorProto proto;
  constexpr int kUint16 = 4, kBfloat16 = 16;
  if (!proto.ParseFromIstream(&file))
    return std::nullopt;
  if (proto.data_type() == kUint16 && declared == kBfloat16) // how numpy held the bits of bfloat16
    proto.set_data_type(kBfloat16);
  if (!attnc::onnx::elementTypeOf(proto.data_type(), context))
    return std::nullopt;
  attnc::onnx::TensorSource source;
  source.dims.assign(proto.dims().begin(), proto.dims().end());
  source.dataType = proto.data_type();
  if (proto.has_raw_data())
    source.raw = ArrayRef<char>(proto.raw_data().data(), proto.raw_data().size());
  source.floats = {proto.float_data().data(), static_cast<size_t>(proto.float_data_size())};
  source.int32s = {proto.int32_data().data(), static_cast<size_t>(proto.int32_data_size())};
  source.int64s = {reinterpret_cast<const int64_t *>(proto.int64_data().data()),
                   static_cast<size_t>(proto.int64_data_size())};
  source.uint64s = {reinterpret_cast<const uint64_t *>(proto.uint64_data().data()),
                    static_cast<size_t>(proto.uint64_data_size())};
  source.doubles = {proto.double_data().data(), static_cast<size_t>(proto.double_data_size())};
  llvm::Expected<DenseElementsAttr> values = attnc::onnx::readTensorData(source, context);
  if (!values) {
    llvm::consumeError(values.takeError());
    return std::nullopt;
  }
  return *values;
}

static std::optional<std::vector<DenseElementsAttr>>
readTensors(const fs::path &set, const char *kind,
            const google::protobuf::RepeatedPtrField<::onnx::ValueInfoProto> &declared, MLIRContext *context) {
  std::vector<DenseElementsAttr> tensors;
  for (int i = 0;; ++i) {
    fs::path file = set / fmt::format("{}_{}.pb", kind, i);
    if (!fs::exists(file))
      return tensors;
    int type = i < declared.size() ? declared[i].type().tensor_type().elem_type() : 0;
    std::optional<DenseElementsAttr> tensor = readTensor(file, type, context);
    if (!tensor)
      return std::nullopt;
    tensors.push_back(*tensor);
  }
}

static std::vector<RefTensor> toReference(ArrayRef<DenseElementsAttr> tensors) {
  std::vector<RefTensor> results;
  for (DenseElementsAttr tensor : tensors)
    results.push_back(*attn::fromAttribute(tensor));
  return results;
}

/// The expected values were computed in the element type, by other code.
static double limitOf(Type type) { return type.isF32() || type.isF64() ? 2e-5 : 4e-3; }

/// What ONNX's own runner asks for: some expected values were computed with pi = 3.1415. Tests that need it are listed.
constexpr double kOnnxLimit = 1e-3;

static std::string compareAll(ArrayRef<RefTensor> got, ArrayRef<RefTensor> expected, bool &isRough) {
  if (got.size() != expected.size())
    return fmt::format("{} outputs instead of {}", got.size(), expected.size());
  for (auto [n, mine, other] : llvm::enumerate(got, expected)) {
    if (mine.elementType != other.elementType)
      return fmt::format("output {} has another type", n);
    attn::Comparison comparison = attn::compare(mine, other);
    isRough |= !comparison.within(limitOf(other.elementType));
    if (!comparison.within(std::max(kOnnxLimit, limitOf(other.elementType))))
      return fmt::format("output {}: {}", n, describe(comparison, mine, other));
  }
  return "";
}

/// "node 'y' (Conv): this operator is not supported" -> "Conv: this operator is not supported"; the numbers of a
/// message and the names in quotes say nothing about a kind.
static std::string kindOf(StringRef problem) {
  std::string kind;
  bool inQuotes = false;
  for (size_t i = 0; i < problem.size(); ++i) {
    char c = problem[i];
    if (c == '\'') {
      inQuotes = !inQuotes;
      kind += inQuotes ? "'" : "…'";
    } else if (!inQuotes && llvm::isDigit(c) && (i == 0 || !llvm::isAlnum(problem[i - 1]))) {
      kind += 'N';
      while (i + 1 < problem.size() && llvm::isDigit(problem[i + 1]))
        ++i;
    } else if (!inQuotes) {
      kind += c;
    }
  }
  StringRef rest = kind;
  if (!rest.starts_with("node ") && !rest.starts_with("nodes "))
    return kind;
  auto [names, text] = rest.split("): "); // of several: "nodes '…', '…' (Add, N in all"
  StringRef op = names.split(" (").second.split(',').first;
  return (op + ": " + text).str();
}

/// The reasons of a refusal, each once.
static std::string reasonsOf(const std::string &messages) {
  SmallVector<StringRef> lines;
  StringRef(messages).split(lines, '\n', -1, /*KeepEmpty=*/false);
  std::vector<std::string> kinds;
  for (StringRef line : lines)
    if (line.starts_with("  "))
      kinds.push_back(kindOf(line.trim()));
  if (kinds.empty() && !lines.empty()) { // "cannot read 'PATH': why"
    StringRef line = lines.front();
    kinds.push_back(kindOf(line.starts_with("cannot read '") ? line.split("': ").second : line));
  }
  llvm::sort(kinds);
  kinds.erase(llvm::unique(kinds), kinds.end());
  return llvm::join(kinds, "\n");
}

/// Do the inputs have the shapes of the function's arguments?
static bool fits(func::FuncOp function, ArrayRef<RefTensor> inputs) {
  return function.getNumArguments() == inputs.size() &&
         llvm::all_of(llvm::zip(function.getArgumentTypes(), inputs), [](auto pair) {
           auto [type, input] = pair;
           return succeeded(verifyCompatibleShape(cast<ShapedType>(type).getShape(), input.shape));
         });
}

/// Adds the values of the inputs `names`, which decide shapes, in the one data set there is. False if that is no news.
static bool fixInputs(const fs::path &folder, ArrayRef<std::string> names, attnc::onnx::FixedInputs &fixed,
                      MLIRContext *context) {
  std::ifstream file(folder / "model.onnx", std::ios::binary);
  ::onnx::ModelProto model;
  if (names.empty() || fs::exists(folder / "test_data_set_1") || !model.ParseFromIstream(&file))
    return false;
  size_t before = fixed.size();
  auto inputs = readTensors(folder / "test_data_set_0", "input", model.graph().input(), context);
  if (!inputs || static_cast<int>(inputs->size()) > model.graph().input_size())
    return false;
  for (auto [index, value] : llvm::enumerate(*inputs))
    if (std::string name = model.graph().input(static_cast<int>(index)).name(); llvm::is_contained(names, name))
      fixed[name] = value;
  return fixed.size() > before;
}

/// Those that are fixed are no arguments of the function.
static void dropFixed(const fs::path &folder, const attnc::onnx::FixedInputs &fixed,
                      std::vector<DenseElementsAttr> &inputs) {
  std::ifstream file(folder / "model.onnx", std::ios::binary);
  ::onnx::ModelProto model;
  model.ParseFromIstream(&file);
  std::vector<DenseElementsAttr> kept;
  for (auto [index, value] : llvm::enumerate(inputs))
    if (!fixed.contains(model.graph().input(static_cast<int>(index)).name()))
      kept.push_back(value);
  inputs = std::move(kept);
}

/// "right", "rough" (to kOnnxLimit only), "refused" and its reasons in lines of their own, or what is wrong.
static std::string runTest(const fs::path &folder) {
  std::unique_ptr<MLIRContext> context = numerics::makeContext();
  std::string messages;
  ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) { messages += diagnostic.str() + "\n"; });
  std::string path = (folder / "model.onnx").string();
  attnc::onnx::FixedInputs fixed;
  std::vector<std::string> undecided;
  auto module = attnc::onnx::importModel(path, context.get(), {}, fixed, &undecided);
  while (failed(module) && fixInputs(folder, undecided, fixed, context.get())) {
    messages.clear();
    module = attnc::onnx::importModel(path, context.get(), {}, fixed, &undecided);
  }
  if (failed(module))
    return "refused\n" + reasonsOf(messages);
  func::FuncOp function = *(*module)->getOps<func::FuncOp>().begin();
  messages.clear();
  auto compiled = numerics::Compiled::create(**module, numerics::testTarget());
  if (!compiled && StringRef(messages).contains("not compiled yet"))
    return "refused\n" + kindOf(StringRef(messages).trim());
  if (!compiled)
    return "does not compile: " + messages;
  ::onnx::ModelProto model;
  std::ifstream file(folder / "model.onnx", std::ios::binary);
  if (!model.ParseFromIstream(&file))
    return "its model cannot be read";
  int sets = 0;
  bool isRough = false;
  for (fs::path set; fs::exists(set = folder / fmt::format("test_data_set_{}", sets)); ++sets) {
    auto given = readTensors(set, "input", model.graph().input(), context.get());
    auto wanted = readTensors(set, "output", model.graph().output(), context.get());
    if (!given || !wanted)
      return "its data cannot be read";
    if (!fixed.empty())
      dropFixed(folder, fixed, *given);
    std::vector<RefTensor> inputs = toReference(*given), expected = toReference(*wanted);
    if (!fits(function, inputs))
      return "refused\nits data has another shape than the model declares";
    auto reference = attn::interpret(function, inputs);
    if (failed(reference))
      return "the interpreter fails: " + messages;
    if (std::string wrong = compareAll(*reference, expected, isRough); !wrong.empty())
      return "the interpreter is wrong: " + wrong;
    std::string error;
    auto got = compiled->run(inputs, error);
    if (!got)
      return "the program refuses its inputs: " + error;
    if (std::string wrong = compareAll(*got, expected, isRough); !wrong.empty())
      return "the program is wrong: " + wrong;
  }
  return sets == 0 ? "it has no data" : isRough ? "rough" : "right";
}

//===----------------------------------------------------------------------===//
// All tests
//===----------------------------------------------------------------------===//

namespace {
/// A process that runs one test and writes what came out into a pipe.
struct Child {
  fs::path folder;
  pid_t id;
  int pipe;
};
} // namespace

static Child start(const fs::path &folder) {
  constexpr unsigned kSeconds = 60;
  int ends[2];
  if (pipe(ends))
    llvm::report_fatal_error("cannot make a pipe");
  Child child{folder, fork(), ends[0]};
  if (child.id == 0) {
    alarm(kSeconds);
    std::string result = runTest(folder).substr(0, 4000); // what a pipe holds
    ssize_t written = write(ends[1], result.data(), result.size());
    _exit(written < 0);
  }
  close(ends[1]);
  return child;
}

static std::string finish(const Child &child) {
  std::string result(4096, '\0');
  result.resize(std::max<ssize_t>(read(child.pipe, result.data(), result.size()), 0));
  close(child.pipe);
  int status = 0;
  waitpid(child.id, &status, 0);
  if (WIFSIGNALED(status))
    return WTERMSIG(status) == SIGALRM ? "takes for ever" : fmt::format("crashes (signal {})", WTERMSIG(status));
  return result;
}

namespace {
struct Tally {
  int right = 0, refused = 0;
  std::vector<std::string> wrong, rough;
  std::map<std::string, int> reasons;

  void add(const fs::path &folder, StringRef result) {
    if (result == "right" || result == "rough") {
      ++right;
      if (result == "rough")
        rough.push_back(folder.filename().string());
    } else if (result.consume_front("refused\n")) {
      ++refused;
      SmallVector<StringRef> lines;
      result.split(lines, '\n');
      for (StringRef line : lines)
        ++reasons[line.str()];
    } else
      wrong.push_back(folder.filename().string() + ": " + result.trim().str());
  }
  void print() const {
    fmt::print("{} tests: {} right, {} wrong, {} refused\n", right + wrong.size() + refused, right, wrong.size(),
               refused);
    for (const std::string &line : wrong)
      fmt::print("wrong: {}\n", line);
    for (const std::string &name : rough)
      fmt::print("right to {} only: {}\n", kOnnxLimit, name);
    for (const auto &[reason, count] : reasons)
      fmt::print("{:4} {}\n", count, reason);
  }
};
} // namespace

int main(int argc, char **argv) {
  std::vector<fs::path> tests;
  for (int i = 1; i < argc; ++i)
    for (const fs::directory_entry &entry : fs::directory_iterator(argv[i]))
      if (fs::exists(entry.path() / "model.onnx"))
        tests.push_back(entry.path());
  if (tests.empty()) {
    llvm::errs() << "usage: onnx-backend-check FOLDER_OF_TESTS...\n";
    return 2;
  }
  llvm::sort(tests);
  constexpr size_t kAtOnce = 2;
  Tally tally;
  std::deque<Child> running;
  auto finishFirst = [&] {
    tally.add(running.front().folder, finish(running.front()));
    running.pop_front();
  };
  for (const fs::path &test : tests) {
    if (running.size() == kAtOnce)
      finishFirst();
    running.push_back(start(test));
  }
  while (!running.empty())
    finishFirst();
  tally.print();
  return tally.wrong.empty() ? 0 : 1;
}
