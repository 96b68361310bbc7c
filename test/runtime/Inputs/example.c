/* The use that attnc.h describes at its top, in plain C. Prints "6 6" for ones. */
#include "attnc/attnc.h"

#include <stdio.h>

int main(void) {
  float q_data[8] = {1, 1, 1, 1, 1, 1, 1, 1}, k_data[12] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  uint8_t mask_data[6] = {1, 1, 1, 1, 1, 1};
  float scale_data = 0.5f, out_data[2] = {0, 0};
  int64_t q_shape[] = {1, 2, 4}, k_shape[] = {1, 3, 4}, mask_shape[] = {2, 3}, out_shape[] = {1, 2};
  DLDevice cpu = {kDLCPU, 0};
  DLDataType f32 = {kDLFloat, 32, 1}, boolean = {ATTNC_DL_BOOL, 8, 1};
  DLTensor q = {q_data, cpu, 3, f32, q_shape, NULL, 0};
  DLTensor k = {k_data, cpu, 3, f32, k_shape, NULL, 0};
  DLTensor mask = {mask_data, cpu, 2, boolean, mask_shape, NULL, 0};
  DLTensor scale = {&scale_data, cpu, 0, f32, NULL, NULL, 0};
  DLTensor out = {out_data, cpu, 2, f32, out_shape, NULL, 0};

  const attnc_entry *entry = attnc_find_entry(attnc_module_v1(), "scores", NULL);
  attnc_context *threads;
  char why[512];
  attnc_options options = attnc_options_init();
  if (attnc_context_create(0, &threads) != ATTNC_OK)
    return 1;
  options.context = threads;
  options.message = why;
  options.message_capacity = sizeof why;
  const DLTensor *inputs[] = {&q, &k, &mask, &scale};
  DLTensor *outputs[] = {&out};
  attnc_status status = attnc_call(entry, inputs, outputs, &options);
  if (status != ATTNC_OK)
    fprintf(stderr, "%s\n", why);
  else
    printf("%g %g\n", (double)out_data[0], (double)out_data[1]);
  attnc_context_destroy(threads);
  return status != ATTNC_OK;
}
