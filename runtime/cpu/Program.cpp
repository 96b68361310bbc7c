//===- Program.cpp - What a compiled program does -------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Program.h"
#include "runtime/cpu/Checks.h"

#include "runtime/cpu/CpuFeatures.h"
#include "runtime/cpu/Invocation.h"
#include "runtime/cpu/Npy.h"
#include "runtime/cpu/ProgramOptions.h"
#include "runtime/cpu/Scalar.h"

#include <inttypes.h>
#include <new>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

using namespace attnc::rt;

namespace {

// Contract of all our programs.
enum ExitStatus { ok = 0, badInput = 1, usage = 2, wrongMachine = 4 };

/// A fixed number of T, zeroed; T's constructor is trivial or default.
template <typename T>
class Array {
public:
  explicit Array(size_t count) : values(static_cast<T *>(calloc(count + 1, sizeof(T)))), count(count) {
    for (size_t i = 0; values && i < count; ++i)
      new (&values[i]) T();
  }
  ~Array() {
    for (size_t i = 0; values && i < count; ++i)
      values[i].~T();
    free(values);
  }
  Array(const Array &) = delete;
  Array &operator=(const Array &) = delete;
  explicit operator bool() const { return values; }
  T &operator[](size_t i) { return values[i]; }
  T *begin() { return values; }

private:
  T *values;
  size_t count;
};

/// One run of the program, in the order of its functions.
class Session {
public:
  Session(const ProgramOptions &options)
      : options(options), entry(*options.entry), inputs(static_cast<size_t>(entry.num_inputs)),
        outputs(static_cast<size_t>(entry.num_outputs)), inputViews(static_cast<size_t>(entry.num_inputs)),
        outputViews(static_cast<size_t>(entry.num_outputs)), inputPointers(static_cast<size_t>(entry.num_inputs)),
        outputPointers(static_cast<size_t>(entry.num_outputs)) {
    callOptions.message = message;
    callOptions.message_capacity = sizeof message;
  }
  ~Session() {
    attnc_context_destroy(callOptions.context);
    free(callOptions.workspace);
  }

  ExitStatus run();

private:
  ExitStatus readInputs();
  bool readInput(int index);
  ExitStatus prepare();
  bool allocateOutputs(const int64_t *extents);
  ExitStatus call();
  ExitStatus measure();
  ExitStatus writeOutputs();
  ExitStatus report(attnc_status status);
  bool fail(const char *text) {
    fprintf(stderr, "%s: error: %s\n", options.program, text);
    return false;
  }

  const ProgramOptions &options;
  const attnc_entry &entry;
  attnc_options callOptions = attnc_options_init();
  char message[1024] = "";
  Array<NpyTensor> inputs, outputs;
  Array<DLTensor> inputViews, outputViews;
  Array<const DLTensor *> inputPointers;
  Array<DLTensor *> outputPointers;
};

} // namespace

ExitStatus Session::run() {
  if (!inputs || !outputs || !inputViews || !outputViews || !inputPointers || !outputPointers)
    return fail("out of memory"), badInput;
  ExitStatus status = readInputs();
  if (status == ok)
    status = prepare();
  if (status == ok)
    status = options.repeat ? measure() : call();
  return status == ok ? writeOutputs() : status;
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

static void makeView(NpyTensor &tensor, DLTensor &view) {
  view = {tensor.data, {kDLCPU, 0}, tensor.rank, {tensor.type.code, tensor.type.bits, 1}, tensor.shape, nullptr, 0};
}

bool Session::readInput(int index) {
  const attnc_tensor_info &info = entry.inputs[index];
  NpyTensor &tensor = inputs[static_cast<size_t>(index)];
  ElementType wanted = {info.type_code, info.type_bits};
  TextBuffer<512> why;
  TextBuffer<4096> path;
  const char *given = options.inputs[index];
  uint64_t element;
  if (given && info.rank == 0 && parseScalar(given, wanted, &element)) {
    if (!tensor.allocate(wanted, 0, nullptr, why))
      return fail(why.c_str());
    memcpy(tensor.data, &element, info.type_bits / 8u);
    return true;
  }
  if (given)
    path.add("%s", given);
  else
    addTensorPath(path, options.inputDirectory, info.name);
  return tensor.read(path.c_str(), &wanted, why) || fail(why.c_str());
}

ExitStatus Session::readInputs() {
  bool good = true;
  for (int i = 0; i < entry.num_inputs; ++i) {
    good &= readInput(i); // all of them: all mistakes at once
    auto at = static_cast<size_t>(i);
    makeView(inputs[at], inputViews[at]);
    inputPointers[at] = &inputViews[at];
  }
  return good ? ok : badInput;
}

//===----------------------------------------------------------------------===//
// Call
//===----------------------------------------------------------------------===//

ExitStatus Session::report(attnc_status status) {
  if (status == ATTNC_OK)
    return ok;
  fail(message[0] ? message : attnc_status_text(status));
  return status == ATTNC_UNSUPPORTED_CPU || status == ATTNC_DEVICE_FAILED ? wrongMachine : badInput;
}

bool Session::allocateOutputs(const int64_t *extents) {
  TextBuffer<512> why;
  for (int o = 0; o < entry.num_outputs; ++o) {
    const attnc_tensor_info &info = entry.outputs[o];
    auto at = static_cast<size_t>(o);
    ElementType type = {info.type_code, info.type_bits};
    if (!outputs[at].allocate(type, info.rank, extents, why))
      return fail(why.c_str());
    extents += info.rank;
    makeView(outputs[at], outputViews[at]);
    outputPointers[at] = &outputViews[at];
    if (int input = stateOf(entry, o); input >= 0) {
      auto state = static_cast<size_t>(input); // what is read is what is updated, and written
      memcpy(outputs[at].data, inputs[state].data, static_cast<size_t>(inputs[state].bytes));
      inputPointers[state] = &outputViews[at];
    }
  }
  return true;
}

/// Threads, output shapes, and a workspace that all repetitions share.
ExitStatus Session::prepare() {
  attnc_status status = attnc_context_create(options.threads, &callOptions.context);
  size_t ranks = 0;
  for (int o = 0; o < entry.num_outputs; ++o)
    ranks += static_cast<size_t>(entry.outputs[o].rank);
  Array<int64_t> extents(ranks);
  if (!extents)
    status = ATTNC_OUT_OF_MEMORY;
  int64_t bytes = 0;
  if (status == ATTNC_OK)
    status = attnc_plan(&entry, inputPointers.begin(), extents.begin(), &bytes, &callOptions);
  if (status != ATTNC_OK)
    return report(status);
  if (!allocateOutputs(extents.begin()))
    return badInput;
  callOptions.workspace_size = bytes;
  callOptions.workspace = bytes ? malloc(static_cast<size_t>(bytes)) : nullptr;
  return bytes && !callOptions.workspace ? report(ATTNC_OUT_OF_MEMORY) : ok;
}

ExitStatus Session::call() {
  return report(attnc_call(&entry, inputPointers.begin(), outputPointers.begin(), &callOptions));
}

static double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

static int compareTimes(const void *a, const void *b) {
  double x = *static_cast<const double *>(a), y = *static_cast<const double *>(b);
  return x < y ? -1 : x > y;
}

ExitStatus Session::measure() {
  auto count = static_cast<size_t>(options.repeat);
  Array<double> seconds(count);
  ExitStatus status = seconds ? call() : report(ATTNC_OUT_OF_MEMORY);
  for (size_t i = 0; i < count && status == ok; ++i) {
    double start = now();
    status = call();
    seconds[i] = now() - start;
  }
  if (status != ok)
    return status;
  qsort(seconds.begin(), count, sizeof(double), compareTimes);
  double median = (seconds[(count - 1) / 2] + seconds[count / 2]) / 2;
  printf("median %.6g ms, min %.6g ms, max %.6g ms (%zu runs, %d threads, "
         "%s)\n",
         median * 1e3, seconds[0] * 1e3, seconds[count - 1] * 1e3, count, attnc_context_threads(callOptions.context),
         attnc_select_variant(&entry, &callOptions)->target);
  return ok;
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

static bool writeTensor(const char *path, const NpyTensor &tensor, Text &why) {
  return writeNpy(path, tensor.type, tensor.rank, tensor.shape, tensor.data, why);
}

ExitStatus Session::writeOutputs() {
  bool good = true;
  if (options.outputDirectory)
    mkdir(options.outputDirectory, 0777); // where it fails, writing says why
  for (int o = 0; o < entry.num_outputs; ++o) {
    const NpyTensor &tensor = outputs[static_cast<size_t>(o)];
    TextBuffer<512> why;
    if (options.outputs[o] && !writeTensor(options.outputs[o], tensor, why))
      good = fail(why.c_str());
    if (!options.outputDirectory)
      continue;
    TextBuffer<4096> path;
    addTensorPath(path, options.outputDirectory, entry.outputs[o].name);
    why.clear();
    if (!writeTensor(path.c_str(), tensor, why))
      good = fail(why.c_str());
  }
  return good ? ok : badInput;
}

//===----------------------------------------------------------------------===//
// Actions
//===----------------------------------------------------------------------===//

static int printDescription(const attnc_module &module) {
  size_t length = attnc_describe(&module, nullptr, 0);
  Array<char> text(length);
  if (!text)
    return badInput;
  attnc_describe(&module, text.begin(), length + 1);
  fputs(text.begin(), stdout);
  return ok;
}

static int printVersion(const ProgramOptions &options, const attnc_module &module) {
  printf("%s: compiled by %s, ABI version %" PRIu32 ", for", options.program, module.producer, module.abi_version);
  const attnc_entry &entry = module.entries[0]; // all have the same variants
  for (int i = 0; i < entry.num_variants; ++i)
    printf("%s %s", i ? "," : "", entry.variants[i].target);
  printf("\n");
  return ok;
}

/// Before any file is read.
static int checkMachine(const ProgramOptions &options) {
  TextBuffer<1024> why;
  uint64_t features;
  int status = ok;
  if (!machineFeatures(*options.entry, features, why))
    status = usage;
  else if (!selectVariant(*options.entry, features, why))
    status = wrongMachine;
  if (status != ok)
    fprintf(stderr, "%s: error: %s\n", options.program, why.c_str());
  return status;
}

int attnc::rt::runProgram(const attnc_module &module, int argc, char **argv) {
  ProgramOptions options;
  if (!options.parse(module, argc, argv))
    return module.abi_version == ATTNC_ABI_VERSION ? usage : wrongMachine;
  switch (options.action) {
  case ProgramOptions::Action::help:
    printHelp(options, module);
    return ok;
  case ProgramOptions::Action::version:
    return printVersion(options, module);
  case ProgramOptions::Action::describe:
    return printDescription(module);
  case ProgramOptions::Action::run:
    break;
  }
  if (int status = checkMachine(options))
    return status;
  return Session(options).run();
}
