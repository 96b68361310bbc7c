//===- Recipe.h - How the bytes of a weight are made ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What weights ops say, apart from the IR that they stand in: recipes of several modules, one for each target, come
// together in one artefact, and are carried out by several threads.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

namespace attnc::weights {

using File = std::shared_ptr<const llvm::MemoryBuffer>;

/// Files by path, each opened and mapped once.
class Files {
public:
  /// Gives `path` a file that was opened elsewhere, with more care than open() can have.
  void add(llvm::StringRef path, File file);
  /// The file at `path`, a plain one. The error does not name it.
  llvm::Expected<File> open(llvm::StringRef path);

private:
  std::mutex lock;
  llvm::StringMap<File> known;
};

struct Recipe;
using RecipePtr = std::shared_ptr<const Recipe>;

/// The formats that weights.cast knows.
enum class Format { f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64 };

/// One tensor of fixed shape. `elementBytes` are those of one element.
struct Recipe {
  /// Bytes of a file. A null file: not known.
  struct Data {
    File file;
    std::string path;
    uint64_t offset;
  };
  /// result[i...] = source[at + sum i_d * strides[d]], or 0 where sum i_d * inside[d] >= limit.
  struct View {
    RecipePtr source;
    int64_t at;
    llvm::SmallVector<int64_t> strides, inside; ///< `inside` may be empty
    int64_t limit;
  };
  struct Cast {
    RecipePtr source;
    Format from, to;
  };
  /// source + by, modulo the size of an element.
  struct Offset {
    RecipePtr source;
    int64_t by;
  };
  /// Sums of integers along `dim` of the source.
  struct Sum {
    RecipePtr source;
    int64_t dim;
  };
  /// Bytes that the recipe itself holds.
  struct Constant {
    std::string bytes;
  };
  /// The bits [from, from + width) of each integer.
  struct Bits {
    RecipePtr source;
    unsigned from, width;
  };
  /// Low four bits of eight bytes each, as words.
  struct Pack {
    RecipePtr source;
  };
  /// The same bytes.
  struct Bitcast {
    RecipePtr source;
  };
  /// Two tensors, element by element.
  struct Combine {
    std::vector<RecipePtr> sources;
    enum class By { add, sub, mul } by;
    bool isFloat; ///< f32; else integers
  };
  struct Concat {
    std::vector<RecipePtr> sources;
    int64_t dim;
  };

  /// The bytes of each source, the next one `pitch` bytes later; zeros between them. The result is bytes.
  struct Stack {
    std::vector<RecipePtr> sources;
    uint64_t pitch;
  };

  std::string name; ///< of the op, for messages
  llvm::SmallVector<int64_t> shape;
  unsigned elementBytes = 0;
  std::variant<Data, View, Cast, Offset, Sum, Constant, Bits, Pack, Bitcast, Combine, Concat, Stack> step;

  uint64_t bytes() const;
  /// Whether every byte is known.
  bool isKnown() const;
  /// The same text for recipes that make the same bytes in the same way.
  std::string text() const;
};

/// The bytes of `recipe`, which is known: those of a file as they lie there, others in `scratch`.
llvm::ArrayRef<char> make(const Recipe &recipe, std::vector<char> &scratch);

} // namespace attnc::weights
