#include "cvector.h"

#include <time.h>

static _Thread_local cv_thread_state state;

cv_thread_state *cv_thread(void) { return &state; }

double cv_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
