// The arguments of a product with spikes: plain pointers, so that it can be compiled for each instruction set
// separately.
#pragma once

#include <stdint.h>

namespace snn {

// For every row, the sum of those rows of a table whose bit is set.
template <class T>
struct RowSums {
  const uint64_t* bits;  // [rows, words], bit k of word w stands for row 64 w + k of the table
  int64_t words;
  const T* table;  // [depth, columns], no bit from depth on is set
  int64_t depth, columns;
  const T* start;  // [columns] or null for zero: the start of every sum
  T* sums;         // [rows, columns]
  double* all;     // [columns] or null: the sum of all rows of the table
};

// One instruction set's kernels.
template <class T>
struct SpikeProducts {
  // Writes the bits of the nonzero values in x[rows, features]; returns their number, or -1 if one is not finite; sets
  // binary to whether all of them are one.
  int64_t (*pack)(const T* x, int64_t rows, int64_t features, uint64_t* bits, bool* binary);
  // Writes sums of the rows `first` to `last` - 1 in the columns `from` to `to` - 1, and `all` only together with row
  // 0.
  void (*sum)(const RowSums<T>& given, int64_t first, int64_t last, int64_t from, int64_t to);
};

}  // namespace snn
