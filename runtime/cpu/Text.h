//===- Text.h - Messages without the C++ library ----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text is written into the caller's buffer, cut where the buffer ends. Nothing
// here allocates, and emitted programs link with libc alone.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "attnc/attnc.h"

namespace attnc::rt {

/// A text that grows in a buffer of fixed size. `length` counts what was
/// wanted, as snprintf does; the buffer always ends in 0.
class Text {
public:
  Text(char *buffer, size_t capacity) : buffer(buffer), capacity(capacity) { clear(); }

  void clear();
  __attribute__((format(printf, 2, 3))) Text &add(const char *format, ...);
  size_t length() const { return wanted; }
  const char *c_str() const { return capacity ? buffer : ""; }

private:
  char *buffer;
  size_t capacity;
  size_t wanted = 0;
};

/// A Text with its own buffer.
template <size_t Capacity>
class TextBuffer : public Text {
public:
  TextBuffer() : Text(storage, Capacity) {}
  TextBuffer(const TextBuffer &) = delete;
  TextBuffer &operator=(const TextBuffer &) = delete;

private:
  char storage[Capacity];
};

/// "f32", "bf16", "i64", "ui8", "bool".
void addType(Text &text, uint8_t code, uint8_t bits);

/// "f32[2, 7, 16, 64]".
void addShape(Text &text, uint8_t code, uint8_t bits, int rank, const int64_t *shape);

/// "f32[B, N, 16, 64]"; an extent that only the kernel knows is "?".
void addSignature(Text &text, const attnc_entry &entry, const attnc_tensor_info &tensor);

/// The number of single-character edits between two names, at most `limit`.
int editDistance(const char *a, const char *b, int limit);

/// The candidate that `name` is probably a misspelling of, or null.
class Spelling {
public:
  explicit Spelling(const char *name);
  void offer(const char *candidate);
  const char *best() const { return found; }

private:
  const char *name;
  const char *found = nullptr;
  int distance;
};

} // namespace attnc::rt
