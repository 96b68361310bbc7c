//===- Text.cpp - Messages without the C++ library ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

using namespace attnc::rt;

void Text::clear() {
  wanted = 0;
  if (capacity)
    buffer[0] = 0;
}

Text &Text::add(const char *format, ...) {
  size_t at = wanted < capacity ? wanted : capacity;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(at < capacity ? buffer + at : nullptr, capacity - at, format, arguments);
  va_end(arguments);
  if (length > 0)
    wanted += static_cast<size_t>(length);
  return *this;
}

static const char *typePrefix(uint8_t code) {
  switch (code) {
  case kDLInt:
    return "i";
  case kDLUInt:
    return "ui";
  case kDLFloat:
    return "f";
  case kDLBfloat:
    return "bf";
  }
  return nullptr;
}

void attnc::rt::addType(Text &text, uint8_t code, uint8_t bits) {
  if (code == ATTNC_DL_BOOL && bits == 8)
    text.add("bool");
  else if (const char *prefix = typePrefix(code))
    text.add("%s%d", prefix, bits);
  else
    text.add("type(%d, %d bits)", code, bits);
}

void attnc::rt::addShape(Text &text, uint8_t code, uint8_t bits, int rank, const int64_t *shape) {
  addType(text, code, bits);
  text.add("[");
  for (int i = 0; i < rank; ++i)
    text.add("%s%" PRId64, i ? ", " : "", shape[i]);
  text.add("]");
}

void attnc::rt::addSignature(Text &text, const attnc_entry &entry, const attnc_tensor_info &tensor) {
  text.add(tensor.flags & ATTNC_TENSOR_SORTED ? "sorted " : "");
  addType(text, tensor.type_code, tensor.type_bits);
  text.add("[");
  for (int i = 0; i < tensor.rank; ++i) {
    const attnc_dim &dim = tensor.dims[i];
    text.add(i ? ", " : "");
    if (dim.size >= 0)
      text.add("%" PRId64, dim.size);
    else
      text.add("%s", dim.symbol >= 0 ? entry.symbols[dim.symbol] : "?");
    if (dim.size < -1)
      text.add(" <= %" PRId64, -1 - dim.size);
  }
  text.add("]");
}

static int least(int a, int b) { return a < b ? a : b; }

int attnc::rt::editDistance(const char *a, const char *b, int limit) {
  constexpr size_t maxLength = 63;
  size_t lengthA = strlen(a), lengthB = strlen(b);
  if (lengthA > maxLength || lengthB > maxLength)
    return limit;
  // row[j] = edits from a[0, i) to b[0, j)
  int row[maxLength + 1];
  for (size_t j = 0; j <= lengthB; ++j)
    row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= lengthA; ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= lengthB; ++j) {
      int replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
    }
  }
  return least(row[lengthB], limit);
}

// A third of the name may be wrong, but never all of it.
Spelling::Spelling(const char *name) : name(name), distance(static_cast<int>(strlen(name) / 3) + 2) {}

void Spelling::offer(const char *candidate) {
  int edits = editDistance(name, candidate, distance);
  if (edits < distance && edits < static_cast<int>(strlen(candidate))) {
    distance = edits;
    found = candidate;
  }
}
