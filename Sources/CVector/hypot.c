// The C library's `hypotf` has had a version of its own since glibc 2.35. Swift's overlay of the C library
// refers to it and nothing here calls it: with this in its place the library loads on glibc 2.34 (RHEL 9).

#include <math.h>

float __wrap_hypotf(float x, float y) {
  if (isinf(x) || isinf(y)) return INFINITY;
  return (float)sqrt((double)x * x + (double)y * y);
}
