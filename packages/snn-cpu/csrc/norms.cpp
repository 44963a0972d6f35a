// Batch normalization of each step of a sequence by its own statistics: the arguments from torch, checked and laid out
// for the kernels.
#include "norms.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <vector>

#include "instruction_set.h"
#include "pool.h"
#include "tensors.h"

namespace snn {

SNN_DECLARE(Norms, norms)

namespace {

using torch::stable::parallel_for;
using torch::stable::Tensor;

constexpr char kWhat[] = "batch norms";
constexpr int64_t kPart = 16384;  // numbers of one task, which also stay in the first caches
constexpr int64_t kManySteps = 8;

// The rows of a step in parts of equal size. As the parts do not depend on the number of threads, nor do the sums.
struct Parts {
  int64_t steps, rows, channels;
  int64_t rows_of_part = std::max<int64_t>(1, kPart / channels), count = (rows + rows_of_part - 1) / rows_of_part;

  // Calls f(part, first row, rows) for each part of a step; a step of many parts is shared by threads.
  template <class F>
  void each(const F& f) const {
    const auto some = [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        const int64_t first = part * rows_of_part;
        f(part, first, std::min(rows_of_part, rows - first));
      }
    };
    if (by_steps()) {
      some(0, count);
    } else {
      parallel_for(0, count, 2, some);
    }
  }

  // Calls f(step) for each step; threads share the steps if there are many, or if a step is too small to be shared.
  template <class F>
  void each_step(const F& f) const {
    const auto some = [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) f(t);
    };
    if (by_steps()) {
      parallel_for(0, steps, 1 + 2 * kPart / (rows * channels), some);
    } else {
      some(0, steps);
    }
  }

  // The sums of all parts of a step, [2, channels]; f(first row, rows, sums) adds those of a part.
  template <class F>
  std::vector<double> summed(const F& f) const {
    const int64_t size = 2 * channels;
    std::vector<double> sums(static_cast<size_t>(size * count));
    each([&](int64_t part, int64_t first, int64_t some) { f(first, some, sums.data() + part * size); });
    for (int64_t i = size; i < size * count; ++i) sums[i % size] += sums[i];
    return sums;
  }

 private:
  bool by_steps() const { return steps >= kManySteps || count < 4; }
};

Parts parts_of(const Tensor& x) {
  check_axes(x, 3, "x");
  STD_TORCH_CHECK(x.size(1) > 1 && x.size(2) > 0, "snn_cpu: x must be [steps, rows, channels] with more than one row");
  return {x.size(0), x.size(1), x.size(2)};
}

template <class T>
const T* given(const std::optional<Tensor>& tensor, int64_t channels, const char* what) {
  if (!tensor) return nullptr;
  check(*tensor, dtype_of<T>, channels, what);
  return read<T>(*tensor);
}

// The steps of x[steps, rows, channels], normalized; and the mean, the variance, and one over the standard deviation of
// each step, [steps, channels].
std::tuple<Tensor, Tensor, Tensor, Tensor> batch_norm(const Tensor& x, const std::optional<Tensor>& weight,
                                                      const std::optional<Tensor>& bias, double eps) {
  const Parts parts = parts_of(x);
  return by_type(x, kWhat, [&](auto type) -> std::tuple<Tensor, Tensor, Tensor, Tensor> {
    using T = decltype(type);
    const int64_t channels = parts.channels, size = parts.rows * channels;
    const T *w = given<T>(weight, channels, "weight"), *b = given<T>(bias, channels, "bias"), *from = read<T>(x);
    Tensor out = pooled_empty({x.size(0), x.size(1), x.size(2)}, x.scalar_type());
    const std::vector<int64_t> sizes{parts.steps, channels};
    Tensor means = pooled_empty(sizes, x.scalar_type()), variances = pooled_empty(sizes, x.scalar_type()),
           scales = pooled_empty(sizes, x.scalar_type());
    T *to = write<T>(out), *mean = write<T>(means), *variance = write<T>(variances), *scale = write<T>(scales);
    const Norms<T>& kernels = SNN_BEST(norms<T>());
    parts.each_step([&](int64_t t) {
      const T* step = from + t * size;
      std::vector<T> origin(step, step + channels), factor(static_cast<size_t>(channels));
      // sums of the differences from a value of the channel are exact where those of large numbers are not
      for (T& value : origin) value = std::isfinite(value) ? value : T(0);
      const auto sums = parts.summed([&](int64_t first, int64_t rows, double* sums) {
        kernels.moments(step + first * channels, origin.data(), rows, channels, sums);
      });
      for (int64_t c = 0, i = t * channels; c < channels; ++c, ++i) {
        const double off = sums[c] / parts.rows, spread = sums[channels + c] / parts.rows - off * off;
        const double wide = spread < 0 ? 0 : spread;  // NaN stays
        mean[i] = static_cast<T>(origin[c] + off), variance[i] = static_cast<T>(wide);
        scale[i] = static_cast<T>(1 / std::sqrt(wide + eps));
        factor[c] = w == nullptr ? scale[i] : scale[i] * w[c];
      }
      parts.each([&](int64_t, int64_t first, int64_t rows) {
        kernels.scale(step + first * channels, mean + t * channels, factor.data(), b, rows, channels,
                      to + t * size + first * channels);
      });
    });
    return {out, means, variances, scales};
  });
}

// The gradients of x[steps, rows, channels], and of weight and bias [channels].
std::tuple<Tensor, Tensor, Tensor> batch_norm_gradient(const Tensor& grad, const Tensor& x,
                                                       const std::optional<Tensor>& weight, const Tensor& means,
                                                       const Tensor& scales) {
  const Parts parts = parts_of(x);
  return by_type(x, kWhat, [&](auto type) -> std::tuple<Tensor, Tensor, Tensor> {
    using T = decltype(type);
    const int64_t channels = parts.channels, size = parts.rows * channels;
    check(grad, x.scalar_type(), x.numel(), "grad");
    check(means, x.scalar_type(), parts.steps * channels, "means");
    check(scales, x.scalar_type(), parts.steps * channels, "scales");
    const T *w = given<T>(weight, channels, "weight"), *g = read<T>(grad), *from = read<T>(x);
    const T *mean = read<T>(means), *scale = read<T>(scales);
    Tensor of_x = pooled_empty({x.size(0), x.size(1), x.size(2)}, x.scalar_type());
    Tensor of_weight = pooled_empty({channels}, x.scalar_type()), of_bias = pooled_empty({channels}, x.scalar_type());
    T* to = write<T>(of_x);
    const Norms<T>& kernels = SNN_BEST(norms<T>());
    std::vector<double> totals(static_cast<size_t>(2 * channels * parts.steps));  // of each step
    parts.each_step([&](int64_t t) {
      const T *step = from + t * size, *above = g + t * size, *middle = mean + t * channels;
      const auto sums = parts.summed([&](int64_t first, int64_t rows, double* sums) {
        kernels.products(above + first * channels, step + first * channels, middle, rows, channels, sums);
      });
      std::vector<T> shift(static_cast<size_t>(channels)), slope(shift), factor(shift);
      for (int64_t c = 0; c < channels; ++c) {
        const T s = scale[t * channels + c];
        shift[c] = static_cast<T>(sums[c] / parts.rows);
        slope[c] = static_cast<T>(sums[channels + c] / parts.rows * s * s);
        factor[c] = w == nullptr ? s : s * w[c];
        totals[t * 2 * channels + c] = sums[c];
        totals[(t * 2 + 1) * channels + c] = sums[channels + c] * s;
      }
      parts.each([&](int64_t, int64_t first, int64_t rows) {
        const int64_t at = first * channels;
        kernels.gradient(above + at, step + at, middle, shift.data(), slope.data(), factor.data(), rows, channels,
                         to + t * size + at);
      });
    });
    for (int64_t c = 0; c < channels; ++c) {
      double sums[2] = {0, 0};
      for (int64_t t = 0; t < parts.steps; ++t) {
        sums[0] += totals[t * 2 * channels + c], sums[1] += totals[(t * 2 + 1) * channels + c];
      }
      write<T>(of_bias)[c] = static_cast<T>(sums[0]), write<T>(of_weight)[c] = static_cast<T>(sums[1]);
    }
    return {of_x, of_weight, of_bias};
  });
}

}  // namespace
}  // namespace snn

STABLE_TORCH_LIBRARY_FRAGMENT(snn_cpu, m) {
  m.def("batch_norm(Tensor x, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "batch_norm_gradient(Tensor grad, Tensor x, Tensor? weight, Tensor means, Tensor scales) -> (Tensor, Tensor, "
      "Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) {
  m.impl("batch_norm", TORCH_BOX(&snn::batch_norm));
  m.impl("batch_norm_gradient", TORCH_BOX(&snn::batch_norm_gradient));
}
