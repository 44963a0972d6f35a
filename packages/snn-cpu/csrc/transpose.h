// The transposition of matrices.
#pragma once

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <cstdint>

namespace snn {

// in[rows, columns] as out[columns, rows], whose rows lie `stride` apart. It goes tile by tile, so neither side is read
// or written across a whole column at a time.
template <class T>
void transpose(const T* in, int64_t rows, int64_t columns, T* out, int64_t stride) {
  constexpr int64_t kTile = 64, kNumbers = 1 << 15;  // numbers that are worth a thread
  torch::stable::parallel_for(0, (rows + kTile - 1) / kTile, 1 + kNumbers / (kTile * columns + 1),
                              [&](int64_t begin, int64_t end) {
    for (int64_t top = begin * kTile; top < std::min(end * kTile, rows); top += kTile) {
      for (int64_t left = 0; left < columns; left += kTile) {
        for (int64_t c = left; c < std::min(left + kTile, columns); ++c) {
          for (int64_t r = top; r < std::min(top + kTile, rows); ++r) out[c * stride + r] = in[r * columns + c];
        }
      }
    }
  });
}

}  // namespace snn
