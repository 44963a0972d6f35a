// Rows written past the caches: for arrays so large that no cache would still hold them when they are read. The
// processor then neither reads memory that it is about to overwrite nor evicts data that will be read sooner.
#pragma once

#include <stdint.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace snn {
namespace SNN_ARCH {

constexpr int64_t kLine = 64;  // bytes that memory moves at a time

// True if rows of so many columns from `first` on can be streamed: each begins and ends with a line.
template <class T>
bool streamable(const T* first, int64_t columns) {
#if defined(__SSE2__)
  return reinterpret_cast<uintptr_t>(first) % kLine == 0 && columns * sizeof(T) % kLine == 0;
#else
  (void)first, (void)columns;
  return false;
#endif
}

// To be called before another thread may read what this one has streamed.
inline void end_of_streams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace SNN_ARCH
}  // namespace snn
