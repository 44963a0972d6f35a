// Columns of a sequence, divided among threads, and the size of the cache.
#pragma once

#include <torch/csrc/stable/ops.h>

#include <atomic>
#include <cstdint>

namespace snn {

// Bytes of the last-level cache; arrays are written past the caches if more passes between two uses of one.
extern std::atomic<int64_t> cache_size;

// Blocks of columns go to threads; a column's numbers do not depend on which.
template <class F>
void over_columns(int64_t columns, int64_t steps, const F& f) {
  constexpr int64_t kAdditions = 16384;  // additions that are worth a thread
  constexpr int64_t kCacheLine = 16;
  const int64_t lines = (columns + kCacheLine - 1) / kCacheLine;
  const int64_t grain = 1 + kAdditions / (kCacheLine * steps);
  torch::stable::parallel_for(0, lines, grain, [&](int64_t begin, int64_t end) {
    f(begin * kCacheLine, end * kCacheLine < columns ? end * kCacheLine : columns);
  });
}

}  // namespace snn
