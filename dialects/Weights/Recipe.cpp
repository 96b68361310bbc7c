//===- Recipe.cpp - How the bytes of a weight are made --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Weights/Recipe.h"
#include "compiler/support/InputFiles.h"
#include "compiler/support/ReadPlainFile.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attnc::weights;
using llvm::APFloat;

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

void Files::add(llvm::StringRef path, File file) {
  std::lock_guard<std::mutex> guard(lock);
  known[path] = std::move(file);
}

llvm::Expected<File> Files::open(llvm::StringRef path) {
  std::lock_guard<std::mutex> guard(lock);
  File &file = known[path];
  if (!file) {
    auto opened = readPlainFile(path, /*maxBytes=*/UINT64_MAX);
    if (!opened)
      return opened.takeError();
    rememberInput(path);
    file = std::move(*opened);
  }
  return file;
}

//===----------------------------------------------------------------------===//
// Recipes
//===----------------------------------------------------------------------===//

uint64_t Recipe::bytes() const {
  uint64_t count = elementBytes;
  for (int64_t extent : shape)
    count *= static_cast<uint64_t>(extent);
  return count;
}

static llvm::ArrayRef<RecipePtr> sourcesOf(const Recipe &recipe) {
  if (const auto *view = std::get_if<Recipe::View>(&recipe.step))
    return view->source;
  if (const auto *cast = std::get_if<Recipe::Cast>(&recipe.step))
    return cast->source;
  if (const auto *offset = std::get_if<Recipe::Offset>(&recipe.step))
    return offset->source;
  if (const auto *sum = std::get_if<Recipe::Sum>(&recipe.step))
    return sum->source;
  if (const auto *bits = std::get_if<Recipe::Bits>(&recipe.step))
    return bits->source;
  if (const auto *pack = std::get_if<Recipe::Pack>(&recipe.step))
    return pack->source;
  if (const auto *bitcast = std::get_if<Recipe::Bitcast>(&recipe.step))
    return bitcast->source;
  if (const auto *combine = std::get_if<Recipe::Combine>(&recipe.step))
    return combine->sources;
  if (const auto *concat = std::get_if<Recipe::Concat>(&recipe.step))
    return concat->sources;
  if (const auto *stack = std::get_if<Recipe::Stack>(&recipe.step))
    return stack->sources;
  return {};
}

bool Recipe::isKnown() const {
  if (const auto *data = std::get_if<Data>(&step))
    return data->file != nullptr;
  return llvm::all_of(sourcesOf(*this), [](const RecipePtr &source) { return source->isKnown(); });
}

std::string Recipe::text() const {
  std::string made;
  if (const auto *data = std::get_if<Data>(&step))
    made = data->file ? fmt::format("data {} {}", data->path, data->offset) : "data unknown " + name;
  else if (const auto *view = std::get_if<View>(&step))
    made = fmt::format("view {} {} {} {}", view->at, fmt::join(view->strides, ","), fmt::join(view->inside, ","),
                       view->limit);
  else if (const auto *cast = std::get_if<Cast>(&step))
    made = fmt::format("cast {} {}", static_cast<int>(cast->from), static_cast<int>(cast->to));
  else if (const auto *offset = std::get_if<Offset>(&step))
    made = fmt::format("offset {}", offset->by);
  else if (const auto *sum = std::get_if<Sum>(&step))
    made = fmt::format("sum {}", sum->dim);
  else if (const auto *constant = std::get_if<Constant>(&step))
    made = "constant " + llvm::toHex(constant->bytes);
  else if (const auto *bits = std::get_if<Bits>(&step))
    made = fmt::format("bits {} {}", bits->from, bits->width);
  else if (std::get_if<Pack>(&step))
    made = "pack";
  else if (std::get_if<Bitcast>(&step))
    made = "bitcast";
  else if (const auto *combine = std::get_if<Combine>(&step))
    made = fmt::format("combine {} {}", static_cast<int>(combine->by), combine->isFloat);
  else if (const auto *stack = std::get_if<Stack>(&step))
    made = fmt::format("stack {}", stack->pitch);
  else
    made = fmt::format("concat {}", std::get<Concat>(step).dim);
  for (const RecipePtr &source : sourcesOf(*this))
    made += "(" + source->text() + ")";
  return fmt::format("{} {}x{}", made, fmt::join(shape, "x"), elementBytes);
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

namespace {
/// Copies a view, elements of `T`.
template <typename T>
class ViewCopy {
public:
  ViewCopy(const Recipe::View &view, llvm::ArrayRef<int64_t> shape, const char *source, char *result)
      : view(view), shape(shape), source(source), result(result) {}

  void run() {
    if (!llvm::is_contained(shape, 0))
      copy(0, view.at, 0);
  }

private:
  int64_t inside(size_t dim) const { return view.inside.empty() ? 0 : view.inside[dim]; }

  /// The elements whose first `dim` indices are fixed: they add up to `place` in the source, to `sum` in the limit.
  void copy(size_t dim, int64_t place, int64_t sum) {
    if (dim == shape.size())
      return copyRow(1, place, 0, sum, 0);
    if (dim + 1 == shape.size())
      return copyRow(shape[dim], place, view.strides[dim], sum, inside(dim));
    for (int64_t i = 0; i < shape[dim]; ++i)
      copy(dim + 1, place + i * view.strides[dim], sum + i * inside(dim));
  }

  void copyRow(int64_t count, int64_t place, int64_t stride, int64_t sum, int64_t step) {
    int64_t real = count; // how many lie inside
    if (!view.inside.empty())
      real = sum >= view.limit ? 0 : step > 0 ? std::min(count, (view.limit - sum + step - 1) / step) : count;
    const char *from = source + place * static_cast<int64_t>(sizeof(T));
    if (stride == 1 && real > 0)
      std::memcpy(result, from, static_cast<size_t>(real) * sizeof(T));
    else
      for (int64_t i = 0; i < real; ++i)
        std::memcpy(result + i * sizeof(T), from + i * stride * static_cast<int64_t>(sizeof(T)), sizeof(T));
    std::memset(result + real * sizeof(T), 0, static_cast<size_t>(count - real) * sizeof(T));
    result += count * sizeof(T);
  }

  const Recipe::View &view;
  llvm::ArrayRef<int64_t> shape;
  const char *source;
  char *result; // moves on with each row
};
} // namespace

static void makeView(const Recipe &recipe, const Recipe::View &view, const char *source, char *result) {
  switch (recipe.elementBytes) {
  case 1:
    return ViewCopy<uint8_t>(view, recipe.shape, source, result).run();
  case 2:
    return ViewCopy<uint16_t>(view, recipe.shape, source, result).run();
  case 4:
    return ViewCopy<uint32_t>(view, recipe.shape, source, result).run();
  default:
    return ViewCopy<uint64_t>(view, recipe.shape, source, result).run();
  }
}

//===----------------------------------------------------------------------===//
// Casts
//===----------------------------------------------------------------------===//

static const llvm::fltSemantics &semanticsOf(Format format) {
  switch (format) {
  case Format::f16:
    return APFloat::IEEEhalf();
  case Format::bf16:
    return APFloat::BFloat();
  case Format::f32:
    return APFloat::IEEEsingle();
  default:
    return APFloat::IEEEdouble();
  }
}

static bool isInteger(Format format) { return format >= Format::i8; }
static bool isSigned(Format format) { return format < Format::u8; }

/// The upper half of `bits`, rounded to nearest even; a NaN stays one.
static uint16_t roundToBf16(uint32_t bits) {
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// An integer as a float of another format.
static uint64_t roundInteger(uint64_t bits, bool isNegative, Format to) {
  if (to == Format::f32) // the common one
    return llvm::bit_cast<uint32_t>(isNegative ? static_cast<float>(static_cast<int64_t>(bits))
                                               : static_cast<float>(bits));
  APFloat value(semanticsOf(to));
  value.convertFromAPInt(llvm::APInt(64, bits), isNegative, APFloat::rmNearestTiesToEven);
  return value.bitcastToAPInt().getZExtValue();
}

static uint64_t castBits(uint64_t bits, Format from, Format to) {
  if (isInteger(to))
    return bits; // of which the low ones are stored
  if (isInteger(from))
    return roundInteger(bits, isSigned(from) && static_cast<int64_t>(bits) < 0, to);
  const llvm::fltSemantics &source = semanticsOf(from);
  APFloat value(source, llvm::APInt(APFloat::semanticsSizeInBits(source), bits));
  bool losesInfo;
  value.convert(semanticsOf(to), APFloat::rmNearestTiesToEven, &losesInfo);
  return value.bitcastToAPInt().getZExtValue();
}

static void makeCast(const Recipe::Cast &cast, llvm::ArrayRef<char> source, unsigned elementBytes, char *result) {
  unsigned from = cast.source->elementBytes;
  for (size_t at = 0; at < source.size(); at += from, result += elementBytes) {
    uint64_t bits = 0; // little-endian, as files are
    std::memcpy(&bits, source.data() + at, from);
    if (isInteger(cast.from) && isSigned(cast.from))
      bits = static_cast<uint64_t>(llvm::SignExtend64(bits, 8 * from));
    bits = cast.from == Format::f32 && cast.to == Format::bf16 ? roundToBf16(static_cast<uint32_t>(bits))
                                                               : castBits(bits, cast.from, cast.to);
    std::memcpy(result, &bits, elementBytes);
  }
}

static void makeOffset(const Recipe::Offset &offset, llvm::ArrayRef<char> source, unsigned elementBytes, char *result) {
  for (size_t at = 0; at < source.size(); at += elementBytes) {
    uint64_t bits = 0;
    std::memcpy(&bits, source.data() + at, elementBytes);
    bits += static_cast<uint64_t>(offset.by);
    std::memcpy(result + at, &bits, elementBytes);
  }
}

static void makeBits(const Recipe::Bits &bits, llvm::ArrayRef<char> source, unsigned elementBytes, char *result) {
  uint64_t mask = llvm::maskTrailingOnes<uint64_t>(bits.width);
  for (size_t at = 0; at < source.size(); at += elementBytes) {
    uint64_t number = 0;
    std::memcpy(&number, source.data() + at, elementBytes);
    number = (number >> bits.from) & mask;
    std::memcpy(result + at, &number, elementBytes);
  }
}

static void makePack(llvm::ArrayRef<char> source, char *result) {
  for (size_t at = 0; at < source.size(); at += 8, result += sizeof(uint32_t)) {
    uint32_t word = 0;
    for (unsigned e = 0; e < 8; ++e)
      word |= (static_cast<uint32_t>(source[at + e]) & 0xfu) << (4 * e);
    std::memcpy(result, &word, sizeof word);
  }
}

template <typename T>
static T combined(Recipe::Combine::By by, T x, T y) {
  return by == Recipe::Combine::By::add ? x + y : by == Recipe::Combine::By::sub ? x - y : x * y;
}

/// `result` holds the first source.
static void makeCombine(const Recipe::Combine &combine, llvm::ArrayRef<char> rhs, unsigned elementBytes, char *result) {
  for (size_t at = 0; at < rhs.size(); at += elementBytes) {
    if (combine.isFloat) {
      float x, y;
      std::memcpy(&x, result + at, sizeof x);
      std::memcpy(&y, rhs.data() + at, sizeof y);
      x = combined(combine.by, x, y);
      std::memcpy(result + at, &x, sizeof x);
      continue;
    }
    uint64_t x = 0, y = 0;
    std::memcpy(&x, result + at, elementBytes);
    std::memcpy(&y, rhs.data() + at, elementBytes);
    x = combined(combine.by, x, y);
    std::memcpy(result + at, &x, elementBytes);
  }
}

static int64_t readInteger(const char *at, unsigned bytes) {
  uint64_t bits = 0;
  std::memcpy(&bits, at, bytes);
  return llvm::SignExtend64(bits, 8 * bytes);
}

/// The source is [outer][along][inner], the result [outer][inner].
static void makeSum(const Recipe &recipe, const Recipe::Sum &sum, llvm::ArrayRef<char> source, char *result) {
  llvm::ArrayRef<int64_t> shape = sum.source->shape;
  int64_t along = shape[static_cast<size_t>(sum.dim)], inner = 1;
  for (int64_t extent : shape.drop_front(static_cast<size_t>(sum.dim) + 1))
    inner *= extent;
  unsigned from = sum.source->elementBytes;
  std::vector<uint64_t> sums(static_cast<size_t>(inner));
  int64_t outer = static_cast<int64_t>(recipe.bytes() / recipe.elementBytes) / std::max<int64_t>(1, inner);
  const char *at = source.data();
  for (int64_t o = 0; o < outer; ++o) {
    llvm::fill(sums, 0);
    for (int64_t k = 0; k < along; ++k)
      for (int64_t i = 0; i < inner; ++i, at += from)
        sums[static_cast<size_t>(i)] += static_cast<uint64_t>(readInteger(at, from));
    for (uint64_t bits : sums) {
      std::memcpy(result, &bits, recipe.elementBytes);
      result += recipe.elementBytes;
    }
  }
}

//===----------------------------------------------------------------------===//
// Making
//===----------------------------------------------------------------------===//

/// memcpy, also of nothing from nowhere.
static void copyBytes(char *to, llvm::ArrayRef<char> from) {
  if (!from.empty())
    std::memcpy(to, from.data(), from.size());
}

/// Runs of each source in turn: one run is all that has the same indices before dimension `dim`.
static void makeConcat(const Recipe &recipe, const Recipe::Concat &concat, char *result) {
  int64_t runs = 1;
  for (int64_t extent : llvm::ArrayRef(recipe.shape).take_front(static_cast<size_t>(concat.dim)))
    runs *= extent;
  if (runs == 0)
    return;
  uint64_t pitch = recipe.bytes() / static_cast<uint64_t>(runs), offset = 0;
  for (const RecipePtr &source : concat.sources) {
    std::vector<char> scratch;
    llvm::ArrayRef<char> bytes = make(*source, scratch);
    uint64_t run = bytes.size() / static_cast<uint64_t>(runs);
    for (int64_t i = 0; i < runs; ++i)
      copyBytes(result + static_cast<uint64_t>(i) * pitch + offset, bytes.slice(static_cast<uint64_t>(i) * run, run));
    offset += run;
  }
}

static void makeStack(const Recipe::Stack &stack, char *result) {
  for (const RecipePtr &source : stack.sources) {
    std::vector<char> scratch;
    llvm::ArrayRef<char> bytes = make(*source, scratch);
    copyBytes(result, bytes);
    std::memset(result + bytes.size(), 0, stack.pitch - bytes.size());
    result += stack.pitch;
  }
}

llvm::ArrayRef<char> attnc::weights::make(const Recipe &recipe, std::vector<char> &scratch) {
  if (const auto *data = std::get_if<Recipe::Data>(&recipe.step))
    return llvm::ArrayRef(data->file->getBufferStart() + data->offset, recipe.bytes());
  scratch.resize(recipe.bytes());
  std::vector<char> source;
  if (const auto *view = std::get_if<Recipe::View>(&recipe.step))
    makeView(recipe, *view, make(*view->source, source).data(), scratch.data());
  else if (const auto *cast = std::get_if<Recipe::Cast>(&recipe.step))
    makeCast(*cast, make(*cast->source, source), recipe.elementBytes, scratch.data());
  else if (const auto *offset = std::get_if<Recipe::Offset>(&recipe.step))
    makeOffset(*offset, make(*offset->source, source), recipe.elementBytes, scratch.data());
  else if (const auto *sum = std::get_if<Recipe::Sum>(&recipe.step))
    makeSum(recipe, *sum, make(*sum->source, source), scratch.data());
  else if (const auto *constant = std::get_if<Recipe::Constant>(&recipe.step))
    std::memcpy(scratch.data(), constant->bytes.data(), constant->bytes.size());
  else if (const auto *bits = std::get_if<Recipe::Bits>(&recipe.step))
    makeBits(*bits, make(*bits->source, source), recipe.elementBytes, scratch.data());
  else if (const auto *pack = std::get_if<Recipe::Pack>(&recipe.step))
    makePack(make(*pack->source, source), scratch.data());
  else if (const auto *bitcast = std::get_if<Recipe::Bitcast>(&recipe.step))
    copyBytes(scratch.data(), make(*bitcast->source, source));
  else if (const auto *combine = std::get_if<Recipe::Combine>(&recipe.step)) {
    copyBytes(scratch.data(), make(*combine->sources[0], source));
    makeCombine(*combine, make(*combine->sources[1], source), recipe.elementBytes, scratch.data());
  } else if (const auto *stack = std::get_if<Recipe::Stack>(&recipe.step))
    makeStack(*stack, scratch.data());
  else
    makeConcat(recipe, std::get<Recipe::Concat>(recipe.step), scratch.data());
  return scratch;
}
