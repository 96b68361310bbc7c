/* The workspace that attnc_plan_raw asks for, in bytes, for many B, M and N. */
#include "causal.h"
#include <inttypes.h>
#include <stdio.h>

int main(void) {
  static const int64_t lengths[] = {0, 1, 100, 1000000};
  for (int i = 0; i < 64; ++i) {
    int64_t symbols[] = {lengths[i % 4], lengths[i / 4 % 4], lengths[i / 16]}, bytes;
    if (attnc_plan_raw(causal_entry(), symbols, NULL, &bytes, NULL) != ATTNC_OK)
      return 1;
    printf("%" PRId64 "\n", bytes);
  }
  return 0;
}
