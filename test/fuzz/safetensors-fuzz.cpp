//===- safetensors-fuzz.cpp - Any bytes as a .safetensors file ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is accepted covers the data exactly, and each tensor has the bytes that its type and shape need.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/weights/Safetensors.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/ErrorHandling.h"

using namespace attnc::weights;

static void require(bool holds, const char *what) {
  if (!holds)
    llvm::report_fatal_error(what);
}

/// Parses `file`, and checks what is accepted.
static void parse(llvm::StringRef file) {
  llvm::Expected<std::vector<Tensor>> tensors = parseSafetensors(file);
  if (!tensors)
    return require(!llvm::toString(tensors.takeError()).empty(), "a reason where it fails");
  size_t covered = 0;
  for (const Tensor &tensor : *tensors) {
    require(tensor.data.begin() >= file.begin() && tensor.data.end() <= file.end(), "data inside the file");
    covered += tensor.data.size();
    if (std::optional<unsigned> bits = elementBits(tensor.dtype)) {
      uint64_t expected = *bits;
      for (int64_t extent : tensor.shape)
        expected *= extent;
      require(expected / 8 == tensor.data.size(), "bytes as shape and type need");
    }
  }
  require(covered <= file.size(), "no byte belongs to two tensors");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  llvm::StringRef file(reinterpret_cast<const char *>(bytes), size);
  parse(file);
  // Once more with the length that the header has, which mutations rarely hit.
  llvm::StringRef body = file.drop_front(std::min<size_t>(size, 8));
  std::string repaired(8, '\0');
  llvm::support::endian::write64le(repaired.data(), body.rfind('}') + 1);
  parse(repaired + body.str());
  return 0;
}
