// Bits of nonzero values, and a test if all of these are one.
#pragma once

#include <string.h>

#include "lanes.h"

namespace snn {
namespace SNN_ARCH {
namespace {

// The signs of the lanes, that of the first lane lowest.
template <class T>
inline uint64_t signs(Integers<T> v) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return _mm512_movepi32_mask(reinterpret_cast<__m512i>(v));
  else return _mm512_movepi64_mask(reinterpret_cast<__m512i>(v));
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) return _mm256_movemask_ps(reinterpret_cast<__m256>(v));
  else return _mm256_movemask_pd(reinterpret_cast<__m256d>(v));
#elif defined(__x86_64__)
  if constexpr (sizeof(T) == 4) return _mm_movemask_ps(reinterpret_cast<__m128>(v));
  else return _mm_movemask_pd(reinterpret_cast<__m128d>(v));
#else
  uint64_t found = 0;
  for (int64_t i = 0; i < kLanes<T>; ++i) found |= uint64_t(v[i] < 0) << i;
  return found;
#endif
}

// Recognizes 0, -0 and 1 by their bit patterns.
template <class T>
inline bool pack_word(const T* x, int n, uint64_t* word) {
  using Integer = typename VectorOf<T>::Integer;
  constexpr Integer kOne = sizeof(T) == 4 ? Integer(0x3f800000) : Integer(0x3ff0000000000000);
  T whole[64];
  if (n < 64) {
    memset(whole, 0, sizeof(whole));
    memcpy(whole, x, n * sizeof(T));
    x = whole;
  }
  Integers<T> right = ~Integers<T>{};
  uint64_t packed = 0;
  for (int i = 0; i < 64; i += kLanes<T>) {
    const Integers<T> bits = bits_of<T>(load(x + i)), zero = bits + bits == 0;
    right &= zero | (bits == kOne);
    packed |= signs<T>(~zero) << i;
  }
  *word = packed;
  return signs<T>(~right) == 0;
}

// The bits of the nonzero values of a row.
template <class T>
inline void pack_row(const T* x, int64_t n, uint64_t* words) {
  for (int64_t i = 0; i < n; i += 64, ++words) pack_word(x + i, static_cast<int>(n - i < 64 ? n - i : 64), words);
}

}  // namespace
}  // namespace SNN_ARCH
}  // namespace snn
