// Batch normalization of rows whose channels lie side by side: a vector of channels at a time.
#include "../norms.h"

#include "../instruction_set.h"
#include "channels.h"

namespace snn {
namespace SNN_ARCH {
namespace {

template <class T, int N>
using Values = typename Beside<T, N>::type;

template <class T, int N>
inline const Values<T, N>& at(const T* from) {
  return *reinterpret_cast<const Values<T, N>*>(from);
}

// Adds to sums[0] and sums[1], in double precision: grad and grad * (x - middle), or without grad, x - middle and its
// square.
template <class T, bool kWithGrad>
inline void add(const T* grad, const T* x, const T* middle, int64_t rows, int64_t channels, double* sums) {
  over_channels(channels, [&](auto n, int64_t c) {
    constexpr int N = decltype(n)::value;
    using Sums = Values<double, N>;
    const Values<T, N> from = at<T, N>(middle + c);
    Sums first = at<double, N>(sums + c), second = at<double, N>(sums + channels + c);
    for (int64_t i = c; i < rows * channels; i += channels) {
      const Values<T, N> centered = at<T, N>(x + i) - from;
      Sums wide, factor;
      convert(centered, wide);
      if constexpr (kWithGrad) {
        const Values<T, N> above = at<T, N>(grad + i);
        convert(above, factor);
      } else {
        factor = wide;
      }
      first += factor;
      second += factor * wide;
    }
    *reinterpret_cast<Sums*>(sums + c) = first;
    *reinterpret_cast<Sums*>(sums + channels + c) = second;
  });
}

template <class T>
void moments(const T* x, const T* origin, int64_t rows, int64_t channels, double* sums) {
  add<T, false>(nullptr, x, origin, rows, channels, sums);
}

template <class T>
void products(const T* grad, const T* x, const T* mean, int64_t rows, int64_t channels, double* sums) {
  add<T, true>(grad, x, mean, rows, channels, sums);
}

template <class T>
void scale(const T* x, const T* mean, const T* factor, const T* bias, int64_t rows, int64_t channels, T* out) {
  over_channels(channels, [&](auto n, int64_t c) {
    constexpr int N = decltype(n)::value;
    const Values<T, N> from = at<T, N>(mean + c), by = at<T, N>(factor + c);
    // a sum with -0 keeps every value
    const Values<T, N> more = bias == nullptr ? -Values<T, N>{} : at<T, N>(bias + c);
    for (int64_t i = c; i < rows * channels; i += channels) {
      *reinterpret_cast<Values<T, N>*>(out + i) = (at<T, N>(x + i) - from) * by + more;
    }
  });
}

template <class T>
void gradient(const T* grad, const T* x, const T* mean, const T* shift, const T* slope, const T* factor, int64_t rows,
              int64_t channels, T* grad_x) {
  over_channels(channels, [&](auto n, int64_t c) {
    constexpr int N = decltype(n)::value;
    const Values<T, N> from = at<T, N>(mean + c), less = at<T, N>(shift + c), tilt = at<T, N>(slope + c),
                       by = at<T, N>(factor + c);
    for (int64_t i = c; i < rows * channels; i += channels) {
      const Values<T, N> centered = at<T, N>(x + i) - from;
      *reinterpret_cast<Values<T, N>*>(grad_x + i) = (at<T, N>(grad + i) - less - centered * tilt) * by;
    }
  });
}

}  // namespace

SNN_DEFINE(Norms, norms, moments<T>, scale<T>, products<T>, gradient<T>)

}  // namespace SNN_ARCH
}  // namespace snn
