// The arguments of a batch normalization: plain pointers, so that it can be compiled for each instruction set
// separately.
#pragma once

#include <stdint.h>

namespace snn {

// One instruction set's kernels, for rows [rows, channels]. Sums are in double precision, and in the order of the rows.
template <class T>
struct Norms {
  // sums[0] += x - origin, and sums[1] += its square, for each of the channels.
  void (*moments)(const T* x, const T* origin, int64_t rows, int64_t channels, double* sums);
  // out = (x - mean) * factor + bias, where bias may be missing.
  void (*scale)(const T* x, const T* mean, const T* factor, const T* bias, int64_t rows, int64_t channels, T* out);
  // sums[0] += grad, and sums[1] += grad * (x - mean).
  void (*products)(const T* grad, const T* x, const T* mean, int64_t rows, int64_t channels, double* sums);
  // grad_x = (grad - shift - (x - mean) * slope) * factor.
  void (*gradient)(const T* grad, const T* x, const T* mean, const T* shift, const T* slope, const T* factor,
                   int64_t rows, int64_t channels, T* grad_x);
};

}  // namespace snn
