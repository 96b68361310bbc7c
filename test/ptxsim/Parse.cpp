//===- Parse.cpp - PTX text, decoded --------------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/ptxsim/Program.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace ptxsim;

int Program::findFunction(const std::string &name) const {
  for (size_t i = 0; i < functions.size(); ++i)
    if (functions[i].name == name)
      return static_cast<int>(i);
  return -1;
}

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

namespace {
struct Word {
  std::string text;
  int line;
};

bool isWordChar(char c) {
  return isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' || c == '.';
}

/// Names with their dots, numbers with their sign, single characters. Comments are gone.
std::vector<Word> split(const std::string &text) {
  std::vector<Word> words;
  int line = 1;
  for (size_t i = 0; i < text.size();) {
    char c = text[i];
    if (c == '\n')
      ++line;
    if (text.compare(i, 2, "//") == 0) {
      while (i < text.size() && text[i] != '\n')
        ++i;
    } else if (isspace(static_cast<unsigned char>(c)) || c == '\0') {
      ++i;
    } else if (isWordChar(c) || (c == '-' && isdigit(static_cast<unsigned char>(text[i + 1])))) {
      size_t begin = i++;
      while (i < text.size() && isWordChar(text[i]))
        ++i;
      words.push_back({text.substr(begin, i - begin), line});
    } else {
      words.push_back({std::string(1, c), line});
      ++i;
    }
  }
  return words;
}

std::vector<std::string> parts(const std::string &word) {
  std::vector<std::string> result;
  size_t begin = 0;
  for (size_t dot; (dot = word.find('.', begin)) != std::string::npos; begin = dot + 1)
    result.push_back(word.substr(begin, dot - begin));
  result.push_back(word.substr(begin));
  return result;
}

const std::map<std::string, Type> kTypes = {{"pred", {Type::pred, 1}},           {"b8", {Type::bits, 8}},
                                            {"b16", {Type::bits, 16}},           {"b32", {Type::bits, 32}},
                                            {"b64", {Type::bits, 64}},           {"u8", {Type::unsign, 8}},
                                            {"u16", {Type::unsign, 16}},         {"u32", {Type::unsign, 32}},
                                            {"u64", {Type::unsign, 64}},         {"s8", {Type::sign, 8}},
                                            {"s16", {Type::sign, 16}},           {"s32", {Type::sign, 32}},
                                            {"s64", {Type::sign, 64}},           {"f16", {Type::real, 16}},
                                            {"f32", {Type::real, 32}},           {"f64", {Type::real, 64}},
                                            {"bf16", {Type::bfloat, 16}},        {"f16x2", {Type::real, 32, true}},
                                            {"bf16x2", {Type::bfloat, 32, true}}};

const std::map<std::string, Op> kOps = {
    {"abs", Op::abs},           {"add", Op::add},   {"and", Op::and_},    {"bfe", Op::bfe},   {"bfi", Op::bfi},
    {"bra", Op::bra},           {"brev", Op::brev}, {"brx", Op::brx},     {"call", Op::call}, {"clz", Op::clz},
    {"copysign", Op::copysign}, {"cvt", Op::cvt},   {"cvta", Op::cvta},   {"div", Op::div},   {"ex2", Op::ex2},
    {"exit", Op::exit},         {"fma", Op::fma},   {"ld", Op::ld},       {"lg2", Op::lg2},   {"mad", Op::mad},
    {"max", Op::max},           {"min", Op::min},   {"mov", Op::mov},     {"mul", Op::mul},   {"neg", Op::neg},
    {"not", Op::not_},          {"or", Op::or_},    {"popc", Op::popc},   {"prmt", Op::prmt}, {"rcp", Op::rcp},
    {"rem", Op::rem},           {"ret", Op::ret},   {"rsqrt", Op::rsqrt}, {"selp", Op::selp}, {"setp", Op::setp},
    {"shf", Op::shf},           {"shl", Op::shl},   {"shr", Op::shr},     {"sqrt", Op::sqrt}, {"st", Op::st},
    {"sub", Op::sub},           {"trap", Op::trap}, {"xor", Op::xor_}};

const std::map<std::string, Compare> kCompares = {
    {"eq", Compare::eq},   {"ne", Compare::ne},   {"lt", Compare::lt},   {"le", Compare::le},   {"gt", Compare::gt},
    {"ge", Compare::ge},   {"lo", Compare::lt},   {"ls", Compare::le},   {"hi", Compare::gt},   {"hs", Compare::ge},
    {"equ", Compare::equ}, {"neu", Compare::neu}, {"ltu", Compare::ltu}, {"leu", Compare::leu}, {"gtu", Compare::gtu},
    {"geu", Compare::geu}, {"num", Compare::num}, {"nan", Compare::nan}};

const std::map<std::string, Rounding> kRoundings = {{"rn", Rounding::nearest},
                                                    {"rz", Rounding::zero},
                                                    {"rm", Rounding::down},
                                                    {"rp", Rounding::up},
                                                    {"rni", Rounding::integerNearest},
                                                    {"rzi", Rounding::integerZero},
                                                    {"rmi", Rounding::integerDown},
                                                    {"rpi", Rounding::integerUp}};

const std::map<std::string, Special> kSpecials = {
    {"%tid.x", kTid},  {"%ntid.x", kNtid},  {"%ctaid.x", kCtaid}, {"%nctaid.x", kNctaid}, {"%tid.y", kZero},
    {"%tid.z", kZero}, {"%ctaid.y", kZero}, {"%ctaid.z", kZero},  {"%ntid.y", kOne},      {"%ntid.z", kOne}};

//===----------------------------------------------------------------------===//
// The parser
//===----------------------------------------------------------------------===//

class Parser {
public:
  explicit Parser(const std::string &text) : words(split(text)) {}
  Program run();

private:
  [[noreturn]] void fail(const std::string &why) const {
    int line = at < words.size() ? words[at].line : words.empty() ? 0 : words.back().line;
    throw Error("line " + std::to_string(line) + ": " + why);
  }
  const std::string &peek() const {
    static const std::string end;
    return at < words.size() ? words[at].text : end;
  }
  std::string next() {
    if (at >= words.size())
      fail("the text ends too early");
    return words[at++].text;
  }
  bool accept(const char *text) {
    bool found = peek() == text;
    at += found;
    return found;
  }
  void expect(const char *text) {
    if (!accept(text))
      fail(std::string("expected '") + text + "', not '" + peek() + "'");
  }
  int64_t number();
  void skipTo(const char *text) {
    while (next() != text)
      ;
  }

  Place declareParam();
  std::vector<Place> paramList();
  void parseGlobal();
  void parseFunction(bool isKernel);
  void parseBody();
  void parseLabel();
  void parseRegisters();
  void parseLocal();
  void parseInstruction();
  void parseModifiers(Instruction &instruction, const std::vector<std::string> &modifiers);
  void parseCall(Instruction &instruction);
  Operand operand(Type type);
  Operand place(const std::string &name);
  int64_t align(int64_t &end, int64_t to) { return end = (end + to - 1) / to * to; }

  std::vector<Word> words;
  size_t at = 0;
  Program program;
  std::map<std::string, int> globals;

  // Of the current function:
  Function *function = nullptr;
  std::map<std::string, int> registers, labels;
  std::map<std::string, Place> params, locals;
  std::map<std::string, std::vector<std::string>> tables; // of brx.idx
  std::vector<std::pair<size_t, std::string>> branches;
  std::vector<std::tuple<int, size_t, std::string>> calls; // of the whole program
};
} // namespace

int64_t Parser::number() {
  std::string text = next();
  char *end;
  int64_t value =
      text[0] == '-' ? strtoll(text.c_str(), &end, 0) : static_cast<int64_t>(strtoull(text.c_str(), &end, 0));
  if (*end != 0 && strcmp(end, "U") != 0)
    fail("expected a number, not '" + text + "'");
  return value;
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

/// .param [.align N] .TYPE [.ptr [.space] [.align N]] NAME[[SIZE]]
Place Parser::declareParam() {
  expect(".param");
  int64_t alignment = 0;
  if (accept(".align"))
    alignment = number();
  auto type = kTypes.find(next().substr(1));
  if (type == kTypes.end())
    fail("unknown type of a parameter");
  if (accept(".ptr"))
    while (peek()[0] == '.')
      if (next() == ".align")
        number();
  std::string name = next();
  Place place{0, std::max<int64_t>(1, type->second.bytes())};
  if (accept("[")) {
    place.bytes *= number();
    expect("]");
  }
  align(function->paramBytes, std::max<int64_t>({alignment, 8}));
  place.offset = function->paramBytes;
  function->paramBytes += place.bytes;
  params[name] = place;
  return place;
}

std::vector<Place> Parser::paramList() {
  std::vector<Place> result;
  expect("(");
  while (!accept(")")) {
    result.push_back(declareParam());
    accept(",");
  }
  return result;
}

/// .global [.align N] .b8 NAME[SIZE] [= {bytes}];
void Parser::parseGlobal() {
  Global global;
  if (accept(".align"))
    global.align = number();
  auto type = kTypes.find(next().substr(1));
  if (type == kTypes.end())
    fail("unknown type of a global");
  global.name = next();
  int64_t count = 1, width = std::max(1u, type->second.bytes());
  if (accept("[")) {
    count = number();
    expect("]");
  }
  global.bytes = count * width;
  auto append = [&] {
    std::string &word = words[at].text;
    uint64_t value;
    if (word.compare(0, 2, "0f") == 0 || word.compare(0, 2, "0d") == 0)
      value = strtoull(word.c_str() + 2, nullptr, 16), ++at;
    else
      value = static_cast<uint64_t>(number());
    const auto *bytes = reinterpret_cast<const uint8_t *>(&value);
    global.initial.insert(global.initial.end(), bytes, bytes + width);
  };
  if (accept("=")) {
    if (accept("{")) {
      while (!accept("}")) {
        append();
        accept(",");
      }
    } else {
      append();
    }
  }
  expect(";");
  globals[global.name] = static_cast<int>(program.globals.size());
  program.globals.push_back(std::move(global));
}

void Parser::parseFunction(bool isKernel) {
  Function made;
  made.isKernel = isKernel;
  function = &made;
  registers.clear(), labels.clear(), params.clear(), locals.clear(), tables.clear(), branches.clear();
  std::vector<Place> results;
  if (peek() == "(")
    results = paramList();
  made.name = next();
  if (peek() == "(")
    made.params = paramList();
  made.results = results;
  while (peek() != "{" && peek() != ";") // .maxntid 64, .noreturn
    next();
  if (accept(";"))
    return; // a declaration
  parseBody();
  auto placeOf = [&](const std::string &label) {
    auto found = labels.find(label);
    if (found == labels.end())
      fail("no label '" + label + "' in " + made.name);
    return found->second;
  };
  for (auto &[index, label] : branches) {
    if (made.code[index].op == Op::bra)
      made.code[index].target = placeOf(label);
    else
      for (const std::string &choice : tables[label])
        made.code[index].targets.push_back(placeOf(choice));
  }
  made.registers = static_cast<int>(registers.size());
  program.functions.push_back(std::move(made));
}

/// .reg .b32 %r<10>;  or  .reg .b16 tmp;  whose names are known only by this.
void Parser::parseRegisters() {
  next();
  while (!accept(";")) {
    std::string name = next();
    if (accept("<"))
      skipTo(">");
    else
      registers.try_emplace(name, static_cast<int>(registers.size()));
    accept(",");
  }
}

/// .local .align 64 .b8 __local_depot0[1024];
void Parser::parseLocal() {
  int64_t alignment = 8;
  if (accept(".align"))
    alignment = number();
  auto type = kTypes.find(next().substr(1));
  std::string name = next();
  expect("[");
  int64_t bytes = number() * std::max(1u, type->second.bytes());
  expect("]");
  expect(";");
  align(function->localBytes, std::max<int64_t>(alignment, 64));
  locals[name] = {function->localBytes, bytes};
  function->localBytes += bytes;
}

/// NAME: or  NAME: .branchtargets NAME, NAME;
void Parser::parseLabel() {
  std::string name = next();
  expect(":");
  if (!accept(".branchtargets")) {
    labels[name] = static_cast<int>(function->code.size());
    return;
  }
  while (!accept(";")) {
    tables[name].push_back(next());
    accept(",");
  }
}

void Parser::parseBody() {
  expect("{");
  for (int depth = 1; depth > 0;) {
    if (accept("{"))
      ++depth;
    else if (accept("}"))
      --depth;
    else if (accept(".reg"))
      parseRegisters();
    else if (accept(".local"))
      parseLocal();
    else if (peek() == ".param")
      declareParam(), expect(";");
    else if (accept(".pragma") || accept(".loc"))
      skipTo(";");
    else if (at + 1 < words.size() && words[at + 1].text == ":")
      parseLabel();
    else
      parseInstruction();
  }
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

void Parser::parseModifiers(Instruction &instruction, const std::vector<std::string> &modifiers) {
  for (size_t i = 1; i < modifiers.size(); ++i) {
    const std::string &m = modifiers[i];
    bool isSet = instruction.op == Op::setp;
    if (auto type = kTypes.find(m); type != kTypes.end())
      (instruction.type.kind == Type::none ? instruction.type : instruction.from) = type->second;
    else if (auto compare = kCompares.find(m); isSet && compare != kCompares.end()) {
      instruction.compare = compare->second;
      instruction.unsignedOrder = m == "lo" || m == "ls" || m == "hi" || m == "hs";
    } else if (auto rounding = kRoundings.find(m); rounding != kRoundings.end())
      instruction.rounding = rounding->second;
    else if (m == "global" || m == "local" || m == "param" || m == "const")
      instruction.space = m == "local" ? Space::local : m == "param" ? Space::param : Space::global;
    else if (m == "wide")
      instruction.wide = true;
    else if (m == "hi")
      instruction.high = true;
    else if (m == "l")
      instruction.left = true;
    else if (m == "wrap")
      instruction.wrap = true;
    else if (m == "NaN")
      instruction.nan = true;
    else if (m == "sat")
      instruction.saturate = true;
    else if (m == "ftz")
      instruction.ftz = true;
    else if (m != "lo" && m != "to" && m != "approx" && m != "uni" && m != "v2" && m != "v4" && m != "nc" && m != "r" &&
             m != "full" && m != "idx")
      fail("unknown modifier '." + m + "' of '" + modifiers[0] + "'");
  }
}

/// What NAME is, when it is not a register.
Operand Parser::place(const std::string &name) {
  Operand result;
  if (auto special = kSpecials.find(name); special != kSpecials.end()) {
    result.kind = Operand::special;
    result.reg = special->second;
  } else if (auto local = locals.find(name); local != locals.end()) {
    result.kind = Operand::local;
    result.value = local->second.offset;
  } else if (auto param = params.find(name); param != params.end()) {
    result.kind = Operand::param;
    result.value = param->second.offset;
  } else if (auto global = globals.find(name); global != globals.end()) {
    result.kind = Operand::global;
    result.value = global->second;
  } else if (name[0] == '%' || registers.count(name)) {
    result.kind = Operand::inRegister;
    result.reg = registers.try_emplace(name, static_cast<int>(registers.size())).first->second;
  } else if (name == "_") {
    result.kind = Operand::none;
  } else {
    fail("'" + name + "' is not known");
  }
  return result;
}

Operand Parser::operand(Type type) {
  Operand result;
  if (accept("{")) {
    std::vector<Operand> elements;
    while (!accept("}")) {
      elements.push_back(operand(type));
      accept(",");
    }
    result.kind = Operand::list;
    result.reg = static_cast<int>(function->lists.size());
    result.count = static_cast<int>(elements.size());
    function->lists.insert(function->lists.end(), elements.begin(), elements.end());
    return result;
  }
  if (accept("[")) {
    result = isdigit(static_cast<unsigned char>(peek()[0])) ? operand(type) : place(next());
    result.addressed = true;
    if (accept("+"))
      result.offset = number();
    expect("]");
    return result;
  }
  const std::string &word = peek();
  bool isNumber = isdigit(static_cast<unsigned char>(word[0])) || word[0] == '-';
  if (!isNumber)
    return place(next());
  result.kind = Operand::constant;
  if (word.compare(0, 2, "0f") == 0 || word.compare(0, 2, "0d") == 0)
    result.value = static_cast<int64_t>(strtoull(next().c_str() + 2, nullptr, 16));
  else
    result.value = number();
  if (type.kind == Type::pred)
    result.value &= 1;
  return result;
}

/// call.uni [(results),] NAME, (arguments);
void Parser::parseCall(Instruction &instruction) {
  auto list = [&](std::vector<Operand> &operands) {
    while (!accept(")")) {
      operands.push_back(place(next()));
      accept(",");
    }
  };
  if (accept("(")) {
    list(instruction.results);
    expect(",");
  }
  calls.emplace_back(program.functions.size(), function->code.size(), next());
  if (accept(",")) {
    expect("(");
    list(instruction.arguments);
  }
}

void Parser::parseInstruction() {
  Instruction instruction{};
  instruction.line = words[at].line;
  if (accept("@")) {
    instruction.guardNegated = accept("!");
    instruction.guard = place(next()).reg;
  }
  std::vector<std::string> modifiers = parts(next());
  auto op = kOps.find(modifiers[0]);
  if (op == kOps.end())
    fail("unknown instruction '" + modifiers[0] + "'");
  instruction.op = op->second;
  parseModifiers(instruction, modifiers);
  if (instruction.op == Op::bra) {
    branches.emplace_back(function->code.size(), next());
  } else if (instruction.op == Op::brx) {
    instruction.a[instruction.count++] = operand({Type::unsign, 32});
    expect(",");
    branches.emplace_back(function->code.size(), next());
  } else if (instruction.op == Op::call) {
    parseCall(instruction);
  } else {
    while (peek() != ";") {
      if (instruction.count == 5)
        fail("too many operands");
      instruction.a[instruction.count++] = operand(instruction.type);
      if (!accept(",") && !accept("|") && peek() != ";")
        fail("expected ',' or ';', not '" + peek() + "'");
    }
  }
  expect(";");
  function->code.push_back(std::move(instruction));
}

//===----------------------------------------------------------------------===//
// The whole text
//===----------------------------------------------------------------------===//

Program Parser::run() {
  while (at < words.size()) {
    if (accept(".version") || accept(".address_size"))
      next();
    else if (accept(".target")) {
      next();
      while (accept(","))
        next();
    } else if (accept(".visible") || accept(".weak"))
      ;
    else if (accept(".extern"))
      fail("the text needs something from elsewhere (.extern)");
    else if (accept(".global") || accept(".const"))
      parseGlobal();
    else if (accept(".entry"))
      parseFunction(/*isKernel=*/true);
    else if (accept(".func"))
      parseFunction(/*isKernel=*/false);
    else
      fail("unknown directive '" + peek() + "'");
  }
  for (auto &[caller, index, name] : calls) {
    int callee = program.findFunction(name);
    if (callee < 0)
      throw Error("no function '" + name + "'");
    program.functions[caller].code[index].target = callee;
  }
  return std::move(program);
}

Program ptxsim::parse(const std::string &text) { return Parser(text).run(); }
