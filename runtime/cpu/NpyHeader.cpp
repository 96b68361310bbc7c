//===- NpyHeader.cpp - The header of a .npy file --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   \x93NUMPY  major minor  length (u16, from version 2 on u32)  dictionary
//
// The dictionary is Python source, padded with spaces and a newline:
//   {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Npy.h"

#include "runtime/cpu/Strided.h"

#include <inttypes.h>

using namespace attnc::rt;

namespace {

/// A piece of the header's text; not terminated.
struct Slice {
  const char *begin;
  size_t size;
  bool is(const char *text) const { return strlen(text) == size && memcmp(begin, text, size) == 0; }
};

/// Reads the dictionary. Every function returns false once something is wrong.
class DictionaryParser {
public:
  DictionaryParser(const char *begin, size_t size, NpyHeader &header, Text &why)
      : at(begin), end(begin + size), header(header), why(why) {}

  bool parse();

private:
  bool parseItem(const Slice &key);
  bool parseString(Slice &value);
  bool parseDescr();
  bool parseOrder();
  bool parseShape();
  bool parseExtent(int64_t &extent);

  bool once(bool &seen, const char *key);
  bool fail(const char *what) {
    why.add("%s", what);
    return false;
  }
  void skipSpace() {
    while (at != end && (*at == ' ' || *at == '\t' || *at == '\n'))
      ++at;
  }
  /// Skips space, then `c` if it is there.
  bool accept(char c) {
    skipSpace();
    if (at == end || *at != c)
      return false;
    ++at;
    return true;
  }
  bool acceptWord(const char *word) {
    skipSpace();
    size_t size = strlen(word);
    if (static_cast<size_t>(end - at) < size || memcmp(at, word, size) != 0)
      return false;
    at += size;
    return true;
  }

  const char *at, *end;
  NpyHeader &header;
  Text &why;
  bool hasDescr = false, hasOrder = false, hasShape = false;
};

struct Descr {
  const char *text; // without the byte order
  ElementType type;
};
constexpr Descr descrs[] = {
    {"f4", {kDLFloat, 32}}, {"f8", {kDLFloat, 64}}, {"f2", {kDLFloat, 16}}, {"i1", {kDLInt, 8}},
    {"i2", {kDLInt, 16}},   {"i4", {kDLInt, 32}},   {"i8", {kDLInt, 64}},   {"u1", {kDLUInt, 8}},
    {"u2", {kDLUInt, 16}},  {"u4", {kDLUInt, 32}},  {"u8", {kDLUInt, 64}},  {"b1", {ATTNC_DL_BOOL, 8}},
};

} // namespace

bool DictionaryParser::parse() {
  if (!accept('{'))
    return fail("the header is not a dictionary");
  while (!accept('}')) {
    Slice key;
    if (!parseString(key) || !accept(':'))
      return fail("the header's dictionary is malformed");
    if (!parseItem(key))
      return false;
    if (accept(','))
      continue;
    if (!accept('}'))
      return fail("the header's dictionary is malformed");
    break;
  }
  skipSpace();
  if (at != end)
    return fail("the header has text after its dictionary");
  if (!hasDescr || !hasOrder || !hasShape)
    return fail("the header needs 'descr', 'fortran_order' and 'shape'");
  return true;
}

bool DictionaryParser::parseItem(const Slice &key) {
  if (key.is("descr"))
    return once(hasDescr, "descr") && parseDescr();
  if (key.is("fortran_order"))
    return once(hasOrder, "fortran_order") && parseOrder();
  if (key.is("shape"))
    return once(hasShape, "shape") && parseShape();
  return fail("the header's dictionary has an unknown key");
}

bool DictionaryParser::once(bool &seen, const char *key) {
  if (seen)
    why.add("the header has '%s' twice", key);
  bool first = !seen;
  seen = true;
  return first;
}

/// A string literal without escapes.
bool DictionaryParser::parseString(Slice &value) {
  skipSpace();
  if (at == end || (*at != '\'' && *at != '"'))
    return false;
  char quote = *at++;
  value.begin = at;
  while (at != end && *at != quote && *at != '\\')
    ++at;
  value.size = static_cast<size_t>(at - value.begin);
  if (at == end || *at != quote)
    return false;
  ++at;
  return true;
}

/// A file's bytes in a message: printable ones only, and not many.
static void addQuoted(Text &why, const Slice &text) {
  why.add("'");
  for (size_t i = 0; i < text.size && i < 32; ++i)
    why.add("%c", text.begin[i] >= ' ' && text.begin[i] <= '~' ? text.begin[i] : '?');
  why.add("'");
}

bool DictionaryParser::parseDescr() {
  Slice text;
  if (accept('['))
    return fail("structured dtypes are not supported");
  if (!parseString(text) || text.size == 0)
    return fail("the header's 'descr' is not a string");
  const char *order = text.begin;
  Slice type = {text.begin + 1, text.size - 1};
  if (*order == '|' && type.size && type.begin[0] == 'O')
    return fail("dtype object holds pickled Python objects, not numbers");
  for (const Descr &descr : descrs) {
    if (!type.is(descr.text))
      continue;
    if (*order == '>' && descr.type.bits > 8) {
      why.add("big-endian dtype ");
      addQuoted(why, text);
      return fail(" is not supported; store it with .astype('<...')");
    }
    if (*order != '<' && *order != '=' && *order != '|' && *order != '>')
      break;
    header.type = descr.type;
    return true;
  }
  why.add("dtype ");
  addQuoted(why, text);
  return fail(" is not supported (float 2, 4, 8 bytes; integers; bool)");
}

bool DictionaryParser::parseOrder() {
  if (acceptWord("True"))
    header.fortranOrder = true;
  else if (acceptWord("False"))
    header.fortranOrder = false;
  else
    return fail("the header's 'fortran_order' is neither True nor False");
  return true;
}

/// Python 2 wrote long integers as 3L.
bool DictionaryParser::parseExtent(int64_t &extent) {
  skipSpace();
  if (at != end && *at == '-')
    return fail("the header has a negative extent");
  const char *first = at;
  extent = 0;
  for (; at != end && *at >= '0' && *at <= '9'; ++at)
    if (__builtin_mul_overflow(extent, 10, &extent) || __builtin_add_overflow(extent, *at - '0', &extent))
      return fail("an extent in the header exceeds 2^63");
  if (at == first)
    return fail("the header's 'shape' is not a tuple of numbers");
  accept('L');
  return true;
}

bool DictionaryParser::parseShape() {
  if (!accept('('))
    return fail("the header's 'shape' is not a tuple of numbers");
  header.rank = 0;
  while (!accept(')')) {
    if (header.rank == ATTNC_MAX_RANK)
      return fail("the tensor has more than 16 dimensions");
    if (!parseExtent(header.shape[header.rank++]))
      return false;
    if (accept(','))
      continue;
    if (!accept(')'))
      return fail("the header's 'shape' is not a tuple of numbers");
    break;
  }
  return true;
}

/// Where the dictionary is; the format's fixed part.
static bool findDictionary(const char *bytes, size_t available, Slice &text, Text &why) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (available < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0) {
    why.add("not a .npy file");
    return false;
  }
  unsigned major = byte(6);
  if (major < 1 || major > 3) {
    why.add(".npy format version %u is not supported (1 to 3 are)", major);
    return false;
  }
  size_t prefix = major == 1 ? 10 : 12;
  size_t length = byte(8) | size_t(byte(9)) << 8;
  if (major > 1 && available >= prefix)
    length |= size_t(byte(10)) << 16 | size_t(byte(11)) << 24;
  if (available < prefix || length > maxNpyHeader - prefix || available - prefix < length) {
    why.add("the header's length (%zu bytes) does not fit the file", length);
    return false;
  }
  text = {bytes + prefix, length};
  return true;
}

bool attnc::rt::parseNpyHeader(const char *bytes, size_t available, int64_t fileBytes, NpyHeader &header, Text &why) {
  Slice text;
  if (!findDictionary(bytes, available, text, why) || !DictionaryParser(text.begin, text.size, header, why).parse())
    return false;
  header.dataOffset = text.begin + text.size - bytes;
  if (!tensorBytes(header.rank, header.shape, header.type.bits / 8, header.dataBytes)) {
    why.add("the shape in the header exceeds 2^63 bytes");
    return false;
  }
  int64_t present = fileBytes - header.dataOffset;
  if (header.dataBytes == present)
    return true;
  addShape(why, header.type.code, header.type.bits, header.rank, header.shape);
  why.add(" takes %" PRId64 " bytes, but the file has %" PRId64 " after its header", header.dataBytes, present);
  return false;
}
