#define _GNU_SOURCE
#include "cvector.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>

static _Thread_local cv_thread_state state;

cv_thread_state *cv_thread(void) { return &state; }

double cv_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int32_t cv_allowed_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
}

int cv_supports_v4(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd");
#else
  return 0;
#endif
}
