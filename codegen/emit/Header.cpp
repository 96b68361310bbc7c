//===- Header.cpp - The C header of an artefact, and an example -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Header.h"
#include "codegen/emit/Names.h"
#include "codegen/emit/RuntimeHeader.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <fmt/format.h>

namespace attnc::emit {

/// How C spells the element type; the 16-bit floats travel as their bits.
static llvm::StringRef cType(const TensorInfo &tensor) {
  return llvm::StringSwitch<llvm::StringRef>(spellType(tensor))
      .Case("f64", "double")
      .Case("f32", "float")
      .Cases({"f16", "bf16", "ui16"}, "uint16_t")
      .Case("ui64", "uint64_t")
      .Case("ui32", "uint32_t")
      .Case("i64", "int64_t")
      .Case("i32", "int32_t")
      .Case("i16", "int16_t")
      .Case("i8", "int8_t")
      .Default("uint8_t");
}

static std::string guard(llvm::StringRef artefact) {
  return "ATTNC_ARTEFACT_" + llvm::StringRef(LocalNames({}).pick(artefact)).upper() + "_H";
}

static std::string join(llvm::ArrayRef<std::string> parts, llvm::StringRef separator) {
  return llvm::join(parts.begin(), parts.end(), separator);
}

/// Text that may stand inside a C comment.
static std::string commentText(std::string text) {
  for (const char *mark : {"*/", "/*"})
    for (size_t at; (at = text.find(mark)) != std::string::npos;)
      text.insert(at + 1, " ");
  std::string indented;
  for (char c : text)
    indented += c == '\n' ? std::string("\n *   ") : std::string(1, c);
  return indented;
}

namespace {
/// What the parameters of an entry, or the variables of the example, are called.
struct Identifiers {
  Identifiers(const EntryInfo &entry, LocalNames names) {
    for (const std::string &symbol : entry.symbols)
      symbols.push_back(names.pick(symbol));
    for (const TensorInfo &tensor : entry.inputs)
      inputs.push_back(names.pick(tensor.name));
    for (const TensorInfo &tensor : entry.outputs)
      outputs.push_back(names.pick(tensor.name));
    for (const auto &tensors : {inputs, outputs})
      for (const std::string &tensor : tensors)
        counts.push_back(names.pick(tensor + "_count"));
  }
  llvm::ArrayRef<std::string> inputCounts() const { return llvm::ArrayRef(counts).take_front(inputs.size()); }
  llvm::ArrayRef<std::string> outputCounts() const { return llvm::ArrayRef(counts).drop_front(inputs.size()); }

  std::vector<std::string> symbols, inputs, outputs, counts;
};
} // namespace

static Identifiers parameterNames(const EntryInfo &entry) { return Identifiers(entry, LocalNames({"options"})); }

/// Inputs then outputs as C parameters, `typeOf` giving the type each points to.
template <typename TypeOf>
static std::vector<std::string> tensorParameters(const EntryInfo &entry, TypeOf typeOf) {
  Identifiers names = parameterNames(entry);
  std::vector<std::string> parameters;
  for (auto [tensor, name] : llvm::zip(entry.inputs, names.inputs))
    parameters.push_back(fmt::format("{}{} *{}", tensor.isUpdated ? "" : "const ", typeOf(tensor), name));
  for (auto [tensor, name] : llvm::zip(entry.outputs, names.outputs))
    if (tensor.inout < 0)
      parameters.push_back(fmt::format("{} *{}", typeOf(tensor), name));
  parameters.push_back("const attnc_options *options");
  return parameters;
}

static std::string prototypes(const EntryInfo &entry) {
  auto dlpack = tensorParameters(entry, [](const TensorInfo &) { return "DLTensor"; });
  auto plain = tensorParameters(entry, [](const TensorInfo &tensor) { return cType(tensor).str(); });
  std::vector<std::string> extents;
  for (const std::string &symbol : parameterNames(entry).symbols)
    extents.push_back("int64_t " + symbol);
  plain.insert(plain.begin(), extents.begin(), extents.end());
  return fmt::format(
      R"(/* {0}, with DLPack tensors: inputs may have strides; outputs may have positive ones, the innermost 1.
 * options may be NULL. */
ATTNC_API attnc_status {0}({1});

/* {0}, with plain pointers: every tensor is row-major without gaps. options may be NULL. */
ATTNC_API attnc_status {0}_raw({2});

/* What {0} takes and gives, for attnc_plan, attnc_call and the like. */
ATTNC_API const attnc_entry *{0}_entry(void);

)",
      entry.name, join(dlpack, ", "), join(plain, ", "));
}

//===----------------------------------------------------------------------===//
// The opening comment
//===----------------------------------------------------------------------===//

static bool hasState(const EntryInfo &entry) {
  return llvm::any_of(entry.inputs, [](const TensorInfo &tensor) { return tensor.isUpdated; });
}

static std::string tensorTable(const EntryInfo &entry) {
  std::string table;
  size_t width = 0;
  for (const auto *tensors : {&entry.inputs, &entry.outputs})
    for (const TensorInfo &tensor : *tensors)
      width = std::max(width, tensor.name.size());
  auto add = [&](llvm::StringRef role, const TensorInfo &tensor) {
    table += fmt::format(" *   {:<{}}  {:<{}}  {}\n", role.str(), hasState(entry) ? 5 : 3, commentText(tensor.name),
                         width, commentText(entry.spellTensor(tensor)));
  };
  for (const TensorInfo &tensor : entry.inputs)
    add(tensor.isUpdated ? "inout" : "in", tensor);
  for (const TensorInfo &tensor : entry.outputs)
    if (tensor.inout < 0)
      add("out", tensor);
  return table;
}

/// Not of inputs that have to be copied first; attnc_plan says what those take.
static std::string describeWorkspace(const EntryInfo &entry, const WorkspaceInfo &workspace) {
  std::string text = " *   workspace: ";
  if (!workspace.grows.empty())
    text += fmt::format("grows with {}", commentText(join(workspace.grows, ", ")));
  else if (entry.symbols.empty())
    text += fmt::format("{} bytes", workspace.bytes);
  else
    text += fmt::format("{} bytes; does not grow with {}", workspace.bytes, commentText(join(entry.symbols, ", ")));
  text += fmt::format("; on each thread's stack about {} bytes\n", workspace.stack);
  for (const std::string &line : workspace.plan)
    text += fmt::format(" *     {}\n", commentText(line));
  return text;
}

static std::string describeEntry(const EntryInfo &entry) {
  std::string text = fmt::format(" * {}\n", entry.name);
  if (!entry.called.empty())
    text += fmt::format(" *   the attention '{}', whose name C or its library has taken\n", commentText(entry.called));
  if (!entry.doc.empty())
    text += fmt::format(" *   {}\n", commentText(entry.doc));
  text += tensorTable(entry);
  for (const TensorInfo &tensor : entry.inputs)
    if (tensor.isSorted)
      text += fmt::format(" *   sorted: no element of {} is less than the one before it along the last dimension;\n"
                          " *     otherwise {}.\n",
                          commentText(tensor.name),
                          tensor.isChecked ? "a call fails with ATTNC_INVALID_ARGUMENT"
                                           : "outputs are any numbers (attnc compile --checks: an error)");
  for (const TensorInfo &tensor : entry.inputs)
    if (tensor.indexed)
      text += fmt::format(" *   {0}: indexes {1} positions, -{1} <= element < {1}, negative ones from the end;\n"
                          " *     otherwise {2}.\n",
                          tensor.name, entry.spellDim(*tensor.indexed),
                          tensor.isChecked ? "a call fails with ATTNC_INVALID_ARGUMENT"
                                           : "the nearest one is read (attnc compile --checks: an error)");
  if (!entry.symbols.empty())
    text += fmt::format(" *   {}: any extent from 0 to 2^29, chosen at each call; one "
                        "letter is one extent everywhere.\n",
                        commentText(join(entry.symbols, ", ")));
  for (const LimitInfo &limit : entry.limits)
    text += fmt::format(
        " *   {} <= {}, or a call fails with ATTNC_INVALID_ARGUMENT.\n",
        commentText(
            join(llvm::map_to_vector(limit.symbols, [&](int32_t i) { return entry.symbols[static_cast<size_t>(i)]; }),
                 " + ")),
        limit.most);
  if (entry.hasComputedOutput())
    text += " *   ?: follows from the inputs; attnc_plan tells.\n";
  if (hasState(entry))
    text += " *   inout: read, and updated where it lies: innermost stride 1, other strides positive; its address "
            "stands for\n"
            " *     input and output of attnc_call.\n";
  for (const TensorInfo &output : entry.outputs)
    if (output.extends >= 0)
      text +=
          fmt::format(" *   {}: may begin with {} in place (one memory, equal strides); what is there is not copied.\n",
                      output.name, entry.inputs[static_cast<size_t>(output.extends)].name);
  if (entry.workspace)
    text += describeWorkspace(entry, *entry.workspace);
  return text + " *\n";
}

static std::string openingComment(llvm::StringRef artefact, llvm::ArrayRef<EntryInfo> entries,
                                  llvm::ArrayRef<codegen::TargetInfo> targets) {
  std::vector<std::string> names;
  for (const codegen::TargetInfo &target : targets)
    names.push_back(target.name);
  std::string text = fmt::format("/* {}.h - made by attnc {} (ABI version {}); compile again "
                                 "rather than edit.\n *\n",
                                 artefact.str(), ATTNC_VERSION, ATTNC_ABI_VERSION);
  for (const EntryInfo &entry : entries)
    text += describeEntry(entry);
  return text + fmt::format(
                    R"( * Units: extents and strides count elements; names that end in _bytes or _size count bytes.
 * Memory: all of it is the caller's. Outputs have the stated shapes and do not overlap inputs.
 * Workspace: attnc_plan tells its size in bytes for given shapes: what is stated above, copies of inputs
 *   that cannot be read in place, and if that is not 0, 63 bytes for alignment. With options->workspace
 *   set, a call allocates nothing; else it allocates once and frees before it returns.
 * Errors: a call that does not return ATTNC_OK has written no output, and one line to options->message.
 *   ATTNC_INVALID_ARGUMENT  type, rank, extent, stride or device of a tensor does not fit
 *   ATTNC_UNSUPPORTED_CPU   this CPU has none of the instruction sets compiled for: {}
 *   ATTNC_OUT_OF_MEMORY     the allocator gave nothing, or the workspace given is too small
{} * Threads: all functions may be called concurrently. Without options->context or options->parallel_for
 *   a call runs on the calling thread.
 */
)",
                    join(names, ", "),
                    llvm::any_of(targets, [](const auto &target) { return target.isGpu(); })
                        ? " *   ATTNC_DEVICE_FAILED     the GPU or its driver failed\n"
                        : "");
}

std::string makeHeader(llvm::StringRef artefact, llvm::ArrayRef<EntryInfo> entries,
                       llvm::ArrayRef<codegen::TargetInfo> targets) {
  std::string text = openingComment(artefact, entries, targets);
  text += fmt::format("#ifndef {0}\n#define {0}\n\n/*===- The runtime's "
                      "interface (attnc.h) -===*/\n\n",
                      guard(artefact));
  text += kRuntimeHeader;
  text += "\n/*===- Entries -===*/\n\n#ifdef __cplusplus\nextern \"C\" "
          "{\n#endif\n\n";
  for (const EntryInfo &entry : entries)
    text += prototypes(entry);
  return text + "#ifdef __cplusplus\n}\n#endif\n#endif\n";
}

//===----------------------------------------------------------------------===//
// The example
//===----------------------------------------------------------------------===//

/// C that sets element `i` of `tensor`: small numbers of both signs, index 0,
/// or true.
static std::string fillElement(const TensorInfo &tensor) {
  return llvm::StringSwitch<std::string>(spellType(tensor))
      .Cases({"f64", "f32"},
             fmt::format("({})((int)((i * 37 + {}) % 23) - 11) / 11", cType(tensor).str(), tensor.name.size()))
      .Case("f16", "i % 3 ? 0x3c00 : 0xb800 /* 1 or -0.5 */")
      .Case("bf16", "i % 3 ? 0x3f80 : 0xbf00 /* 1 or -0.5 */")
      .Case("bool", "1")
      .Default("0");
}

/// Extents for the example: small, and different where two symbols must not be
/// mixed up.
static int64_t exampleExtent(size_t symbol) { return symbol == 0 ? 2 : 3 + 2 * static_cast<int64_t>(symbol); }

/// `text` between the quotes of a format string of printf.
static std::string formatText(llvm::StringRef text) {
  std::string result;
  for (char c : text) {
    if (c == '%' || c == '"' || c == '\\')
      result += c == '%' ? '%' : '\\';
    result += llvm::isPrint(c) ? c : '_';
  }
  return result;
}

static std::string elementCount(const EntryInfo &entry, const TensorInfo &tensor, const Identifiers &names) {
  std::string product = "(size_t)1";
  for (const DimInfo &dim : tensor.dims)
    product += " * " + (dim.symbol >= 0 ? "(size_t)" + names.symbols[dim.symbol] : entry.spellDim(dim));
  return product;
}

static std::string exampleInputs(const EntryInfo &entry, const Identifiers &names) {
  std::string text;
  for (auto [tensor, name, count] : llvm::zip(entry.inputs, names.inputs, names.inputCounts()))
    text += fmt::format(R"(
  size_t {1} = {2}; /* {3} */
  {4} *{0} = ({4} *)malloc(({1} + 1) * sizeof *{0});
  for (size_t i = 0; i < {1}; i++)
    {0}[i] = {5};
)",
                        name, count, elementCount(entry, tensor, names), commentText(entry.spellTensor(tensor)),
                        cType(tensor).str(), fillElement(tensor));
  return text;
}

/// Outputs are sized by what attnc_plan_raw says, which also covers computed
/// extents.
static std::string exampleOutputs(const EntryInfo &entry, const Identifiers &names) {
  std::string text;
  size_t offset = 0;
  for (auto [tensor, name, count] : llvm::zip(entry.outputs, names.outputs, names.outputCounts())) {
    std::string product = "(size_t)1";
    for (size_t dim = 0; dim < tensor.dims.size(); ++dim)
      product += fmt::format(" * (size_t)extents[{}]", offset + dim);
    offset += tensor.dims.size();
    if (tensor.inout >= 0)
      continue;
    text += fmt::format("  size_t {1} = {2}; /* {3} */\n  {4} *{0} = ({4} *)malloc(({1} + 1) * sizeof *{0});\n", name,
                        count, product, commentText(entry.spellTensor(tensor)), cType(tensor).str());
  }
  return text;
}

static std::string examplePrints(const EntryInfo &entry, const Identifiers &names) {
  std::string text;
  for (auto [tensor, outName, outCount] : llvm::zip(entry.outputs, names.outputs, names.outputCounts())) {
    auto state = static_cast<size_t>(std::max(tensor.inout, 0));
    const std::string &name = tensor.inout >= 0 ? names.inputs[state] : outName;
    const std::string &count = tensor.inout >= 0 ? names.inputCounts()[state] : outCount;
    bool isFloat = spellType(tensor) == "f32" || spellType(tensor) == "f64";
    text +=
        fmt::format(R"(  printf("{2}: %zu elements, the first ones", {1});
  for (size_t i = 0; i < {1} && i < 4; i++)
    printf(" {3}", ({4}){0}[i]);
  printf("\n");
)",
                    name, count, formatText(tensor.name), isFloat ? "%g" : "%lld", isFloat ? "double" : "long long");
  }
  return text;
}

/// Names that the example uses itself.
static LocalNames exampleLocals(const EntryInfo &entry) {
  std::string raw = entry.name + "_raw", accessor = entry.name + "_entry";
  return LocalNames({"why", "options", "symbols", "extents", "workspace_bytes", "i", "main", "printf", "fprintf",
                     "malloc", "free", entry.name, raw, accessor});
}

std::string makeExample(llvm::StringRef artefact, const EntryInfo &entry, llvm::StringRef library) {
  bool shared = library.ends_with(".so");
  std::string link = shared ? fmt::format("-L. -l{} -Wl,-rpath,'$ORIGIN'", artefact.str()) : library.str();
  Identifiers names(entry, exampleLocals(entry));
  std::string extents;
  for (auto [index, symbol] : llvm::enumerate(names.symbols))
    extents += fmt::format("  int64_t {} = {};\n", symbol, exampleExtent(index));
  std::vector<std::string> arguments = names.symbols;
  llvm::append_range(arguments, names.inputs);
  for (auto [tensor, name] : llvm::zip(entry.outputs, names.outputs))
    if (tensor.inout < 0)
      arguments.push_back(name);
  size_t outputRanks = 0;
  for (const TensorInfo &tensor : entry.outputs)
    outputRanks += tensor.dims.size();
  return fmt::format(R"(/* Calls {1} of {0}.h on made-up numbers. Build and run:
 *   cc {0}_example.c {2} -o {0}_example && ./{0}_example
 * or with CMake, which finds all three beside its CMakeLists.txt:
 *   add_executable({0}_example {0}_example.c)
 *   target_link_libraries({0}_example PRIVATE ${{CMAKE_CURRENT_SOURCE_DIR}}/{10})
 */
#include "{0}.h"
#include <stdio.h>
#include <stdlib.h>

int main(void) {{
  /* Extents of this call. */
{3}{4}
  /* Threads to use: 0 means as many as suit this process. */
  char why[512];
  attnc_options options = attnc_options_init();
  options.message = why;
  options.message_capacity = sizeof why;
  if (attnc_context_create(0, &options.context) != ATTNC_OK)
    return 1;

  /* The plan tells the outputs' extents and the size of the workspace. */
  int64_t symbols[] = {{{5}}}, extents[{6}], workspace_bytes;
  if (attnc_plan_raw({1}_entry(), symbols, extents, &workspace_bytes, &options) != ATTNC_OK) {{
    fprintf(stderr, "%s\n", why);
    return 1;
  }}
{7}
  if ({1}_raw({8}, &options) != ATTNC_OK) {{
    fprintf(stderr, "%s\n", why);
    return 1;
  }}
{9}  attnc_context_destroy(options.context);
  return 0;
}}
)",
                     artefact.str(), entry.name, link, extents, exampleInputs(entry, names),
                     names.symbols.empty() ? "0" : join(names.symbols, ", "), std::max<size_t>(outputRanks, 1),
                     exampleOutputs(entry, names), join(arguments, ", "), examplePrints(entry, names), library.str());
}

} // namespace attnc::emit
