// What a recipe makes, beside the same thing said element by element.
#include "dialects/Attn/RefTensor.h"
#include "dialects/Weights/Recipe.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include <bit>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>
#include <rapidcheck/gtest.h>

using namespace attnc::weights;

namespace {
RecipePtr dataOf(const std::vector<char> &bytes, llvm::SmallVector<int64_t> shape, unsigned elementBytes) {
  Recipe recipe{"w", std::move(shape), elementBytes, {}};
  recipe.step = Recipe::Data{llvm::MemoryBuffer::getMemBufferCopy({bytes.data(), bytes.size()}), "w.bin", 0};
  return std::make_shared<const Recipe>(std::move(recipe));
}

/// 0, 1, 2, ... in `elementBytes` each.
std::vector<char> counting(int64_t count, unsigned elementBytes) {
  std::vector<char> bytes(static_cast<size_t>(count) * elementBytes);
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(bytes.data() + i * elementBytes, &i, elementBytes);
  return bytes;
}

std::vector<uint64_t> elementsOf(const Recipe &recipe) {
  std::vector<char> scratch;
  llvm::ArrayRef<char> bytes = make(recipe, scratch);
  std::vector<uint64_t> elements(bytes.size() / recipe.elementBytes);
  for (size_t i = 0; i < elements.size(); ++i)
    std::memcpy(&elements[i], bytes.data() + i * recipe.elementBytes, recipe.elementBytes);
  return elements;
}

int64_t product(llvm::ArrayRef<int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
}
} // namespace

// Sources one behind the other at a distance, zeros between them.
TEST(Recipe, AStackIsItsSourcesAndZeros) {
  RecipePtr one = dataOf({1, 2, 3}, {3}, 1), other = dataOf({4, 5, 6}, {3}, 1);
  Recipe recipe{"stack", {8}, 1, {}};
  recipe.step = Recipe::Stack{{one, other}, 4};
  EXPECT_EQ(elementsOf(recipe), (std::vector<uint64_t>{1, 2, 3, 0, 4, 5, 6, 0}));
  EXPECT_TRUE(recipe.isKnown());
}

// Panels of a K x N matrix, given by rows or by columns: panel[p, k, w] = matrix[k, p * W + w], 0 beyond its columns.
RC_GTEST_PROP(Recipe, PanelsAreTheMatrixAndZeros, ()) {
  int64_t sums = *rc::gen::inRange(1, 9), columns = *rc::gen::inRange(1, 40), width = *rc::gen::element(1, 4, 16);
  unsigned elementBytes = *rc::gen::element(1u, 2u, 4u, 8u);
  bool byColumns = *rc::gen::arbitrary<bool>();
  RecipePtr source = dataOf(counting(sums * columns, elementBytes), {sums, columns}, elementBytes);
  int64_t column = byColumns ? sums : 1, sum = byColumns ? 1 : columns;
  int64_t panels = (columns + width - 1) / width;
  Recipe recipe{"panels", {panels, sums, width}, elementBytes, {}};
  recipe.step = Recipe::View{source, 0, {width * column, sum, column}, {width, 0, 1}, columns};
  std::vector<uint64_t> elements = elementsOf(recipe);
  uint64_t mask = elementBytes == 8 ? ~uint64_t(0) : (uint64_t(1) << (8 * elementBytes)) - 1;
  for (int64_t p = 0; p < panels; ++p)
    for (int64_t k = 0; k < sums; ++k)
      for (int64_t w = 0; w < width; ++w) {
        int64_t n = p * width + w;
        uint64_t expected = n < columns ? static_cast<uint64_t>(k * sum + n * column) & mask : 0;
        RC_ASSERT(elements[static_cast<size_t>((p * sums + k) * width + w)] == expected);
      }
}

// A view of any rank without a limit is its strides.
RC_GTEST_PROP(Recipe, ViewsAreStrides, ()) {
  int64_t rank = *rc::gen::inRange(0, 4);
  llvm::SmallVector<int64_t> shape, strides;
  int64_t last = 0;
  for (int64_t d = 0; d < rank; ++d) {
    shape.push_back(*rc::gen::inRange(0, 5));
    strides.push_back(*rc::gen::inRange(0, 6));
    last += std::max<int64_t>(0, shape.back() - 1) * strides.back();
  }
  int64_t at = *rc::gen::inRange(0, 4);
  RecipePtr source = dataOf(counting(at + last + 1, 4), {at + last + 1}, 4);
  Recipe recipe{"view", shape, 4, {}};
  recipe.step = Recipe::View{source, at, strides, {}, 0};
  std::vector<uint64_t> elements = elementsOf(recipe);
  RC_ASSERT(static_cast<int64_t>(elements.size()) == product(shape));
  for (int64_t i = 0; i < static_cast<int64_t>(elements.size()); ++i) {
    int64_t rest = i, place = at;
    for (int64_t d = rank; d-- > 0; rest /= shape[static_cast<size_t>(d)])
      place += rest % shape[static_cast<size_t>(d)] * strides[static_cast<size_t>(d)];
    RC_ASSERT(elements[static_cast<size_t>(i)] == static_cast<uint64_t>(place));
  }
}

// Parts along a dimension, one behind the other.
RC_GTEST_PROP(Recipe, ConcatIsOnePartBehindTheOther, ()) {
  int64_t outer = *rc::gen::inRange(1, 4), inner = *rc::gen::inRange(1, 4);
  auto widths = *rc::gen::container<std::vector<int64_t>>(3, rc::gen::inRange<int64_t>(0, 4));
  int64_t total = std::accumulate(widths.begin(), widths.end(), int64_t(0));
  Recipe::Concat concat{{}, 1};
  for (int64_t width : widths)
    concat.sources.push_back(dataOf(counting(outer * width * inner, 2), {outer, width, inner}, 2));
  Recipe recipe{"joined", {outer, total, inner}, 2, {}};
  recipe.step = concat;
  std::vector<uint64_t> elements = elementsOf(recipe);
  size_t next = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t width : widths)
      for (int64_t i = 0; i < width * inner; ++i)
        RC_ASSERT(elements[next++] == static_cast<uint64_t>(o * width * inner + i));
}

// Conversions round as the reference does: to nearest even, subnormals and infinities included.
RC_GTEST_PROP(Recipe, CastsRoundToNearestEven, ()) {
  mlir::MLIRContext context;
  mlir::Builder b(&context);
  std::pair<Format, mlir::FloatType> formats[] = {{Format::f16, b.getF16Type()},
                                                  {Format::bf16, b.getBF16Type()},
                                                  {Format::f32, b.getF32Type()},
                                                  {Format::f64, b.getF64Type()}};
  auto [from, fromType] = formats[*rc::gen::inRange(0, 4)];
  auto [to, toType] = formats[*rc::gen::inRange(0, 4)];
  unsigned fromBytes = fromType.getWidth() / 8, toBytes = toType.getWidth() / 8;
  auto bits = *rc::gen::container<std::vector<uint64_t>>(50, rc::gen::arbitrary<uint64_t>());
  std::vector<char> bytes(bits.size() * fromBytes);
  for (size_t i = 0; i < bits.size(); ++i)
    std::memcpy(bytes.data() + i * fromBytes, &bits[i], fromBytes);
  int64_t count = static_cast<int64_t>(bits.size());
  Recipe recipe{"cast", {count}, toBytes, {}};
  recipe.step = Recipe::Cast{dataOf(bytes, {count}, fromBytes), from, to};
  std::vector<char> scratch;
  auto source = attnc::attn::fromBytes(fromType, count, bytes),
       made = attnc::attn::fromBytes(toType, count, make(recipe, scratch));
  for (size_t i = 0; i < bits.size(); ++i) {
    double expected = attnc::attn::roundTo(toType, source->floats[i]), got = made->floats[i];
    RC_ASSERT(got == expected || (std::isnan(got) && std::isnan(expected)));
  }
}

// Integers become wider with their sign or without one, keep their low bits where they become narrower, and are rounded
// once as floats.
RC_GTEST_PROP(Recipe, CastsOfIntegersKeepTheirValue, ()) {
  constexpr Format kIntegers[] = {Format::i8, Format::i16, Format::i32, Format::i64,
                                  Format::u8, Format::u16, Format::u32, Format::u64};
  constexpr unsigned kBytes[] = {1, 2, 4, 8};
  int from = *rc::gen::inRange(0, 8), to = *rc::gen::inRange(0, 10); // 8 and 9: f32, f64
  unsigned fromBytes = kBytes[from % 4], toBytes = to < 8 ? kBytes[to % 4] : to == 8 ? 4 : 8;
  auto bits = *rc::gen::container<std::vector<uint64_t>>(50, rc::gen::arbitrary<uint64_t>());
  std::vector<char> bytes(bits.size() * fromBytes);
  for (size_t i = 0; i < bits.size(); ++i)
    std::memcpy(bytes.data() + i * fromBytes, &bits[i], fromBytes);
  int64_t count = static_cast<int64_t>(bits.size());
  Recipe recipe{"cast", {count}, toBytes, {}};
  Format format = to < 8 ? kIntegers[to] : to == 8 ? Format::f32 : Format::f64;
  recipe.step = Recipe::Cast{dataOf(bytes, {count}, fromBytes), kIntegers[from], format};
  std::vector<uint64_t> made = elementsOf(recipe);
  for (size_t i = 0; i < bits.size(); ++i) {
    uint64_t value = bits[i] << (64 - 8 * fromBytes); // the element in the upper bits
    bool isSigned = from < 4;
    value = isSigned ? static_cast<uint64_t>(static_cast<int64_t>(value) >> (64 - 8 * fromBytes))
                     : value >> (64 - 8 * fromBytes);
    uint64_t expected = value & (toBytes == 8 ? ~uint64_t(0) : (uint64_t(1) << (8 * toBytes)) - 1);
    if (to == 8)
      expected = std::bit_cast<uint32_t>(isSigned ? static_cast<float>(static_cast<int64_t>(value))
                                                  : static_cast<float>(value));
    if (to == 9)
      expected = std::bit_cast<uint64_t>(isSigned ? static_cast<double>(static_cast<int64_t>(value))
                                                  : static_cast<double>(value));
    RC_ASSERT(made[i] == expected);
  }
}

// A number added to every element, modulo its size.
RC_GTEST_PROP(Recipe, OffsetsWrapAround, ()) {
  unsigned elementBytes = *rc::gen::element(1u, 2u, 4u, 8u);
  int64_t count = *rc::gen::inRange(0, 600), by = *rc::gen::arbitrary<int64_t>();
  Recipe recipe{"moved", {count}, elementBytes, {}};
  recipe.step = Recipe::Offset{dataOf(counting(count, elementBytes), {count}, elementBytes), by};
  std::vector<uint64_t> made = elementsOf(recipe);
  uint64_t mask = elementBytes == 8 ? ~uint64_t(0) : (uint64_t(1) << (8 * elementBytes)) - 1;
  for (int64_t i = 0; i < count; ++i)
    RC_ASSERT(made[static_cast<size_t>(i)] == ((static_cast<uint64_t>(i) + static_cast<uint64_t>(by)) & mask));
}

// Sums along any dimension, in integers as wide or wider.
RC_GTEST_PROP(Recipe, SumsAreAlongADimension, ()) {
  llvm::SmallVector<int64_t> shape(3);
  for (int64_t &extent : shape)
    extent = *rc::gen::inRange(0, 5);
  int64_t dim = *rc::gen::inRange(0, 3);
  std::vector<char> bytes =
      *rc::gen::container<std::vector<char>>(static_cast<size_t>(product(shape)), rc::gen::arbitrary<char>());
  llvm::SmallVector<int64_t> kept(shape);
  kept.erase(kept.begin() + dim);
  Recipe recipe{"sums", kept, 4, {}};
  recipe.step = Recipe::Sum{dataOf(bytes, shape, 1), dim};
  std::vector<uint32_t> expected(static_cast<size_t>(product(kept)), 0);
  for (int64_t i = 0; i < product(shape); ++i) {
    int64_t at[] = {i / (shape[1] * shape[2]), i / shape[2] % shape[1], i % shape[2]}, place = 0;
    for (int64_t d = 0; d < 3; ++d)
      if (d != dim)
        place = place * shape[static_cast<size_t>(d)] + at[d];
    expected[static_cast<size_t>(place)] += static_cast<uint32_t>(static_cast<int8_t>(bytes[static_cast<size_t>(i)]));
  }
  std::vector<uint64_t> made = elementsOf(recipe);
  RC_ASSERT(std::vector<uint32_t>(made.begin(), made.end()) == expected);
}

// Bits of integers of any width, and integers put together of them.
RC_GTEST_PROP(Recipe, BitsAreTakenAndCombined, ()) {
  unsigned elementBytes = 1u << *rc::gen::inRange(0, 4), all = 8 * elementBytes;
  auto count = *rc::gen::inRange<int64_t>(0, 8);
  auto from = *rc::gen::inRange(0u, all), width = *rc::gen::inRange(1u, all - from + 1);
  std::vector<char> bytes = *rc::gen::container<std::vector<char>>(static_cast<size_t>(count) * elementBytes,
                                                                   rc::gen::arbitrary<char>());
  Recipe bits{"bits", {count}, elementBytes, {}};
  RecipePtr source = dataOf(bytes, {count}, elementBytes);
  bits.step = Recipe::Bits{source, from, width};
  Recipe product{"product", {count}, elementBytes, {}};
  product.step = Recipe::Combine{{std::make_shared<const Recipe>(bits), source}, Recipe::Combine::By::mul, false};
  std::vector<uint64_t> taken = elementsOf(bits), given = elementsOf(*source), combined = elementsOf(product);
  uint64_t mask = elementBytes == 8 ? ~uint64_t(0) : (uint64_t(1) << all) - 1;
  uint64_t few = width == 64 ? ~uint64_t(0) : (uint64_t(1) << width) - 1;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    RC_ASSERT(taken[i] == ((given[i] >> from) & few));
    RC_ASSERT(combined[i] == ((taken[i] * given[i]) & mask));
  }
}

TEST(Recipe, EightIntegersAreAWord) {
  std::vector<char> bytes{1, -8, 7, 0, 15, 18, -1, 3, 2, 0, 0, 0, 0, 0, 0, -5};
  Recipe words{"words", {2}, 4, {}};
  words.step = Recipe::Pack{dataOf(bytes, {16}, 1)};
  EXPECT_EQ(elementsOf(words), (std::vector<uint64_t>{0x3f2f0781, 0xb0000002}));
  Recipe bits{"bits", {2}, 4, {}};
  bits.step = Recipe::Bitcast{std::make_shared<const Recipe>(words)};
  EXPECT_EQ(elementsOf(bits), elementsOf(words));
}

TEST(Recipe, FloatsAreCombined) {
  Recipe eight{"eight", {2}, 4, {}};
  float numbers[] = {8, 0.1f};
  eight.step = Recipe::Constant{std::string(reinterpret_cast<const char *>(numbers), sizeof numbers)};
  auto constant = std::make_shared<const Recipe>(eight);
  for (auto [by, expected] : {std::pair(Recipe::Combine::By::add, 0.2f), std::pair(Recipe::Combine::By::sub, 0.0f),
                              std::pair(Recipe::Combine::By::mul, 0.1f * 0.1f)}) {
    Recipe made{"made", {2}, 4, {}};
    made.step = Recipe::Combine{{constant, constant}, by, true};
    float found;
    auto bits = static_cast<uint32_t>(elementsOf(made)[1]);
    std::memcpy(&found, &bits, sizeof found);
    EXPECT_EQ(found, expected);
  }
}

// Recipes with one text are one tensor of the artefact: whatever changes the bytes changes it.
TEST(Recipe, TextTellsRecipesApart) {
  RecipePtr source = dataOf(counting(12, 4), {12}, 4);
  auto view = [&](int64_t at, llvm::SmallVector<int64_t> shape, llvm::SmallVector<int64_t> strides) {
    Recipe recipe{"v", std::move(shape), 4, {}};
    recipe.step = Recipe::View{source, at, std::move(strides), {}, 0};
    return recipe.text();
  };
  EXPECT_EQ(view(0, {3, 4}, {4, 1}), view(0, {3, 4}, {4, 1}));
  EXPECT_NE(view(0, {3, 4}, {4, 1}), view(0, {3, 4}, {1, 3}));
  EXPECT_NE(view(0, {3, 4}, {4, 1}), view(0, {4, 3}, {4, 1}));
  EXPECT_NE(view(0, {2, 4}, {4, 1}), view(4, {2, 4}, {4, 1}));
  EXPECT_NE(source->text(), view(0, {12}, {1}));
  auto offset = [&](int64_t by) {
    Recipe recipe{"o", {12}, 4, {}};
    recipe.step = Recipe::Offset{source, by};
    return recipe.text();
  };
  EXPECT_EQ(offset(1), offset(1));
  EXPECT_NE(offset(1), offset(-1));
}
