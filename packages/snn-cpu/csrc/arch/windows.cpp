// A product at chosen places: one sum of products for each, in which the row's values are shared by a few places.
//
// The value of a place does not depend on which other places are computed.
#include <string.h>

#include "dense.h"
#include "../finite.h"
#include "../instruction_set.h"
#include "../scratch.h"
#include "../windows.h"

namespace snn {
namespace SNN_ARCH {
namespace {

constexpr int kPlaces = 4;  // at a time, of two registers each

// The bits of a row from bit `from` on, `count` of them, at most 64.
inline uint64_t word_at(const uint64_t* bits, int64_t from, int64_t count) {
  const int64_t shift = from % 64;
  uint64_t word = bits[from / 64] >> shift;
  if (shift + count > 64) word |= bits[from / 64 + 1] << (64 - shift);
  return count < 64 ? word & ((uint64_t(1) << count) - 1) : word;
}

// The places of the set bits of a row, and their number.
inline int64_t list(const uint64_t* bits, int64_t from, int64_t columns, int64_t* places) {
  int64_t n = 0;
  for (int64_t c = 0; c < columns; c += 64) {
    uint64_t word = word_at(bits, from + c, columns - c < 64 ? columns - c : 64);
    for (; word; word &= word - 1) places[n++] = c + __builtin_ctzll(word);
  }
  return n;
}

#if defined(__AVX512F__)
inline float total(Unaligned<float> v) { return _mm512_reduce_add_ps(v); }
inline double total(Unaligned<double> v) { return _mm512_reduce_add_pd(v); }
#else
template <class V>
inline auto total(V v) {
  constexpr int lanes = sizeof(v) / sizeof(v[0]);
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) v[i] += v[i + half];
  }
  return v[0] + 0;
}
#endif

template <class T, int N>
inline void sums_of(const ChosenProducts<T>& given, const T* values, const int64_t* places, T* sums) {
  using V = Unaligned<T>;
  constexpr int64_t lanes = kLanes<T>;
  const T* row[N];
  V low[N], high[N];
  for (int i = 0; i < N; ++i) row[i] = given.table + places[i] * given.stride, low[i] = high[i] = V{};
  for (int64_t k = 0; k < given.stride; k += 2 * lanes) {
    const V left = *reinterpret_cast<const V*>(values + k), right = *reinterpret_cast<const V*>(values + k + lanes);
    for (int i = 0; i < N; ++i) {
      low[i] = add_products<T>(low[i], left, *reinterpret_cast<const V*>(row[i] + k));
      high[i] = add_products<T>(high[i], right, *reinterpret_cast<const V*>(row[i] + k + lanes));
    }
  }
  for (int i = 0; i < N; ++i) sums[places[i]] = total(low[i] + high[i]);
}

template <class T>
bool products(const ChosenProducts<T>& given, int64_t first, int64_t last) {
  Scratch scratch;
  T* const padded = scratch.take<T>(given.stride);
  int64_t* const places = scratch.take<int64_t>(given.columns);
  memset(padded, 0, given.stride * sizeof(T));
  for (int64_t row = first; row < last; ++row) {
    const T* values = given.values + row * given.depth;
    if (!all_finite(values, given.depth)) return false;
    if (given.depth < given.stride) values = static_cast<const T*>(memcpy(padded, values, given.depth * sizeof(T)));
    T* const sums = given.sums + row * given.columns;
    memset(sums, 0, given.columns * sizeof(T));
    const uint64_t* bits = given.bits + row / given.group * given.words;
    const int64_t n = list(bits, row % given.group * given.columns, given.columns, places);
    int64_t at = 0;
    for (; at + kPlaces <= n; at += kPlaces) sums_of<T, kPlaces>(given, values, places + at, sums);
    for (; at < n; ++at) sums_of<T, 1>(given, values, places + at, sums);
  }
  return true;
}

}  // namespace

SNN_DEFINE(WindowKernels, window_kernels, products<T>)

}  // namespace SNN_ARCH
}  // namespace snn
