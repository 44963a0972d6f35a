// The surrogates' derivatives; each is the formula of the class of its name in snn_core.surrogate.
#include "exponential.h"
#include "rows.h"

namespace snn {
namespace SNN_ARCH {
namespace {

template <class T>
inline T magnitude(T x) {
  return x < T(0) ? -x : x;
}

template <class T, class F>
inline void each(T* z, int64_t n, F f) {
  SNN_VECTOR
  for (int64_t i = 0; i < n; ++i) z[i] = f(z[i]);
}

}  // namespace

template <class T>
void derivative_row(Derivative derivative, const T params[2], T* z, int64_t n) {
  const T a = params[0], b = params[1], one = T(1), zero = T(0);
  switch (derivative) {
    case kAtan: {
      const T scale = T(1.57079632679489661923) * a, height = a / T(2);
      return each(z, n, [=](T x) { return height / (one + (scale * x) * (scale * x)); });
    }
    case kFastSigmoid:
      return each(z, n, [=](T x) {
        const T d = one + a * magnitude(x);
        return one / (d * d);
      });
    case kSigmoid:
      return each(z, n, [=](T x) {
        const T s = one / (one + exponential(-a * x));
        return a * s * (one - s);
      });
    case kStraightThrough:
      return each(z, n, [=](T) { return one; });
    case kTriangular:
      return each(z, n, [=](T x) {
        const T height = one - magnitude(x) / a;
        return (height < zero ? zero : height) / a;
      });
    case kHeaviside:
      return each(z, n, [=](T x) { return x > zero ? one : zero; });
    case kEscape:
      return each(z, n, [=](T x) { return b * exponential(-a * magnitude(x - one)); });
    case kLSO:
      return each(z, n, [=](T x) { return x > zero ? one : a; });
    case kSFS:
      return each(z, n, [=](T x) {
        const T d = one + a * magnitude(x);
        return (x > b ? one : zero) / (d * d);
      });
    case kNoGradient:
      return each(z, n, [=](T) { return zero; });
  }
}

template void derivative_row<float>(Derivative, const float[2], float*, int64_t);
template void derivative_row<double>(Derivative, const double[2], double*, int64_t);

}  // namespace SNN_ARCH
}  // namespace snn
