//===- Names.cpp - What things are called in C ----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Names.h"
#include "llvm/ADT/StringExtras.h"
#include <dlfcn.h>

namespace attnc::emit {

// C up to C23 and C++ up to C++26; what begins with an underscore never comes out of identifier().
static constexpr llvm::StringLiteral kKeywords[] = {"alignas",
                                                    "alignof",
                                                    "and",
                                                    "and_eq",
                                                    "asm",
                                                    "auto",
                                                    "bitand",
                                                    "bitor",
                                                    "bool",
                                                    "break",
                                                    "case",
                                                    "catch",
                                                    "char",
                                                    "char16_t",
                                                    "char32_t",
                                                    "char8_t",
                                                    "class",
                                                    "co_await",
                                                    "co_return",
                                                    "co_yield",
                                                    "compl",
                                                    "concept",
                                                    "const",
                                                    "const_cast",
                                                    "consteval",
                                                    "constexpr",
                                                    "constinit",
                                                    "continue",
                                                    "contract_assert",
                                                    "decltype",
                                                    "default",
                                                    "delete",
                                                    "do",
                                                    "double",
                                                    "dynamic_cast",
                                                    "else",
                                                    "enum",
                                                    "explicit",
                                                    "export",
                                                    "extern",
                                                    "false",
                                                    "float",
                                                    "for",
                                                    "friend",
                                                    "goto",
                                                    "if",
                                                    "inline",
                                                    "int",
                                                    "long",
                                                    "mutable",
                                                    "namespace",
                                                    "new",
                                                    "noexcept",
                                                    "not",
                                                    "not_eq",
                                                    "nullptr",
                                                    "operator",
                                                    "or",
                                                    "or_eq",
                                                    "private",
                                                    "protected",
                                                    "public",
                                                    "register",
                                                    "reinterpret_cast",
                                                    "requires",
                                                    "restrict",
                                                    "return",
                                                    "short",
                                                    "signed",
                                                    "sizeof",
                                                    "static",
                                                    "static_assert",
                                                    "static_cast",
                                                    "struct",
                                                    "switch",
                                                    "template",
                                                    "this",
                                                    "thread_local",
                                                    "throw",
                                                    "true",
                                                    "try",
                                                    "typedef",
                                                    "typeid",
                                                    "typename",
                                                    "typeof",
                                                    "typeof_unqual",
                                                    "union",
                                                    "unsigned",
                                                    "using",
                                                    "virtual",
                                                    "void",
                                                    "volatile",
                                                    "wchar_t",
                                                    "while",
                                                    "xor",
                                                    "xor_eq"};

// Macros of the headers that generated files include, of those that programs often include beside them, and those that
// compilers define. Patterns stand in isMacro().
static constexpr llvm::StringLiteral kMacros[] = {"BIG_ENDIAN",
                                                  "BUFSIZ",
                                                  "BYTE_ORDER",
                                                  "CLOCKS_PER_SEC",
                                                  "EOF",
                                                  "EXIT_FAILURE",
                                                  "EXIT_SUCCESS",
                                                  "FILENAME_MAX",
                                                  "FOPEN_MAX",
                                                  "HUGE_VAL",
                                                  "I",
                                                  "INFINITY",
                                                  "LITTLE_ENDIAN",
                                                  "L_tmpnam",
                                                  "MB_CUR_MAX",
                                                  "NAN",
                                                  "NFDBITS",
                                                  "NULL",
                                                  "PDP_ENDIAN",
                                                  "P_tmpdir",
                                                  "RAND_MAX",
                                                  "TMP_MAX",
                                                  "alloca",
                                                  "assert",
                                                  "be16toh",
                                                  "be32toh",
                                                  "be64toh",
                                                  "complex",
                                                  "errno",
                                                  "fpclassify",
                                                  "htobe16",
                                                  "htobe32",
                                                  "htobe64",
                                                  "htole16",
                                                  "htole32",
                                                  "htole64",
                                                  "imaginary",
                                                  "isfinite",
                                                  "isinf",
                                                  "isnan",
                                                  "isnormal",
                                                  "le16toh",
                                                  "le32toh",
                                                  "le64toh",
                                                  "linux",
                                                  "makedev",
                                                  "major",
                                                  "minor",
                                                  "noreturn",
                                                  "offsetof",
                                                  "setjmp",
                                                  "signbit",
                                                  "sigsetjmp",
                                                  "stderr",
                                                  "stdin",
                                                  "stdout",
                                                  "strdupa",
                                                  "strndupa",
                                                  "unix",
                                                  "unreachable",
                                                  "va_arg",
                                                  "va_copy",
                                                  "va_end",
                                                  "va_start"};

// Types, and functions that the linker or a static part of the C library defines.
static constexpr llvm::StringLiteral kElsewhere[] = {
    "FILE", "at_quick_exit", "atexit", "edata",  "end",     "etext", "i386",  "main",  "pthread_atfork",
    "std",  "u_char",        "u_int",  "u_long", "u_short", "uint",  "ulong", "ushort"};

/// INT32_MAX, UINT64_C, L_ctermid, SEEK_SET, WIFEXITED and the like.
static bool isMacro(llvm::StringRef name) {
  if (llvm::is_contained(kMacros, name))
    return true;
  for (llvm::StringRef end : {"_MAX", "_MIN", "_WIDTH", "_C"})
    if (name.ends_with(end) && name.upper() == name)
      return true;
  for (llvm::StringRef start :
       {"FD_", "L_c", "M_", "RENAME_", "SEEK_", "WIF", "WCON", "WEX", "WNO", "WST", "WTERM", "WUNTR"})
    if (name.starts_with(start) && name.size() > start.size())
      return true;
  return false;
}

/// What the header's own text means by a name.
static bool isOurs(llvm::StringRef name) {
  return name.starts_with("attnc_") || name.starts_with("ATTNC_") || name.starts_with("kDL") || name.starts_with("DL");
}

static bool isReserved(llvm::StringRef name) {
  return llvm::is_contained(kKeywords, name) || isMacro(name) || isOurs(name) || name.ends_with("_t");
}

/// Whether the C library of this machine, or its mathematics, has a symbol of that name: an entry called so would be
/// called in its place, by all of a program.
static bool isInCLibrary(const std::string &name) {
  static const std::array<void *, 2> libraries{dlopen("libc.so.6", RTLD_LAZY), dlopen("libm.so.6", RTLD_LAZY)};
  return llvm::any_of(libraries, [&](void *library) { return library && dlsym(library, name.c_str()); });
}

/// Letters, digits and single underscores, no underscore at the front: both languages keep the rest for themselves.
static std::string identifier(llvm::StringRef name) {
  std::string result;
  for (char c : name) {
    char next = llvm::isAlnum(c) ? c : '_';
    if (next != '_' || (!result.empty() && result.back() != '_'))
      result += next;
  }
  return result;
}

std::string entryIdentifier(llvm::StringRef name) {
  std::string result = identifier(name);
  bool isPlain = !result.empty() && !llvm::isDigit(result[0]) && !isReserved(result) &&
                 !llvm::is_contained(kElsewhere, result) && !isInCLibrary(result);
  return isPlain ? result : "attn_" + result;
}

std::string EntryNames::pick(llvm::StringRef name) {
  std::string first = entryIdentifier(name), result = first;
  auto all = [&] { return std::array{result, result + "_raw", result + "_entry"}; };
  for (int number = 2; llvm::any_of(all(), [&](const std::string &one) { return taken.contains(one); }); ++number)
    result = first + (llvm::StringRef(first).ends_with("_") ? "" : "_") + std::to_string(number);
  for (const std::string &one : all())
    taken.insert(one);
  return result;
}

LocalNames::LocalNames(llvm::ArrayRef<llvm::StringRef> names) {
  for (llvm::StringRef name : names)
    taken.insert(name);
}

std::string LocalNames::pick(llvm::StringRef name) {
  std::string result = identifier(name);
  if (result.empty() || llvm::isDigit(result[0]))
    result = "x" + result;
  if (isReserved(result)) // int_, x_attnc_call
    result = isReserved(result + "_") ? "x_" + result : result + "_";
  while (!taken.insert(result).second)
    result += llvm::StringRef(result).ends_with("_") ? "1" : "_"; // never two underscores
  return result;
}

} // namespace attnc::emit
