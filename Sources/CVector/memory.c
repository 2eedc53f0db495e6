#include "memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* ---- tests ---- */

typedef struct {
  atomic_bool on;
  _Atomic int64_t asked, first, count;
} refusals;

static refusals large, small;

int64_t cv_refuse(bool of_small, int64_t first, int64_t count) {
  refusals *which = of_small ? &small : &large;
  atomic_store(&which->on, false);
  int64_t asked = atomic_exchange(&which->asked, 0);
  atomic_store(&which->first, first);
  atomic_store(&which->count, count);
  atomic_store(&which->on, first > 0);
  return asked;
}

static bool chosen(refusals *which, int64_t number) {
  int64_t first = atomic_load(&which->first);
  return number >= first && number - first < atomic_load(&which->count);
}

static bool counts(refusals *which) { return chosen(which, atomic_fetch_add(&which->asked, 1) + 1); }

static inline bool refused(refusals *which) {
  return __builtin_expect(atomic_load_explicit(&which->on, memory_order_relaxed), false) && counts(which);
}

bool cv_refuses(void) { return refused(&large); }

/* ---- the reserve ---- */

/* Blocks that malloc takes from its heap, and not from the system one by one: what is given back serves
 * others. */
enum { BLOCKS = 32, BLOCK_BYTES = 64 << 10 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *blocks[BLOCKS];
static atomic_int held;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
int __real_posix_memalign(void **out, size_t alignment, size_t bytes);

static bool fill(void) {
  if (atomic_load(&small.on) && chosen(&small, atomic_load(&small.asked) + 1)) return false;
  pthread_mutex_lock(&lock);
  int count = atomic_load_explicit(&held, memory_order_relaxed);
  while (count < BLOCKS && (blocks[count] = __real_malloc(BLOCK_BYTES)) != NULL)
    count++;
  atomic_store_explicit(&held, count, memory_order_relaxed);
  pthread_mutex_unlock(&lock);
  return count == BLOCKS;
}

bool cv_reserve(void) {
  return __builtin_expect(atomic_load_explicit(&held, memory_order_relaxed) == BLOCKS, true) || fill();
}

/* Whether there was anything to give back. */
static bool spend(void) {
  pthread_mutex_lock(&lock);
  int count = atomic_exchange(&held, 0);
  for (int i = 0; i < count; i++)
    free(blocks[i]);
  pthread_mutex_unlock(&lock);
  return count > 0;
}

__attribute__((constructor)) static void begin(void) { (void)fill(); }

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork(void) { pthread_mutex_unlock(&lock); }
__attribute__((constructor)) static void watch_forks(void) {
  pthread_atfork(before_fork, after_fork, after_fork);
}

/* ---- the library's own calls of malloc and its like ---- */

/* A refusal of a test spends the reserve as one of the system does, and the memory comes from there or
 * elsewhere. */
static inline void spend_if_refused(void) {
  if (refused(&small)) (void)spend();
}

void *__wrap_malloc(size_t bytes) {
  spend_if_refused();
  void *memory = __real_malloc(bytes);
  return __builtin_expect(memory == NULL, false) && spend() ? __real_malloc(bytes) : memory;
}

void *__wrap_calloc(size_t count, size_t bytes) {
  spend_if_refused();
  void *memory = __real_calloc(count, bytes);
  return __builtin_expect(memory == NULL, false) && spend() ? __real_calloc(count, bytes) : memory;
}

void *__wrap_realloc(void *old, size_t bytes) {
  spend_if_refused();
  void *memory = __real_realloc(old, bytes);
  if (__builtin_expect(memory != NULL || bytes == 0, true)) return memory;
  return spend() ? __real_realloc(old, bytes) : NULL;
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes) {
  spend_if_refused();
  void *memory = __real_aligned_alloc(alignment, bytes);
  return __builtin_expect(memory == NULL, false) && spend() ? __real_aligned_alloc(alignment, bytes) : memory;
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t bytes) {
  spend_if_refused();
  int status = __real_posix_memalign(out, alignment, bytes);
  return __builtin_expect(status == ENOMEM, false) && spend() ? __real_posix_memalign(out, alignment, bytes)
                                                              : status;
}

/* C++'s operators, which the Swift runtime uses. */
void *__wrap__Znwm(size_t bytes) { return __wrap_malloc(bytes == 0 ? 1 : bytes); }

/* ---- large ---- */

void *cv_allocate(size_t alignment, size_t bytes) {
  void *memory = NULL;
  if (refused(&large) || __real_posix_memalign(&memory, alignment, bytes) != 0) return NULL;
  return memory;
}

void cv_release(void *memory) { free(memory); }
