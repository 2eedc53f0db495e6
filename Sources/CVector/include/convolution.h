/* What the convolution kernels of every instruction set are told; pointers lead
 * to numbers of the kernels' precision, sizes and offsets are in numbers. A vector is the widest there is, of
 * 16 float32 or 8 float64: `lanes`. */
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

/* y[pixel] (+)= sum over segments and r < run of x[window + offset + r] * weights[...][columns]; where a
 * segment has several neighbors, also over those n, at x[window + offset + n x_pixel + r]. */
typedef struct {
  const void *x;
  const void *weights; /* [segment][neighbor][run][lanes * vectors] */
  void *y;
  const void *ahead;      /* what is read next */
  const int64_t *offsets; /* of the segments within a window */
  int64_t segments;
  int64_t run;
  int64_t x_pixel; /* from one output pixel's window to the next */
  int64_t y_pixel;
  int64_t columns;    /* of the lanes * vectors that exist */
  int32_t vectors;    /* 1 or 2 */
  int32_t neighbors;  /* 1; 3 or 5 where the kernels take them */
  int32_t ahead_step; /* numbers of `ahead` to ask for with each four pixels */
  int32_t accumulate;
} cv_convolution;

/* partial[4 quad + j][columns] (+)= sum over pixels of x[pixel + offsets[quad] + j] *
 * gradient[pixel][columns]. */
typedef struct {
  const void *x;
  const void *gradient;
  void *partial;                 /* [quads][4][lanes * vectors] */
  const void *x_ahead, *g_ahead; /* what is read next */
  const void *zeros;             /* lanes * vectors, if quads lie side by side */
  const int64_t *offsets;        /* of the quads within a window */
  int64_t quads;
  int64_t images, rows, width;
  int64_t x_image, x_row, x_pixel;
  int64_t g_image, g_row, g_pixel;
  int64_t first, last;                /* columns of the windows that there are, if quads lie side by side */
  int64_t x_ahead_step, g_ahead_step; /* numbers to ask for with each row of a tile */
  int32_t vectors;
  int32_t neighbors; /* 3: each quad and the next two read x 0, 1 and 2 pixels on, at the first's offset */
  int32_t accumulate;
} cv_weight_gradient;

/* Two runs of `lanes` pixels side by side, at positions `at`, of which `count` are wanted; only the first
 * where vectors hold half as many. Taps that read rows outside the image are left out. */
typedef struct {
  int64_t x;
  int64_t second; /* from the first vector to the second */
  int32_t first_tap, taps;
  int32_t at, count;
  int32_t second_at, second_count;
} cv_plane_tile;

/* The outputs of each pixel, sums over taps of x[pixel + offsets[tap]] * weights[...][outputs], go to y;
 * positions are pixels in rows of `width`. */
typedef struct {
  const void *x;
  const void *weights; /* for each group of outputs [tap][output] */
  const int64_t *offsets;
  const cv_plane_tile *tiles;
  void *y;
  void *sums;   /* room for 2 lanes an output */
  void *pixels; /* room for 2 lanes an output and one more */
  int64_t count, taps;
  int64_t outputs, groups; /* the groups are as even as can be */
  int64_t positions, width;
  int64_t y_row, y_pixel;
  int32_t accumulate;
} cv_planes;

/* partial[output][tap][lane] (+)= sum over positions p of that lane of x[p + offsets[tap]] *
 * gradient[output * plane + p]. */
typedef struct {
  const void *x;
  const void *gradient;
  void *partial;
  const int64_t *offsets;
  int64_t taps; /* a multiple of four */
  int64_t outputs, groups;
  int64_t positions, plane;
  int32_t accumulate;
} cv_plane_gradient;

/* Pixels of `channels` numbers become planes of `size` numbers, zeros where there is no pixel. Up to lanes -
 * 1 numbers behind each plane are overwritten. */
typedef struct {
  const void *source;
  void *target;
  int64_t rows, width, channels;
  int64_t source_row, source_pixel;
  int64_t readable; /* numbers from the source on */
  int64_t first;    /* where the first pixel goes in its plane */
  int64_t row, plane, size;
} cv_plane_rows;

/* Each plane once for each column of the kernel: rows of `width` numbers behind each other, from columns[i]
 * on. Up to lanes - 1 numbers behind each copy are overwritten. */
typedef struct {
  const void *source;
  void *target;
  const int64_t *columns;
  int64_t count, planes, rows, width;
  int64_t source_row, source_plane, target_plane;
} cv_plane_shifts;

/* A row of pixels with a lane for each of `lanes` images: y[pixel][output] is the sum over rows, taps and
 * channels of x[offsets[row]][pixel * stride + columns[tap] + left][channel] * weights[skipped +
 * row][tap][channel][output]. */
typedef struct {
  const void *x;
  const void *weights; /* for each group of outputs [row][tap][channel][output] */
  void *y;             /* [pixel][output][lanes] */
  const int64_t *offsets;
  const int64_t *columns; /* ascending; relative to the image's first column */
  int64_t rows, taps;
  int64_t run;             /* channels */
  int64_t skipped;         /* rows of the weights before the first */
  int64_t depth;           /* terms of one output, of which there may be fewer here */
  int64_t outputs, groups; /* the groups are as even as can be */
  int64_t pixels;
  int64_t width; /* of the image */
  int64_t stride;
  int64_t left;    /* columns before the image's first */
  int64_t x_pixel; /* from one output pixel's window to the next */
} cv_lanes;

#endif
