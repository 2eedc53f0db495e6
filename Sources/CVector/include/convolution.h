/* What the convolution kernels of every instruction set are told; all sizes and offsets are in floats. */
#ifndef CVECTOR_CONVOLUTION_H
#define CVECTOR_CONVOLUTION_H

#include <stdint.h>

/* Four neighboring output pixels of one row, of which `first ..< last` are written. */
typedef struct {
  int64_t x; /* the first pixel's window in the input */
  int64_t y;
  int32_t first;
  int32_t last;
} cv_pixels;

/* y[pixel] (+)= sum over segments and r < run of x[window + offset + r] * weights[...][columns]. */
typedef struct {
  const float *x;
  const float *weights; /* [segment][run][16 * vectors] */
  float *y;
  const int64_t *offsets; /* of the segments within a window */
  int64_t segments;
  int64_t run;
  int64_t x_pixel; /* from one output pixel's window to the next */
  int64_t y_pixel;
  int64_t columns; /* of the 16 * vectors that exist */
  int32_t vectors; /* 1 or 2 */
  int32_t accumulate;
} cv_convolution;

/* partial[4 quad + j][columns] (+)= sum over pixels of x[pixel + offsets[quad] + j] *
 * gradient[pixel][columns]. */
typedef struct {
  const float *x;
  const float *gradient;
  float *partial;         /* [quads][4][16 * vectors] */
  const int64_t *offsets; /* of the quads within a window */
  int64_t quads;
  int64_t images, rows, width;
  int64_t x_image, x_row, x_pixel;
  int64_t g_image, g_row, g_pixel;
  int32_t vectors;
  int32_t accumulate;
} cv_weight_gradient;

#endif
