// The arguments of a maximum over windows of images: plain pointers, so that it can be compiled for each instruction
// set separately.
#pragma once

#include <stdint.h>

namespace snn {

// Images [height, width, channels]; windows of kernel[0] rows and kernel[1] columns, every stride[0] and stride[1] of
// them, the first of which begins padding[0] and padding[1] before the image. Places outside of it are ignored.
struct Windows {
  int64_t height, width, channels;
  int64_t out_height, out_width;
  int64_t kernel[2], stride[2], padding[2];
};

// One instruction set's kernels.
template <class T>
struct MaxPool {
  // Rows begin to end - 1 of all images' [out_height], each [out_width, channels]: the largest value of each window, NaN
  // if it contains one, and the value's place in the window, counted row by row.
  void (*forward)(const Windows& windows, const T* x, T* out, uint8_t* place, int64_t begin, int64_t end);
  // The gradients of the images begin to end - 1.
  void (*backward)(const Windows& windows, const T* grad, const uint8_t* place, T* grad_x, int64_t begin, int64_t end);
};

}  // namespace snn
