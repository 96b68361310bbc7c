//===- Options.cpp - The options of one verb, parsed by llvm::cl ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Options.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/support/Suggest.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tuner/Database.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/WithColor.h"
#include <fmt/format.h>

namespace attnc::tool {

llvm::DenseSet<const cl::Option *> &numbers() {
  static auto *all = new llvm::DenseSet<const cl::Option *>;
  return *all;
}

llvm::DenseSet<const cl::Option *> &switches() {
  static auto *all = new llvm::DenseSet<const cl::Option *>;
  return *all;
}

cl::OptionCategory &options() {
  static cl::OptionCategory category("attnc options");
  return category;
}

static bool isOurs(const cl::Option &option) { return llvm::is_contained(option.Categories, &options()); }

static void removeForeignOptions() {
  llvm::SmallVector<cl::Option *, 0> foreign;
  for (auto &entry : cl::getRegisteredOptions())
    if (!isOurs(*entry.second))
      foreign.push_back(entry.second);
  for (cl::Option *option : foreign)
    option->removeArgument();
}

std::vector<cl::Option *> optionsOf(const Verb &verb) {
  removeForeignOptions();
  verb.options();
  std::vector<cl::Option *> found;
  for (auto &entry : cl::getRegisteredOptions())
    if (isOurs(*entry.second))
      found.push_back(entry.second);
  llvm::sort(found, [](cl::Option *a, cl::Option *b) { return a->ArgStr < b->ArgStr; });
  return found;
}

//===----------------------------------------------------------------------===//
// Help and errors
//===----------------------------------------------------------------------===//

static std::string spelling(const cl::Option &option) {
  std::string text = (option.ArgStr.size() == 1 ? "-" : "--") + option.ArgStr.str();
  if (!option.ValueStr.empty())
    text += (option.ArgStr.size() == 1 ? " " : "=") + option.ValueStr.str();
  return text;
}

static void printHelp(const Verb &verb, llvm::ArrayRef<cl::Option *> found) {
  llvm::outs() << "attnc " << verb.name << " " << verb.usage << "\n  " << verb.summary << "\n\n";
  size_t width = 0;
  for (cl::Option *option : found)
    width = std::max(width, spelling(*option).size());
  for (cl::Option *option : found)
    llvm::outs() << fmt::format("  {:<{}}  {}\n", spelling(*option), width, option->HelpStr.str());
  if (!verb.examples.empty())
    llvm::outs() << "\n" << verb.examples;
}

/// llvm::cl's own messages, "prog: Unknown command line argument '--dim'.  Try:
/// ...", in our form.
static int reportParseErrors(const Verb &verb, llvm::StringRef text, llvm::ArrayRef<cl::Option *> found) {
  llvm::SmallVector<llvm::StringRef> lines;
  text.split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef line : lines) {
    if (line.contains("Too many positional arguments")) {
      error("one input file is expected; an option's value may lack its '--NAME='");
      continue;
    }
    auto [before, rest] = line.split("Unknown command line argument '");
    if (rest.empty()) {
      if (!line.contains("Did you mean '") && !line.contains("See: "))
        error(line.split(": ").second.empty() ? line : line.split(": ").second);
      continue;
    }
    llvm::StringRef name = rest.split('\'').first.ltrim('-').split('=').first;
    std::vector<llvm::StringRef> names;
    for (cl::Option *option : found)
      names.push_back(option->ArgStr);
    llvm::StringRef near = nearest(name, names);
    error("unknown option '" + rest.split('\'').first + "'" +
          (near.empty() ? "" : "; did you mean '" + llvm::StringRef(near.size() == 1 ? "-" : "--") + near + "'?"));
  }
  note("'attnc " + verb.name + " --help' lists the options");
  return kUsage;
}

/// The option of `found` that `argument` names, or null. A tensor may be called `v` or `o`: `--v` is that tensor, `-v`
/// is the option.
static cl::Option *findOption(llvm::StringRef argument, llvm::ArrayRef<cl::Option *> found) {
  llvm::StringRef name = argument.ltrim('-').split('=').first;
  if (name.size() == 1 && argument.starts_with("--"))
    return nullptr;
  auto it = llvm::find_if(found, [&](cl::Option *option) { return option->hasArgStr() && option->ArgStr == name; });
  return it == found.end() ? nullptr : *it;
}

/// Moves options that are not `found` from `arguments` to `rest`, each with the value that follows it, if one does.
static void takeOthers(llvm::SmallVectorImpl<const char *> &arguments, llvm::ArrayRef<cl::Option *> found,
                       std::vector<std::string> &rest) {
  llvm::SmallVector<const char *> ours;
  for (size_t i = 0; i < arguments.size(); ++i) {
    llvm::StringRef argument = arguments[i];
    bool isOption = argument.starts_with("-") && argument != "-";
    cl::Option *option = isOption ? findOption(argument, found) : nullptr;
    bool isOther = isOption && !option && argument != "--";
    bool mayFollow = !argument.contains('=') && i + 1 < arguments.size();
    if (isOther)
      rest.push_back(argument.str());
    else
      ours.push_back(arguments[i]);
    if (isOther && mayFollow && argument != "--describe" && !llvm::StringRef(arguments[i + 1]).starts_with("-"))
      rest.push_back(arguments[++i]);
    else if (option && mayFollow && !option->ValueStr.empty())
      ours.push_back(arguments[++i]); // a value of ours, whatever it looks like
  }
  arguments = std::move(ours);
}

/// What is wrong with the value of `option` in `argument`, "--seconds=0.5", or after it; "" if nothing is. llvm::cl would
/// say so in words of its own.
static std::string checkValue(const cl::Option &option, llvm::StringRef argument, bool mayFollow,
                              llvm::StringRef following) {
  std::string spelled = (option.ArgStr.size() == 1 ? "-" : "--") + option.ArgStr.str();
  bool isGiven = argument.contains('='), isSwitch = switches().contains(&option);
  std::string value = isGiven ? argument.split('=').second.str() : following.str();
  if (isSwitch)
    return isGiven && value != "true" && value != "false"
               ? spelled + " is a switch and takes no value, not '" + value + "'"
               : "";
  if (option.getValueExpectedFlag() == cl::ValueOptional)
    return "";
  if (!isGiven && !mayFollow)
    return spelled + " needs a value: " + spelled + "=" + option.ValueStr.str();
  int number;
  if (numbers().contains(&option) && llvm::StringRef(value).getAsInteger(0, number))
    return spelled + " takes a whole number, not '" + value + "'";
  return "";
}

/// Reports what is wrong with the values of options in `arguments`; whether nothing is.
static bool checkValues(llvm::ArrayRef<const char *> arguments, llvm::ArrayRef<cl::Option *> found) {
  bool ok = true;
  llvm::SmallPtrSet<cl::Option *, 8> seen;
  for (size_t i = 1; i < arguments.size() && llvm::StringRef(arguments[i]) != "--"; ++i) {
    llvm::StringRef argument = arguments[i];
    cl::Option *option = argument.starts_with("-") && argument != "-" ? findOption(argument, found) : nullptr;
    if (!option)
      continue;
    bool mayFollow = i + 1 < arguments.size();
    std::string wrong = checkValue(*option, argument, mayFollow, mayFollow ? arguments[i + 1] : "");
    if (wrong.empty() && option->getNumOccurrencesFlag() == cl::Optional && !seen.insert(option).second)
      wrong = (option->ArgStr.size() == 1 ? "-" : "--") + option->ArgStr.str() + " is given twice";
    if (!wrong.empty()) {
      error(wrong);
      ok = false;
    }
    bool takesNext =
        !argument.contains('=') && !option->ValueStr.empty() && option->getValueExpectedFlag() != cl::ValueOptional;
    i += takesNext;
  }
  return ok;
}

std::optional<int> parse(const Verb &verb, llvm::ArrayRef<const char *> arguments, std::vector<std::string> *rest) {
  std::vector<cl::Option *> found = optionsOf(verb);
  for (llvm::StringRef argument : arguments)
    if (argument == "--help" || argument == "-h" || argument == "-help") {
      printHelp(verb, found);
      return kOk;
    } else if (argument == "--") {
      break;
    }
  llvm::SmallVector<const char *> argv{"attnc"};
  llvm::append_range(argv, arguments);
  if (rest)
    takeOthers(argv, found, *rest);
  if (!checkValues(argv, found)) {
    note("'attnc " + verb.name + " --help' lists the options");
    return kUsage;
  }
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  if (!cl::ParseCommandLineOptions(static_cast<int>(argv.size()), argv.data(), "", &stream))
    return reportParseErrors(verb, messages, found);
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static bool readTargets(llvm::StringRef text, llvm::StringRef verb, CompileRequest &request) {
  llvm::SmallVector<llvm::StringRef> names;
  text.split(names, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef name : names) {
    auto target = codegen::parseTarget(name.trim());
    if (failed(target)) {
      llvm::SmallVector<llvm::StringRef> known(codegen::targetNames()), all(known);
      llvm::append_range(all, codegen::cpuNames());
      usageError(verb, "unknown target '" + name.trim() + "'" + didYouMean(name.trim(), all) + " (known: " +
                           llvm::join(known, ", ") + ", and CPUs as compilers call them, such as znver4)");
      return false;
    }
    if (llvm::none_of(request.targets, [&](const auto &other) { return other.name == target->name; }))
      request.targets.push_back(std::move(*target));
  }
  // Best first: that is how the loader reads them.
  llvm::sort(request.targets, [](const auto &a, const auto &b) {
    return std::tuple(a.isGpu(), a.vectorBits, a.cpuFeatureBits) >
           std::tuple(b.isGpu(), b.vectorBits, b.cpuFeatureBits);
  });
  if (request.targets.empty())
    usageError(verb, "--target names no target");
  return !request.targets.empty();
}

/// Reports every error of `errors`; true if there is none.
static bool accept(llvm::Error errors, llvm::StringRef verb, const llvm::Twine &before) {
  bool ok = !errors;
  llvm::handleAllErrors(std::move(errors),
                        [&](const llvm::ErrorInfoBase &problem) { usageError(verb, before + problem.message()); });
  return ok;
}

/// The same sizes for every target, each of which must be able to use them.
static bool readSchedule(llvm::StringRef text, llvm::StringRef verb, CompileRequest &request) {
  schedule::Schedule sizes;
  if (!accept(schedule::parseSchedule(text, sizes), verb, "--schedule "))
    return false;
  request.schedules.assign(request.targets.size(), sizes);
  bool ok = true;
  for (const codegen::TargetInfo &target : request.targets)
    ok &= accept(schedule::checkSchedule(sizes, machineOf(target)), verb, "--schedule for " + target.name + ": ");
  return ok;
}

void dropRunTimeDims(CompileRequest &request) {
  bool isSpec = llvm::StringRef(request.file).ends_with(".attn") || request.file == "-";
  if (!isSpec && !llvm::sys::fs::is_directory(request.file)) // a folder's attention is made from .attn text
    return request.dims.clear();
  for (llvm::StringRef symbol : {"B", "M", "N"})
    request.dims.erase(symbol);
}

std::optional<CompileRequest> readRequest(const CompileFlags &flags, llvm::StringRef verb) {
  CompileRequest request;
  request.file = flags.file;
  request.from = flags.from;
  request.dtype = flags.dtype;
  request.checks = flags.checks;
  request.remarks = flags.remarks;
  request.verbose = flags.verbose;
  request.timeReport = flags.timeReport;
  request.jobs = flags.jobs;
  bool ok = true;
  if (request.file.empty()) {
    usageError(verb, "no input file; '-' reads standard input");
    ok = false;
  }
  for (const std::string &text : flags.dims)
    if (llvm::Error failure = parseDimBindings(text, request.dims)) {
      usageError(verb, "--dims " + llvm::toString(std::move(failure)));
      ok = false;
    }
  for (llvm::StringRef text : flags.fix) {
    auto [name, file] = text.split('=');
    if (name.empty() || file.empty()) {
      usageError(verb, "--fix expects NAME=FILE.npy, not '" + text + "'");
      ok = false;
    }
    request.fix[name.str()] = file.str();
  }
  if (!request.fix.empty() && !llvm::StringRef(request.file).ends_with(".onnx")) {
    usageError(verb, "--fix gives values to inputs of an ONNX model; '" + request.file + "' is none");
    ok = false;
  }
  if (!llvm::is_contained({"", "f32", "bf16", "f16"}, request.dtype)) {
    usageError(verb, "--dtype is f32, bf16 or f16, not '" + request.dtype + "'");
    ok = false;
  }
  if (!request.dtype.empty() && !request.from.empty() && request.from != "attn") {
    usageError(verb, "--dtype converts operands at level attn; --from=" + request.from + " is past it");
    ok = false;
  }
  request.callDims = request.dims;
  if (flags.tuned.getNumOccurrences())
    request.tuned = flags.tuned.empty() ? tuner::defaultDatabase() : flags.tuned.getValue();
  if (request.tuned && !flags.schedule.empty()) {
    usageError(verb, "--schedule and --tuned both choose block sizes; give one of them");
    ok = false;
  }
  ok &= readTargets(flags.target, verb, request) && readSchedule(flags.schedule, verb, request);
  if (!ok)
    return std::nullopt;
  return request;
}

} // namespace attnc::tool
