#include "twice.h"
#include "double_it.h"
#include <stdio.h>

int main(void) {
  float x = 1.5f, a = 0, b = 0;
  if (twice_raw(1, &x, &a, NULL) != ATTNC_OK || double_it_raw(1, &x, &b, NULL) != ATTNC_OK)
    return 1;
  printf("%s %s %g %g\n", twice_entry()->name, double_it_entry()->name, a, b);
  return 0;
}
