// Convolutions of images that are mostly zero, such as spikes: sums over nonzero values in place of products, in the
// forward pass and for the gradient of the weights.
#include "convolutions.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <vector>

#include "finite.h"
#include "instruction_set.h"
#include "pool.h"
#include "tensors.h"

namespace snn {

SNN_DECLARE(SparseConvolution, sparse_convolution)

namespace {

using torch::stable::parallel_for;
using torch::stable::Tensor;
using Sizes = std::vector<int64_t>;

constexpr char kWhat[] = "convolutions of spikes";
constexpr int64_t kImages = 4;        // the fewest images of a task
constexpr int64_t kParts = 64, kFewestParts = 8;  // of the images, each with its own gradient of the weights,
constexpr int64_t kTables = 4 << 20;              // which together take about this many bytes
constexpr int64_t kLines = 8;         // of sums that are taken together in the forward pass
constexpr int64_t kBlock = 64 << 10;  // bytes of gradients that are read again for every weight
constexpr int64_t kBlockImages = 8;
constexpr int64_t kMost = std::numeric_limits<int32_t>::max();

template <class T>
Convolution convolution(const Sizes& size, int64_t channels, int64_t out_channels, const Sizes& kernel,
                        const Sizes& stride, const Sizes& padding) {
  STD_TORCH_CHECK(size.size() == 2 && kernel.size() == 2 && stride.size() == 2 && padding.size() == 2,
                  "snn_cpu: images, kernel, stride and padding must have two sizes each");
  Convolution c{};
  c.height = size[0], c.width = size[1], c.channels = channels, c.out_channels = out_channels;
  c.words = (c.width * channels + 63) / 64;
  int64_t out[2];
  for (size_t a = 0; a < 2; ++a) {
    const int64_t space = size[a] + 2 * padding[a] - kernel[a];
    STD_TORCH_CHECK(size[a] > 0 && kernel[a] > 0 && padding[a] >= 0 && space >= 0, "snn_cpu: no window of ", kernel[a],
                    " with padding ", padding[a], " fits into an image of ", size[a]);
    STD_TORCH_CHECK(stride[a] > 0 && stride[a] <= kernel[a], "snn_cpu: stride must be in 1..kernel, got ", stride[a],
                    " for a kernel of ", kernel[a]);
    out[a] = space / stride[a] + 1;
    c.kernel[a] = kernel[a], c.stride[a] = stride[a], c.padding[a] = padding[a];
  }
  STD_TORCH_CHECK(channels > 0 && out_channels > 0, "snn_cpu: images must have channels");
  c.out_height = out[0], c.out_width = out[1];
  c.group = 1;
  c.block = std::clamp<int64_t>(kBlock / (padded_image<T>(c) * int64_t(sizeof(T))), 1, kBlockImages);
  STD_TORCH_CHECK(listed(c) < kMost && padded_image<T>(c) * c.block < kMost,
                  "snn_cpu: images of ", c.height, " x ", c.width, " are too large");
  return c;
}

// The number of outputs that costs the least: a window that is wider than the kernel meets values for which it has no
// weight, but one sum of many lines costs less than many sums of one.
template <class T>
int64_t best_group(const Convolution& c, double rate) {
  const double begun = 12 * static_cast<double>(c.kernel[0]);
  const double met = rate * static_cast<double>(c.kernel[0] * c.channels);
  int64_t best = 1;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t group = 1; group <= c.out_width; ++group) {
    const int64_t lines = whole_lines<T>(group * c.out_channels) / kLine<T>;
    if (group > 1 && lines > kLines) break;
    const double columns = static_cast<double>(c.kernel[1] + c.stride[1] * (group - 1));
    const double cost = (begun + met * columns * (1.5 + 0.5 * lines)) / group;
    if (cost < least) least = cost, best = group;
  }
  return best;
}

// The memory of a Workspace.
template <class T>
struct Lent {
  std::vector<int32_t> numbers;
  std::vector<T> values;
  Workspace<T> space;

  Lent(const Convolution& c, bool weighted, bool gradient) {
    const int64_t features = c.width * c.channels, most = gradient ? listed(c) : c.height * features;
    const int64_t firsts = gradient ? c.block * (c.height + c.stride[0]) * c.stride[1] * c.channels
                                    : c.height * (c.width + 1);
    const int64_t padded = gradient ? c.block * padded_image<T>(c) + kLine<T> : 0;
    numbers.resize(static_cast<size_t>(2 * features + most + firsts));
    values.resize(static_cast<size_t>(kLine<T> + padded + (gradient ? c.out_channels : 0) + (weighted ? most : 0)));
    T* aligned = values.data();
    while (reinterpret_cast<uintptr_t>(aligned) % 64 != 0) ++aligned;
    space.of_value = numbers.data();
    space.rows = space.of_value + 2 * features;
    space.first = space.rows + most;
    space.padded = aligned;
    space.sums = aligned + padded;
    space.values = weighted ? space.sums + (gradient ? c.out_channels : 0) : nullptr;
  }
};

// Calls f with the place of a weight in [out, in, rows, columns] and in [in, rows, phases, row of the table], where the
// columns of a phase lie from right to left after `others` further columns, and the output channels side by side.
template <class F>
void over_weights(const Convolution& c, int64_t row, int64_t others, const F& f) {
  constexpr int64_t kTogether = 16;  // a line of the table, and as many streams of weights
  for (int64_t first = 0; first < c.out_channels; first += kTogether) {
    for (int64_t k = 0; k < c.channels * c.kernel[0]; ++k) {
      for (int64_t q = 0; q < c.kernel[1]; ++q) {
        const int64_t phase = q % c.stride[1], column = others + columns_of(c, phase) - 1 - q / c.stride[1];
        for (int64_t o = first; o < std::min(first + kTogether, c.out_channels); ++o) {
          f((o * c.channels * c.kernel[0] + k) * c.kernel[1] + q,
            (k * c.stride[1] + phase) * row + column * c.out_channels + o);
        }
      }
    }
  }
}

template <class T>
const T* values_of(const Convolution& c, const Tensor& bits, const std::optional<Tensor>& values) {
  check_axes(bits, 2, "bits");
  STD_TORCH_CHECK(bits.size(0) % c.height == 0 && bits.size(1) == c.words, "snn_cpu: images of ", c.height, " x ",
                  c.width, " x ", c.channels, " take ", c.height, " rows of ", c.words, " words of bits, got ",
                  bits.size(0), " x ", bits.size(1));
  if (!values.has_value()) return nullptr;
  check(*values, dtype_of<T>, bits.size(0) * c.width * c.channels, "values");
  return read<T>(*values);
}

// The outputs [images, height, width, channels] of images given by their bits, of which `active` are set, and their
// values; false and no result if a weight is not finite, which a product spreads over every sum and these sums do not.
std::tuple<Tensor, bool> sparse_convolution(const Tensor& bits, const std::optional<Tensor>& values, int64_t active,
                                            const Tensor& weight, const std::optional<Tensor>& bias, Sizes size,
                                            Sizes stride, Sizes padding) {
  check_axes(weight, 4, "weight");
  return by_type(weight, kWhat, [&](auto type) -> std::tuple<Tensor, bool> {
    using T = decltype(type);
    if (!all_finite(read<T>(weight), weight.numel())) return {pooled_empty({0}, weight.scalar_type()), false};
    Convolution c =
        convolution<T>(size, weight.size(1), weight.size(0), {weight.size(2), weight.size(3)}, stride, padding);
    const T* from = values_of<T>(c, bits, values);
    const int64_t images = bits.size(0) / c.height, image = c.height * c.width * c.channels;
    c.group = best_group<T>(c, static_cast<double>(active) / static_cast<double>(std::max<int64_t>(images * image, 1)));
    const int64_t row = table_columns(c) * c.out_channels, sums = whole_lines<T>(c.group * c.out_channels);
    const int64_t numel = c.channels * c.kernel[0] * c.stride[1] * row;
    STD_TORCH_CHECK(numel < kMost, "snn_cpu: a kernel of ", weight.numel(), " weights is too large");
    std::vector<T> memory(static_cast<size_t>(numel + sums + 2 * kLine<T>));
    T* start = memory.data();
    while (reinterpret_cast<uintptr_t>(start) % 64 != 0) ++start;
    T* table = start + sums;
    over_weights(c, row, c.group - 1, [&, w = read<T>(weight)](int64_t of, int64_t to) { table[to] = w[of]; });
    if (bias.has_value()) {
      check(*bias, dtype_of<T>, c.out_channels, "bias");
      for (int64_t k = 0; k < c.group; ++k) std::copy_n(read<T>(*bias), c.out_channels, start + k * c.out_channels);
    }
    Tensor out = pooled_empty({images, c.out_height, c.out_width, c.out_channels}, weight.scalar_type());
    T* to = write<T>(out);
    const uint64_t* words = reinterpret_cast<const uint64_t*>(read<int64_t>(bits));
    parallel_for(0, images, kImages, [&](int64_t begin, int64_t end) {
      const Lent<T> lent(c, from != nullptr, false);
      SNN_BEST(sparse_convolution<T>())
          .forward(c, words + begin * c.height * c.words, from == nullptr ? nullptr : from + begin * image, end - begin,
                   table, start, lent.space, to + begin * c.out_height * c.out_width * c.out_channels);
    });
    return {out, true};
  });
}

// The gradients of the weights and the biases from grad[images, height, width, channels]; false if that is not finite,
// as above.
std::tuple<Tensor, Tensor, bool> sparse_convolution_gradient(const Tensor& bits, const std::optional<Tensor>& values,
                                                             const Tensor& grad, int64_t channels, Sizes size,
                                                             Sizes kernel, Sizes stride, Sizes padding) {
  check_axes(grad, 4, "grad");
  return by_type(grad, kWhat, [&](auto type) -> std::tuple<Tensor, Tensor, bool> {
    using T = decltype(type);
    const Convolution c = convolution<T>(size, channels, grad.size(3), kernel, stride, padding);
    const T* from = values_of<T>(c, bits, values);
    const int64_t images = grad.size(0), image = c.height * c.width * c.channels;
    STD_TORCH_CHECK(bits.size(0) == images * c.height && grad.size(1) == c.out_height && grad.size(2) == c.out_width,
                    "snn_cpu: grad must have ", bits.size(0) / c.height, " images of ", c.out_height, " x ",
                    c.out_width, ", got ", images, " of ", grad.size(1), " x ", grad.size(2));
    const int64_t row = whole_lines<T>(columns_of(c, 0) * c.out_channels);
    const int64_t numel = c.channels * c.kernel[0] * c.stride[1] * row;
    const int64_t most = std::clamp<int64_t>(kTables / (numel * int64_t(sizeof(T))), kFewestParts, kParts);
    const int64_t part = std::max<int64_t>((images + most - 1) / most, 1);
    const int64_t parts = std::max<int64_t>((images + part - 1) / part, 1);
    std::vector<T> tables(static_cast<size_t>(parts * numel));
    std::vector<double> biases(static_cast<size_t>(parts * c.out_channels));
    const T* g = read<T>(grad);
    const uint64_t* words = reinterpret_cast<const uint64_t*>(read<int64_t>(bits));
    parallel_for(0, images > 0 ? parts : 0, 1, [&](int64_t begin, int64_t end) {
      const Lent<T> lent(c, from != nullptr, true);
      for (int64_t p = begin; p < end; ++p) {
        const int64_t first = p * part;
        SNN_BEST(sparse_convolution<T>())
            .gradient(c, words + first * c.height * c.words, from == nullptr ? nullptr : from + first * image,
                      std::min(part, images - first), g + first * c.out_height * c.out_width * c.out_channels,
                      lent.space, tables.data() + p * numel, biases.data() + p * c.out_channels);
      }
    });
    parallel_for(0, numel, 1 << 12, [&](int64_t begin, int64_t end) {
      for (int64_t p = 1; p < parts; ++p) {
        const T* part_table = tables.data() + p * numel;
        for (int64_t k = begin; k < end; ++k) tables[static_cast<size_t>(k)] += part_table[k];
      }
    });
    for (int64_t k = c.out_channels; k < parts * c.out_channels; ++k) {
      biases[static_cast<size_t>(k % c.out_channels)] += biases[static_cast<size_t>(k)];
    }
    Tensor of_weight = pooled_empty({c.out_channels, c.channels, c.kernel[0], c.kernel[1]}, grad.scalar_type());
    Tensor of_bias = pooled_empty({c.out_channels}, grad.scalar_type());
    T* w = write<T>(of_weight);
    over_weights(c, row, 0, [&](int64_t to, int64_t of) { w[to] = tables[static_cast<size_t>(of)]; });
    std::copy_n(biases.data(), c.out_channels, write<T>(of_bias));
    return {of_weight, of_bias, all_finite(read<T>(of_bias), c.out_channels)};
  });
}

}  // namespace
}  // namespace snn

STABLE_TORCH_LIBRARY_FRAGMENT(snn_cpu, m) {
  m.def(
      "sparse_convolution(Tensor bits, Tensor? values, int active, Tensor weight, Tensor? bias, int[] size, "
      "int[] stride, int[] padding) -> (Tensor, bool)");
  m.def(
      "sparse_convolution_gradient(Tensor bits, Tensor? values, Tensor grad, int channels, int[] size, int[] kernel, "
      "int[] stride, int[] padding) -> (Tensor, Tensor, bool)");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) {
  m.impl("sparse_convolution", TORCH_BOX(&snn::sparse_convolution));
  m.impl("sparse_convolution_gradient", TORCH_BOX(&snn::sparse_convolution_gradient));
}
