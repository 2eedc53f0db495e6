/* Memory that may be refused.
 *
 * What is large (tensors, buffers of kernels) is asked for here and may be NULL: it becomes an error where it
 * was wanted. What is small (objects, lists, texts of the Swift runtime, which cannot do without) is served
 * from a reserve when the system gives no more: the link options of the package send the library's own calls
 * of malloc and its like here. The next call of the library finds the reserve in use, and is an error unless
 * it can be filled again. */
#ifndef CV_MEMORY_H
#define CV_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Aligned memory for cv_release, or NULL. */
void *cv_allocate(size_t alignment, size_t bytes);
void cv_release(void *memory);

/* Whether the reserve is whole, or could be filled again. */
bool cv_reserve(void);

/* For tests: of the large allocations of this process from now on, or of the small ones, those from number
 * `first` (from 1) on are refused, `count` of them; first 0: none. Returns how many have been asked for since
 * the last call. */
int64_t cv_refuse(bool small, int64_t first, int64_t count);
/* Whether the next large one is to be refused; counts it. */
bool cv_refuses(void);

#endif
