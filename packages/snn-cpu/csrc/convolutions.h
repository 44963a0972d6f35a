// The arguments of a convolution of sparse images: plain pointers, so that it can be compiled for each instruction set
// separately.
#pragma once

#include <stdint.h>

namespace snn {

// From images [height, width, channels] to images [out_height, out_width, out_channels]: windows of kernel[0] rows and
// kernel[1] columns, every stride[0] and stride[1] of them, the first of which begins padding[0] and padding[1] before
// the image. A row of an image is `words` words of bits; bit k of word w is set where value 64 w + k of the row is not
// zero.
//
// Column x is in phase (x + padding[1]) % stride[1] and has the number (x + padding[1]) / stride[1] in it. It meets the
// kernel's columns of its phase, stride[1] apart, at outputs that lie side by side: the convolution of a phase moves by
// one column.
struct Convolution {
  int64_t height, width, channels;
  int64_t out_height, out_width, out_channels;
  int64_t kernel[2], stride[2], padding[2];
  int64_t words;
  int64_t group;  // neighboring outputs that are summed together in the forward pass
  int64_t block;  // images over which a gradient is summed together
};

// The memory that a thread lends.
template <class T>
struct Workspace {
  int32_t* of_value;  // [2, values of a row]
  int32_t* rows;      // [values of an image, or listed(c) for the gradient]
  T* values;          // of the same size, or null if all nonzero values are one
  int32_t* first;     // [height, width + 1]; [block, height + stride[0], stride[1], channels] for the gradient
  T* padded;          // for the gradient [block, padded_image(c)] of zeros, and one more line
  T* sums;            // [out_channels] for the gradient
};

// One instruction set's kernels. Images are given by their bits, and their values or null if all nonzero values are
// one.
template <class T>
struct SparseConvolution {
  // Outputs, every sum starting from start[group, out_channels]. The table of weights is [channels, kernel rows, phases,
  // table_columns(c), out_channels], the kernel's columns from right to left between zeros, and one more line.
  void (*forward)(const Convolution& c, const uint64_t* bits, const T* values, int64_t images, const T* table,
                  const T* start, const Workspace<T>& lent, T* out);
  // Adds the gradient of the weights to table[channels, kernel rows, phases, whole_lines(columns_of(c, 0) x
  // out_channels)], again from right to left, and the gradient of the biases to biases[out_channels].
  void (*gradient)(const Convolution& c, const uint64_t* bits, const T* values, int64_t images, const T* grad,
                   const Workspace<T>& lent, T* table, double* biases);
};

template <class T>
constexpr int64_t kLine = 64 / int64_t(sizeof(T));  // values in a line of the cache, a multiple of every vector

// static, as every instruction set has its own
template <class T>
static constexpr int64_t whole_lines(int64_t count) {
  return (count + kLine<T> - 1) / kLine<T> * kLine<T>;
}

static inline int64_t ceil_div(int64_t count, int64_t by) { return (count + by - 1) / by; }

// The number of columns of the kernel in a phase; the first has the most.
static inline int64_t columns_of(const Convolution& c, int64_t phase) {
  return ceil_div(c.kernel[1] - phase, c.stride[1]);
}

static inline int64_t table_columns(const Convolution& c) { return columns_of(c, 0) + 2 * (c.group - 1); }

// The most values in a block of images, with as many places for every phase of rows and columns.
static inline int64_t listed(const Convolution& c) {
  return c.block * c.channels * c.stride[0] * ceil_div(c.height, c.stride[0]) * c.stride[1] *
         ceil_div(c.width, c.stride[1]);
}

// The width of a row in an image of gradients with zeros on both sides, so that every column of the kernel meets one.
static inline int64_t padded_row(const Convolution& c) {
  const int64_t last = (c.width - 1 + c.padding[1]) / c.stride[1];
  return (columns_of(c, 0) + (last < c.out_width ? c.out_width - 1 : last)) * c.out_channels;
}

template <class T>
static inline int64_t padded_image(const Convolution& c) {
  return whole_lines<T>(c.out_height * padded_row(c));
}

}  // namespace snn
