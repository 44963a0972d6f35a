// exp in a form that compilers vectorise, to a few units in the last place between the bounds below.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

namespace snn {
namespace SNN_ARCH {

// exp(x) = 2^n exp(r) with |r| <= ln(2) / 2. Adding and subtracting 1.5 * 2^mantissa rounds to an integer, whose bits
// then are those of the sum's mantissa. Beyond the bounds exp is 0 or infinite; a NaN stays one.
inline float exponential(float exponent) {
  float x = exponent < -87.0f ? -87.0f : exponent;
  x = x > 88.0f ? 88.0f : x;
  const float magic = 12582912.0f;
  const float shifted = x * 1.44269504f + magic;
  const float n = shifted - magic;
  const float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  float p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  int32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (int32_t)((uint32_t)bits << 23) + (127 << 23);
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  return exponent < -87.0f ? 0.0f : exponent > 88.0f ? INFINITY : p * scale;
}

inline double exponential(double exponent) {
  double x = exponent < -708.0 ? -708.0 : exponent;
  x = x > 709.0 ? 709.0 : x;
  const double magic = 6755399441055744.0;
  const double shifted = x * 1.4426950408889634 + magic;
  const double n = shifted - magic;
  const double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  int64_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (int64_t)((uint64_t)bits << 52) + ((int64_t)1023 << 52);
  double scale;
  memcpy(&scale, &bits, sizeof scale);
  return exponent < -708.0 ? 0.0 : exponent > 709.0 ? INFINITY : p * scale;
}

}  // namespace SNN_ARCH
}  // namespace snn
