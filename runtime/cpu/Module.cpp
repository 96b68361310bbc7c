//===- Module.cpp - What a compiled module says about itself --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/cpu/Invocation.h"
#include "runtime/cpu/Options.h"

#include <inttypes.h>

using namespace attnc::rt;

uint32_t attnc_abi_version(void) { return ATTNC_ABI_VERSION; }

const char *attnc_status_text(attnc_status status) {
  switch (status) {
  case ATTNC_OK:
    return "ok";
  case ATTNC_INVALID_ARGUMENT:
    return "invalid argument";
  case ATTNC_UNSUPPORTED_CPU:
    return "this CPU lacks instructions that the code needs";
  case ATTNC_OUT_OF_MEMORY:
    return "out of memory";
  case ATTNC_DEVICE_FAILED:
    return "the GPU or its driver failed";
  }
  return "unknown status";
}

//===----------------------------------------------------------------------===//
// Entries and variants
//===----------------------------------------------------------------------===//

static void listEntries(const attnc_module &module, Text &why) {
  why.add("the module has ");
  for (int i = 0; i < module.num_entries; ++i)
    why.add("%s'%s'", i ? ", " : "", module.entries[i].name);
  if (module.num_entries == 0)
    why.add("no entries");
}

const attnc_entry *attnc_find_entry(const attnc_module *module, const char *name, const attnc_options *given) {
  Options options(given);
  if (options.status != ATTNC_OK)
    return nullptr;
  if (!module || module->abi_version != ATTNC_ABI_VERSION) {
    options.why.add("the module has ABI version %" PRIu32 ", this runtime has %" PRIu32,
                    module ? module->abi_version : 0, ATTNC_ABI_VERSION);
    return nullptr;
  }
  if (!name && module->num_entries == 1)
    return &module->entries[0];
  Spelling spelling(name ? name : "");
  for (int i = 0; name && i < module->num_entries; ++i) {
    if (strcmp(module->entries[i].name, name) == 0)
      return &module->entries[i];
    spelling.offer(module->entries[i].name);
  }
  if (name)
    options.why.add("no entry '%s'; ", name);
  else
    options.why.add("name an entry; ");
  if (name && spelling.best())
    options.why.add("did you mean '%s'? ", spelling.best());
  listEntries(*module, options.why);
  return nullptr;
}

const attnc_variant *attnc_select_variant(const attnc_entry *entry, const attnc_options *given) {
  Options options(given);
  uint64_t features;
  if (options.status != ATTNC_OK || !entry || !machineFeatures(*entry, features, options.why))
    return nullptr;
  return selectVariant(*entry, features, options.why);
}

//===----------------------------------------------------------------------===//
// The descriptor as JSON
//===----------------------------------------------------------------------===//

static void addString(Text &text, const char *string) {
  text.add("\"");
  for (const char *at = string ? string : ""; *at; ++at) {
    auto c = static_cast<unsigned char>(*at);
    if (c == '"' || c == '\\')
      text.add("\\%c", c);
    else if (c < 0x20)
      text.add("\\u%04x", c);
    else
      text.add("%c", c);
  }
  text.add("\"");
}

static void addTensor(Text &text, const attnc_entry &entry, const attnc_tensor_info &tensor) {
  text.add("{\"name\": ");
  addString(text, tensor.name);
  text.add(", \"type\": \"");
  addType(text, tensor.type_code, tensor.type_bits);
  text.add("\", \"dims\": [");
  for (int i = 0; i < tensor.rank; ++i) {
    const attnc_dim &dim = tensor.dims[i];
    text.add(i ? ", " : "");
    if (dim.size >= 0)
      text.add("%" PRId64, dim.size);
    else
      addString(text, dim.symbol >= 0 ? entry.symbols[dim.symbol] : "?");
  }
  text.add(tensor.flags & ATTNC_TENSOR_SORTED ? "], \"sorted\": true" : "]");
  text.add(tensor.flags & ATTNC_TENSOR_INOUT ? ", \"inout\": true}" : "}");
}

static void addTensors(Text &text, const char *key, const attnc_entry &entry, int count,
                       const attnc_tensor_info *tensors) {
  text.add(",\n     \"%s\": [", key);
  for (int i = 0; i < count; ++i) {
    text.add(i ? ",\n       " : "\n       ");
    addTensor(text, entry, tensors[i]);
  }
  text.add("]");
}

static void addVariant(Text &text, const attnc_variant &variant) {
  text.add("{\"target\": ");
  addString(text, variant.target);
  text.add(", \"needs\": [");
  const char *separator = "";
  for (int i = 0; i < 64; ++i)
    if (const char *name = cpuFeatureName(variant.cpu_features & UINT64_C(1) << i)) {
      text.add("%s\"%s\"", separator, name);
      separator = ", ";
    }
  text.add("]}");
}

/// What sums of symbols are at most, where there is something to say.
static void addLimits(Text &text, const attnc_entry &entry) {
  for (int i = 0; i < entry.num_limits; ++i) {
    const attnc_limit &limit = entry.limits[i];
    text.add(i ? ",\n       " : ",\n     \"limits\": [\n       ");
    text.add("{\"sum\": [");
    for (int s = 0; s < limit.num_symbols; ++s) {
      text.add(s ? ", " : "");
      addString(text, entry.symbols[limit.symbols[s]]);
    }
    text.add("], \"most\": %" PRId64 "}", limit.most);
  }
  text.add(entry.num_limits > 0 ? "]" : "");
}

static void addEntry(Text &text, const attnc_entry &entry) {
  text.add("{\"name\": ");
  addString(text, entry.name);
  text.add(",\n     \"doc\": ");
  addString(text, entry.doc);
  text.add(",\n     \"symbols\": [");
  for (int i = 0; i < entry.num_symbols; ++i) {
    text.add(i ? ", " : "");
    addString(text, entry.symbols[i]);
  }
  text.add("]");
  addTensors(text, "inputs", entry, entry.num_inputs, entry.inputs);
  addTensors(text, "outputs", entry, entry.num_outputs, entry.outputs);
  addLimits(text, entry);
  text.add(",\n     \"variants\": [");
  for (int i = 0; i < entry.num_variants; ++i) {
    text.add(i ? ",\n       " : "\n       ");
    addVariant(text, entry.variants[i]);
  }
  text.add("]}");
}

size_t attnc_describe(const attnc_module *module, char *buffer, size_t capacity) {
  Text text(buffer, buffer ? capacity : 0);
  text.add("{\"producer\": ");
  addString(text, module->producer);
  text.add(",\n \"abi_version\": %" PRIu32 ",\n \"entries\": [", module->abi_version);
  for (int i = 0; i < module->num_entries; ++i) {
    text.add(i ? ",\n    " : "\n    ");
    addEntry(text, module->entries[i]);
  }
  text.add("]}\n");
  return text.length();
}
