/* Row i of a causal attention whose scores are equal is the mean of rows 0 to i of v. */
#include "causal.h"
#include <math.h>
#include <stdio.h>

enum { H = 4, M = 5, D = 64 };
static float q[H * M * D], k[H * M * D], v[H * M * D], out[H * M * D];

int main(void) {
  for (int at = 0; at < H * M * D; ++at)
    v[at] = (float)(at / D % M);
  if (causal_raw(1, M, M, q, k, v, out, NULL) != ATTNC_OK)
    return puts("the call failed"), 1;
  for (int at = 0; at < H * M * D; ++at)
    if (fabsf(out[at] - 0.5f * (float)(at / D % M)) > 1e-5f)
      return printf("wrong at %d: %f\n", at, (double)out[at]), 1;
  return puts("C: right"), 0;
}
