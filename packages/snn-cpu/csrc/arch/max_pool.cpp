// The maximum over windows of images whose channels lie side by side: a vector of channels at a time.
#include "../max_pool.h"

#include <string.h>

#include <algorithm>
#include <type_traits>

#include "../instruction_set.h"
#include "channels.h"

namespace snn {
namespace SNN_ARCH {
namespace {

// The part of a window that lies in the image.
struct Part {
  int64_t top, bottom, left, right;   // in the image
  int64_t first;                      // the place in the window of its first value
};

inline Part part_of(const Windows& w, int64_t row, int64_t column) {
  const int64_t top = row * w.stride[0] - w.padding[0], left = column * w.stride[1] - w.padding[1];
  Part part{std::max<int64_t>(top, 0), std::min(top + w.kernel[0], w.height), std::max<int64_t>(left, 0),
            std::min(left + w.kernel[1], w.width), 0};
  part.first = (part.top - top) * w.kernel[1] + part.left - left;
  return part;
}

template <class T>
using Index = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;

// N channels of images, and what is kept of them.
template <class T, int N>
struct Channels {
  typedef typename Beside<T, N>::type Values;
  typedef typename Beside<Index<T>, N>::type Places;
  typedef typename Beside<uint8_t, N>::type Bytes;
};

// The maximum of the part of a window that begins with place `first` at x; the compiler may know its sizes.
template <class T, int N, class Size>
inline void largest(const Windows& w, Size rows, Size columns, Size across, int64_t first, const T* x, T* out,
                    uint8_t* place) {
  using Values = typename Channels<T, N>::Values;
  using Places = typename Channels<T, N>::Places;
  using Bytes = typename Channels<T, N>::Bytes;
  Values best = *reinterpret_cast<const Values*>(x);
  Places at = Places{} + static_cast<Index<T>>(first);
  for (int64_t r = 0; r < rows; ++r) {
    const T* from = x + r * w.width * w.channels;
    Index<T> code = static_cast<Index<T>>(first + r * across);
    for (int64_t q = 0; q < columns; ++q, ++code, from += w.channels) {
      const Values value = *reinterpret_cast<const Values*>(from);
      const auto taken = (value > best) | (value != value);
      best = taken ? value : best;
      at = taken ? Places{} + code : at;
    }
  }
  *reinterpret_cast<Values*>(out) = best;
  Bytes bytes;
  convert(at, bytes);
  memcpy(place, &bytes, N);
}

template <class T, int N>
inline void spread(const Windows& w, const Part& part, const T* grad, const uint8_t* place, T* grad_x) {
  using Values = typename Channels<T, N>::Values;
  using Places = typename Channels<T, N>::Places;
  using Bytes = typename Channels<T, N>::Bytes;
  const Values g = *reinterpret_cast<const Values*>(grad);
  Bytes bytes;
  memcpy(&bytes, place, N);
  Places at;
  convert(bytes, at);
  for (int64_t r = part.top; r < part.bottom; ++r) {
    T* to = grad_x + (r * w.width + part.left) * w.channels;
    Index<T> code = static_cast<Index<T>>(part.first + (r - part.top) * w.kernel[1]);
    for (int64_t q = part.left; q < part.right; ++q, ++code, to += w.channels) {
      Values& sum = *reinterpret_cast<Values*>(to);
      sum += at == Places{} + code ? g : Values{};
    }
  }
}

template <class T>
void forward(const Windows& w, const T* x, T* out, uint8_t* place, int64_t begin, int64_t end) {
  const bool halves = w.kernel[0] == 2 && w.kernel[1] == 2 && w.stride[0] == 2 && w.stride[1] == 2 &&
                      w.padding[0] == 0 && w.padding[1] == 0;
  for (int64_t row = begin; row < end; ++row) {
    const T* image = x + row / w.out_height * w.height * w.width * w.channels;
    for (int64_t column = 0; column < w.out_width; ++column) {
      const int64_t at = (row * w.out_width + column) * w.channels;
      if (halves) {
        const T* corner = image + (row % w.out_height * w.width + column) * 2 * w.channels;
        const std::integral_constant<int64_t, 2> two{};
        over_channels(w.channels, [&](auto n, int64_t c) {
          largest<T, decltype(n)::value>(w, two, two, two, 0, corner + c, out + at + c, place + at + c);
        });
        continue;
      }
      const Part part = part_of(w, row % w.out_height, column);
      const int64_t rows = part.bottom - part.top, columns = part.right - part.left;
      const T* corner = image + (part.top * w.width + part.left) * w.channels;
      over_channels(w.channels, [&](auto n, int64_t c) {
        largest<T, decltype(n)::value>(w, rows, columns, w.kernel[1], part.first, corner + c, out + at + c,
                                       place + at + c);
      });
    }
  }
}

template <class T>
void backward(const Windows& w, const T* grad, const uint8_t* place, T* grad_x, int64_t begin, int64_t end) {
  const int64_t size = w.height * w.width * w.channels, out_size = w.out_height * w.out_width * w.channels;
  for (int64_t i = begin; i < end; ++i) {
    T* image = grad_x + i * size;
    memset(image, 0, static_cast<size_t>(size) * sizeof(T));
    for (int64_t row = 0; row < w.out_height; ++row) {
      for (int64_t column = 0; column < w.out_width; ++column) {
        const Part part = part_of(w, row, column);
        const int64_t at = i * out_size + (row * w.out_width + column) * w.channels;
        over_channels(w.channels, [&](auto n, int64_t c) {
          spread<T, decltype(n)::value>(w, part, grad + at + c, place + at + c, image + c);
        });
      }
    }
  }
}

}  // namespace

SNN_DEFINE(MaxPool, max_pool, forward<T>, backward<T>)

}  // namespace SNN_ARCH
}  // namespace snn
