// The operators of step programs.
#include <torch/csrc/stable/library.h>

#include <unistd.h>

#include <atomic>

#include "instruction_set.h"
#include "sequence.h"

namespace snn {

SNN_DECLARE(ProgramKernels, program_kernels)

namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// The cost of a step, relative to one of few instructions, such as a leaky neuron's.
int64_t cost(const Code& code) { return 1 + code.count / 8; }

constexpr int64_t kCacheLine = 16, kWord = 64;  // columns

// Blocks of whole groups of columns go to threads; the numbers of a column do not depend on its thread.
template <class F>
void over_columns(int64_t columns, int64_t steps, int64_t group, const F& f) {
  constexpr int64_t kAdditions = 16384;  // additions that are worth a thread
  const int64_t groups = (columns + group - 1) / group;
  const int64_t grain = 1 + kAdditions / (group * steps);
  torch::stable::parallel_for(0, groups, grain, [&](int64_t begin, int64_t end) {
    f(begin * group, end * group < columns ? end * group : columns);
  });
}

int64_t last_level_cache() {
#ifdef _SC_LEVEL3_CACHE_SIZE
  if (const int64_t bytes = sysconf(_SC_LEVEL3_CACHE_SIZE); bytes > 0) return bytes;
#endif
  return int64_t(32) << 20;
}

// In bytes; arrays are written past the caches if more than this passes between two uses of one.
std::atomic<int64_t> cache_size{last_level_cache()};

// Returns the old size.
int64_t set_cache_size(int64_t bytes) {
  STD_TORCH_CHECK(bytes >= 0, "snn_cpu: the size of the cache must be a number of bytes >= 0, got ", bytes);
  return cache_size.exchange(bytes);
}

// Input, spikes and their gradients pass through the cache between two uses of one of them.
template <class T>
bool streams(const Sequence<T>& sequence) {
  return 4 * sequence.steps * sequence.columns * static_cast<int64_t>(sizeof(T)) > cache_size;
}

Tensors program_forward(const Tensor& code, int64_t temporaries, const Tensor& numbers, const Tensor& x, Tensors states,
                        Tensors coefficients, bool trace, bool save, bool window) {
  return by_type(x, kPrograms, [&](auto type) {
    using T = decltype(type);
    Prepared<T> made(numbers, x, states, coefficients);
    Outputs<T> out(made, code, temporaries, trace, save, window);
    Sequence<T>& sequence = made.sequence;
    sequence.streams = streams(sequence);
    const auto& best = SNN_BEST(program_kernels<T>());
    over_columns(sequence.columns, sequence.steps * cost(sequence.step), window ? kWord : kCacheLine,
                 [&](int64_t begin, int64_t end) { best.forward(sequence, out.to, begin, end); });
    Tensors all{out.spikes};
    all.insert(all.end(), out.states.begin(), out.states.end());
    all.push_back(out.checkpoints);
    if (window) all.push_back(out.inside);
    return all;
  });
}

// An empty tensor stands for nothing: gradients that are zero and, in the result, gradients that are not needed. With
// `over`, the gradient of the input overwrites the gradient of the spikes. The schema does not say so: torch's handling
// of tensors that it negates when they are read fails for an operator that takes lists and writes to an argument.
Tensors program_backward(const Tensor& again, int64_t again_temporaries, const Tensor& last, int64_t last_temporaries,
                         const Tensor& back, int64_t back_temporaries, const Tensor& numbers, const Tensor& grad_spk,
                         Tensors grad_states, const Tensor& x, Tensors states, Tensors coefficients,
                         const Tensor& checkpoints, int64_t sums, bool trace, bool need_x, bool over) {
  return by_type(x, kPrograms, [&](auto type) {
    using T = decltype(type);
    const Codes codes{again, again_temporaries, last, last_temporaries, back, back_temporaries};
    Prepared<T> made(numbers, x, states, coefficients);
    Gradients<T> out(made, codes, grad_spk, grad_states, checkpoints, sums, trace, need_x, over, false);
    Sequence<T>& sequence = made.sequence;
    sequence.streams = streams(sequence);
    const auto& best = SNN_BEST(program_kernels<T>());
    over_columns(sequence.columns, sequence.steps * cost(out.to.step), kCacheLine,
                 [&](int64_t begin, int64_t end) { best.backward(sequence, out.to, begin, end); });
    Tensors all{over ? pooled_empty({0}, dtype_of<T>) : out.x};
    all.insert(all.end(), out.initial.begin(), out.initial.end());
    all.insert(all.end(), out.sums.begin(), out.sums.end());
    return all;
  });
}

}  // namespace
}  // namespace snn

STABLE_TORCH_LIBRARY_FRAGMENT(snn_cpu, m) {
  m.def(
      "program_forward(Tensor code, int temporaries, Tensor numbers, Tensor x, Tensor[] states, "
      "Tensor[] coefficients, bool trace, bool save, bool window=False) -> Tensor[]");
  m.def(
      "program_backward(Tensor again, int again_temporaries, Tensor last, int last_temporaries, Tensor back, "
      "int back_temporaries, Tensor numbers, Tensor grad_spk, Tensor[] grad_states, Tensor x, Tensor[] states, "
      "Tensor[] coefficients, Tensor checkpoints, int sums, bool trace, bool need_x, bool over) -> Tensor[]");
  m.def("set_cache_size(int bytes) -> int");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) {
  m.impl("program_forward", TORCH_BOX(&snn::program_forward));
  m.impl("program_backward", TORCH_BOX(&snn::program_backward));
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CompositeExplicitAutograd, m) {
  m.impl("set_cache_size", TORCH_BOX(&snn::set_cache_size));
}
