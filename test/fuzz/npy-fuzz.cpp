//===- npy-fuzz.cpp - Any bytes as a .npy file ----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The header is read or refused with a reason, and what is accepted fits the
// file exactly. Under the sanitizers, every read outside is found.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Npy.h"

#include <stdio.h>
#include <stdlib.h>

using namespace attnc::rt;

static void require(bool holds, const char *what) {
  if (holds)
    return;
  fprintf(stderr, "npy-fuzz: %s\n", what);
  abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  NpyHeader header;
  TextBuffer<256> why;
  auto fileBytes = static_cast<int64_t>(size);
  bool good = parseNpyHeader(reinterpret_cast<const char *>(bytes), size, fileBytes, header, why);
  require(good == (why.length() == 0), "a reason exactly where it fails");
  if (!good)
    return 0;
  require(header.rank >= 0 && header.rank <= ATTNC_MAX_RANK, "rank");
  require(header.dataOffset + header.dataBytes == fileBytes, "size");
  int64_t elements = 1;
  for (int i = 0; i < header.rank; ++i)
    elements *= header.shape[i] ? 1 : 0;
  require(elements != 0 || header.dataBytes == 0, "empty tensors hold nothing");
  return 0;
}
