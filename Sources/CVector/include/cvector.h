/* Vector operations that the Swift standard library lacks or does not vectorise.
 * The ext_vector types arrive in Swift as SIMD16<Float> and SIMD8<Double>. */
#ifndef CVECTOR_H
#define CVECTOR_H

#include "convolution.h"
#include "memory.h"
#include "pooling.h"
#include "winograd.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef float cv_f32 __attribute__((ext_vector_type(16)));
typedef int32_t cv_i32 __attribute__((ext_vector_type(16)));
typedef double cv_f64 __attribute__((ext_vector_type(8)));
typedef int64_t cv_i64 __attribute__((ext_vector_type(8)));
typedef float cv_f32x8 __attribute__((ext_vector_type(8)));
typedef float cv_f32x4 __attribute__((ext_vector_type(4)));
typedef uint8_t cv_u8 __attribute__((ext_vector_type(16)));
typedef uint8_t cv_u8x8 __attribute__((ext_vector_type(8)));
typedef double cv_f64x4 __attribute__((ext_vector_type(4)));

#define CV_INLINE static inline __attribute__((always_inline))

#include "philox.h"

/* 64 bits that tell one content of memory from another, by chance alike once in 2^64; no more than a pass
 * over it. */
uint64_t cv_digest(const void *memory, int64_t bytes);

CV_INLINE cv_f32 cv_sqrt_f32(cv_f32 x) { return __builtin_elementwise_sqrt(x); }
CV_INLINE cv_f64 cv_sqrt_f64(cv_f64 x) { return __builtin_elementwise_sqrt(x); }
CV_INLINE cv_f32 cv_abs_f32(cv_f32 x) { return __builtin_elementwise_abs(x); }
CV_INLINE cv_f64 cv_abs_f64(cv_f64 x) { return __builtin_elementwise_abs(x); }
CV_INLINE cv_f32 cv_fma_f32(cv_f32 a, cv_f32 b, cv_f32 c) { return __builtin_elementwise_fma(a, b, c); }
CV_INLINE cv_f64 cv_fma_f64(cv_f64 a, cv_f64 b, cv_f64 c) { return __builtin_elementwise_fma(a, b, c); }

CV_INLINE cv_f32x8 cv_fma_f32x8(cv_f32x8 a, cv_f32x8 b, cv_f32x8 c) {
  return __builtin_elementwise_fma(a, b, c);
}
CV_INLINE cv_f64x4 cv_fma_f64x4(cv_f64x4 a, cv_f64x4 b, cv_f64x4 c) {
  return __builtin_elementwise_fma(a, b, c);
}

/* The halves of two vectors interleaved within each group of four floats, by ones and by twos; and every
 * other group of two vectors side by side. */
#define CV_ONES_LOW(a, b)                                                                                    \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define CV_ONES_HIGH(a, b)                                                                                   \
  __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define CV_TWOS_LOW(a, b)                                                                                    \
  __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define CV_TWOS_HIGH(a, b)                                                                                   \
  __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define CV_GROUPS_EVEN(a, b)                                                                                 \
  __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define CV_GROUPS_ODD(a, b)                                                                                  \
  __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)

/* target[j * step + i] = source[i * stride + j] for i, j < width; rows from `rows` on repeat the last. */
CV_INLINE void cv_transpose_f32(const float *source, ptrdiff_t stride, ptrdiff_t rows, float *target,
                                ptrdiff_t step) {
  cv_f32 x[16], y[16];
  if (rows >= 16) {
    for (int i = 0; i < 16; i++)
      __builtin_memcpy(&x[i], source + i * stride, sizeof x[i]);
  } else {
    for (int i = 0; i < 16; i++)
      __builtin_memcpy(&x[i], source + (i < rows ? i : rows - 1) * stride, sizeof x[i]);
  }
  for (int i = 0; i < 16; i += 2) {
    y[i] = CV_ONES_LOW(x[i], x[i + 1]);
    y[i + 1] = CV_ONES_HIGH(x[i], x[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    x[i] = CV_TWOS_LOW(y[i], y[i + 2]);
    x[i + 1] = CV_TWOS_HIGH(y[i], y[i + 2]);
    x[i + 2] = CV_TWOS_LOW(y[i + 1], y[i + 3]);
    x[i + 3] = CV_TWOS_HIGH(y[i + 1], y[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    y[i] = CV_GROUPS_EVEN(x[i], x[i + 4]);
    y[i + 4] = CV_GROUPS_EVEN(x[i + 8], x[i + 12]);
    y[i + 8] = CV_GROUPS_ODD(x[i], x[i + 4]);
    y[i + 12] = CV_GROUPS_ODD(x[i + 8], x[i + 12]);
  }
  for (int i = 0; i < 4; i++) {
    x[i] = CV_GROUPS_EVEN(y[i], y[i + 4]);
    x[i + 8] = CV_GROUPS_ODD(y[i], y[i + 4]);
    x[i + 4] = CV_GROUPS_EVEN(y[i + 8], y[i + 12]);
    x[i + 12] = CV_GROUPS_ODD(y[i + 8], y[i + 12]);
  }
  for (int i = 0; i < 16; i++)
    __builtin_memcpy(target + i * step, &x[i], sizeof x[i]);
}
/* Group g of the result: sums of the four floats in group g of a, b, c and d. */
CV_INLINE cv_f32 cv_fold_lanes_f32(cv_f32 a, cv_f32 b, cv_f32 c, cv_f32 d) {
  cv_f32 ab = CV_ONES_LOW(a, b) + CV_ONES_HIGH(a, b);
  cv_f32 cd = CV_ONES_LOW(c, d) + CV_ONES_HIGH(c, d);
  return CV_TWOS_LOW(ab, cd) + CV_TWOS_HIGH(ab, cd);
}
/* The sum of the four groups of a, then that of b, c and d. */
CV_INLINE cv_f32 cv_fold_groups_f32(cv_f32 a, cv_f32 b, cv_f32 c, cv_f32 d) {
  cv_f32 ab = CV_GROUPS_EVEN(a, b) + CV_GROUPS_ODD(a, b);
  cv_f32 cd = CV_GROUPS_EVEN(c, d) + CV_GROUPS_ODD(c, d);
  return CV_GROUPS_EVEN(ab, cd) + CV_GROUPS_ODD(ab, cd);
}
/* x with zeros in all but its first `count` lanes. */
CV_INLINE cv_f32 cv_first_f32(cv_f32 x, int32_t count) {
  const cv_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return (cv_f32)((cv_i32)x & (lane < count));
}
CV_INLINE cv_f64 cv_first_f64(cv_f64 x, int32_t count) {
  const cv_i64 lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return (cv_f64)((cv_i64)x & (lane < (int64_t)count));
}
/* The `count` numbers at p, then zeros; nothing behind them is touched. */
#if defined(__AVX__)
typedef float cv_masked_f32 __attribute__((vector_size(32)));
typedef int32_t cv_mask_i32 __attribute__((vector_size(32)));
typedef double cv_masked_f64 __attribute__((vector_size(32)));
typedef long long cv_mask_i64 __attribute__((vector_size(32)));

CV_INLINE cv_f32 cv_load_first_f32(const float *p, int32_t count) {
  const cv_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const cv_i32 mask = lane < count;
  const cv_masked_f32 *at = (const cv_masked_f32 *)p;
  cv_f32 x;
  x.lo = (cv_f32x8)__builtin_ia32_maskloadps256(at, (cv_mask_i32)mask.lo);
  x.hi = (cv_f32x8)__builtin_ia32_maskloadps256(at + 1, (cv_mask_i32)mask.hi);
  return x;
}
CV_INLINE cv_f64 cv_load_first_f64(const double *p, int32_t count) {
  const cv_i64 lane = {0, 1, 2, 3, 4, 5, 6, 7};
  const cv_i64 mask = lane < (int64_t)count;
  const cv_masked_f64 *at = (const cv_masked_f64 *)p;
  cv_f64 x;
  x.lo = (cv_f64x4)__builtin_ia32_maskloadpd256(at, (cv_mask_i64)mask.lo);
  x.hi = (cv_f64x4)__builtin_ia32_maskloadpd256(at + 1, (cv_mask_i64)mask.hi);
  return x;
}
#else
CV_INLINE cv_f32 cv_load_first_f32(const float *p, int32_t count) {
  cv_f32 x = (cv_f32)(0.0f);
  __builtin_memcpy(&x, p, 4 * (size_t)count);
  return x;
}
CV_INLINE cv_f64 cv_load_first_f64(const double *p, int32_t count) {
  cv_f64 x = (cv_f64)(0.0);
  __builtin_memcpy(&x, p, 8 * (size_t)count);
  return x;
}
#endif
/* p = the first `count` lanes of x. */
CV_INLINE void cv_store_first_f32(cv_f32 x, float *p, int32_t count) {
  __builtin_memcpy(p, &x, 4 * (size_t)count);
}
CV_INLINE void cv_store_first_f64(cv_f64 x, double *p, int32_t count) {
  __builtin_memcpy(p, &x, 8 * (size_t)count);
}
/* x with zeros in all but its last `count` lanes. */
CV_INLINE cv_f32 cv_last_f32(cv_f32 x, int32_t count) {
  const cv_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return (cv_f32)((cv_i32)x & (lane >= 16 - count));
}
/* x = the transpose of y within each group of four floats. */
#define CV_FOURS(x, y)                                                                                       \
  do {                                                                                                       \
    cv_f32 low01 = CV_ONES_LOW(y[0], y[1]), high01 = CV_ONES_HIGH(y[0], y[1]);                               \
    cv_f32 low23 = CV_ONES_LOW(y[2], y[3]), high23 = CV_ONES_HIGH(y[2], y[3]);                               \
    x[0] = CV_TWOS_LOW(low01, low23);                                                                        \
    x[1] = CV_TWOS_HIGH(low01, low23);                                                                       \
    x[2] = CV_TWOS_LOW(high01, high23);                                                                      \
    x[3] = CV_TWOS_HIGH(high01, high23);                                                                     \
  } while (0)
/* Group g of x. */
#define CV_GROUP(x, g) __builtin_shufflevector(x, x, 4 * g, 4 * g + 1, 4 * g + 2, 4 * g + 3)
/* Group g of the four vectors of x behind each other, `step` apart. */
#define CV_STORE_GROUP(x, g, target, step)                                                                   \
  do {                                                                                                       \
    cv_f32x4 first = CV_GROUP(x[0], g), second = CV_GROUP(x[1], g);                                          \
    cv_f32x4 third = CV_GROUP(x[2], g), fourth = CV_GROUP(x[3], g);                                          \
    __builtin_memcpy(target + (4 * g) * step, &first, 16);                                                   \
    __builtin_memcpy(target + (4 * g + 1) * step, &second, 16);                                              \
    __builtin_memcpy(target + (4 * g + 2) * step, &third, 16);                                               \
    __builtin_memcpy(target + (4 * g + 3) * step, &fourth, 16);                                              \
  } while (0)
/* Four floats each from source, source + step, source + 2 step and source + 3 step. By pointer: C would warn
 * that a vector this wide is returned differently by other processors' code. */
CV_INLINE void cv_load_groups_f32(const float *source, ptrdiff_t step, cv_f32 *groups) {
  cv_f32x4 x[4];
  __builtin_memcpy(&x[0], source, 16);
  __builtin_memcpy(&x[1], source + step, 16);
  __builtin_memcpy(&x[2], source + 2 * step, 16);
  __builtin_memcpy(&x[3], source + 3 * step, 16);
  cv_f32x8 low = __builtin_shufflevector(x[0], x[1], 0, 1, 2, 3, 4, 5, 6, 7);
  cv_f32x8 high = __builtin_shufflevector(x[2], x[3], 0, 1, 2, 3, 4, 5, 6, 7);
  *groups = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
/* target[i * step + j] = source[j * stride + i] for i < 16 and j < 4; rows from `rows` on repeat the last.
 * Four floats are written for pixel i before pixel i + 1. */
CV_INLINE void cv_planes_to_pixels_f32(const float *source, ptrdiff_t stride, ptrdiff_t rows, float *target,
                                       ptrdiff_t step) {
  cv_f32 x[4], y[4];
  __builtin_memcpy(&y[0], source, sizeof y[0]);
  __builtin_memcpy(&y[1], source + (rows > 1 ? 1 : 0) * stride, sizeof y[1]);
  __builtin_memcpy(&y[2], source + (rows > 2 ? 2 : rows - 1) * stride, sizeof y[2]);
  __builtin_memcpy(&y[3], source + (rows > 3 ? 3 : rows - 1) * stride, sizeof y[3]);
  CV_FOURS(x, y);
  CV_STORE_GROUP(x, 0, target, step);
  CV_STORE_GROUP(x, 1, target, step);
  CV_STORE_GROUP(x, 2, target, step);
  CV_STORE_GROUP(x, 3, target, step);
}
/* target[j * step + i] = source[i * stride + j] for i < 16 and j < rows <= 4; reads four floats of each. */
CV_INLINE void cv_pixels_to_planes_f32(const float *source, ptrdiff_t stride, ptrdiff_t rows, float *target,
                                       ptrdiff_t step) {
  cv_f32 x[4], y[4];
  cv_load_groups_f32(source, 4 * stride, &y[0]);
  cv_load_groups_f32(source + stride, 4 * stride, &y[1]);
  cv_load_groups_f32(source + 2 * stride, 4 * stride, &y[2]);
  cv_load_groups_f32(source + 3 * stride, 4 * stride, &y[3]);
  CV_FOURS(x, y);
  __builtin_memcpy(target, &x[0], sizeof x[0]);
  if (rows > 1) __builtin_memcpy(target + step, &x[1], sizeof x[1]);
  if (rows > 2) __builtin_memcpy(target + 2 * step, &x[2], sizeof x[2]);
  if (rows > 3) __builtin_memcpy(target + 3 * step, &x[3], sizeof x[3]);
}
CV_INLINE void cv_transpose_f32x8(const float *source, ptrdiff_t stride, ptrdiff_t rows, float *target,
                                  ptrdiff_t step) {
  cv_f32x8 x[8], y[8];
  for (int i = 0; i < 8; i++)
    __builtin_memcpy(&x[i], source + (i < rows ? i : rows - 1) * stride, sizeof x[i]);
  for (int i = 0; i < 8; i += 2) {
    y[i] = __builtin_shufflevector(x[i], x[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    y[i + 1] = __builtin_shufflevector(x[i], x[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i += 4) {
    x[i] = __builtin_shufflevector(y[i], y[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    x[i + 1] = __builtin_shufflevector(y[i], y[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    x[i + 2] = __builtin_shufflevector(y[i + 1], y[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    x[i + 3] = __builtin_shufflevector(y[i + 1], y[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int i = 0; i < 4; i++) {
    y[i] = __builtin_shufflevector(x[i], x[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    y[i + 4] = __builtin_shufflevector(x[i], x[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int i = 0; i < 8; i++)
    __builtin_memcpy(target + i * step, &y[i], sizeof y[i]);
}

/* The same of float64: pairs instead of groups of four, and vectors of eight. */
#define CV_PAIRS_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14)
#define CV_PAIRS_HIGH(a, b) __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15)
CV_INLINE void cv_transpose_f64(const double *source, ptrdiff_t stride, ptrdiff_t rows, double *target,
                                ptrdiff_t step) {
  cv_f64 x[8], y[8];
  if (rows >= 8) {
    for (int i = 0; i < 8; i++)
      __builtin_memcpy(&x[i], source + i * stride, sizeof x[i]);
  } else {
    for (int i = 0; i < 8; i++)
      __builtin_memcpy(&x[i], source + (i < rows ? i : rows - 1) * stride, sizeof x[i]);
  }
  /* Within pairs of lanes, then pairs of pairs, then halves. */
  for (int i = 0; i < 8; i += 2) {
    y[i] = CV_PAIRS_LOW(x[i], x[i + 1]);
    y[i + 1] = CV_PAIRS_HIGH(x[i], x[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; j++) {
      x[i + j] = __builtin_shufflevector(y[i + j], y[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      x[i + j + 2] = __builtin_shufflevector(y[i + j], y[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < 4; i++) {
    y[i] = __builtin_shufflevector(x[i], x[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    y[i + 4] = __builtin_shufflevector(x[i], x[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int i = 0; i < 8; i++)
    __builtin_memcpy(target + i * step, &y[i], sizeof y[i]);
}
/* x = the transpose of four vectors of four. */
#define CV_TRANSPOSE_FOURS_F64(x, y)                                                                         \
  do {                                                                                                       \
    cv_f64x4 low01 = __builtin_shufflevector(y[0], y[1], 0, 4, 2, 6);                                        \
    cv_f64x4 high01 = __builtin_shufflevector(y[0], y[1], 1, 5, 3, 7);                                       \
    cv_f64x4 low23 = __builtin_shufflevector(y[2], y[3], 0, 4, 2, 6);                                        \
    cv_f64x4 high23 = __builtin_shufflevector(y[2], y[3], 1, 5, 3, 7);                                       \
    x[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);                                                \
    x[1] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);                                              \
    x[2] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);                                                \
    x[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);                                              \
  } while (0)
CV_INLINE void cv_transpose_f64x4(const double *source, ptrdiff_t stride, ptrdiff_t rows, double *target,
                                  ptrdiff_t step) {
  cv_f64x4 x[4], y[4];
  for (int i = 0; i < 4; i++)
    __builtin_memcpy(&y[i], source + (i < rows ? i : rows - 1) * stride, sizeof y[i]);
  CV_TRANSPOSE_FOURS_F64(x, y);
  for (int i = 0; i < 4; i++)
    __builtin_memcpy(target + i * step, &x[i], sizeof x[i]);
}
/* Of float64, for eight pixels. */
CV_INLINE void cv_planes_to_pixels_f64(const double *source, ptrdiff_t stride, ptrdiff_t rows, double *target,
                                       ptrdiff_t step) {
  cv_transpose_f64x4(source, stride, rows, target, step);
  cv_transpose_f64x4(source + 4, stride, rows, target + 4 * step, step);
}
CV_INLINE void cv_pixels_to_planes_f64(const double *source, ptrdiff_t stride, ptrdiff_t rows, double *target,
                                       ptrdiff_t step) {
  for (int half = 0; half < 8; half += 4) {
    cv_f64x4 x[4], y[4];
    for (int i = 0; i < 4; i++)
      __builtin_memcpy(&y[i], source + (half + i) * stride, sizeof y[i]);
    CV_TRANSPOSE_FOURS_F64(x, y);
    for (int i = 0; i < 4; i++)
      if (i < rows) __builtin_memcpy(target + i * step + half, &x[i], sizeof x[i]);
  }
}
/* Group g of the result, of two groups of four: sums of the four numbers in group g of a, b, c and d. */
CV_INLINE cv_f64 cv_fold_lanes_f64(cv_f64 a, cv_f64 b, cv_f64 c, cv_f64 d) {
  cv_f64 ab = CV_PAIRS_LOW(a, b) + CV_PAIRS_HIGH(a, b);
  cv_f64 cd = CV_PAIRS_LOW(c, d) + CV_PAIRS_HIGH(c, d);
  return __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) +
         __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
}
/* The sum of the two groups of a, then that of b, c and d: sixteen numbers. */
CV_INLINE void cv_fold_groups_f64(cv_f64 a, cv_f64 b, cv_f64 c, cv_f64 d, double *sums) {
  const cv_f64x4 x[4] = {a.lo + a.hi, b.lo + b.hi, c.lo + c.hi, d.lo + d.hi};
  __builtin_memcpy(sums, x, sizeof x);
}
CV_INLINE cv_f64 cv_last_f64(cv_f64 x, int32_t count) {
  const cv_i64 lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return (cv_f64)((cv_i64)x & (lane >= (int64_t)(8 - count)));
}

/* C (+)= A B for one tile held in registers: element (i, p) of A is a[i * a_row + p * a_step], row p of B
 * starts at b[p * b_step], row i of C at c[i * c_row]; numbers are of the kernel's precision. One argument,
 * since nine pass through the stack. */
typedef struct {
  const void *a, *b;
  void *c;
  ptrdiff_t a_row, a_step, b_step, c_row, depth;
  bool accumulate;
  /* For complete sums: NULL, or what is added to each row of the tile. */
  const void *bias;
  /* NULL, or a vector whose sum is no longer 0 once an element of a tile was not finite. */
  void *residue;
} cv_tile;

/* Asks for a cache line that is read soon; any address may be given. */
CV_INLINE void cv_prefetch(const void *address) { __builtin_prefetch(address, 0, 2); }
CV_INLINE void cv_prefetch_near(const void *address) { __builtin_prefetch(address, 0, 3); }
CV_INLINE void cv_prefetch_write(const void *address) { __builtin_prefetch(address, 1, 3); }

/* a > b ? x : y per lane. A NaN in a or b selects y. */
CV_INLINE cv_f32 cv_select_greater_f32(cv_f32 a, cv_f32 b, cv_f32 x, cv_f32 y) {
  cv_i32 mask = a > b;
  return (cv_f32)(((cv_i32)x & mask) | ((cv_i32)y & ~mask));
}
/* All ones in lanes where a takes the place of b as the largest so far: it is greater, or the first NaN. */
CV_INLINE cv_i32 cv_surpasses_f32(cv_f32 a, cv_f32 b) { return ~(a <= b) & (b == b); }
CV_INLINE cv_i32 cv_choose_i32(cv_i32 mask, cv_i32 x, cv_i32 y) { return (x & mask) | (y & ~mask); }
CV_INLINE cv_f32 cv_choose_f32(cv_i32 mask, cv_f32 x, cv_f32 y) {
  return (cv_f32)(((cv_i32)x & mask) | ((cv_i32)y & ~mask));
}
CV_INLINE cv_i32 cv_equal_i32(cv_i32 x, int32_t y) { return x == y; }
/* Sixteen whole numbers below 256 as bytes. */
CV_INLINE void cv_store_bytes(uint8_t *p, cv_i32 x) {
  const cv_u8 bytes = __builtin_convertvector(x, cv_u8);
  __builtin_memcpy(p, &bytes, sizeof bytes);
}
CV_INLINE cv_i32 cv_load_bytes(const uint8_t *p) {
  cv_u8 bytes;
  __builtin_memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(bytes, cv_i32);
}
/* The same of float64. */
CV_INLINE cv_i64 cv_surpasses_f64(cv_f64 a, cv_f64 b) { return ~(a <= b) & (b == b); }
CV_INLINE cv_i64 cv_choose_i64(cv_i64 mask, cv_i64 x, cv_i64 y) { return (x & mask) | (y & ~mask); }
CV_INLINE cv_f64 cv_choose_f64(cv_i64 mask, cv_f64 x, cv_f64 y) {
  return (cv_f64)(((cv_i64)x & mask) | ((cv_i64)y & ~mask));
}
CV_INLINE cv_i64 cv_equal_i64(cv_i64 x, int64_t y) { return x == y; }
CV_INLINE void cv_store_bytes8(uint8_t *p, cv_i64 x) {
  const cv_u8x8 bytes = __builtin_convertvector(x, cv_u8x8);
  __builtin_memcpy(p, &bytes, sizeof bytes);
}
CV_INLINE cv_i64 cv_load_bytes8(const uint8_t *p) {
  cv_u8x8 bytes;
  __builtin_memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(bytes, cv_i64);
}
CV_INLINE cv_f64 cv_select_greater_f64(cv_f64 a, cv_f64 b, cv_f64 x, cv_f64 y) {
  cv_i64 mask = a > b;
  return (cv_f64)(((cv_i64)x & mask) | ((cv_i64)y & ~mask));
}

CV_INLINE cv_f32 cv_copysign_f32(cv_f32 x, cv_f32 y) { return __builtin_elementwise_copysign(x, y); }
CV_INLINE cv_f64 cv_copysign_f64(cv_f64 x, cv_f64 y) { return __builtin_elementwise_copysign(x, y); }
/* x times 2^n for n in the lowest bits of `shifted`. */
CV_INLINE cv_f32 cv_scale_f32(cv_f32 x, cv_f32 shifted) {
  return (cv_f32)((cv_i32)x + ((cv_i32)shifted << 23));
}
CV_INLINE cv_f64 cv_scale_f64(cv_f64 x, cv_f64 shifted) {
  return (cv_f64)((cv_i64)x + ((cv_i64)shifted << 52));
}
/* x = mantissa * 2^exponent with the mantissa in [1/sqrt 2, sqrt 2), for positive normal x: the bits of
 * 1/sqrt 2 are subtracted, and what is left above the mantissa's is the exponent. */
CV_INLINE cv_f32 cv_exponent_f32(cv_f32 x) {
  return __builtin_convertvector(((cv_i32)x - 0x3f3504f3) >> 23, cv_f32);
}
CV_INLINE cv_f64 cv_exponent_f64(cv_f64 x) {
  return __builtin_convertvector(((cv_i64)x - 0x3fe6a09e667f3bcdLL) >> 52, cv_f64);
}
CV_INLINE cv_f32 cv_mantissa_f32(cv_f32 x) {
  return (cv_f32)((cv_i32)x - (((cv_i32)x - 0x3f3504f3) & ~0x007fffff));
}
CV_INLINE cv_f64 cv_mantissa_f64(cv_f64 x) {
  return (cv_f64)((cv_i64)x - (((cv_i64)x - 0x3fe6a09e667f3bcdLL) & ~0x000fffffffffffffLL));
}

CV_INLINE cv_f64 cv_widen(cv_f32x8 x) { return __builtin_convertvector(x, cv_f64); }
CV_INLINE cv_f64 cv_widen_low(cv_f32 x) { return __builtin_convertvector(x.lo, cv_f64); }
CV_INLINE cv_f64 cv_widen_high(cv_f32 x) { return __builtin_convertvector(x.hi, cv_f64); }

/* What each thread of the caller has for itself. */
typedef struct {
  int32_t threads; /* that serve it; 0: as many as there are cores */
  int32_t gradients_off;
  uint64_t seed;
  uint64_t stream;   /* the next stream of random numbers */
  int64_t recording; /* number of the recording in progress; 0: none */
  int32_t inside;    /* a step that no fork may cut */
  const void *claim; /* of the run that it is in */
  uint64_t awaited;  /* whose release would free what it was refused last; 0: nobody's */
  int32_t refused;   /* memory for a kernel: what it should have computed is not there */
} cv_thread_state;
cv_thread_state *cv_thread(void);

/* Memory of the calling thread, 64-byte aligned, at least `bytes`, kept for its next call with this slot (0
 * to 2: two for products, one for who asks for them) and freed when the thread ends; NULL, and `refused` set,
 * where there is none. */
void *cv_scratch(int slot, size_t bytes);

/* Whether this processor and its operating system run code for x86-64-v4 (AVX-512 F, VL, DQ, BW, CD). */
int cv_supports_v4(void);

/* Asks the system to back this memory with large pages, which need fewer translations. */
void cv_advise_large_pages(void *memory, size_t bytes);

/* Bytes of the second-level cache of a core, 0 when unknown. */
long cv_level2_cache(void);

/* For loops that wait for another thread. */
CV_INLINE void cv_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Seconds of a clock that never goes back. */
double cv_seconds(void);
/* Processor seconds of all threads of this process. */
double cv_processor_seconds(void);

/* Processors that the scheduler may use for this process. */
int32_t cv_allowed_processors(void);

CV_INLINE double cv_log(double x) { return log(x); }
CV_INLINE double cv_cos(double x) { return cos(x); }
CV_INLINE double cv_sin(double x) { return sin(x); }
CV_INLINE double cv_erf(double x) { return erf(x); }
CV_INLINE double cv_pow(double x, double y) { return pow(x, y); }

/* x where the lane's bit is set, 0 elsewhere. */
CV_INLINE cv_f32 cv_keep_f32(cv_f32 x, uint32_t bits) {
  const cv_i32 lane = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
  return (cv_f32)((cv_i32)x & (((cv_i32)(int32_t)bits & lane) != 0));
}
CV_INLINE cv_f64 cv_keep_f64(cv_f64 x, uint32_t bits) {
  const cv_i64 lane = {1, 2, 4, 8, 16, 32, 64, 128};
  return (cv_f64)((cv_i64)x & (((cv_i64)(int64_t)bits & lane) != 0));
}

#endif
