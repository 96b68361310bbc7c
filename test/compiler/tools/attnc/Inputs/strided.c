/* An output that is a slice of a larger tensor: heads of every second token, features of a longer row. */
#include "strided.h"
#include <stdio.h>
#include <stdlib.h>

enum { H = 2, M = 19, N = 23, D = 16, ROW = 40, GAP = 2 };
static float q[H * M * D], k[H * N * D], v[H * N * D], plain[H * M * D], wide[H * M * GAP * ROW];

static DLTensor tensor(float *data, int64_t *shape, int64_t *strides) {
  DLTensor t = {data, {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, strides, 0};
  return t;
}

int main(void) {
  int64_t sq[] = {1, H, M, D}, sk[] = {1, H, N, D}, strides[] = {H * M * GAP * ROW, ROW, H * GAP * ROW, 1};
  char why[512] = "";
  attnc_options options = attnc_options_init();
  options.message = why;
  options.message_capacity = sizeof why;
  for (int i = 0; i < H * M * D; i++)
    q[i] = (float)(i * 37 % 23 - 11) / 11;
  for (int i = 0; i < H * N * D; i++)
    k[i] = (float)(i * 31 % 19 - 9) / 9, v[i] = (float)(i * 29 % 17 - 8) / 8;
  for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
    wide[i] = -7;
  DLTensor tq = tensor(q, sq, NULL), tk = tensor(k, sk, NULL), tv = tensor(v, sk, NULL);
  DLTensor to = tensor(plain, sq, NULL), tw = tensor(wide + 5, sq, strides);
  if (strided(&tq, &tk, &tv, &to, &options) != ATTNC_OK || strided(&tq, &tk, &tv, &tw, &options) != ATTNC_OK) {
    printf("%s\n", why);
    return 1;
  }
  int same = 0, others = 0;
  for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
    others += wide[i] != -7;
  for (int h = 0; h < H; h++)
    for (int i = 0; i < M; i++)
      for (int d = 0; d < D; d++)
        same += wide[5 + h * ROW + i * H * GAP * ROW + d] == plain[(h * M + i) * D + d];
  printf("%d of %d the same, %d written\n", same, H * M * D, others);
  int64_t wrong[][4] = {{0, M * D, D, 2}, {0, M * D, 0, 1}, {0, -M * D, D, 1}, {0, D, D, 1}};
  for (int i = 0; i < 4; i++) {
    tw.strides = wrong[i];
    printf("%d %s\n", strided(&tq, &tk, &tv, &tw, &options), why);
  }
  return 0;
}
