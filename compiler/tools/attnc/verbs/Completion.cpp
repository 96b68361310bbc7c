//===- Completion.cpp - attnc completion: scripts for shells --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The script of each shell is a table made from the verbs and their options, so
// completing starts no compiler.
//
//===----------------------------------------------------------------------===//

#include "compiler/support/Suggest.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Emit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <fmt/format.h>

namespace attnc::tool {

namespace {
struct Flags {
  cl::opt<std::string> shell{cl::Positional, cl::desc("SHELL"), cl::cat(options())};
};

/// An option as the scripts need it.
struct OptionRow {
  std::string name, help; // "--dims"
  bool wantsValue;
  std::vector<std::string> values; // if they are few and known
};
} // namespace

static Flags &flags() {
  static Flags *all = new Flags; // never destroyed: see Options.h
  return *all;
}

static std::vector<std::string> valuesOf(llvm::StringRef option) {
  auto strings = [](auto &&names) {
    std::vector<std::string> result;
    for (llvm::StringRef name : names)
      result.push_back(name.str());
    return result;
  };
  if (option == "emit")
    return strings(emitKindNames());
  if (option == "target")
    return strings(codegen::targetNames());
  if (option == "schedule")
    return strings(llvm::map_range(schedule::knobs(), [](const auto &knob) { return llvm::StringRef(knob.name); }));
  if (option == "from")
    return {"attn", "fused", "tile", "llvm-dialect"};
  return {};
}

static std::vector<OptionRow> rowsOf(const Verb &verb) {
  std::vector<OptionRow> rows;
  for (cl::Option *option : optionsOf(verb)) {
    if (!option->hasArgStr())
      continue;
    std::string dashes = option->ArgStr.size() == 1 ? "-" : "--";
    rows.push_back(
        {dashes + option->ArgStr.str(), option->HelpStr.str(), !option->ValueStr.empty(), valuesOf(option->ArgStr)});
    option->removeArgument(); // the next verb may have an option of the same name
  }
  return rows;
}

static void printBash() {
  llvm::outs() << "# bash completion for attnc: source this file\n_attnc() {\n "
                  " local cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}\n"
               << "  COMPREPLY=()\n  if [ $COMP_CWORD -eq 1 ]; then\n    "
                  "COMPREPLY=($(compgen -W \"";
  for (const Verb *verb : verbs())
    llvm::outs() << verb->name << " ";
  llvm::outs() << "--help --version\" -- \"$cur\")); return\n  fi\n"
               << "  local option=$3; [ \"$option\" = = ] && "
                  "option=${COMP_WORDS[COMP_CWORD-2]}\n  [ \"$cur\" = = ] && cur=\n";
  llvm::outs() << "  case $verb in\n";
  for (const Verb *verb : verbs()) {
    std::string names, values;
    for (const OptionRow &row : rowsOf(*verb)) {
      names += row.name + " ";
      if (!row.values.empty())
        values += fmt::format("      {}) COMPREPLY=($(compgen -W \"{}\" -- "
                              "\"$cur\")); return ;;\n",
                              row.name, llvm::join(row.values, " "));
    }
    llvm::outs() << fmt::format("  {})\n", verb->name.str());
    if (!values.empty())
      llvm::outs() << "    case $option in\n" << values << "    esac\n";
    llvm::outs() << fmt::format("    [[ $cur == -* ]] && COMPREPLY=($(compgen "
                                "-W \"{}--help\" -- \"$cur\")) && return ;;\n",
                                names);
  }
  llvm::outs() << "  esac\n  COMPREPLY=($(compgen -f -- "
                  "\"$cur\"))\n}\ncomplete -o filenames -F _attnc attnc\n";
}

/// Text inside single quotes of a shell, without what zsh and fish would read
/// as syntax.
static std::string quoted(llvm::StringRef text) {
  std::string result;
  for (char c : text)
    result += c == '\''                          ? std::string("'\\''")
              : c == '[' || c == ']' || c == ':' ? std::string(" ")
                                                 : std::string(1, c);
  return result;
}

static void printZsh() {
  llvm::outs() << "#compdef attnc\n# zsh completion for attnc: put it into a "
                  "folder of $fpath as _attnc\n_attnc() {\n"
               << "  if (( CURRENT == 2 )); then\n    _values verb";
  for (const Verb *verb : verbs())
    llvm::outs() << fmt::format(" '{}[{}]'", verb->name.str(), quoted(verb->summary));
  llvm::outs() << "\n    return\n  fi\n  local verb=$words[2]\n  shift words; "
                  "(( CURRENT-- ))\n  case $verb in\n";
  for (const Verb *verb : verbs()) {
    llvm::outs() << fmt::format("  {}) _arguments", verb->name.str());
    for (const OptionRow &row : rowsOf(*verb)) {
      std::string action = row.values.empty() ? "_files" : "(" + llvm::join(row.values, " ") + ")";
      llvm::outs() << fmt::format(" '{}{}[{}]{}'", row.name, row.wantsValue && row.name.size() > 2 ? "=" : "",
                                  quoted(row.help), row.wantsValue ? ":value:" + action : "");
    }
    llvm::outs() << " '*:file:_files' ;;\n";
  }
  llvm::outs() << "  esac\n}\n_attnc \"$@\"\n";
}

static void printFish() {
  llvm::outs() << "# fish completion for attnc: put it into "
                  "~/.config/fish/completions/attnc.fish\n";
  for (const Verb *verb : verbs())
    llvm::outs() << fmt::format("complete -c attnc -n __fish_use_subcommand -f -a {} -d '{}'\n", verb->name.str(),
                                quoted(verb->summary));
  for (const Verb *verb : verbs())
    for (const OptionRow &row : rowsOf(*verb)) {
      bool isShort = row.name.size() == 2;
      llvm::outs() << fmt::format("complete -c attnc -n '__fish_seen_subcommand_from {}' -{} {} -d "
                                  "'{}'{}{}\n",
                                  verb->name.str(), isShort ? "s" : "l", row.name.substr(isShort ? 1 : 2),
                                  quoted(row.help), row.wantsValue ? " -r" : "",
                                  row.values.empty() ? "" : " -f -a '" + llvm::join(row.values, " ") + "'");
    }
}

static int run(llvm::ArrayRef<const char *> arguments) {
  if (std::optional<int> done = parse(completionVerb, arguments))
    return *done;
  std::string shell = flags().shell;
  if (shell == "bash")
    printBash();
  else if (shell == "zsh")
    printZsh();
  else if (shell == "fish")
    printFish();
  else
    return usageError("completion", (shell.empty() ? "for which shell?" : "unknown shell '" + shell + "';") +
                                        llvm::Twine(" bash, zsh or fish"));
  return kOk;
}

const Verb completionVerb{"completion",
                          "bash|zsh|fish",
                          "print a script that completes verbs, options and files",
                          "  source <(attnc completion bash)\n",
                          [] { flags(); },
                          run};

} // namespace attnc::tool
