// The arguments of a product that is computed at some places only: plain pointers, so that it can be compiled for each
// instruction set separately.
#pragma once

#include <stdint.h>

namespace snn {

// For every row and chosen column, the sum of products of the row's values and those of the column's row of a table.
template <class T>
struct ChosenProducts {
  const T* values;  // [rows, depth]
  int64_t depth, columns;
  const T* table;  // [columns, stride], zero from depth on
  int64_t stride;  // a multiple of two vectors of the widest kind
  const uint64_t* bits;  // [rows / group, words]: the bits of a group of rows, one row after another
  int64_t group, words;
  T* sums;  // [rows, columns], zero where no bit is set
};

// One instruction set's kernels.
template <class T>
struct WindowKernels {
  // Computes the rows from `first` to `last` - 1; false if a value in them is not finite.
  bool (*products)(const ChosenProducts<T>&, int64_t first, int64_t last);
};

}  // namespace snn
