/* One call on a thread whose stack is 1 MB, the least that is promised to be enough. */
#include "heads.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { M = 40, N = 70, D = 16384 };

static void *call(void *arg) {
  float *q = calloc(M * D, 4), *k = calloc(N * D, 4), *v = malloc(N * D * 4), *o = arg;
  for (int i = 0; i < N * D; i++)
    v[i] = 1;
  attnc_status status = heads_raw(1, M, N, q, k, v, o, NULL);
  free(q), free(k), free(v);
  return (void *)(intptr_t)status;
}

int main(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  void *status;
  float *o = malloc(M * D * 4);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 1 << 20);
  if (pthread_create(&thread, &attributes, call, o) || pthread_join(thread, &status) || status)
    return 1;
  printf("o[0] = %g, o[last] = %g\n", o[0], o[M * D - 1]);
  return 0;
}
