// A convolution as sums of rows of weights, one for each input value that is not zero, and the gradient of the weights
// as sums of rows of gradients.
//
// Every sum of an output goes row by row through the window, and in a row from left to right and channel by channel;
// a sum of a weight goes through the images of a block likewise, then from block to block. So it is the same for all
// instruction sets and all numbers of threads.
#include <stdint.h>
#include <string.h>

#include <type_traits>

#include "lanes.h"
#include "../convolutions.h"
#include "../instruction_set.h"

// a loop over registers, which lie in an array until it is unrolled
#define SNN_UNROLL _Pragma("GCC unroll 20")

namespace snn {
namespace SNN_ARCH {
namespace {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kRegisters = 20;  // for sums, out of 32
#else
constexpr int kRegisters = 12;  // out of 16
#endif

// sum += the N vectors at base + rows[k], times values[k] unless that is null, for k from first to last - 1
template <int N, class T>
inline void sum_rows(const T* base, const int32_t* rows, const T* values, int32_t first, int32_t last,
                     Unaligned<T>* sum) {
  using V = Unaligned<T>;
  if (values == nullptr) {
    for (int32_t k = first; k < last; ++k) {
      const T* row = base + rows[k];
      SNN_UNROLL for (int i = 0; i < N; ++i) sum[i] += *reinterpret_cast<const V*>(row + i * kLanes<T>);
    }
  } else {
    for (int32_t k = first; k < last; ++k) {
      const T* row = base + rows[k];
      const T value = values[k];
      SNN_UNROLL for (int i = 0; i < N; ++i) sum[i] += *reinterpret_cast<const V*>(row + i * kLanes<T>) * value;
    }
  }
}

template <int N, class F>
inline void stretches(int64_t& at, int64_t count, const F& f) {
  if constexpr (N <= kRegisters) {
    for (; at + N <= count; at += N) f(std::integral_constant<int, N>(), at);
  }
}

// Calls f with each stretch of vectors that fits into the registers.
template <class F>
inline void over_vectors(int64_t count, const F& f) {
  int64_t at = 0;
  stretches<20>(at, count, f);
  stretches<16>(at, count, f);
  stretches<12>(at, count, f);
  stretches<10>(at, count, f);
  stretches<8>(at, count, f);
  stretches<6>(at, count, f);
  stretches<4>(at, count, f);
  stretches<3>(at, count, f);
  stretches<2>(at, count, f);
  stretches<1>(at, count, f);
}

// Calls f with the place in its row of each value that is not zero.
template <class F>
inline void over_active(const uint64_t* bits, int64_t words, const F& f) {
  for (int64_t w = 0; w < words; ++w) {
    for (uint64_t word = bits[w]; word != 0; word &= word - 1) f(64 * w + __builtin_ctzll(word));
  }
}

// Lists the nonzero values of an image: the place of each value's weights in the table, shifted by its column, and for
// each row and column the number of values before it.
template <class T>
void list(const Convolution& c, const uint64_t* bits, const T* values, const Workspace<T>& lent) {
  const int64_t features = c.width * c.channels;
  int32_t n = 0;
  for (int64_t y = 0; y < c.height; ++y, bits += c.words) {
    int32_t* first = lent.first + y * (c.width + 1);
    int32_t before = n;
    for (int64_t x = 0, w = 0; x <= c.width; ++x) {
      for (; 64 * (w + 1) <= x * c.channels; ++w) before += __builtin_popcountll(bits[w]);
      const int64_t bit = x * c.channels - 64 * w;
      first[x] = before + (bit == 0 ? 0 : __builtin_popcountll(bits[w] << (64 - bit)));
    }
    over_active(bits, c.words, [&](int64_t at) {
      lent.rows[n] = lent.of_value[at];
      if (values != nullptr) lent.values[n] = values[y * features + at];
      ++n;
    });
  }
}

template <class T>
void forward(const Convolution& c, const uint64_t* bits, const T* values, int64_t images, const T* table,
             const T* start, const Workspace<T>& lent, T* out) {
  using V = Unaligned<T>;
  constexpr int64_t lanes = kLanes<T>;
  const int64_t columns = table_columns(c), row = c.stride[1] * columns * c.out_channels;
  for (int64_t x = 0; x < c.width; ++x) {
    // the column in the table, of its weight for output 0
    const int64_t phase = (x + c.padding[1]) % c.stride[1], number = (x + c.padding[1]) / c.stride[1];
    const int64_t column = phase * columns + columns_of(c, phase) + c.group - 2 - number;
    for (int64_t channel = 0; channel < c.channels; ++channel) {
      lent.of_value[x * c.channels + channel] =
          static_cast<int32_t>(channel * c.kernel[0] * row + column * c.out_channels);
    }
  }
  const T* listed = values == nullptr ? nullptr : lent.values;
  for (int64_t i = 0; i < images; ++i, bits += c.height * c.words) {
    list(c, bits, values == nullptr ? nullptr : values + i * c.height * c.width * c.channels, lent);
    for (int64_t y = 0; y < c.out_height; ++y, out += c.out_width * c.out_channels) {
      const int64_t top = y * c.stride[0] - c.padding[0];
      const int64_t above = top < 0 ? 0 : top, below = top + c.kernel[0] < c.height ? top + c.kernel[0] : c.height;
      for (int64_t x = 0; x < c.out_width; x += c.group) {
        const int64_t left = x * c.stride[1] - c.padding[1];
        const int64_t right = left + c.kernel[1] + c.stride[1] * (c.group - 1);
        const int64_t from = left < 0 ? 0 : left < c.width ? left : c.width;
        const int64_t to = right < 0 ? 0 : right < c.width ? right : c.width;
        const T* corner = table + x * c.out_channels;
        const int64_t count = (c.out_width - x < c.group ? c.out_width - x : c.group) * c.out_channels;
        over_vectors((count + lanes - 1) / lanes, [&](auto n, int64_t v) {
          constexpr int N = decltype(n)::value;
          V sum[N];
          SNN_UNROLL for (int k = 0; k < N; ++k) sum[k] = *reinterpret_cast<const V*>(start + (v + k) * lanes);
          for (int64_t r = above; r < below; ++r) {
            const int32_t* first = lent.first + r * (c.width + 1);
            sum_rows<N>(corner + (r - top) * row + v * lanes, lent.rows, listed, first[from], first[to], sum);
          }
          T* stored = out + x * c.out_channels + v * lanes;
          if ((v + N) * lanes <= count) {
            SNN_UNROLL for (int k = 0; k < N; ++k) *reinterpret_cast<V*>(stored + k * lanes) = sum[k];
          } else {
            memcpy(stored, sum, static_cast<size_t>(count - v * lanes) * sizeof(T));
          }
        });
      }
    }
  }
}

// Puts an image of gradients between zeros, and adds its sums to the gradient of the biases.
template <class T>
void pad(const Convolution& c, const T* grad, const Workspace<T>& lent, T* padded, double* biases) {
  const int64_t size = c.out_width * c.out_channels;
  padded += (columns_of(c, 0) - 1) * c.out_channels;
  for (int64_t y = 0; y < c.out_height; ++y, grad += size, padded += padded_row(c)) {
    memcpy(padded, grad, static_cast<size_t>(size) * sizeof(T));
    memcpy(lent.sums, grad, static_cast<size_t>(c.out_channels) * sizeof(T));
    for (int64_t x = 1; x < c.out_width; ++x) {
      for (int64_t o = 0; o < c.out_channels; ++o) lent.sums[o] += grad[x * c.out_channels + o];
    }
    for (int64_t o = 0; o < c.out_channels; ++o) biases[o] += lent.sums[o];
  }
}

// Lists the nonzero values of image number b of a block, by their phases and channels: the place of the gradient that
// meets each value at the rightmost column of the kernel's topmost row, and for each row, phase of columns and channel
// the number of values before it that are in the same phase of rows, too.
template <class T>
void list_by_channel(const Convolution& c, int64_t b, const uint64_t* bits, const T* values, const Workspace<T>& lent) {
  const int64_t features = c.width * c.channels, lists = c.stride[1] * c.channels;
  const int32_t *column_of = lent.of_value, *list_of = lent.of_value + features;
  int32_t* first = lent.first + b * (c.height + c.stride[0]) * lists;
  const int64_t each = listed(c) / (c.block * c.stride[0] * lists);
  for (int64_t k = 0; k < c.stride[0] * lists; ++k) {
    first[k] = static_cast<int32_t>((b * c.stride[0] * lists + k) * each);
  }
  for (int64_t y = 0; y < c.height; ++y, bits += c.words, first += lists) {
    int32_t* next = first + c.stride[0] * lists;  // of the phase's next row
    memcpy(next, first, static_cast<size_t>(lists) * sizeof(int32_t));
    const int64_t number = (y + c.padding[0]) / c.stride[0];
    const int32_t row = static_cast<int32_t>(b * padded_image<T>(c) + number * padded_row(c));
    over_active(bits, c.words, [&](int64_t at) {
      const int32_t n = next[list_of[at]]++;
      lent.rows[n] = row + column_of[at];
      if (values != nullptr) lent.values[n] = values[y * features + at];
    });
  }
}

// The first row that is not above row y and in its phase; below the image, the phase's end.
inline int64_t row_in_image(const Convolution& c, int64_t y) {
  if (y < 0) return y + ceil_div(-y, c.stride[0]) * c.stride[0];
  return y < c.height ? y : y - (y - c.height) / c.stride[0] * c.stride[0];
}

template <class T>
void gradient(const Convolution& c, const uint64_t* bits, const T* values, int64_t images, const T* grad,
              const Workspace<T>& lent, T* table, double* biases) {
  using V = Unaligned<T>;
  constexpr int64_t lanes = kLanes<T>;
  const int64_t image = c.height * c.width * c.channels, out_image = c.out_height * c.out_width * c.out_channels;
  const int64_t row = whole_lines<T>(columns_of(c, 0) * c.out_channels), lists = c.stride[1] * c.channels;
  for (int64_t at = 0; at < c.width * c.channels; ++at) {
    const int64_t x = at / c.channels + c.padding[1], phase = x % c.stride[1];
    const int64_t column = x / c.stride[1] + columns_of(c, 0) - columns_of(c, phase);
    lent.of_value[at] = static_cast<int32_t>(column * c.out_channels);
    lent.of_value[c.width * c.channels + at] = static_cast<int32_t>(phase * c.channels + at % c.channels);
  }
  const T* listed = values == nullptr ? nullptr : lent.values;
  for (int64_t top = 0; top < images; top += c.block) {
    const int64_t block = images - top < c.block ? images - top : c.block;
    for (int64_t b = 0; b < block; ++b) {
      pad(c, grad + (top + b) * out_image, lent, lent.padded + b * padded_image<T>(c), biases);
      list_by_channel(c, b, bits + (top + b) * c.height * c.words,
                      values == nullptr ? nullptr : values + (top + b) * image, lent);
    }
    for (int64_t phase = 0; phase < c.stride[1]; ++phase) {
      over_vectors(whole_lines<T>(columns_of(c, phase) * c.out_channels) / lanes, [&](auto n, int64_t v) {
        constexpr int N = decltype(n)::value;
        for (int64_t channel = 0; channel < c.channels; ++channel) {
          for (int64_t r = 0; r < c.kernel[0]; ++r) {
            // the rows of the image that row r of the kernel meets
            const int64_t above = r - c.padding[0], below = above + c.out_height * c.stride[0];
            const int64_t from = row_in_image(c, above) * lists, to = row_in_image(c, below) * lists;
            V sum[N];
            SNN_UNROLL for (int k = 0; k < N; ++k) sum[k] = V{};
            for (int64_t b = 0; b < block; ++b) {
              const int32_t* first = lent.first + b * (c.height + c.stride[0]) * lists + phase * c.channels + channel;
              sum_rows<N>(lent.padded - r / c.stride[0] * padded_row(c) + v * lanes, lent.rows, listed, first[from],
                          first[to], sum);
            }
            T* weights = table + ((channel * c.kernel[0] + r) * c.stride[1] + phase) * row + v * lanes;
            SNN_UNROLL for (int k = 0; k < N; ++k) *reinterpret_cast<V*>(weights + k * lanes) += sum[k];
          }
        }
      });
    }
  }
}

}  // namespace

SNN_DEFINE(SparseConvolution, sparse_convolution, forward<T>, gradient<T>)

}  // namespace SNN_ARCH
}  // namespace snn
