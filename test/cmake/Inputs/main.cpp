// A model with weights in a file beside it, y = x + w, called on threads of our own choice.
#include "shift.h"
#include <cstdio>

int main() {
  const float x[4] = {1, 2, 3, 4};
  float y[4];
  attnc_options options = attnc_options_init();
  if (attnc_context_create(1, &options.context) != ATTNC_OK)
    return 1;
  attnc_status status = shift_raw(x, y, &options);
  attnc_context_destroy(options.context);
  std::printf("C++: %g %g %g %g\n", y[0], y[1], y[2], y[3]);
  return status;
}
