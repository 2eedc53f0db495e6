/* The random bits of dropout. */
#ifndef CVECTOR_PHILOX_H
#define CVECTOR_PHILOX_H

#include <stdbool.h>
#include <stdint.h>

/* Philox4x32-10 for eight consecutive counters, a word in the low half of each lane; their 32 words in order.
 */
typedef uint64_t cv_u64 __attribute__((ext_vector_type(8)));
typedef uint32_t cv_u32 __attribute__((ext_vector_type(16)));
typedef bool cv_bits __attribute__((ext_vector_type(16)));

CV_INLINE void cv_philox_words(uint64_t counter, uint64_t stream, uint32_t k0, uint32_t k1, cv_u32 *words) {
  const cv_u64 count = (cv_u64){0, 1, 2, 3, 4, 5, 6, 7} + counter;
  const cv_u64 low = (cv_u64)(0xFFFFFFFFu);
  cv_u64 c0 = count & low, c1 = count >> 32;
  cv_u64 c2 = (cv_u64)(stream & 0xFFFFFFFFu), c3 = (cv_u64)(stream >> 32);
  /* Unrolled and masked, the factors are seen to have 32 bits: a product of 64 takes three times as long. */
#pragma clang loop unroll(full)
  for (int round = 0; round < 10; round++) {
    const cv_u64 p0 = (c0 & low) * (cv_u64)(0xD2511F53u), p1 = (c2 & low) * (cv_u64)(0xCD9E8D57u);
    c0 = (p1 >> 32) ^ c1 ^ (cv_u64)((uint64_t)k0);
    c1 = p1 & low;
    c2 = (p0 >> 32) ^ c3 ^ (cv_u64)((uint64_t)k1);
    c3 = p0 & low;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const cv_u64 a = c0 | c1 << 32, b = c2 | c3 << 32;
  words[0] = (cv_u32)__builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  words[1] = (cv_u32)__builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/* Which of the 32 words are not below the threshold, the first in the lowest bit. */
CV_INLINE uint32_t cv_philox_bits(uint64_t counter, uint64_t stream, uint32_t k0, uint32_t k1,
                                  uint32_t threshold) {
  cv_u32 words[2];
  cv_philox_words(counter, stream, k0, k1, words);
  uint16_t halves[2];
  for (int i = 0; i < 2; i++) {
    const cv_bits kept = __builtin_convertvector(words[i] >= (cv_u32)(threshold), cv_bits);
    __builtin_memcpy(&halves[i], &kept, sizeof halves[i]);
  }
  return (uint32_t)halves[0] | (uint32_t)halves[1] << 16;
}

/* bits[i] for i < count: the words of counters 8 (first + i) and the seven after it. */
typedef struct {
  uint32_t *bits;
  int64_t first, count;
  uint64_t stream;
  uint32_t k0, k1;
  uint32_t threshold;
} cv_draw;

#endif
