// One query after 40 tokens in pages of 16 keys of 64 floats, 4 KB each, of which those of other sequences may not be
// touched: a read of one ends the program.
#define _GNU_SOURCE
#include "paged.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { kPages = 64, kPage = 16 * 64, kTokens = 40 };

static float *pool(const int32_t *table, int32_t count) {
  float *at = mmap(NULL, kPages * kPage * sizeof(float), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    abort();
  for (int32_t page = 0; page < count; ++page) {
    float *rows = at + table[page] * kPage;
    if (mprotect(rows, kPage * sizeof(float), PROT_READ | PROT_WRITE))
      abort();
    for (int32_t e = 0; e < kPage; ++e)
      rows[e] = (float)page;
  }
  return at;
}

int main(void) {
  int32_t table[] = {17, 62, 1, -1, 1 << 30, 5, 5, 5}, lengths[] = {kTokens};
  float *k = pool(table, 3), *v = pool(table, 3), q[64] = {0}, o[64];
  char why[256];
  attnc_options options = attnc_options_init();
  options.message = why;
  options.message_capacity = sizeof why;
  o[0] = 7;
  // Keys are alike, and the mean of 16 zeros, 16 ones and 8 twos is 0.8.
  attnc_status status = paged_raw(1, 1, kPages, 8, q, k, table, v, lengths, o, &options);
  printf("%d %.3f%s\n", (int)status, o[0], why);
  o[0] = 7;
  table[2] = kPages;
  status = paged_raw(1, 1, kPages, 8, q, k, table, v, lengths, o, &options);
  printf("%d %.3f %s\n", (int)status, o[0], why);
  // Without pages nothing can be read, and without keys nothing is.
  status = paged_raw(1, 1, 0, 8, q, NULL, table, NULL, lengths, o, &options);
  printf("%d %.3f %s\n", (int)status, o[0], why);
  lengths[0] = 0;
  status = paged_raw(1, 1, 0, 8, q, NULL, table, NULL, lengths, o, &options);
  printf("%d %.3f%s\n", (int)status, o[0], why);
  // N = P * T is an extent like others.
  status = paged_raw(1, 1, kPages, (1 << 25) + 1, q, k, table, v, lengths, o, &options);
  printf("%d %.3f %s\n", (int)status, o[0], why);
  return 0;
}
