/* Fills a cache row by row, and asks for the last row. What cannot be updated is refused, and nothing is written. */
#include "cache.h"
#include <stdio.h>

enum { N = 3, K = 512 };
static float cache[N][K], before[N][K];

static int refused(const DLTensor *state, DLTensor *output, const DLTensor *x, const DLTensor *at) {
  char why[512] = "";
  attnc_options options = attnc_options_init();
  options.message = why;
  options.message_capacity = sizeof why;
  const DLTensor *inputs[] = {state, x, at};
  DLTensor *outputs[] = {output};
  attnc_status status = attnc_call(append_entry(), inputs, outputs, &options);
  printf("%s\n", status == ATTNC_OK ? "accepted" : why);
  return status != ATTNC_OK && memcmp(cache, before, sizeof cache) == 0;
}

int main(void) {
  for (int64_t i = 0; i < N; i++) {
    float x[4] = {1, (float)i, 0, -1};
    if (append_raw(N, &cache[0][0], x, &i, NULL) != ATTNC_OK)
      return 1;
  }
  float x[4] = {0, 1, 0, 0}, scores[N];
  if (look_raw(N, &cache[0][0], x, scores, NULL) != ATTNC_OK)
    return 1;
  printf("scores: %g %g\n", scores[1] - scores[0], scores[2] - scores[1]);

  memcpy(before, cache, sizeof cache);
  int64_t shape[] = {N, K}, reversed[] = {-K, 1}, row[] = {1, 4}, zero = 0;
  DLTensor state = {cache, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, NULL, 0}, other = state, backwards = state;
  DLTensor one = {x, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, row, NULL, 0};
  DLTensor at = {&zero, {kDLCPU, 0}, 0, {kDLInt, 64, 1}, NULL, NULL, 0};
  other.data = before;
  backwards.data = cache[N - 1];
  backwards.strides = reversed;
  DLTensor inside = one;
  inside.data = &cache[1][2];
  int good = refused(&state, &other, &one, &at);
  good &= refused(&backwards, &backwards, &one, &at);
  good &= refused(&state, NULL, &inside, &at);
  const DLTensor *inputs[] = {&state, &one, &at};
  DLTensor *outputs[] = {NULL};
  good &= attnc_call(append_entry(), inputs, outputs, NULL) == ATTNC_OK && memcmp(cache, before, sizeof cache) != 0;
  return !good;
}
