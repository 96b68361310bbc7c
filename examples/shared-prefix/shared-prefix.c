/* Sequences that begin with the same prompt, one new token each, attended in two levels:
 *
 *   prefix  the queries of all sequences over one K and V of the prompt, which is read once, not once per sequence
 *   suffix  each query over the keys of its own sequence
 *   merge   of both parts by their lse: exactly the attention over prompt and own keys
 *
 * The program does both, compares with one attention over copies of prompt and own keys, and prints a few results. */
#include "prefix.h"
#include "suffix.h"

#include <math.h>
#include <stdio.h>

enum { B = 3, H = 8, G = 2, D = 64, PREFIX = 100, SUFFIX = 5, WHOLE = PREFIX + SUFFIX };
enum { ROW = G * D };

static float q[B][H][D];
static float prefix_k[PREFIX][ROW], prefix_v[PREFIX][ROW];
static float own_k[B][SUFFIX][ROW], own_v[B][SUFFIX][ROW]; /* capacity SUFFIX, of which lengths[b] are in use */
static const int32_t lengths[B] = {5, 0, 3};

/* Made-up numbers from -1 to 1. */
static void fill(float *values, size_t count, unsigned seed) {
  for (size_t i = 0; i < count; i++) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = (float)(seed >> 8) / (1 << 23) - 1;
  }
}

static float o[B][H][D], lse[B][H], suffix_o[B][H][D], suffix_lse[B][H];

static attnc_status attend_in_two_levels(const attnc_options *options) {
  attnc_status status = prefix_raw(B, PREFIX, &q[0][0][0], prefix_k[0], prefix_v[0], &o[0][0][0], lse[0], options);
  if (status == ATTNC_OK)
    status = suffix_raw(B, SUFFIX, &q[0][0][0], own_k[0][0], own_v[0][0], lengths, &suffix_o[0][0][0], suffix_lse[0],
                        options);
  if (status != ATTNC_OK)
    return status;
  int64_t shape[] = {B, H, D}; /* that of lse is [B, H] */
  DLDevice cpu = {kDLCPU, 0};
  DLDataType f32 = {kDLFloat, 32, 1};
  DLTensor merged = {o, cpu, 3, f32, shape, NULL, 0}, merged_lse = {lse, cpu, 2, f32, shape, NULL, 0};
  DLTensor own = {suffix_o, cpu, 3, f32, shape, NULL, 0}, own_lse = {suffix_lse, cpu, 2, f32, shape, NULL, 0};
  attnc_part parts[] = {{&merged, &merged_lse}, {&own, &own_lse}};
  return attnc_merge(parts, 2, &merged, &merged_lse, options); /* in place of the first part */
}

static float whole_k[B][WHOLE][ROW], whole_v[B][WHOLE][ROW], whole_o[B][H][D], whole_lse[B][H];

/* Every sequence with a copy of the prompt before its own keys. */
static attnc_status attend_whole(const attnc_options *options) {
  int32_t whole_lengths[B];
  for (int b = 0; b < B; b++) {
    memcpy(whole_k[b], prefix_k, sizeof prefix_k);
    memcpy(whole_v[b], prefix_v, sizeof prefix_v);
    memcpy(whole_k[b][PREFIX], own_k[b], sizeof own_k[b]);
    memcpy(whole_v[b][PREFIX], own_v[b], sizeof own_v[b]);
    whole_lengths[b] = PREFIX + lengths[b];
  }
  return suffix_raw(B, WHOLE, &q[0][0][0], whole_k[0][0], whole_v[0][0], whole_lengths, &whole_o[0][0][0], whole_lse[0],
                    options);
}

static float largest_difference(const float *a, const float *b, size_t count) {
  float largest = 0;
  for (size_t i = 0; i < count; i++)
    if (!(fabsf(a[i] - b[i]) <= largest)) /* NaN is a difference */
      largest = fabsf(a[i] - b[i]);
  return largest;
}

int main(void) {
  char why[512];
  attnc_options options = attnc_options_init();
  options.message = why;
  options.message_capacity = sizeof why;
  fill(&q[0][0][0], sizeof q / 4, 1);
  fill(prefix_k[0], sizeof prefix_k / 4, 2);
  fill(prefix_v[0], sizeof prefix_v / 4, 3);
  fill(own_k[0][0], sizeof own_k / 4, 4);
  fill(own_v[0][0], sizeof own_v / 4, 5);
  if (attend_in_two_levels(&options) != ATTNC_OK || attend_whole(&options) != ATTNC_OK) {
    fprintf(stderr, "%s\n", why);
    return 1;
  }
  for (int b = 0; b < B; b++)
    printf("sequence %d, %d + %d keys: o %.4f %.4f %.4f, lse %.4f\n", b, PREFIX, (int)lengths[b], o[b][0][0],
           o[b][0][1], o[b][0][2], lse[b][0]);
  int same = largest_difference(&o[0][0][0], &whole_o[0][0][0], B * H * D) < 1e-6f &&
             largest_difference(lse[0], whole_lse[0], B * H) < 2e-6f;
  printf("%s as one attention over all keys\n", same ? "the same" : "NOT the same");
  return !same;
}
