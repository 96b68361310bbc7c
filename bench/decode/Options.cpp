//===- Options.cpp - What decode-bench is asked to do ---------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bench/decode/Options.h"
#include "attnc/attnc.h"
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <random>

using namespace decode;

static constexpr char kUsage[] = R"(usage: decode-bench [NAME=]LIBRARY... [OPTION...]
  --shape B=1,H=32,G=8,M=1,N=8192,D=128  what is left out is as here
  --dtype f32|bf16|f16                   of q, k, v and the result (f32)
  --layout BGND|BNGD                     of the caches; q is BHMD or BMHD with it (BGND)
  --window W        the last W keys are seen
  --tree            the M queries are drafts in a tree
  --ragged          lengths from 1 to N, the same in every run
  --plain [NAME=]LIBRARY   a library that gets the keys that are seen and no others
  --peer NAME=COMMAND      a worker of bench/peers/Worker.h; --inputs FOLDER, where it finds q.bin, k.bin and v.bin
  --threads T, --rounds R  (1, 15)
  --pages small|huge       of q, k, v (small)
  --json FILE              the figures once more
)";

void decode::misused(const std::string &why) {
  std::fprintf(stderr, "decode-bench: error: %s\n%s", why.c_str(), kUsage);
  std::exit(2);
}

static int64_t number(const std::string &text, int64_t least) {
  char *end;
  long long value = std::strtoll(text.c_str(), &end, 10);
  if (end == text.c_str() || *end || value < least || value > ATTNC_MAX_EXTENT)
    misused("'" + text + "' is no number of at least " + std::to_string(least));
  return value;
}

static Named named(const std::string &text) {
  size_t sign = text.find('=');
  if (sign != std::string::npos)
    return {text.substr(0, sign), text.substr(sign + 1)};
  size_t begin = text.rfind('/') + 1, end = text.rfind('.'); // npos + 1 is 0
  return {text.substr(begin, end == std::string::npos || end < begin ? end : end - begin), text};
}

static void readShape(const std::string &text, Problem &problem) {
  const std::pair<char, int64_t *> extents[] = {{'B', &problem.B}, {'H', &problem.H}, {'G', &problem.G},
                                                {'M', &problem.M}, {'N', &problem.N}, {'D', &problem.D}};
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(',', at), text.size());
    std::string part = text.substr(at, end - at);
    auto *it = std::find_if(std::begin(extents), std::end(extents), [&](const auto &extent) {
      return part.size() > 2 && extent.first == part[0] && part[1] == '=';
    });
    if (it == std::end(extents))
      misused("'" + part + "' in --shape is none of B=, H=, G=, M=, N= and D=");
    *it->second = number(part.substr(2), 1);
    at = end + 1;
  }
  if (problem.H % problem.G || problem.M > problem.N)
    misused("--shape needs a multiple of G as H, and no more queries than keys");
}

template <typename Value>
static Value oneOf(const std::string &text, std::initializer_list<std::pair<const char *, Value>> values) {
  for (const auto &[name, value] : values)
    if (text == name)
      return value;
  misused("'" + text + "' is not known here");
}

/// Options without a value: true if `name` was one.
static bool readFlag(const std::string &name, Options &options, bool &ragged) {
  if (name == "--tree")
    options.problem.tree = true;
  else if (name == "--ragged")
    ragged = true;
  else
    return false;
  return true;
}

static void readValue(const std::string &name, const std::string &value, Options &options) {
  Problem &problem = options.problem;
  if (name == "--shape")
    readShape(value, problem);
  else if (name == "--dtype")
    problem.type = oneOf<Type>(value, {{"f32", Type::f32}, {"bf16", Type::bf16}, {"f16", Type::f16}});
  else if (name == "--layout")
    problem.tokensOutside = oneOf<bool>(value, {{"BGND", false}, {"BNGD", true}});
  else if (name == "--window")
    problem.window = number(value, 1);
  else if (name == "--plain")
    options.plains.push_back(named(value));
  else if (name == "--peer")
    options.peers.push_back(named(value));
  else if (name == "--inputs")
    options.inputs = value;
  else if (name == "--threads")
    options.threads = static_cast<int>(number(value, 1));
  else if (name == "--rounds")
    options.rounds = static_cast<int>(number(value, 1));
  else if (name == "--pages")
    options.pages = oneOf<Pages>(value, {{"small", Pages::small}, {"huge", Pages::huge}});
  else if (name == "--json")
    options.json = value;
  else
    misused("unknown option " + name);
}

/// From 1 to N, both of them included where there are two sequences or more.
static std::vector<int64_t> raggedLengths(int64_t sequences, int64_t most) {
  std::minstd_rand random(3);
  std::vector<int64_t> lengths;
  for (int64_t b = 0; b < sequences; ++b)
    lengths.push_back(b == 0 ? most : b == 1 ? 1 : 1 + static_cast<int64_t>(random()) % most);
  return lengths;
}

Options decode::readOptions(int argc, char **argv) {
  Options options;
  bool ragged = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument.rfind("--", 0))
      options.libraries.push_back(named(argument));
    else if (size_t sign = argument.find('='); sign != std::string::npos)
      readValue(argument.substr(0, sign), argument.substr(sign + 1), options);
    else if (!readFlag(argument, options, ragged)) {
      if (i + 1 == argc)
        misused(argument + " needs a value");
      readValue(argument, argv[++i], options);
    }
  }
  if (ragged && (options.problem.window || options.problem.tree))
    misused("--ragged goes with neither --window nor --tree");
  if (!options.peers.empty() && options.inputs.empty())
    misused("--peer needs --inputs");
  if (ragged)
    options.problem.lengths = raggedLengths(options.problem.B, options.problem.N);
  return options;
}

std::string decode::settings(const Options &options) {
  const Problem &p = options.problem;
  const char *types[] = {"f32", "bf16", "f16"};
  char text[256];
  std::snprintf(text, sizeof text,
                "B=%" PRId64 ",H=%" PRId64 ",G=%" PRId64 ",M=%" PRId64 ",N=%" PRId64 ",D=%" PRId64 ",window=%" PRId64
                ",dtype=%s,layout=%s,threads=%d",
                p.B, p.H, p.G, p.M, p.N, p.D, p.window, types[static_cast<int>(p.type)],
                p.tokensOutside ? "BMHD" : "BHMD", options.threads);
  return text;
}
