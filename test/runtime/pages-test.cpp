//===- pages-test.cpp - The books of a cache in pages ---------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Tensors.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <map>
#include <rapidcheck/gtest.h>
#include <string>

using namespace attnc::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {
/// Books with their memory, and a cache [pages, 2, P, 3] that is cut out of a larger one.
struct Books {
  std::vector<int32_t> table, lengths, references, free;
  attnc_pages pages;
  Tensor<int16_t> cache;
  attnc_options options = attnc_options_init();
  char why[512] = "untouched";

  Books(int32_t numPages, int32_t rows, int32_t sequences, int32_t width)
      : table(sequences * width, 77), lengths(sequences, 77), references(numPages, 77), free(numPages, 77),
        pages{numPages, rows, sequences, width, table.data(), lengths.data(), references.data(), free.data(), 77},
        cache({kDLInt, 16, 1}, {numPages, 4, rows, 3}) {
    cache.shape[1] = 2;
    cache.setStrides({4 * rows * 3, 2 * rows * 3, 3, 1});
    options.message = why;
    options.message_capacity = sizeof why;
    EXPECT_EQ(attnc_pages_init(&pages, &options), ATTNC_OK) << why;
  }
  attnc_status append(int32_t sequence, int32_t rows) {
    attnc_page_copy copy;
    attnc_status status = attnc_pages_append(&pages, sequence, rows, &copy, &options);
    if (status == ATTNC_OK)
      EXPECT_EQ(attnc_pages_copy(&pages, &copy, cache, &options), ATTNC_OK) << why;
    return status;
  }
  /// Element of head g, key j of a sequence.
  int16_t &at(int32_t sequence, int32_t g, int32_t j, int32_t d) {
    int32_t page = table[sequence * pages.table_width + j / pages.page_rows];
    return cache.values[((page * 4 + g * 2) * pages.page_rows + j % pages.page_rows) * 3 + d];
  }
};
} // namespace

// Sequences that are appended to, forked, shortened and emptied at random hold what plain lists hold; books balance.
RC_GTEST_PROP(Pages, HoldWhatListsHold, ()) {
  auto numPages = *rc::gen::inRange(1, 12), rows = *rc::gen::inRange(1, 5), sequences = *rc::gen::inRange(1, 5);
  auto width = *rc::gen::inRange(1, 6);
  Books books(numPages, rows, sequences, width);
  std::vector<std::vector<int16_t>> lists(sequences);
  int16_t next = 0;
  auto steps = *rc::gen::inRange(0, 60);
  for (int step = 0; step < steps; ++step) {
    auto b = *rc::gen::inRange(0, sequences), other = *rc::gen::inRange(0, sequences);
    auto old = static_cast<int32_t>(lists[b].size());
    switch (*rc::gen::inRange(0, 5)) {
    case 0: { // fork
      attnc_status status = attnc_pages_fork(&books.pages, b, other, &books.options);
      RC_ASSERT((status == ATTNC_OK) == lists[other].empty());
      if (status == ATTNC_OK)
        lists[other] = lists[b];
      break;
    }
    case 1: { // truncate
      auto length = *rc::gen::inRange(-1, 8);
      attnc_status status = attnc_pages_truncate(&books.pages, b, length, &books.options);
      RC_ASSERT((status == ATTNC_OK) == (length >= 0 && length <= old));
      if (status == ATTNC_OK)
        lists[b].resize(length);
      break;
    }
    default: {
      auto more = *rc::gen::inRange(0, 7);
      bool fits = old + more <= width * rows;
      int32_t last = old % rows ? books.table[b * width + old / rows] : -1;
      int32_t needed = (old + more + rows - 1) / rows - (old + rows - 1) / rows +
                       (more > 0 && last >= 0 && books.references[last] > 1);
      attnc_status expected = !fits                           ? ATTNC_INVALID_ARGUMENT
                              : needed > books.pages.num_free ? ATTNC_OUT_OF_MEMORY
                                                              : ATTNC_OK;
      RC_ASSERT(books.append(b, more) == expected);
      for (int32_t j = old; expected == ATTNC_OK && j < old + more; ++j) {
        lists[b].push_back(++next);
        for (int32_t g = 0; g < 2; ++g)
          for (int32_t d = 0; d < 3; ++d)
            books.at(b, g, j, d) = static_cast<int16_t>(next * 6 + g * 3 + d);
      }
    }
    }
    std::map<int32_t, int32_t> owners;
    for (int32_t s = 0; s < sequences; ++s) {
      auto length = static_cast<int32_t>(lists[s].size());
      RC_ASSERT(books.lengths[s] == length);
      for (int32_t t = 0; t < width; ++t) {
        int32_t page = books.table[s * width + t];
        RC_ASSERT((t * rows < length) == (page >= 0 && page < numPages));
        if (page >= 0)
          ++owners[page];
      }
      for (int32_t j = 0; j < length; ++j)
        for (int32_t g = 0; g < 2; ++g)
          for (int32_t d = 0; d < 3; ++d)
            RC_ASSERT(books.at(s, g, j, d) == static_cast<int16_t>(lists[s][j] * 6 + g * 3 + d));
    }
    RC_ASSERT(books.pages.num_free == numPages - static_cast<int32_t>(owners.size()));
    for (int32_t page = 0; page < numPages; ++page)
      RC_ASSERT(books.references[page] == (owners.count(page) ? owners[page] : 0));
  }
}

TEST(Pages, ForkSharesFullPagesAndCopiesTheLast) {
  Books books(8, 4, 2, 4);
  ASSERT_EQ(books.append(0, 6), ATTNC_OK);
  ASSERT_EQ(attnc_pages_fork(&books.pages, 0, 1, &books.options), ATTNC_OK);
  EXPECT_EQ(books.pages.num_free, 6);
  attnc_page_copy copy;
  ASSERT_EQ(attnc_pages_append(&books.pages, 1, 1, &copy, &books.options), ATTNC_OK);
  EXPECT_EQ(copy.from, books.table[1]);
  EXPECT_EQ(copy.to, books.table[5]);
  EXPECT_EQ(copy.rows, 2);
  EXPECT_EQ(books.table[0], books.table[4]);
  ASSERT_EQ(attnc_pages_append(&books.pages, 0, 1, &copy, &books.options), ATTNC_OK); // alone again
  EXPECT_EQ(copy.rows, 0);
  EXPECT_THAT(books.references, ElementsAre(2, 1, 1, 0, 0, 0, 0, 0));
}

TEST(Pages, Errors) {
  Books books(3, 4, 2, 2);
  attnc_page_copy copy = {};
  auto expect = [&](attnc_status status, attnc_status expected, const char *text) {
    EXPECT_EQ(status, expected);
    EXPECT_THAT(books.why, HasSubstr(text));
  };
  expect(books.append(2, 1), ATTNC_INVALID_ARGUMENT, "sequence 2: there are sequences 0 to 1");
  expect(books.append(-1, 1), ATTNC_INVALID_ARGUMENT, "sequence -1: there are");
  expect(books.append(1, 9), ATTNC_INVALID_ARGUMENT,
         "sequence 1: 9 rows are more than the 8 that it may have (2 pages of 4)");
  expect(books.append(1, INT32_MAX), ATTNC_INVALID_ARGUMENT, "sequence 1: 2147483647 rows are more");
  expect(books.append(1, -1), ATTNC_INVALID_ARGUMENT, "sequence 1: cannot get -1 rows more");
  ASSERT_EQ(books.append(0, 7), ATTNC_OK);
  expect(books.append(1, 5), ATTNC_OUT_OF_MEMORY, "sequence 1: needs 2 pages, and 1 are free");
  expect(attnc_pages_fork(&books.pages, 1, 0, &books.options), ATTNC_INVALID_ARGUMENT,
         "sequence 0: has 7 rows; only an empty sequence becomes a fork");
  expect(attnc_pages_truncate(&books.pages, 0, 8, &books.options), ATTNC_INVALID_ARGUMENT,
         "sequence 0: has 7 rows and cannot be shortened to 8");
  copy = {0, 3, 1};
  expect(attnc_pages_copy(&books.pages, &copy, books.cache, &books.options), ATTNC_INVALID_ARGUMENT,
         "copy: 1 rows of page 0 to page 3; there are pages 0 to 2 of 4 rows");
  Tensor<float> other(f32, {3, 2, 5, 3});
  expect(attnc_pages_copy(&books.pages, &copy, other, &books.options), ATTNC_INVALID_ARGUMENT,
         "cache: expected [3, heads, 4, features] of whole bytes, got f32[3, 2, 5, 3]");
  books.pages.page_rows = 0;
  expect(attnc_pages_init(&books.pages, &books.options), ATTNC_INVALID_ARGUMENT, "are at least 1; got 3, 0, 2, 2");
  books.pages.table = nullptr;
  expect(attnc_pages_init(&books.pages, &books.options), ATTNC_INVALID_ARGUMENT, "pages: NULL where memory is needed");
}
