// Linear layers fed by spikes: sums over set bits in place of products, in the forward pass and for the gradient of the
// weights.
#include "products.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <tuple>
#include <vector>

#include "finite.h"
#include "instruction_set.h"
#include "pool.h"
#include "tensors.h"
#include "transpose.h"

namespace snn {

SNN_DECLARE(SpikeProducts, spike_products)

namespace {

using torch::headeronly::ScalarType;
using torch::stable::parallel_for;
using torch::stable::Tensor;

constexpr char kWhat[] = "products with spikes";
constexpr int64_t kColumns = 256;  // of one task, a multiple of the width of every kernel
constexpr int64_t kTile = 64;

int64_t words(int64_t features) { return (features + 63) / 64; }

// Tasks of rows by columns; a thread gets neighbors, which share their part of the table.
template <class T>
void sum(const RowSums<T>& given, int64_t rows, int64_t rows_of_task) {
  const int64_t down = (rows + rows_of_task - 1) / rows_of_task, across = (given.columns + kColumns - 1) / kColumns;
  parallel_for(0, down * across, 1, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t column = begin / down, next = std::min(end, (column + 1) * down);
      const int64_t first = begin % down * rows_of_task, last = std::min((next - column * down) * rows_of_task, rows);
      const int64_t from = column * kColumns, to = std::min(from + kColumns, given.columns);
      SNN_BEST(spike_products<T>()).sum(given, first, last, from, to);
      begin = next;
    }
  });
}

// The bits of the nonzero values in x[rows, features], the number of set bits, and true if all these values are one; no
// bits and -1 if there are more than `most`, a value is not finite or, with `spikes`, neither 0 nor 1. The search ends as
// soon as that is seen.
std::tuple<Tensor, int64_t, bool> pack(const Tensor& x, int64_t most, bool spikes) {
  STD_TORCH_CHECK(x.dim() == 2 && (x.size(1) <= 1 || x.stride(1) == 1),
                  "snn_cpu: x must have 2 axes and rows that are contiguous");
  const int64_t rows = x.size(0), features = x.size(1), stride = x.stride(0);
  return by_type(x, kWhat, [&](auto type) -> std::tuple<Tensor, int64_t, bool> {
    using T = decltype(type);
    const auto pack = SNN_BEST(spike_products<T>()).pack;
    const T* from = read<T>(x);
    std::atomic<int64_t> left{most};
    std::atomic<bool> binary{true};
    const auto pack_row = [&](int64_t row, int64_t count, uint64_t* to) {
      bool ones;
      const int64_t active = pack(from + row * stride, 1, count, to, &ones);
      if (!ones) binary.store(false, std::memory_order_relaxed);
      return active < 0 || (spikes && !ones) ? most + 1 : active;
    };
    // most inputs that are not binary show it at once, before anything is allocated
    uint64_t probe;
    if (rows > 0 && pack_row(0, std::min(features, kTile), &probe) > most) left = -1;
    Tensor bits = pooled_empty({left < 0 ? 0 : rows, words(features)}, ScalarType::Long);
    uint64_t* to = reinterpret_cast<uint64_t*>(write<int64_t>(bits));
    parallel_for(0, left < 0 ? 0 : rows, kTile, [&](int64_t begin, int64_t end) {
      for (int64_t top = begin; top < end && left.load(std::memory_order_relaxed) >= 0; top += kTile) {
        int64_t found = 0;
        for (int64_t row = top; row < std::min(top + kTile, end); ++row) {
          found += pack_row(row, features, to + row * words(features));
        }
        left -= found;
      }
    });
    if (left < 0) return {pooled_empty({0, words(features)}, ScalarType::Long), -1, false};
    return {bits, most - left, binary};
  });
}

Tensor unpack_spikes(const Tensor& bits, int64_t features, const Tensor& like) {
  check_axes(bits, 2, "bits");
  const int64_t rows = bits.size(0);
  STD_TORCH_CHECK(bits.size(1) == words(features), "snn_cpu: ", features, " features take ", words(features),
                  " words of bits, got ", bits.size(1));
  return by_type(like, kWhat, [&](auto type) {
    using T = decltype(type);
    Tensor x = pooled_empty({rows, features}, like.scalar_type());
    T* to = write<T>(x);
    const int64_t* from = read<int64_t>(bits);
    parallel_for(0, rows, kTile, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        for (int64_t i = 0; i < features; ++i) {
          to[row * features + i] = static_cast<T>(from[row * words(features) + i / 64] >> (i % 64) & 1);
        }
      }
    });
    return x;
  });
}

// bias + x weight^T from the bits of x; false and no result if a weight is not finite, which a product spreads
// over every sum and sums over set bits do not.
std::tuple<Tensor, bool> spike_product(const Tensor& bits, const Tensor& weight, const std::optional<Tensor>& bias) {
  check_axes(bits, 2, "bits");
  check_axes(weight, 2, "weight");
  const int64_t rows = bits.size(0), columns = weight.size(0), features = weight.size(1);
  STD_TORCH_CHECK(bits.size(1) == words(features), "snn_cpu: weight ", columns, " x ", features, " takes ",
                  words(features), " words of bits, got ", bits.size(1));
  return by_type(weight, kWhat, [&](auto type) -> std::tuple<Tensor, bool> {
    using T = decltype(type);
    if (!all_finite(read<T>(weight), columns * features)) return {pooled_empty({0}, weight.scalar_type()), false};
    Tensor table = pooled_empty({features, columns}, weight.scalar_type());
    transpose(read<T>(weight), columns, features, write<T>(table), columns);
    Tensor out = pooled_empty({rows, columns}, weight.scalar_type());
    const T* start = nullptr;
    if (bias.has_value()) {
      check_axes(*bias, 1, "bias");
      STD_TORCH_CHECK(bias->size(0) == columns, "snn_cpu: ", columns, " outputs need as many biases, got ",
                      bias->size(0));
      start = read<T>(*bias);
    }
    sum<T>({reinterpret_cast<const uint64_t*>(read<int64_t>(bits)), words(features), read<T>(table), features, columns,
            start, write<T>(out), nullptr},
           rows, kTile);
    return {out, true};
  });
}

// bits[rows, columns] as bits[columns, rows]
std::vector<uint64_t> transposed_bits(const uint64_t* bits, int64_t rows, int64_t columns) {
  const int64_t across = words(columns), down = words(rows);
  std::vector<uint64_t> out(static_cast<size_t>(across * 64 * down));
  parallel_for(0, down, 4, [&](int64_t begin, int64_t end) {
    for (int64_t top = begin; top < end; ++top) {
      for (int64_t left = 0; left < across; ++left) {
        uint64_t tile[64];
        for (int64_t r = 0; r < 64; ++r) tile[r] = 64 * top + r < rows ? bits[(64 * top + r) * across + left] : 0;
        // swaps the off-diagonal quarters, at every size from 32 to 1
        uint64_t mask = 0x00000000ffffffffull;
        for (int size = 32; size > 0; size >>= 1, mask ^= mask << size) {
          for (int r = 0; r < 64; r = ((r | size) + 1) & ~size) {
            const uint64_t swap = (tile[r] >> size ^ tile[r | size]) & mask;
            tile[r] ^= swap << size;
            tile[r | size] ^= swap;
          }
        }
        for (int64_t c = 0; c < 64; ++c) out[static_cast<size_t>((64 * left + c) * down + top)] = tile[c];
      }
    }
  });
  return out;
}

// grad^T x from the bits of x, and the sum of grad over rows; false if grad is not finite, as above.
std::tuple<Tensor, Tensor, bool> spike_product_gradient(const Tensor& bits, const Tensor& grad, int64_t features) {
  check_axes(bits, 2, "bits");
  check_axes(grad, 2, "grad");
  const int64_t rows = bits.size(0), columns = grad.size(1);
  STD_TORCH_CHECK(grad.size(0) == rows && bits.size(1) == words(features), "snn_cpu: grad must have ", rows,
                  " rows and bits ", words(features), " words, got ", grad.size(0), " and ", bits.size(1));
  return by_type(grad, kWhat, [&](auto type) -> std::tuple<Tensor, Tensor, bool> {
    using T = decltype(type);
    const auto turned =
        transposed_bits(reinterpret_cast<const uint64_t*>(read<int64_t>(bits)), rows, features);
    Tensor sums = pooled_empty({features, columns}, grad.scalar_type());
    Tensor of_weight = pooled_empty({columns, features}, grad.scalar_type());
    Tensor of_bias = pooled_empty({columns}, grad.scalar_type());
    if (rows == 0) {
      torch::stable::zero_(of_weight);
      torch::stable::zero_(of_bias);
      return {of_weight, of_bias, true};
    }
    std::vector<double> all(static_cast<size_t>(columns));
    sum<T>({turned.data(), words(rows), read<T>(grad), rows, columns, nullptr, write<T>(sums), all.data()}, features,
           8);
    transpose(read<T>(sums), features, columns, write<T>(of_weight), features);
    std::copy(all.begin(), all.end(), write<T>(of_bias));
    return {of_weight, of_bias, all_finite(read<T>(of_bias), columns)};
  });
}

}  // namespace
}  // namespace snn

STABLE_TORCH_LIBRARY_FRAGMENT(snn_cpu, m) {
  m.def("pack(Tensor x, int most, bool spikes) -> (Tensor, int, bool)");
  m.def("unpack_spikes(Tensor bits, int features, Tensor like) -> Tensor");
  m.def("spike_product(Tensor bits, Tensor weight, Tensor? bias) -> (Tensor, bool)");
  m.def("spike_product_gradient(Tensor bits, Tensor grad, int features) -> (Tensor, Tensor, bool)");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) {
  m.impl("pack", TORCH_BOX(&snn::pack));
  m.impl("unpack_spikes", TORCH_BOX(&snn::unpack_spikes));
  m.impl("spike_product", TORCH_BOX(&snn::spike_product));
  m.impl("spike_product_gradient", TORCH_BOX(&snn::spike_product_gradient));
}
