// exp, log and their kin on vectors, within two units in the last place of the exact value.
#pragma once

#include "lanes.h"

namespace snn {
namespace SNN_ARCH {

// The differences between the formats.
template <class T>
struct Format;
template <>
struct Format<float> {
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float magic = 12582912.0f;               // 1.5 * 2^mantissa: adding it rounds to an integer
  static constexpr float lowest = -104.0f, highest = 89.0f;  // exp is 0 below and infinite above
  static constexpr float ln2_high = 0.693145752f, ln2_low = 1.42860677e-6f;  // the first times any exponent is exact
  static constexpr float smallest = 1.17549435e-38f;        // the smallest normal number
};
template <>
struct Format<double> {
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double magic = 6755399441055744.0;
  static constexpr double lowest = -746.0, highest = 710.0;
  static constexpr double ln2_high = 0.693147180369123816490, ln2_low = 1.90821492927058770002e-10;
  static constexpr double smallest = 2.2250738585072014e-308;
};

template <class T>
inline Vector<T> power_of_two(Integers<T> n) {
  return from_bits<T>((n + Format<T>::bias) << Format<T>::mantissa);
}

// The polynomial of x with some coefficients, from the highest power down.
template <class T, class... Coefficients>
inline Vector<T> polynomial(Vector<T> x, double highest, Coefficients... others) {
  Vector<T> sum = everywhere(T(highest));
  ((sum = sum * x + T(others)), ...);
  return sum;
}

// exp(x) = 2^n exp(r) with |r| <= ln(2) / 2, and 2^n in two factors, as it may not be a normal number.
template <class T>
inline Vector<T> exponential_of(Vector<T> exponent) {
  using F = Format<T>;
  Vector<T> x = exponent < F::lowest ? everywhere(F::lowest) : exponent;
  x = x > F::highest ? everywhere(F::highest) : x;
  const Vector<T> shifted = x * T(1.4426950408889634) + F::magic, n = shifted - F::magic;
  const Vector<T> high = x - n * F::ln2_high, low = n * F::ln2_low, r = high - low, rest = (high - r) - low;
  Vector<T> p;
  if constexpr (sizeof(T) == 8) {
    p = polynomial<T>(r, 1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0,
                      1.0 / 40320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5);
  } else {
    p = polynomial<T>(r, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5);
  }
  p = ((p * r) * r + rest) + r + T(1);
  const Integers<T> whole = bits_of<T>(shifted) - bits_of<T>(everywhere(F::magic)), half = whole >> 1;
  return p * power_of_two<T>(half) * power_of_two<T>(whole - half);
}

// log(x) = e ln(2) + log(1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), after FreeBSD's e_log.c and e_logf.c.
template <class T>
inline Vector<T> logarithm_of(Vector<T> v) {
  using F = Format<T>;
  constexpr T lift = sizeof(T) == 8 ? T(18014398509481984.0) : T(33554432.0);  // 2^54 and 2^25
  const auto tiny = v < F::smallest;
  const Vector<T> x = tiny ? v * lift : v;
  const Integers<T> root = bits_of<T>(everywhere(T(0.70710678118654752)));
  const Integers<T> above = bits_of<T>(x) - root, exponent = above >> F::mantissa;
  const Vector<T> f = from_bits<T>(bits_of<T>(x) - (exponent << F::mantissa)) - T(1);
  const Vector<T> lifted = tiny ? everywhere(T(F::mantissa + 2)) : Vector<T>{};
  const Vector<T> e = __builtin_convertvector(exponent, Vector<T>) - lifted;
  const Vector<T> s = f / (T(2) + f), z = s * s, w = z * z, half = T(0.5) * f * f;
  Vector<T> even, odd;
  if constexpr (sizeof(T) == 8) {
    even = w * polynomial<T>(w, 1.531383769920937332e-01, 2.222219843214978396e-01, 3.999999999940941908e-01);
    odd = z * polynomial<T>(w, 1.479819860511658591e-01, 1.818357216161805012e-01, 2.857142874366239149e-01,
                            6.666666666666735130e-01);
  } else {
    even = w * polynomial<T>(w, 0.24279078841, 0.40000972152);
    odd = z * polynomial<T>(w, 0.28498786688, 0.66666662693);
  }
  const Vector<T> rest = odd + even;
  Vector<T> result = e * F::ln2_high - ((half - (s * (half + rest) + e * F::ln2_low)) - f);
  result = v == T(0) ? everywhere(T(-INFINITY)) : result;
  result = v < T(0) ? everywhere(T(NAN)) : result;
  return v == T(INFINITY) || v != v ? v : result;
}

// Computed from the magnitude of x, so that the exponential never overflows.
template <class T>
inline Vector<T> sigmoid_of(Vector<T> x) {
  const Vector<T> e = exponential_of<T>(-magnitude<T>(x));
  return (x < T(0) ? e : everywhere(T(1))) / (T(1) + e);
}

// Near zero, x + x^3 times a polynomial from Cephes; elsewhere, by the exponential.
template <class T>
inline Vector<T> tanh_of(Vector<T> v) {
  const Vector<T> x = magnitude<T>(v), z = x * x;
  Vector<T> p;
  if constexpr (sizeof(T) == 8) {
    p = polynomial<T>(z, -9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3) /
        polynomial<T>(z, 1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3);
  } else {
    p = polynomial<T>(z, -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1);
  }
  const Vector<T> near = x + x * z * p, far = T(1) - T(2) / (exponential_of<T>(x + x) + T(1));
  return signed_as<T>(x < T(0.625) ? near : far, v);
}

}  // namespace SNN_ARCH
}  // namespace snn
