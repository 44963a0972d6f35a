// Products at the places where a surrogate's derivative is not zero: elsewhere, nothing uses the gradient of the spikes.
#include "windows.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <atomic>
#include <tuple>

#include "finite.h"
#include "instruction_set.h"
#include "pool.h"
#include "tensors.h"
#include "transpose.h"

namespace snn {

SNN_DECLARE(WindowKernels, window_kernels)

namespace {

using torch::headeronly::ScalarType;
using torch::stable::parallel_for;
using torch::stable::Tensor;

constexpr int64_t kRows = 16;  // that are worth a thread

void check_bits(const Tensor& bits) {
  check_axes(bits, 2, "bits");
  STD_TORCH_CHECK(bits.scalar_type() == ScalarType::Long, "snn_cpu: bits must be int64");
}

int64_t set_bits(const Tensor& bits) {
  check_bits(bits);
  const int64_t* words = read<int64_t>(bits);
  int64_t count = 0;
  for (int64_t i = 0; i < bits.numel(); ++i) count += __builtin_popcountll(static_cast<uint64_t>(words[i]));
  return count;
}

// grad[rows, outputs] @ weight[outputs, features] at the set bits, zero elsewhere. A row of bits is that of a step,
// whose samples follow each other. False and no result if a number is not finite, which a product spreads over places
// whose bit is not set.
std::tuple<Tensor, bool> product_inside(const Tensor& grad, const Tensor& weight, const Tensor& bits) {
  check_axes(grad, 2, "grad");
  check_axes(weight, 2, "weight");
  check_bits(bits);
  const int64_t rows = grad.size(0), outputs = weight.size(0), features = weight.size(1), steps = bits.size(0);
  const int64_t group = steps > 0 ? rows / steps : 0;
  STD_TORCH_CHECK(grad.size(1) == outputs && group * steps == rows && bits.size(1) == (group * features + 63) / 64,
                  "snn_cpu: grad ", rows, " x ", grad.size(1), " and weight ", outputs, " x ", features,
                  " do not go with bits ", steps, " x ", bits.size(1));
  return by_type(grad, "products inside of windows", [&](auto type) -> std::tuple<Tensor, bool> {
    using T = decltype(type);
    STD_TORCH_CHECK(weight.scalar_type() == grad.scalar_type(), "snn_cpu: weight must have the dtype of grad");
    const Tensor none = pooled_empty({0}, grad.scalar_type());
    if (!all_finite(read<T>(weight), outputs * features)) return {none, false};
    constexpr int64_t kPadded = 128 / sizeof(T);  // two vectors of the widest kind
    const int64_t stride = (outputs + kPadded - 1) / kPadded * kPadded;
    Tensor table = pooled_empty({features, stride}, grad.scalar_type());
    T* to = write<T>(table);
    transpose(read<T>(weight), outputs, features, to, stride);
    for (int64_t f = 0; f < features; ++f) std::fill(to + f * stride + outputs, to + (f + 1) * stride, T(0));
    Tensor out = pooled_empty({rows, features}, grad.scalar_type());
    const ChosenProducts<T> given{read<T>(grad), outputs, features, to, stride,
                                  reinterpret_cast<const uint64_t*>(read<int64_t>(bits)), group, bits.size(1),
                                  write<T>(out)};
    std::atomic<bool> finite{true};
    parallel_for(0, rows, kRows, [&](int64_t begin, int64_t end) {
      if (!SNN_BEST(window_kernels<T>()).products(given, begin, end)) finite.store(false, std::memory_order_relaxed);
    });
    return {finite ? out : none, finite};
  });
}

}  // namespace
}  // namespace snn

STABLE_TORCH_LIBRARY_FRAGMENT(snn_cpu, m) {
  m.def("set_bits(Tensor bits) -> int");
  m.def("product_inside(Tensor grad, Tensor weight, Tensor bits) -> (Tensor, bool)");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) {
  m.impl("set_bits", TORCH_BOX(&snn::set_bits));
  m.impl("product_inside", TORCH_BOX(&snn::product_inside));
}
