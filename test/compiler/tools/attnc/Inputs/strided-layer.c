/* The output of a layer from ONNX is a slice of a larger tensor: features of a longer row, tokens of a longer sequence. */
#include "layer.h"
#include <stdio.h>

enum { B = 2, S = 5, D = 48, ROW = 80, LONG = 9 };
static float x[B * S * D], plain[B * S * D], wide[B * LONG * ROW];

static DLTensor tensor(float *data, int64_t *shape, int64_t *strides) {
  DLTensor t = {data, {kDLCPU, 0}, 3, {kDLFloat, 32, 1}, shape, strides, 0};
  return t;
}

int main(void) {
  int64_t shape[] = {B, S, D}, strides[] = {LONG * ROW, ROW, 1};
  char why[512] = "";
  attnc_options options = attnc_options_init();
  options.message = why;
  options.message_capacity = sizeof why;
  for (int i = 0; i < B * S * D; i++)
    x[i] = (float)(i * 37 % 23 - 11) / 11;
  for (int i = 0; i < B * LONG * ROW; i++)
    wide[i] = -7;
  DLTensor tx = tensor(x, shape, NULL), ty = tensor(plain, shape, NULL), tw = tensor(wide + 3, shape, strides);
  if (layer(&tx, &ty, &options) != ATTNC_OK || layer(&tx, &tw, &options) != ATTNC_OK) {
    printf("%s\n", why);
    return 1;
  }
  int same = 0, written = 0;
  for (int i = 0; i < B * LONG * ROW; i++)
    written += wide[i] != -7;
  for (int b = 0; b < B; b++)
    for (int s = 0; s < S; s++)
      for (int d = 0; d < D; d++)
        same += wide[3 + (b * LONG + s) * ROW + d] == plain[(b * S + s) * D + d];
  printf("%d of %d the same, %d written\n", same, B * S * D, written);
  return 0;
}
