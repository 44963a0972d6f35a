// Rows written past the caches: for arrays so large that none would still hold them when they are read. The processor
// then neither reads what it is about to overwrite nor drops for it what will be read sooner.
#pragma once

#include <stdint.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace snn {
namespace SNN_ARCH {

constexpr int64_t kLine = 64;  // bytes that memory moves at a time

// Whether rows of so many columns from `first` on can be streamed: each begins and ends with a line.
template <class T>
bool streamable(const T* first, int64_t columns) {
#if defined(__SSE2__)
  return reinterpret_cast<uintptr_t>(first) % kLine == 0 && columns * sizeof(T) % kLine == 0;
#else
  (void)first, (void)columns;
  return false;
#endif
}

// Both rows begin with a line and are a whole number of lines long.
template <class T>
void stream_row(T* to, const T* from, int64_t n) {
#if defined(__AVX512F__)
  for (int64_t i = 0; i < n; i += 64 / sizeof(T)) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to + i), _mm512_load_si512(from + i));
  }
#elif defined(__AVX__)
  for (int64_t i = 0; i < n; i += 32 / sizeof(T)) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i),
                        _mm256_load_si256(reinterpret_cast<const __m256i*>(from + i)));
  }
#elif defined(__SSE2__)
  for (int64_t i = 0; i < n; i += 16 / sizeof(T)) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + i), _mm_load_si128(reinterpret_cast<const __m128i*>(from + i)));
  }
#else
  (void)to, (void)from, (void)n;
#endif
}

// Before another thread may read what this one has streamed.
inline void end_of_streams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace SNN_ARCH
}  // namespace snn
