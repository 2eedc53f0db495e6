/* What the kernels of Winograd convolution F(4x4,3x3) are told; all strides are in floats. */
#ifndef CVECTOR_WINOGRAD_H
#define CVECTOR_WINOGRAD_H

#include <stdint.h>

/* One tile: 36 pixels, row by row, become transformed[plane * i] for i < 36. */
typedef struct {
  const float *const *pixels;
  const float *const *next; /* of the tile that comes next, whose memory is asked for */
  float *transformed;
  int64_t plane;
  int64_t channels; /* at least a vector */
} cv_winograd_input;

/* One tile: sums[plane * i] for i < 36 become `rows` by `columns` pixels of y, 4 by 4 at most. */
typedef struct {
  const float *sums;
  float *y;
  float *next; /* of the tile that comes next, whose memory is asked for */
  int64_t plane;
  int64_t y_row, y_pixel;
  int64_t outputs; /* sums has room for whole vectors of them */
  int32_t rows, columns;
  int32_t accumulate;
} cv_winograd_output;

/* For each channel 9 rows of `columns` weights, row by row of the kernel, become 36 rows of `width`. */
typedef struct {
  const float *weights;
  float *transformed; /* [36][channels][width] */
  int64_t tap, row;   /* from one tap to the next, from one channel to the next */
  int64_t channels;
  int64_t plane; /* from one of the 36 to the next */
  int64_t columns, width;
} cv_winograd_weights;

#endif
