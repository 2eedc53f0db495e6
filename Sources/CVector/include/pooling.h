/* What the max-pooling kernels of every instruction set are told. */
#ifndef CVECTOR_POOLING_H
#define CVECTOR_POOLING_H

#include <stdint.h>

/* One image, channels last, in the kernels' precision, and for each output the place in its window that was
 * the largest: row by row. */
typedef struct {
  const void *from; /* the image, or the gradient of the result */
  void *to;         /* the result, or the gradient of the image */
  uint8_t *choices; /* with 16 bytes of room behind them */
  int64_t height, width, channels;
  int64_t out_height, out_width;
  int64_t kernel_height, kernel_width;
  int64_t stride_y, stride_x;
  int64_t pad_y, pad_x;
  int32_t accumulate;
} cv_pool;

#endif
