// The operators of neurons that are all connected to each other: they make tables and bits, and give rows to threads.
#include "recurrent.h"

#include <torch/csrc/stable/library.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "finite.h"
#include "instruction_set.h"
#include "sequence.h"
#include "transpose.h"

namespace snn {

SNN_DECLARE(RecurrentKernels, recurrent_kernels)

namespace {

using torch::headeronly::ScalarType;
using torch::stable::parallel_for;
using torch::stable::Tensor;

constexpr int64_t kGrain = 1 << 18;  // multiplications that are worth a thread

// The width of a row of a table: whole tiles of the widest kernel, and an odd number of cache lines, so that rows that
// are read one after another do not compete for the same few places in the cache.
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

// The weight of a layer as the tables of a product with its input, and the amplitude of spikes.
template <class T>
struct Network {
  Recurrence<T> net{};
  Tensors owned;

  Network(const Sequence<T>& sequence, const Tensor& spk, const Tensor& weight, const Tensor& bias,
          const Tensor& amplitude) {
    const auto dtype = dtype_of<T>;
    const int64_t columns = sequence.columns;
    STD_TORCH_CHECK(bias.dim() == 1 && bias.size(0) > 0 && columns % bias.size(0) == 0,
                    "snn_cpu: the columns of x must be a multiple of ", bias.numel(), " neurons, got ", columns);
    const int64_t n = bias.size(0);
    net.sequence = sequence, net.neurons = n, net.rows = columns / n;
    check(weight, dtype, n * n, "weight");
    check(bias, dtype, n, "bias");
    check(spk, dtype, columns, "the state of spikes");
    const bool alike = amplitude.numel() == n;  // the same in all rows of the batch
    check(amplitude, dtype, alike ? n : columns, "amplitude");
    net.initial = read<T>(spk), net.amplitude = read<T>(amplitude), net.amplitude_stride = alike ? 0 : n;
    net.words = (n + 63) / 64, net.stride = padded<T>(n);
    owned = {table_of<T>(1, net.stride), table_of<T>(n, net.stride)};
    T *start = write<T>(owned[0]), *table = write<T>(owned[1]);
    std::memcpy(start, read<T>(bias), n * sizeof(T));
    transpose(read<T>(weight), n, n, table, net.stride);
    net.bias = start, net.table = net.graded_table = table;
    net.returned = alike && all_finite(table, n * net.stride) ? kBits : kValues;
    bool ones = net.returned == kBits;
    for (int64_t j = 0; j < n && ones; ++j) ones = net.amplitude[j] == T(1);
    if (net.returned == kValues || ones) return;
    owned.push_back(table_of<T>(n, net.stride));
    T* graded = write<T>(owned[2]);
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t i = 0; i < n; ++i) graded[j * net.stride + i] = net.amplitude[j] * table[j * net.stride + i];
    }
    net.graded_table = graded;
    if (!all_finite(graded, n * net.stride)) net.returned = kValues;
  }
};

// Writes the bits of an initial state of spikes to `bits`, if it is not null; false and undefined bits for any other
// state.
template <class T>
bool initial_bits(const Recurrence<T>& net, uint64_t* bits) {
  for (int64_t r = 0; r < net.rows; ++r) {
    const T* spk = net.initial + r * net.neurons;
    for (int64_t w = 0; w < net.words; ++w) {
      const int64_t end = std::min(64 * w + 64, net.neurons);
      uint64_t word = 0;
      int spikes = 0;
      for (int64_t i = 64 * w; i < end; ++i) spikes |= spk[i] != T(0);
      for (int64_t i = 64 * w; i < end && spikes; ++i) {
        if (spk[i] != T(0) && spk[i] != net.amplitude[i]) return false;
        word |= static_cast<uint64_t>(spk[i] != T(0)) << (i % 64);
      }
      if (bits) bits[r * net.words + w] = word;
    }
  }
  return true;
}

template <class T, class F>
void over_rows(const Recurrence<T>& net, const F& f) {
  parallel_for(0, net.rows, 1 + kGrain / (net.sequence.steps * net.neurons * net.neurons), f);
}

// The states are the spikes, then the states of the program.
std::tuple<Tensors, int64_t> recurrent_forward(const Tensor& code, int64_t temporaries, const Tensor& numbers,
                                               const Tensor& x, const Tensor& spk, Tensors states, const Tensor& weight,
                                               const Tensor& bias, const Tensor& amplitude, Tensors coefficients,
                                               bool trace, bool save) {
  return by_type(x, kPrograms, [&](auto type) -> std::tuple<Tensors, int64_t> {
    using T = decltype(type);
    Prepared<T> made(numbers, x, states, coefficients);
    Outputs<T> out(made, code, temporaries, trace, save);
    Network<T> network(made.sequence, spk, weight, bias, amplitude);
    Recurrence<T>& net = network.net;
    const int64_t steps = net.sequence.steps;
    Tensor returned = pooled_empty({trace ? steps : 1, net.sequence.columns}, dtype_of<T>);
    Tensor bits = pooled_empty({save ? steps + 1 : 1, net.rows, net.words}, ScalarType::Long);
    net.bits = reinterpret_cast<uint64_t*>(write<int64_t>(bits));
    net.bits_stride = save ? net.rows * net.words : 0;
    if (net.returned == kBits && !initial_bits(net, net.bits)) net.returned = kBitsAfterFirst;
    if (net.returned != kBits) std::memset(net.bits, 0, net.rows * net.words * sizeof(uint64_t));
    const RecurrentOutputs<T> to{out.to, write<T>(returned)};
    const auto& best = SNN_BEST(recurrent_kernels<T>());
    over_rows(net, [&](int64_t begin, int64_t end) { best.forward(net, to, begin, end); });
    Tensors all{out.spikes, returned};
    all.insert(all.end(), out.states.begin(), out.states.end());
    all.insert(all.end(), {bits, out.checkpoints});
    return {all, net.returned};
  });
}

// An empty tensor stands for nothing: gradients that are zero and, in the result, gradients that are not needed.
// `grad_returned` is the gradient of the state of spikes.
std::tuple<Tensors, int64_t> recurrent_backward(
    const Tensor& again, int64_t again_temporaries, const Tensor& last, int64_t last_temporaries, const Tensor& back,
    int64_t back_temporaries, const Tensor& numbers, const Tensor& grad_spk, const Tensor& grad_returned,
    Tensors grad_states, const Tensor& x, const Tensor& spk, Tensors states, const Tensor& weight, const Tensor& bias,
    const Tensor& amplitude, Tensors coefficients, const Tensor& bits, const Tensor& checkpoints, int64_t sums,
    bool trace, bool need_drive, bool need_amplitude, bool over) {
  return by_type(x, kPrograms, [&](auto type) -> std::tuple<Tensors, int64_t> {
    using T = decltype(type);
    const Codes codes{again, again_temporaries, last, last_temporaries, back, back_temporaries};
    Prepared<T> made(numbers, x, states, coefficients);
    Gradients<T> out(made, codes, grad_spk, grad_states, checkpoints, sums, trace, need_drive, over, true);
    Network<T> network(made.sequence, spk, weight, bias, amplitude);
    Recurrence<T>& net = network.net;
    const int64_t steps = net.sequence.steps, columns = net.sequence.columns, n = net.neurons;
    net.bits_stride = net.rows * net.words;
    check(bits, ScalarType::Long, (steps + 1) * net.bits_stride, "bits");
    net.bits = const_cast<uint64_t*>(reinterpret_cast<const uint64_t*>(read<int64_t>(bits)));
    if (net.returned == kBits && !initial_bits(net, static_cast<uint64_t*>(nullptr))) net.returned = kBitsAfterFirst;
    network.owned.push_back(table_of<T>(n, net.stride));
    T* copy = write<T>(network.owned.back());
    for (int64_t i = 0; i < n; ++i) std::memcpy(copy + i * net.stride, read<T>(weight) + i * n, n * sizeof(T));
    Tensor initial = pooled_empty({columns}, dtype_of<T>);
    Tensor of_amplitude = Gradients<T>::zeros(need_amplitude ? columns : 0);
    const auto returned =
        upstream_of<T>(grad_returned, trace ? steps : 1, columns, "the gradient of the state of spikes");
    const RecurrentGradients<T> to{out.to, copy, returned, write<T>(initial),
                                   need_amplitude ? write<double>(of_amplitude) : nullptr};
    const auto& best = SNN_BEST(recurrent_kernels<T>());
    over_rows(net, [&](int64_t begin, int64_t end) { best.backward(net, to, begin, end); });
    Tensors all{over ? pooled_empty({0}, dtype_of<T>) : out.x, of_amplitude, initial};
    all.insert(all.end(), out.initial.begin(), out.initial.end());
    all.insert(all.end(), out.sums.begin(), out.sums.end());
    return {all, net.returned};
  });
}

}  // namespace
}  // namespace snn

STABLE_TORCH_LIBRARY_FRAGMENT(snn_cpu, m) {
  m.def(
      "recurrent_forward(Tensor code, int temporaries, Tensor numbers, Tensor x, Tensor spk, Tensor[] states, "
      "Tensor weight, Tensor bias, Tensor amplitude, Tensor[] coefficients, bool trace, bool save) -> (Tensor[], int)");
  m.def(
      "recurrent_backward(Tensor again, int again_temporaries, Tensor last, int last_temporaries, Tensor back, "
      "int back_temporaries, Tensor numbers, Tensor grad_spk, Tensor grad_returned, Tensor[] grad_states, Tensor x, "
      "Tensor spk, Tensor[] states, "
      "Tensor weight, Tensor bias, Tensor amplitude, Tensor[] coefficients, Tensor bits, Tensor checkpoints, int sums, "
      "bool trace, bool need_drive, bool need_amplitude, bool over) -> (Tensor[], int)");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) {
  m.impl("recurrent_forward", TORCH_BOX(&snn::recurrent_forward));
  m.impl("recurrent_backward", TORCH_BOX(&snn::recurrent_backward));
}
