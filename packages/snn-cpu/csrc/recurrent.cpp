// The operators of neurons that are all connected to each other: tables and bits made ready, and rows given to threads.
#include "recurrent.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>
#include <vector>

#include "instruction_set.h"
#include "pool.h"
#include "tensors.h"

#if defined(__x86_64__)
#define SNN_ARCH v4
#include "arch/recurrent.h"
#undef SNN_ARCH
#define SNN_ARCH v3
#include "arch/recurrent.h"
#undef SNN_ARCH
#endif
#define SNN_ARCH base
#include "arch/recurrent.h"
#undef SNN_ARCH

namespace snn {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::parallel_for;
using torch::stable::Tensor;

constexpr int64_t kGrain = 1 << 18;  // multiplications that are worth a thread

// Of a row of a table: whole tiles of the widest kernel, and an odd number of cache lines, so that rows which are read
// one below the other do not compete for the same few places in the cache.
template <class T>
int64_t padded(int64_t neurons) {
  constexpr int64_t line = 64 / sizeof(T);
  return ((neurons + 2 * line - 1) / (2 * line) * 2 | 1) * line;
}

template <class T>
Tensor table_of(int64_t rows, int64_t stride) {
  Tensor table = pooled_empty({rows, stride}, dtype_of<T>);
  std::memset(write<T>(table), 0, static_cast<size_t>(rows * stride) * sizeof(T));
  return table;
}

// Tile by tile, so that neither side is read or written across a whole column at a time.
template <class T>
void transpose(const T* from, int64_t n, T* to, int64_t stride) {
  constexpr int64_t kTile = 64;
  parallel_for(0, (n + kTile - 1) / kTile, 1 + kGrain / (kTile * n), [&](int64_t begin, int64_t end) {
    for (int64_t left = begin * kTile; left < std::min(end * kTile, n); left += kTile) {
      for (int64_t top = 0; top < n; top += kTile) {
        for (int64_t i = top; i < std::min(top + kTile, n); ++i) {
          for (int64_t j = left; j < std::min(left + kTile, n); ++j) to[j * stride + i] = from[i * n + j];
        }
      }
    }
  });
}

// The weight of a layer as the tables of a product with its input, and the neurons' constants.
template <class T>
struct Prepared {
  Recurrence<T> net{};
  Tensors owned;
};

template <class T>
bool all_finite(const T* values, int64_t count) {
  int found = 0;
  for (int64_t i = 0; i < count; ++i) found |= !(values[i] - values[i] == T(0));  // what is not finite gives NaN
  return found == 0;
}

template <class T>
Prepared<T> prepared(const Tensor& x, const Tensors& states, const Tensor& weight, const Tensor& bias,
                     const Tensors& constants, int64_t model, int64_t reset) {
  STD_TORCH_CHECK((model == kLeaky || model == kSynaptic) && reset >= kNone && reset <= kZeroAtOnce,
                  "snn_cpu: no recurrent model ", model, " with reset ", reset);
  STD_TORCH_CHECK(x.dim() == 2, "snn_cpu: x must be [steps, columns], has ", x.dim(), " axes");
  STD_TORCH_CHECK(bias.dim() == 1 && bias.size(0) > 0 && x.size(1) % bias.size(0) == 0, "snn_cpu: columns of x must be rows of ",
                  bias.numel(), " neurons, there are ", x.size(1));
  const auto dtype = dtype_of<T>;
  Prepared<T> made;
  Recurrence<T>& net = made.net;
  const int64_t n = bias.size(0), columns = x.size(1);
  net.steps = x.size(0), net.neurons = n, net.rows = columns / n;
  check_sequence(x, dtype, net.steps, columns, "x");
  check(weight, dtype, n * n, "weight");
  check(bias, dtype, n, "bias");
  net.model = static_cast<Model>(model), net.reset = static_cast<Reset>(reset);
  net.states = kStatesOf[model] + 1, net.constants = kConstantsOf[model] + 1;
  net.x = read<T>(x), net.x_stride = x.stride(0);
  STD_TORCH_CHECK(static_cast<int>(states.size()) == net.states && static_cast<int>(constants.size()) == net.constants,
                  "snn_cpu: model ", model, " has ", net.states, " states and ", net.constants, " constants");
  for (int k = 0; k < net.states; ++k) {
    check(states[k], dtype, columns, "a state");
    net.initial[k] = read<T>(states[k]);
  }
  for (int c = 0; c < net.constants; ++c) {
    const bool alike = constants[c].numel() == n;  // in all rows of the batch
    check(constants[c], dtype, alike ? n : columns, "a constant");
    net.constant[c] = {read<T>(constants[c]), alike ? 0 : n};
  }
  const RowConstant<T> amplitude = net.constant[net.constants - 1];
  net.words = (n + 63) / 64, net.stride = padded<T>(n);
  made.owned = {table_of<T>(1, net.stride), table_of<T>(n, net.stride)};
  T *start = write<T>(made.owned[0]), *table = write<T>(made.owned[1]);
  std::memcpy(start, read<T>(bias), n * sizeof(T));
  transpose(read<T>(weight), n, table, net.stride);
  net.bias = start, net.table = net.graded_table = table;
  net.returned = amplitude.row_stride == 0 && all_finite(table, n * net.stride) ? kBits : kValues;
  bool ones = net.returned == kBits;
  for (int64_t j = 0; j < n && ones; ++j) ones = amplitude.values[j] == T(1);
  if (net.returned == kBits && !ones) {
    made.owned.push_back(table_of<T>(n, net.stride));
    T* graded = write<T>(made.owned[2]);
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t i = 0; i < n; ++i) graded[j * net.stride + i] = amplitude.values[j] * table[j * net.stride + i];
    }
    net.graded_table = graded;
    if (!all_finite(graded, n * net.stride)) net.returned = kValues;
  }
  return made;
}

// The bits of an initial state that is spikes, into `bits` if there are any; false and unknown bits for any other.
template <class T>
bool initial_bits(const Recurrence<T>& net, uint64_t* bits) {
  const T* amplitude = net.constant[net.constants - 1].values;
  for (int64_t r = 0; r < net.rows; ++r) {
    const T* spk = net.initial[0] + r * net.neurons;
    for (int64_t w = 0; w < net.words; ++w) {
      uint64_t word = 0;
      for (int64_t i = 64 * w; i < std::min(64 * w + 64, net.neurons); ++i) {
        if (spk[i] != T(0) && spk[i] != amplitude[i]) return false;
        word |= static_cast<uint64_t>(spk[i] != T(0)) << (i % 64);
      }
      if (bits) bits[r * net.words + w] = word;
    }
  }
  return true;
}

template <class T, class F>
void over_rows(const Recurrence<T>& net, const F& f) {
  parallel_for(0, net.rows, 1 + kGrain / (net.steps * net.neurons * net.neurons), f);
}

template <class T>
std::tuple<Tensors, int64_t> forward(const Tensor& x, const Tensors& states, const Tensor& weight, const Tensor& bias,
                                     const Tensors& constants, int64_t model, int64_t reset, bool trace, bool save) {
  Prepared<T> made = prepared<T>(x, states, weight, bias, constants, model, reset);
  Recurrence<T>& net = made.net;
  const auto dtype = dtype_of<T>;
  const int64_t columns = net.rows * net.neurons, segments = save ? (net.steps - 1) / kSegment : 0;
  Tensors out{pooled_empty({net.steps, columns}, dtype)};
  RecurrentOutputs<T> to{write<T>(out[0]), {}, trace, nullptr};
  for (int k = 0; k < net.states; ++k) {
    out.push_back(pooled_empty({trace ? net.steps : 1, columns}, dtype));
    to.state[k] = write<T>(out.back());
  }
  out.push_back(pooled_empty({save ? net.steps : 1, net.rows, net.words}, ScalarType::Long));
  net.bits = reinterpret_cast<uint64_t*>(write<int64_t>(out.back()));
  net.bits_stride = save ? net.rows * net.words : 0;
  out.push_back(pooled_empty({segments, net.states - 1, columns}, dtype));
  if (segments) to.checkpoints = write<T>(out.back());
  if (net.returned == kBits && !initial_bits(net, net.bits)) net.returned = kBitsAfterFirst;
  if (net.returned != kBits) std::memset(net.bits, 0, net.rows * net.words * sizeof(uint64_t));
  const auto& best = SNN_BEST(recurrent_kernels<T>());
  over_rows(net, [&](int64_t begin, int64_t end) { best.forward(net, to, begin, end); });
  return {out, net.returned};
}

std::tuple<Tensors, int64_t> recurrent_forward(const Tensor& x, Tensors states, const Tensor& weight, const Tensor& bias,
                                               Tensors constants, int64_t model, int64_t reset, bool trace, bool save) {
  const auto f = x.scalar_type() == ScalarType::Double ? &forward<double> : &forward<float>;
  return f(x, states, weight, bias, constants, model, reset, trace, save);
}

// Nothing is an empty tensor: gradients that are zero, and in the answer those that nobody asked for.
template <class T>
std::tuple<Tensors, int64_t> backward(const Tensor& grad_spk, const Tensors& grad_states, const Tensor& x,
                                      const Tensors& states, const Tensor& weight, const Tensor& bias,
                                      const Tensors& constants, const Tensor& bits, const Tensor& checkpoints,
                                      int64_t model, int64_t reset, int64_t derivative, double first, double second,
                                      bool trace, bool need_drive, int64_t need_constants) {
  Prepared<T> made = prepared<T>(x, states, weight, bias, constants, model, reset);
  Recurrence<T>& net = made.net;
  const auto dtype = dtype_of<T>;
  const int64_t columns = net.rows * net.neurons, n = net.neurons;
  STD_TORCH_CHECK(derivative >= kAtan && derivative <= kNoGradient, "snn_cpu: no surrogate ", derivative);
  check(bits, ScalarType::Long, net.steps * net.rows * net.words, "bits");
  check(checkpoints, dtype, (net.steps - 1) / kSegment * (net.states - 1) * columns, "checkpoints");
  net.bits = reinterpret_cast<uint64_t*>(const_cast<int64_t*>(read<int64_t>(bits)));
  net.bits_stride = net.rows * net.words;
  if (net.returned == kBits && !initial_bits(net, static_cast<uint64_t*>(nullptr))) net.returned = kBitsAfterFirst;
  RecurrentGradients<T> to{};
  to.derivative = static_cast<Derivative>(derivative);
  to.params[0] = static_cast<T>(first), to.params[1] = static_cast<T>(second);
  to.checkpoints = read<T>(checkpoints);
  to.trace = trace;
  if (grad_spk.numel()) {
    check_sequence(grad_spk, dtype, net.steps, columns, "the gradient of the spikes");
    to.grad_spk = read<T>(grad_spk), to.grad_spk_stride = grad_spk.stride(0);
  }
  for (int k = 0; k < net.states; ++k) {
    if (!grad_states[k].numel()) continue;
    check_sequence(grad_states[k], dtype, trace ? net.steps : 1, columns, "the gradient of a state");
    to.grad_state[k] = read<T>(grad_states[k]), to.grad_state_stride[k] = grad_states[k].stride(0);
  }
  made.owned.push_back(table_of<T>(n, net.stride));
  T* back = write<T>(made.owned.back());
  for (int64_t i = 0; i < n; ++i) std::memcpy(back + i * net.stride, read<T>(weight) + i * n, n * sizeof(T));
  to.weight = back;
  Tensors out{pooled_empty({need_drive ? net.steps : 0, columns}, dtype)};
  to.drive = need_drive ? write<T>(out[0]) : nullptr;
  for (int k = 0; k < net.states; ++k) {
    out.push_back(pooled_empty({columns}, dtype));
    to.initial[k] = write<T>(out.back());
  }
  for (int c = 0; c < net.constants; ++c) {
    const bool needed = need_constants >> c & 1;
    Tensor sums = torch::stable::empty({needed ? columns : 0}, ScalarType::Double, std::nullopt, x.device());
    if (needed) {
      torch::stable::zero_(sums);
      to.constant[c] = write<double>(sums);
    }
    out.push_back(sums);
  }
  const auto& best = SNN_BEST(recurrent_kernels<T>());
  over_rows(net, [&](int64_t begin, int64_t end) { best.backward(net, to, begin, end); });
  return {out, net.returned};
}

std::tuple<Tensors, int64_t> recurrent_backward(const Tensor& grad_spk, Tensors grad_states, const Tensor& x,
                                                Tensors states, const Tensor& weight, const Tensor& bias,
                                                Tensors constants, const Tensor& bits, const Tensor& checkpoints,
                                                int64_t model, int64_t reset, int64_t derivative, double first,
                                                double second, bool trace, bool need_drive, int64_t need_constants) {
  const auto f = x.scalar_type() == ScalarType::Double ? &backward<double> : &backward<float>;
  return f(grad_spk, grad_states, x, states, weight, bias, constants, bits, checkpoints, model, reset, derivative, first,
           second, trace, need_drive, need_constants);
}

}  // namespace
}  // namespace snn

STABLE_TORCH_LIBRARY_FRAGMENT(snn_cpu, m) {
  m.def(
      "recurrent_forward(Tensor x, Tensor[] states, Tensor weight, Tensor bias, Tensor[] constants, int model, "
      "int reset, bool trace, bool save) -> (Tensor[], int)");
  m.def(
      "recurrent_backward(Tensor grad_spk, Tensor[] grad_states, Tensor x, Tensor[] states, Tensor weight, "
      "Tensor bias, Tensor[] constants, Tensor bits, Tensor checkpoints, int model, int reset, int derivative, "
      "float first, float second, bool trace, bool need_drive, int need_constants) -> (Tensor[], int)");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) {
  m.impl("recurrent_forward", TORCH_BOX(&snn::recurrent_forward));
  m.impl("recurrent_backward", TORCH_BOX(&snn::recurrent_backward));
}
