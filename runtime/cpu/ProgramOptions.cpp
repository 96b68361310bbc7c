//===- ProgramOptions.cpp - The command line of compiled programs ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/ProgramOptions.h"

#include "runtime/cpu/Text.h"
#include "runtime/cpu/ThreadCount.h"

#include <initializer_list>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

using namespace attnc::rt;

static constexpr const char *valueOptions[] = {"inputs", "outputs", "threads", "repeat"};

/// The arguments not read yet. "--q=FILE" counts as two.
struct ProgramOptions::Arguments {
  int count;
  char **values;
  int next = 1;
  TextBuffer<128> name = {};      // of the present option, without dashes
  const char *attached = nullptr; // what follows its "="

  bool isAtEnd() const { return next == count; }

  void takeOption() {
    const char *option = values[next++];
    const char *equals = strchr(option, '=');
    attached = equals ? equals + 1 : nullptr;
    option += option[1] == '-' ? 2 : 1;
    name.clear();
    size_t length = equals ? size_t(equals - option) : strlen(option);
    name.add("%.*s", static_cast<int>(length < 4096 ? length : 4096), option);
  }

  bool is(const char *option) const { return !strcmp(name.c_str(), option); }

  const char *dashes() const { return is("o") ? "-" : "--"; }

  /// The present option's value; null if there is none.
  const char *takeValue() {
    if (attached)
      return attached;
    return isAtEnd() ? nullptr : values[next++];
  }
};

ProgramOptions::~ProgramOptions() {
  free(inputs);
  free(outputs);
}

void ProgramOptions::error(const char *format, ...) {
  ++errors;
  fprintf(stderr, "%s: error: ", program);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

static const char *baseName(const char *path) {
  const char *slash = path ? strrchr(path, '/') : nullptr;
  return slash ? slash + 1 : path ? path : "program";
}

/// Whether the argument asks about the program rather than to run it.
bool ProgramOptions::askAction(const char *argument) {
  if (!strcmp(argument, "--help") || !strcmp(argument, "-h"))
    action = Action::help;
  else if (!strcmp(argument, "--version"))
    action = Action::version;
  else if (!strcmp(argument, "--describe"))
    action = Action::describe;
  return action != Action::run;
}

/// A program of several entries takes the entry's name first.
bool ProgramOptions::chooseEntry(const attnc_module &module, Arguments &arguments) {
  const char *name = nullptr;
  if (!arguments.isAtEnd()) {
    const char *first = arguments.values[arguments.next];
    if (module.num_entries > 1 && askAction(first))
      return false; // about all entries
    if (first[0] != '-') {
      name = first;
      ++arguments.next;
    }
  }
  attnc_options options = attnc_options_init();
  char text[512];
  options.message = text;
  options.message_capacity = sizeof text;
  entry = attnc_find_entry(&module, name, &options);
  if (!entry)
    error("%s", text);
  return entry;
}

/// Where the file of tensor `name` goes: an input by its name or "in-NAME", an
/// output by "out-NAME", the only output by "o"; null if there is none.
const char **ProgramOptions::findTensor(const char *name) {
  auto find = [](const char *wanted, int count, const attnc_tensor_info *infos, const char **files) -> const char ** {
    for (int i = 0; i < count; ++i)
      if (!strcmp(infos[i].name, wanted))
        return &files[i];
    return nullptr;
  };
  if (!strcmp(name, "o") && entry->num_outputs == 1)
    return &outputs[0];
  if (const char **file = find(name, entry->num_inputs, entry->inputs, inputs))
    return file;
  if (!strncmp(name, "in-", 3))
    return find(name + 3, entry->num_inputs, entry->inputs, inputs);
  if (!strncmp(name, "out-", 4))
    return find(name + 4, entry->num_outputs, entry->outputs, outputs);
  return nullptr;
}

void ProgramOptions::unknownOption(const char *name) {
  if (!strcmp(name, "o") && entry->num_outputs != 1)
    return error("-o is for programs of one output; use --out-%s FILE and so "
                 "on, or --outputs DIR",
                 entry->num_outputs ? entry->outputs[0].name : "NAME");
  Spelling spelling(name);
  for (const char *option : valueOptions)
    spelling.offer(option);
  for (const char *option : {"help", "version", "describe"})
    spelling.offer(option);
  for (int i = 0; i < entry->num_inputs; ++i)
    spelling.offer(entry->inputs[i].name);
  bool isOutput = !strncmp(name, "out-", 4);
  Spelling output(isOutput ? name + 4 : name);
  for (int i = 0; i < entry->num_outputs; ++i)
    output.offer(entry->outputs[i].name);
  if (isOutput && output.best())
    error("unknown option --%s; did you mean --out-%s?", name, output.best());
  else if (spelling.best())
    error("unknown option --%s; did you mean --%s?", name, spelling.best());
  else
    error("unknown option --%s; --help lists all", name);
}

/// A number from 1 to `limit`; 0 if the text is none.
static int parseCount(const char *text, long limit) {
  char *end;
  long value = strtol(text, &end, 10);
  bool good = end != text && !*end && value >= 1 && value <= limit;
  return good ? static_cast<int>(value) : 0;
}

void ProgramOptions::setTensor(const char **file, const Arguments &arguments, const char *value) {
  if (*file)
    error("%s%s is given twice", arguments.dashes(), arguments.name.c_str());
  *file = value;
}

void ProgramOptions::setValue(const Arguments &arguments, const char *value) {
  if (arguments.is("inputs")) {
    inputDirectory = value;
  } else if (arguments.is("outputs")) {
    outputDirectory = value;
  } else if (arguments.is("threads")) {
    if (!(threads = parseCount(value, maxThreads)))
      error("--threads takes a number from 1 to %d, not '%s'", maxThreads, value);
  } else if (!(repeat = parseCount(value, 1'000'000))) {
    error("--repeat takes a number from 1 to 1000000, not '%s'", value);
  }
}

void ProgramOptions::parseOption(Arguments &arguments) {
  const char *text = arguments.values[arguments.next];
  if (text[0] != '-' || !text[1]) {
    ++arguments.next;
    return error("'%s' is no option; inputs are given as --NAME FILE", text);
  }
  arguments.takeOption();
  bool takesValue = false;
  for (const char *option : valueOptions)
    takesValue |= arguments.is(option);
  const char *name = arguments.name.c_str();
  const char **tensor = takesValue ? nullptr : findTensor(name);
  if (!takesValue && !tensor)
    return unknownOption(name);
  const char *value = arguments.takeValue();
  if (!value || !*value)
    return error("%s%s needs a value", arguments.dashes(), name);
  tensor ? setTensor(tensor, arguments, value) : setValue(arguments, value);
}

/// Every input must come from somewhere, and the results must go somewhere
/// unless only the time is wanted.
void ProgramOptions::checkComplete() {
  for (int i = 0; i < entry->num_inputs && !inputDirectory; ++i) {
    if (inputs[i])
      continue;
    TextBuffer<256> signature;
    addSignature(signature, *entry, entry->inputs[i]);
    error("input %s is missing: --%s FILE, %s", entry->inputs[i].name, entry->inputs[i].name, signature.c_str());
  }
  bool anyOutput = outputDirectory || repeat;
  for (int o = 0; o < entry->num_outputs; ++o)
    anyOutput |= outputs[o] != nullptr;
  if (!anyOutput)
    error("nowhere to write: give %s or --outputs DIR", entry->num_outputs == 1 ? "-o FILE" : "--out-NAME FILE");
}

bool ProgramOptions::parse(const attnc_module &module, int argc, char **argv) {
  program = baseName(argc > 0 ? argv[0] : nullptr);
  Arguments arguments = {argc, argv};
  if (argc < 1)
    arguments.next = argc;
  if (!chooseEntry(module, arguments))
    return errors == 0;
  auto allocate = [](int count) {
    return static_cast<const char **>(calloc(static_cast<size_t>(count) + 1, sizeof(char *)));
  };
  inputs = allocate(entry->num_inputs);
  outputs = allocate(entry->num_outputs);
  if (!inputs || !outputs) {
    error("out of memory");
    return false;
  }
  while (!arguments.isAtEnd()) {
    if (askAction(arguments.values[arguments.next]))
      return true; // whatever else is wrong
    parseOption(arguments);
  }
  if (errors == 0)
    checkComplete();
  if (errors)
    fprintf(stderr, "%s: --help shows how it is used\n", program);
  return errors == 0;
}

//===----------------------------------------------------------------------===//
// Help
//===----------------------------------------------------------------------===//

static void printEntry(const char *program, const attnc_entry &entry, bool named) {
  if (entry.doc && *entry.doc)
    printf("%s: %s\n", entry.name, entry.doc);
  printf("usage: %s%s%s", program, named ? " " : "", named ? entry.name : "");
  for (int i = 0; i < entry.num_inputs; ++i)
    printf(" --%s FILE", entry.inputs[i].name);
  for (int o = 0; o < entry.num_outputs && entry.num_outputs > 1; ++o)
    printf(" --out-%s FILE", entry.outputs[o].name);
  printf("%s\n\ninputs (.npy files; a number is enough for a single element)\n",
         entry.num_outputs == 1 ? " -o FILE" : "");
  for (int i = 0; i < entry.num_inputs; ++i) {
    TextBuffer<256> signature;
    addSignature(signature, entry, entry.inputs[i]);
    printf("  --%-14s %s\n", entry.inputs[i].name, signature.c_str());
  }
  printf("outputs\n");
  for (int o = 0; o < entry.num_outputs; ++o) {
    TextBuffer<256> signature;
    addSignature(signature, entry, entry.outputs[o]);
    if (entry.num_outputs == 1)
      printf("  -o               %s: %s\n", entry.outputs[o].name, signature.c_str());
    else
      printf("  --out-%-10s %s\n", entry.outputs[o].name, signature.c_str());
  }
  for (int s = 0; s < entry.num_symbols; ++s)
    printf("%s%s", s ? ", " : "", entry.symbols[s]);
  printf("%s", entry.num_symbols ? ": any extent; one letter is the same "
                                   "extent everywhere\n"
                                 : "");
}

void attnc::rt::printHelp(const ProgramOptions &options, const attnc_module &module) {
  for (int i = 0; i < module.num_entries; ++i)
    if (!options.entry || options.entry == &module.entries[i]) {
      printEntry(options.program, module.entries[i], module.num_entries > 1);
      printf("\n");
    }
  printf("options\n"
         "  --inputs DIR     read DIR/NAME.npy for inputs not named above\n"
         "  --outputs DIR    write DIR/NAME.npy for every output\n"
         "  --threads N      default: ATTNC_NUM_THREADS, else the CPUs that "
         "this process may use\n"
         "  --repeat N       run once more, then N times, and print the median "
         "time of the N\n"
         "  --describe       print inputs, outputs and targets as JSON\n"
         "  --version, --help\n"
         "exit status: 0 ok, 1 bad input, 2 usage, 4 not for this machine\n");
}
