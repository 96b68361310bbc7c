//===- Pages.cpp - The books of a cache in pages --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Checks.h"
#include "runtime/cpu/Options.h"
#include "runtime/cpu/Strided.h"

#include <inttypes.h>

using namespace attnc::rt;

static int32_t pagesOf(const attnc_pages &pages, int64_t rows) {
  return static_cast<int32_t>((rows + pages.page_rows - 1) / pages.page_rows);
}

static int32_t *tableOf(attnc_pages &pages, int32_t sequence) {
  return pages.table + static_cast<int64_t>(sequence) * pages.table_width;
}

static int32_t take(attnc_pages &pages) {
  int32_t page = pages.free_pages[--pages.num_free];
  pages.references[page] = 1;
  return page;
}

static void leave(attnc_pages &pages, int32_t page) {
  if (--pages.references[page] == 0)
    pages.free_pages[pages.num_free++] = page;
}

static attnc_status checkSequence(const attnc_pages *pages, int32_t sequence, Text &why) {
  if (!pages)
    why.add("the pages are NULL");
  else if (sequence < 0 || sequence >= pages->num_sequences)
    why.add("sequence %d: there are sequences 0 to %d", sequence, pages->num_sequences - 1);
  else
    return ATTNC_OK;
  return ATTNC_INVALID_ARGUMENT;
}

attnc_status attnc_pages_init(attnc_pages *pages, const attnc_options *given) {
  Options options(given);
  if (options.status != ATTNC_OK)
    return options.status;
  if (!pages || !pages->table || !pages->lengths || !pages->references || !pages->free_pages) {
    options.why.add("pages: NULL where memory is needed (table, lengths, references, free_pages)");
    return ATTNC_INVALID_ARGUMENT;
  }
  if (pages->num_pages < 1 || pages->page_rows < 1 || pages->num_sequences < 1 || pages->table_width < 1) {
    options.why.add("pages: num_pages, page_rows, num_sequences and table_width are at least 1; got %d, %d, %d, %d",
                    pages->num_pages, pages->page_rows, pages->num_sequences, pages->table_width);
    return ATTNC_INVALID_ARGUMENT;
  }
  for (int64_t i = 0; i < static_cast<int64_t>(pages->num_sequences) * pages->table_width; ++i)
    pages->table[i] = -1;
  for (int32_t b = 0; b < pages->num_sequences; ++b)
    pages->lengths[b] = 0;
  pages->num_free = pages->num_pages;
  for (int32_t p = 0; p < pages->num_pages; ++p) {
    pages->references[p] = 0;
    pages->free_pages[p] = pages->num_pages - 1 - p; // the first is taken first
  }
  return ATTNC_OK;
}

/// Whether a sequence may have `length` rows: by its row of the table, and by kernels, whose extents are limited.
static attnc_status checkLength(const attnc_pages &pages, int32_t sequence, int64_t length, Text &why) {
  int64_t capacity = static_cast<int64_t>(pages.table_width) * pages.page_rows;
  if (capacity > ATTNC_MAX_EXTENT)
    capacity = ATTNC_MAX_EXTENT;
  if (length <= capacity)
    return ATTNC_OK;
  why.add("sequence %d: %" PRId64 " rows are more than the %" PRId64 " that it may have (%d pages of %d)", sequence,
          length, capacity, pages.table_width, pages.page_rows);
  return ATTNC_INVALID_ARGUMENT;
}

attnc_status attnc_pages_append(attnc_pages *pages, int32_t sequence, int32_t rows, attnc_page_copy *copy,
                                const attnc_options *given) {
  Options options(given);
  attnc_status status = options.status;
  if (status == ATTNC_OK)
    status = checkSequence(pages, sequence, options.why);
  if (status == ATTNC_OK && (rows < 0 || !copy)) {
    options.why.add(copy ? "sequence %d: cannot get %d rows more" : "sequence %d: copy is NULL", sequence, rows);
    return ATTNC_INVALID_ARGUMENT;
  }
  if (status != ATTNC_OK)
    return status;
  int32_t length = pages->lengths[sequence], *table = tableOf(*pages, sequence);
  if (status = checkLength(*pages, sequence, int64_t(length) + rows, options.why); status != ATTNC_OK)
    return status;
  int32_t has = pagesOf(*pages, length), wants = pagesOf(*pages, int64_t(length) + rows);
  int32_t filled = length % pages->page_rows; // rows of the last page, if it is not full
  bool isShared = rows > 0 && filled > 0 && pages->references[table[has - 1]] > 1;
  int32_t needed = wants - has + isShared;
  if (needed > pages->num_free) {
    options.why.add("sequence %d: needs %d pages, and %d are free", sequence, needed, pages->num_free);
    return ATTNC_OUT_OF_MEMORY;
  }
  *copy = {-1, -1, 0};
  if (isShared) {
    *copy = {table[has - 1], take(*pages), filled};
    leave(*pages, copy->from);
    table[has - 1] = copy->to;
  }
  for (int32_t t = has; t < wants; ++t)
    table[t] = take(*pages);
  pages->lengths[sequence] = length + rows;
  return ATTNC_OK;
}

attnc_status attnc_pages_fork(attnc_pages *pages, int32_t from, int32_t to, const attnc_options *given) {
  Options options(given);
  attnc_status status = options.status;
  if (status == ATTNC_OK)
    status = checkSequence(pages, from, options.why);
  if (status == ATTNC_OK)
    status = checkSequence(pages, to, options.why);
  if (status != ATTNC_OK)
    return status;
  if (pages->lengths[to] != 0) {
    options.why.add("sequence %d: has %d rows; only an empty sequence becomes a fork", to, pages->lengths[to]);
    return ATTNC_INVALID_ARGUMENT;
  }
  const int32_t *source = tableOf(*pages, from);
  int32_t *target = tableOf(*pages, to);
  for (int32_t t = 0; t < pagesOf(*pages, pages->lengths[from]); ++t)
    ++pages->references[target[t] = source[t]];
  pages->lengths[to] = pages->lengths[from];
  return ATTNC_OK;
}

attnc_status attnc_pages_truncate(attnc_pages *pages, int32_t sequence, int32_t length, const attnc_options *given) {
  Options options(given);
  attnc_status status = options.status;
  if (status == ATTNC_OK)
    status = checkSequence(pages, sequence, options.why);
  if (status != ATTNC_OK)
    return status;
  if (length < 0 || length > pages->lengths[sequence]) {
    options.why.add("sequence %d: has %d rows and cannot be shortened to %d", sequence, pages->lengths[sequence],
                    length);
    return ATTNC_INVALID_ARGUMENT;
  }
  int32_t *table = tableOf(*pages, sequence);
  for (int32_t t = pagesOf(*pages, pages->lengths[sequence]); t-- > pagesOf(*pages, length);) {
    leave(*pages, table[t]);
    table[t] = -1;
  }
  pages->lengths[sequence] = length;
  return ATTNC_OK;
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// Whether the tensor is a cache of these pages.
static attnc_status checkCache(const attnc_pages &pages, const DLTensor *cache, Text &why) {
  if (!cache) {
    why.add("cache: the tensor is NULL");
    return ATTNC_INVALID_ARGUMENT;
  }
  attnc_tensor_info info = {"cache", cache->dtype.code, cache->dtype.bits, 0, cache->ndim, nullptr};
  if (attnc_status status = checkType(info, *cache, why); status != ATTNC_OK)
    return status;
  bool fits = cache->ndim == 4 && cache->shape[0] == pages.num_pages && cache->shape[2] == pages.page_rows &&
              cache->dtype.bits > 0 && cache->dtype.bits % 8 == 0 && cache->dtype.lanes == 1;
  if (!fits) {
    why.add("cache: expected [%d, heads, %d, features] of whole bytes", pages.num_pages, pages.page_rows);
    addActual(why, *cache);
    return ATTNC_INVALID_ARGUMENT;
  }
  if (attnc_status status = checkMemory(info, *cache, /*needData=*/true, why); status != ATTNC_OK)
    return status;
  if (isWritable(*cache))
    return ATTNC_OK;
  why.add("cache: is written, and needs positive strides, the last 1, that put no element on another; got ");
  addPlace(why, *cache);
  return ATTNC_INVALID_ARGUMENT;
}

attnc_status attnc_pages_copy(const attnc_pages *pages, const attnc_page_copy *copy, DLTensor *cache,
                              const attnc_options *given) {
  Options options(given);
  attnc_status status = options.status;
  if (status == ATTNC_OK && (!pages || !copy)) {
    options.why.add(pages ? "copy is NULL" : "the pages are NULL");
    status = ATTNC_INVALID_ARGUMENT;
  }
  if (status == ATTNC_OK)
    status = checkCache(*pages, cache, options.why);
  if (status != ATTNC_OK || copy->rows == 0)
    return status;
  auto isPage = [&](int32_t page) { return page >= 0 && page < pages->num_pages; };
  if (!isPage(copy->from) || !isPage(copy->to) || copy->rows < 0 || copy->rows > pages->page_rows) {
    options.why.add("copy: %d rows of page %d to page %d; there are pages 0 to %d of %d rows", copy->rows, copy->from,
                    copy->to, pages->num_pages - 1, pages->page_rows);
    return ATTNC_INVALID_ARGUMENT;
  }
  int64_t compact[4], bytes = cache->dtype.bits / 8;
  compactStrides(4, cache->shape, compact);
  const int64_t *strides = cache->strides ? cache->strides : compact;
  char *base = static_cast<char *>(firstElement(*cache));
  auto at = [&](int64_t page, int64_t head, int64_t row) {
    return base + (page * strides[0] + head * strides[1] + row * strides[2]) * bytes;
  };
  for (int64_t g = 0; g < cache->shape[1] && copy->from != copy->to; ++g)
    for (int64_t row = 0; row < copy->rows; ++row)
      memcpy(at(copy->to, g, row), at(copy->from, g, row), static_cast<size_t>(cache->shape[3] * bytes));
  return ATTNC_OK;
}
