// The maximum over windows of images: the arguments from torch, checked and laid out for the kernels.
#include "max_pool.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include <tuple>
#include <vector>

#include "instruction_set.h"
#include "pool.h"
#include "tensors.h"

namespace snn {

SNN_DECLARE(MaxPool, max_pool)

namespace {

using torch::headeronly::ScalarType;
using torch::stable::parallel_for;
using torch::stable::Tensor;

constexpr char kWhat[] = "maxima over windows";
constexpr int64_t kGrain = 32768;  // values that are worth a thread

Windows windows_of(int64_t height, int64_t width, int64_t channels, const std::vector<int64_t>& kernel,
                   const std::vector<int64_t>& stride, const std::vector<int64_t>& padding) {
  STD_TORCH_CHECK(kernel.size() == 2 && stride.size() == 2 && padding.size() == 2,
                  "snn_cpu: kernel, stride and padding must be two numbers each");
  Windows w{height, width, channels, 0, 0, {}, {}, {}};
  const int64_t size[2] = {height, width};
  int64_t out[2];
  for (size_t a = 0; a < 2; ++a) {
    w.kernel[a] = kernel[a], w.stride[a] = stride[a], w.padding[a] = padding[a];
    // with padding of at most half the kernel, no window lies completely outside the image
    STD_TORCH_CHECK(kernel[a] > 0 && stride[a] > 0 && padding[a] >= 0 && 2 * padding[a] <= kernel[a],
                    "snn_cpu: kernel and stride must be positive, padding in 0..kernel/2, got ", kernel[a], ", ",
                    stride[a], " and ", padding[a]);
    STD_TORCH_CHECK(size[a] > 0 && size[a] + 2 * padding[a] >= kernel[a], "snn_cpu: no window of ", kernel[a],
                    " fits into an image of ", size[a]);
    out[a] = (size[a] + 2 * padding[a] - kernel[a]) / stride[a] + 1;
  }
  STD_TORCH_CHECK(kernel[0] <= 256 && kernel[1] <= 256 && kernel[0] * kernel[1] <= 256,
                  "snn_cpu: a window must have at most 256 places, got ", kernel[0], " x ", kernel[1]);
  w.out_height = out[0], w.out_width = out[1];
  return w;
}

// The largest value of each window of x[images, height, width, channels], and its place in it.
std::tuple<Tensor, Tensor> max_pool2d(const Tensor& x, std::vector<int64_t> kernel, std::vector<int64_t> stride,
                                      std::vector<int64_t> padding) {
  check_axes(x, 4, "x");
  return by_type(x, kWhat, [&](auto type) -> std::tuple<Tensor, Tensor> {
    using T = decltype(type);
    const Windows w = windows_of(x.size(1), x.size(2), x.size(3), kernel, stride, padding);
    const std::vector<int64_t> sizes{x.size(0), w.out_height, w.out_width, w.channels};
    Tensor out = pooled_empty(sizes, x.scalar_type()), place = pooled_empty(sizes, ScalarType::Byte);
    if (out.numel() == 0) return {out, place};
    const T* from = read<T>(x);
    T* to = write<T>(out);
    uint8_t* at = write<uint8_t>(place);
    parallel_for(0, x.size(0) * w.out_height, 1 + kGrain / (w.out_width * w.channels),
                 [&](int64_t begin, int64_t end) { SNN_BEST(max_pool<T>()).forward(w, from, to, at, begin, end); });
    return {out, place};
  });
}

// The gradient of images [height, width], from the gradient of the largest values and their places.
Tensor max_pool2d_gradient(const Tensor& grad, const Tensor& place, int64_t height, int64_t width,
                           std::vector<int64_t> kernel, std::vector<int64_t> stride, std::vector<int64_t> padding) {
  check_axes(grad, 4, "grad");
  return by_type(grad, kWhat, [&](auto type) {
    using T = decltype(type);
    const Windows w = windows_of(height, width, grad.size(3), kernel, stride, padding);
    STD_TORCH_CHECK(grad.size(1) == w.out_height && grad.size(2) == w.out_width, "snn_cpu: grad must have ",
                    w.out_height, " x ", w.out_width, " windows, got ", grad.size(1), " x ", grad.size(2));
    check(place, ScalarType::Byte, grad.numel(), "place");
    Tensor grad_x = pooled_empty({grad.size(0), height, width, w.channels}, grad.scalar_type());
    if (grad_x.numel() == 0) return grad_x;
    const T* from = read<T>(grad);
    const uint8_t* at = read<uint8_t>(place);
    T* to = write<T>(grad_x);
    parallel_for(0, grad.size(0), 1 + kGrain / (height * width * w.channels),
                 [&](int64_t begin, int64_t end) { SNN_BEST(max_pool<T>()).backward(w, from, at, to, begin, end); });
    return grad_x;
  });
}

}  // namespace
}  // namespace snn

STABLE_TORCH_LIBRARY_FRAGMENT(snn_cpu, m) {
  m.def("max_pool2d(Tensor x, int[] kernel, int[] stride, int[] padding) -> (Tensor, Tensor)");
  m.def(
      "max_pool2d_gradient(Tensor grad, Tensor place, int height, int width, int[] kernel, int[] stride, "
      "int[] padding) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) {
  m.impl("max_pool2d", TORCH_BOX(&snn::max_pool2d));
  m.impl("max_pool2d_gradient", TORCH_BOX(&snn::max_pool2d_gradient));
}
