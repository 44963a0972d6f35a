// The operators of step programs.
#include <torch/csrc/stable/library.h>

#include "instruction_set.h"
#include "sequence.h"

#define SNN_KERNELS "arch/program.h"
#include "each_instruction_set.h"

namespace snn {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// What a step of so many instructions costs, as times what one of a few does, such as a leaky neuron's.
int64_t cost(const Code& code) { return 1 + code.count / 8; }

// Input, spikes and their gradients pass through between two uses of one of them.
template <class T>
bool streams(const Sequence<T>& sequence) {
  return 4 * sequence.steps * sequence.columns * static_cast<int64_t>(sizeof(T)) > cache_size;
}

template <class T>
Tensors forward(const Tensor& code, int64_t temporaries, const Tensor& numbers, const Tensor& x, const Tensors& states,
                const Tensors& coefficients, bool trace, bool save) {
  Prepared<T> made(numbers, x, states, coefficients);
  Outputs<T> out(made, code, temporaries, trace, save);
  Sequence<T>& sequence = made.sequence;
  sequence.streams = streams(sequence);
  const auto& best = SNN_BEST(program_kernels<T>());
  over_columns(sequence.columns, sequence.steps * cost(sequence.step),
               [&](int64_t begin, int64_t end) { best.forward(sequence, out.to, begin, end); });
  Tensors all{out.spikes};
  all.insert(all.end(), out.states.begin(), out.states.end());
  all.push_back(out.checkpoints);
  return all;
}

Tensors program_forward(const Tensor& code, int64_t temporaries, const Tensor& numbers, const Tensor& x, Tensors states,
                        Tensors coefficients, bool trace, bool save) {
  const auto f = x.scalar_type() == ScalarType::Double ? &forward<double> : &forward<float>;
  return f(code, temporaries, numbers, x, states, coefficients, trace, save);
}

// Nothing is an empty tensor: gradients that are zero, and in the answer those that nobody asked for. With `over` the
// gradient of the input is written over that of the spikes. The schema does not say so: what torch does for tensors that
// it negates when they are read fails for an operator that takes lists and writes to an argument.
template <class T>
Tensors backward(const Codes& codes, const Tensor& numbers, const Tensor& grad_spk, const Tensors& grad_states,
                 const Tensor& x, const Tensors& states, const Tensors& coefficients, const Tensor& checkpoints,
                 int64_t sums, bool trace, bool need_x, bool over) {
  Prepared<T> made(numbers, x, states, coefficients);
  Gradients<T> out(made, codes, grad_spk, grad_states, checkpoints, sums, trace, need_x, over, false);
  Sequence<T>& sequence = made.sequence;
  sequence.streams = streams(sequence);
  const auto& best = SNN_BEST(program_kernels<T>());
  over_columns(sequence.columns, sequence.steps * cost(out.to.step),
               [&](int64_t begin, int64_t end) { best.backward(sequence, out.to, begin, end); });
  Tensors all{over ? pooled_empty({0}, dtype_of<T>) : out.x};
  all.insert(all.end(), out.initial.begin(), out.initial.end());
  all.insert(all.end(), out.sums.begin(), out.sums.end());
  return all;
}

Tensors program_backward(const Tensor& again, int64_t again_temporaries, const Tensor& last, int64_t last_temporaries,
                         const Tensor& back, int64_t back_temporaries, const Tensor& numbers, const Tensor& grad_spk,
                         Tensors grad_states, const Tensor& x, Tensors states, Tensors coefficients,
                         const Tensor& checkpoints, int64_t sums, bool trace, bool need_x, bool over) {
  const auto f = x.scalar_type() == ScalarType::Double ? &backward<double> : &backward<float>;
  return f({again, again_temporaries, last, last_temporaries, back, back_temporaries}, numbers, grad_spk, grad_states,
           x, states, coefficients, checkpoints, sums, trace, need_x, over);
}

}  // namespace
}  // namespace snn

STABLE_TORCH_LIBRARY_FRAGMENT(snn_cpu, m) {
  m.def(
      "program_forward(Tensor code, int temporaries, Tensor numbers, Tensor x, Tensor[] states, "
      "Tensor[] coefficients, bool trace, bool save) -> Tensor[]");
  m.def(
      "program_backward(Tensor again, int again_temporaries, Tensor last, int last_temporaries, Tensor back, "
      "int back_temporaries, Tensor numbers, Tensor grad_spk, Tensor[] grad_states, Tensor x, Tensor[] states, "
      "Tensor[] coefficients, Tensor checkpoints, int sums, bool trace, bool need_x, bool over) -> Tensor[]");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) {
  m.impl("program_forward", TORCH_BOX(&snn::program_forward));
  m.impl("program_backward", TORCH_BOX(&snn::program_backward));
}
