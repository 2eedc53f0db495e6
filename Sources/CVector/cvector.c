#define _GNU_SOURCE
#include "cvector.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static _Thread_local cv_thread_state state;

cv_thread_state *cv_thread(void) { return &state; }

static double seconds_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double cv_seconds(void) { return seconds_of(CLOCK_MONOTONIC); }

double cv_processor_seconds(void) { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

int32_t cv_allowed_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
}

/* Four sums of products at once, each odd factor a permutation of what came before. */
uint64_t cv_digest(const void *memory, int64_t bytes) {
  const uint64_t factor = 0x9e3779b97f4a7c15u;
  const uint8_t *at = memory;
  uint64_t lanes[4] = {1, 2, 3, 4}, word;
  int64_t i = 0;
  for (; i + 32 <= bytes; i += 32) {
    for (int lane = 0; lane < 4; lane++) {
      memcpy(&word, at + i + 8 * lane, 8);
      lanes[lane] = (lanes[lane] ^ word) * factor;
      lanes[lane] ^= lanes[lane] >> 29;
    }
  }
  for (int lane = 0; i < bytes; i += 8, lane = (lane + 1) & 3) {
    word = 0;
    memcpy(&word, at + i, (size_t)(bytes - i < 8 ? bytes - i : 8));
    lanes[lane] = (lanes[lane] ^ word) * factor;
  }
  uint64_t digest = (uint64_t)bytes;
  for (int lane = 0; lane < 4; lane++) {
    digest = (digest ^ lanes[lane]) * factor;
    digest ^= digest >> 32;
  }
  return digest;
}

enum { SCRATCHES = 3 };

typedef struct {
  void *memory[SCRATCHES];
  size_t bytes[SCRATCHES];
} scratch;

static _Thread_local scratch *own;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release(void *data) {
  scratch *s = data;
  for (int slot = 0; slot < SCRATCHES; slot++)
    cv_release(s->memory[slot]);
  free(s);
  own = NULL;
}

static void make_key(void) { pthread_key_create(&key, release); }

static void *refuse(void) {
  state.refused = 1;
  return NULL;
}

void *cv_scratch(int slot, size_t bytes) {
  if (own == NULL) {
    pthread_once(&once, make_key);
    own = calloc(1, sizeof *own);
    if (own == NULL) return refuse();
    pthread_setspecific(key, own);
  }
  if (own->bytes[slot] < bytes) {
    /* A power of two, so that slowly growing requests do not reallocate each time. */
    size_t room = 1 << 16;
    while (room < bytes)
      room *= 2;
    cv_release(own->memory[slot]);
    own->bytes[slot] = 0;
    const size_t large_page = (size_t)1 << 21;
    own->memory[slot] = cv_allocate(room < large_page ? 64 : large_page, room);
    if (own->memory[slot] == NULL) return refuse();
    if (room >= large_page) cv_advise_large_pages(own->memory[slot], room);
    own->bytes[slot] = room;
  }
  return own->memory[slot];
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

long cv_level2_cache(void) {
#ifdef _SC_LEVEL2_CACHE_SIZE
  long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes > 0 ? bytes : 0;
#else
  return 0;
#endif
}

void cv_advise_large_pages(void *memory, size_t bytes) {
#ifdef MADV_HUGEPAGE
  (void)madvise(memory, bytes, MADV_HUGEPAGE);
#else
  (void)memory, (void)bytes;
#endif
}
