/* A module as the compiler emits it, written by hand: plain C, calling nothing but attnc_rt_parallel_for.
 *
 *   scores(q: f32[B, M, 4], k: f32[B, N, 4], mask: bool[M, N], scale: f32[]) -> out: f32[B, M]
 *     out[b, m] = scale * sum over n with mask[m, n] of <q[b, m], k[b, n]>
 *   halves(x: bf16[N]) -> lo: bf16[?], info: i64[2]       (only with FAKE_TWO_ENTRIES)
 *     lo = the first N / 2 elements, info = {N, threads' ranges}
 */
#include "attnc/attnc.h"

#include <stdlib.h>

/* memref descriptors of rank 0 to 3; strides follow the sizes */
typedef struct { void *allocated, *aligned; int64_t offset, sizes[1]; } memref;
static int64_t stride(const memref *m, int rank, int dim) { return m->sizes[rank + dim]; }
static float *floats(const memref *m) { return (float *)m->aligned + m->offset; }

static void scores_plan(void **args) {
  const memref *q = args[0];
  int64_t *out = args[4];
  out[0] = q->sizes[0];
  out[1] = q->sizes[1];
  out[2] = q->sizes[0] * q->sizes[1] * 4; /* workspace: one float per row */
}

static void scores_rows(void *data, int64_t begin, int64_t end) {
  void **args = data;
  const memref *q = args[0], *k = args[1], *mask = args[2], *scale = args[3], *workspace = args[5];
  int64_t M = q->sizes[1], N = k->sizes[1];
  if ((uintptr_t)workspace->aligned % 64)
    abort();
  for (int64_t row = begin; row < end; ++row) {
    int64_t b = row / M, m = row % M;
    const float *query = floats(q) + b * stride(q, 3, 0) + m * stride(q, 3, 1);
    float sum = 0;
    for (int64_t n = 0; n < N; ++n) {
      const float *key = floats(k) + b * stride(k, 3, 0) + n * stride(k, 3, 1);
      const char *allowed = (char *)mask->aligned + m * stride(mask, 2, 0);
      for (int d = 0; d < 4 && allowed[n]; ++d)
        sum += query[d] * key[d];
    }
    floats(workspace)[row] = sum * *floats(scale);
  }
}

static void scores_run(void **args) {
  const memref *out = args[4], *workspace = args[5];
  int64_t rows = out->sizes[0] * out->sizes[1];
  attnc_rt_parallel_for(*(void **)args[6], rows, scores_rows, args);
  for (int64_t i = 0; i < rows; ++i)
    floats(out)[i] = floats(workspace)[i];
}

static void halves_plan(void **args) {
  const memref *x = args[0];
  int64_t *out = args[1];
  out[0] = x->sizes[0] / 2;
  out[1] = 2;
  out[2] = 0;
}

static void halves_run(void **args) {
  const memref *x = args[0], *lo = args[1], *info = args[2];
  memcpy(lo->aligned, x->aligned, (size_t)lo->sizes[0] * 2);
  ((int64_t *)info->aligned)[0] = x->sizes[0];
  ((int64_t *)info->aligned)[1] = 1;
}

static const attnc_dim q_dims[] = {{-1, 0}, {-1, 1}, {4, -1}};
static const attnc_dim k_dims[] = {{-1, 0}, {-1, 2}, {4, -1}};
static const attnc_dim mask_dims[] = {{-1, 1}, {-1, 2}};
static const attnc_dim out_dims[] = {{-1, 0}, {-1, 1}};
static const attnc_tensor_info scores_inputs[] = {{"q", kDLFloat, 32, 0, 3, q_dims},
                                                  {"k", kDLFloat, 32, 0, 3, k_dims},
                                                  {"mask", ATTNC_DL_BOOL, 8, 0, 2, mask_dims},
                                                  {"scale", kDLFloat, 32, 0, 0, NULL}};
static const attnc_tensor_info scores_outputs[] = {{"out", kDLFloat, 32, 0, 2, out_dims}};
static const char *const scores_symbols[] = {"B", "M", "N"};
static const attnc_variant scores_variants[] = {
    {"x86-64-v9", ATTNC_CPU_X86_64_V2 | (UINT64_C(1) << 40), scores_plan, scores_run},
    {"x86-64-v3", ATTNC_CPU_X86_64_V2 | ATTNC_CPU_X86_64_V3, scores_plan, scores_run},
    {"x86-64-v2", ATTNC_CPU_X86_64_V2, scores_plan, scores_run}};

static const attnc_dim x_dims[] = {{-1 - 1000, 0}}, lo_dims[] = {{-1, -1}}, info_dims[] = {{2, -1}};
static const attnc_tensor_info halves_inputs[] = {{"x", kDLBfloat, 16, 0, 1, x_dims}};
static const attnc_tensor_info halves_outputs[] = {{"lo", kDLBfloat, 16, 0, 1, lo_dims}, {"info", kDLInt, 64, 0, 1, info_dims}};
static const char *const halves_symbols[] = {"N"};
static const attnc_variant halves_variants[] = {{"x86-64", 0, halves_plan, halves_run}};

static const attnc_entry entries[] = {
    {"scores", "Sums of \"allowed\" scores.", 4, 1, 3, 3, scores_inputs, scores_outputs, scores_symbols, scores_variants,
     NULL, 0, NULL},
    {"halves", NULL, 1, 2, 1, 1, halves_inputs, halves_outputs, halves_symbols, halves_variants, NULL, 0, NULL}};

#ifdef FAKE_TWO_ENTRIES
static const attnc_module module = {sizeof(attnc_module), ATTNC_ABI_VERSION, "fake 1.0", 2, entries};
#else
static const attnc_module module = {sizeof(attnc_module), ATTNC_ABI_VERSION, "fake 1.0", 1, entries};
#endif
const attnc_module *attnc_module_v1(void) { return &module; }
