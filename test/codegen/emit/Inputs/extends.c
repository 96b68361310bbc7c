/* Generates with a cache that is one buffer with room: past is a view of its first rows, present of one row more. Rows
 * that are there already are write-protected, so that a copy of them would fault; calls of malloc are counted. */
#define _GNU_SOURCE
#include "extends.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

extern void *__libc_malloc(size_t size);
static long allocations;
void *malloc(size_t size) {
  allocations++;
  return __libc_malloc(size);
}

enum { B = 2, H = 4, G = 2, D = 64, CAPACITY = 64 }; /* 16 rows of D floats are a page */

static float q[B * H * D], k[B * G * D], v[B * G * D];
static float y[B * H * D], copied_y[B * H * D], copied[2][B * G * CAPACITY * D], expected[2][B * G * CAPACITY * D];
static char why[512];
static char workspace[1 << 20];
static attnc_options options;

static DLTensor tensor(float *data, int64_t *shape, int64_t *strides) {
  DLTensor made = {data, {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, strides, 0};
  return made;
}

/* Caches hold `past` rows and get one; `room` is the number of rows from one head to the next. */
static attnc_status step(float *past_k, float *past_v, float *present_k, float *present_v, int64_t past,
                         int64_t past_room, int64_t room, float *out) {
  int64_t q_shape[] = {B, H, 1, D}, new_shape[] = {B, G, 1, D}, past_shape[] = {B, G, past, D};
  int64_t present_shape[] = {B, G, past + 1, D}, past_strides[] = {G * past_room * D, past_room * D, D, 1};
  int64_t strides[] = {G * room * D, room * D, D, 1};
  DLTensor tq = tensor(q, q_shape, NULL), tk = tensor(k, new_shape, NULL), tv = tensor(v, new_shape, NULL);
  DLTensor pk = tensor(past_k, past_shape, past_strides), pv = tensor(past_v, past_shape, past_strides);
  DLTensor ty = tensor(out, q_shape, NULL);
  DLTensor nk = tensor(present_k, present_shape, strides), nv = tensor(present_v, present_shape, strides);
  return extends(&tq, &tk, &tv, &pk, &pv, &ty, &nk, &nv, &options);
}

static float number(unsigned *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return (float)(*seed >> 8) / (1 << 23) - 1;
}

/* The first `rows` rows of each head, whole pages. */
static void protect(float *cache, int rows, int how) {
  for (int head = 0; head < B * G; head++)
    if (mprotect(cache + head * CAPACITY * D, (size_t)rows * D * 4, how) != 0)
      abort();
}

int main(void) {
  size_t bytes = B * G * CAPACITY * D * 4;
  float *cache[2];
  for (int i = 0; i < 2; i++)
    cache[i] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  options = attnc_options_init();
  options.message = why;
  options.message_capacity = sizeof why;
  options.workspace = workspace;
  options.workspace_size = sizeof workspace;

  unsigned seed = 1;
  long before = allocations;
  for (int past = 0; past < CAPACITY; past++) {
    for (int i = 0; i < B * H * D; i++)
      q[i] = number(&seed);
    for (int i = 0; i < B * G * D; i++)
      k[i] = number(&seed), v[i] = number(&seed);
    int whole = past / 16 * 16;
    for (int i = 0; i < 2; i++)
      protect(cache[i], whole, PROT_READ);
    if (step(cache[0], cache[1], cache[0], cache[1], past, CAPACITY, CAPACITY, y) != ATTNC_OK)
      return puts(why), 1;
    for (int i = 0; i < 2; i++)
      protect(cache[i], whole, PROT_READ | PROT_WRITE);
    /* The same with two caches that are copied from each other. */
    float **from = (float *[]){expected[0], expected[1]}, **to = (float *[]){copied[0], copied[1]};
    if (step(from[0], from[1], to[0], to[1], past, CAPACITY, past + 1, copied_y) != ATTNC_OK)
      return puts(why), 1;
    for (int i = 0; i < 2; i++)
      for (int head = 0; head < B * G; head++)
        memcpy(expected[i] + head * CAPACITY * D, copied[i] + head * (past + 1) * D, (size_t)(past + 1) * D * 4);
    if (memcmp(y, copied_y, sizeof y) != 0)
      return printf("step %d: y differs\n", past), 1;
  }
  long after = allocations; /* printf allocates */
  printf("caches %s\n",
         memcmp(cache[0], expected[0], bytes) || memcmp(cache[1], expected[1], bytes) ? "differ" : "same");
  printf("allocations: %ld\n", after - before);

  /* One address, other strides; a row later; and what is written must still not lie on another input. */
  step(cache[0], cache[1], cache[0], cache[1], 3, 8, 9, y);
  puts(why);
  step(cache[0], cache[1], cache[0] + D, copied[1], 3, CAPACITY, CAPACITY, y);
  puts(why);
  step(copied[0], cache[1], cache[1], copied[1], 3, CAPACITY, CAPACITY, y);
  puts(why);
  return 0;
}
