// The arguments from torch for a sequence of a step program, checked and laid out for the machine.
#pragma once

#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <optional>
#include <vector>

#include "pool.h"
#include "program.h"
#include "tensors.h"

namespace snn {

constexpr char kPrograms[] = "step programs";
constexpr int64_t kTemporaries = 4096;  // at most

// The slots of a code, in order, and whether it may read or write each.
class Access {
 public:
  Access& add(int64_t count, bool read, bool write) {
    slots_.insert(slots_.end(), static_cast<size_t>(count), {read, write});
    return *this;
  }
  bool allows(int64_t slot, bool write) const {
    if (slot < 0 || slot >= static_cast<int64_t>(slots_.size())) return false;
    const Rights& rights = slots_[static_cast<size_t>(slot)];
    return write ? rights.write : rights.read;
  }

 private:
  struct Rights {
    bool read, write;
  };
  std::vector<Rights> slots_;
};

inline Code code_of(const torch::stable::Tensor& code, int64_t temporaries, Access access) {
  const bool laid_out = code.dim() == 2 && code.size(1) == 3 && code.is_contiguous();
  STD_TORCH_CHECK(code.scalar_type() == torch::headeronly::ScalarType::Long && laid_out,
                  "snn_cpu: code must be int64, contiguous and of shape [instructions, 3]");
  STD_TORCH_CHECK(temporaries >= 0 && temporaries <= kTemporaries, "snn_cpu: a code must use 0 to ", kTemporaries,
                  " temporary rows, got ", temporaries);
  access.add(temporaries, true, true);
  static_assert(sizeof(Instruction) == 3 * sizeof(int64_t));
  const auto* instructions = reinterpret_cast<const Instruction*>(read<int64_t>(code));
  for (int64_t i = 0; i < code.size(0); ++i) {
    const Instruction& at = instructions[i];
    STD_TORCH_CHECK(at.operation >= 0 && at.operation < kOperations, "snn_cpu: there is no operation ", at.operation);
    for (int o = 0; o < operands_of(at.operation); ++o) {
      STD_TORCH_CHECK(access.allows(at.operands[o], at.operation == kOpStore), "snn_cpu: instruction ", i,
                      " must not use slot ", at.operands[o]);
    }
  }
  return {instructions, code.size(0), temporaries};
}

// A sequence, and the memory to which it points.
template <class T>
struct Prepared {
  Sequence<T> sequence{};
  std::vector<const T*> initial;
  std::vector<Coefficient<T>> coefficients;
  std::vector<T> numbers;

  Prepared(const torch::stable::Tensor& numbers_, const torch::stable::Tensor& x, const Tensors& states,
           const Tensors& coefficients_) {
    STD_TORCH_CHECK(x.dim() == 2 && x.size(0) > 0, "snn_cpu: x must be [steps, columns] with at least one step");
    sequence.steps = x.size(0), sequence.columns = x.size(1);
    check_sequence(x, dtype_of<T>, sequence.steps, sequence.columns, "x");
    sequence.x = read<T>(x), sequence.x_stride = x.stride(0);
    for (const auto& state : states) {
      check(state, dtype_of<T>, sequence.columns, "a state");
      initial.push_back(read<T>(state));
    }
    for (const auto& from : coefficients_) {
      const bool per_column = from.dim() > 0;  // a scalar has no axis
      check(from, dtype_of<T>, per_column ? sequence.columns : 1, "a coefficient");
      coefficients.push_back({read<T>(from), per_column});
    }
    check(numbers_, torch::headeronly::ScalarType::Double, numbers_.numel(), "numbers");
    const double* number = read<double>(numbers_);
    for (int64_t i = 0; i < numbers_.numel(); ++i) numbers.push_back(static_cast<T>(number[i]));
    sequence.states = static_cast<int64_t>(initial.size()), sequence.initial = initial.data();
    sequence.coefficients = static_cast<int64_t>(coefficients.size()), sequence.coefficient = coefficients.data();
    sequence.numbers = static_cast<int64_t>(numbers.size()), sequence.number = numbers.data();
  }

  Access inputs() const {
    return Access().add(1 + sequence.states + sequence.coefficients + sequence.numbers, true, false);
  }
};

// The results of a forward pass: spikes, states, the states that are stored for the backward pass, if there is one, and
// the bits of the places at which that uses the gradient of the spikes, if asked for.
template <class T>
struct Outputs {
  torch::stable::Tensor spikes, checkpoints, inside;
  Tensors states;
  std::vector<T*> state;
  StepOutputs<T> to{};

  // Also sets the code of the sequence's step.
  Outputs(Prepared<T>& made, const torch::stable::Tensor& code, int64_t temporaries, bool trace, bool save,
          bool window = false)
      : spikes(pooled_empty({made.sequence.steps, made.sequence.columns}, dtype_of<T>)),
        checkpoints(pooled_empty({save ? (made.sequence.steps - 1) / kSegmentSteps : 0, made.sequence.states,
                                  made.sequence.columns}, dtype_of<T>)),
        inside(pooled_empty({window ? made.sequence.steps : 0, (made.sequence.columns + 63) / 64},
                            torch::headeronly::ScalarType::Long)) {
    Sequence<T>& sequence = made.sequence;
    sequence.step =
        code_of(code, temporaries, made.inputs().add(sequence.states, true, true).add(window ? 2 : 1, false, true));
    for (int64_t k = 0; k < sequence.states; ++k) {
      states.push_back(pooled_empty({trace ? sequence.steps : 1, sequence.columns}, dtype_of<T>));
      state.push_back(write<T>(states.back()));
    }
    to = {write<T>(spikes), state.data(), trace, checkpoints.numel() ? write<T>(checkpoints) : nullptr,
          window ? reinterpret_cast<uint64_t*>(write<int64_t>(inside)) : nullptr, inside.size(1)};
  }
};

template <class T>
Upstream<T> upstream_of(const torch::stable::Tensor& grad, int64_t steps, int64_t columns, const char* what) {
  if (grad.numel() == 0) return {nullptr, 0};
  check_sequence(grad, dtype_of<T>, steps, columns, what);
  return {read<T>(grad), grad.stride(0)};
}

// The code of a backward pass: for a step's states alone, for the last step backward, and for the steps before it.
struct Codes {
  const torch::stable::Tensor& again;
  int64_t again_temporaries;
  const torch::stable::Tensor& last;
  int64_t last_temporaries;
  const torch::stable::Tensor& back;
  int64_t back_temporaries;
};

// The input of a backward pass besides the sequence, and its results. An empty tensor stands for no gradient.
template <class T>
struct Gradients {
  torch::stable::Tensor x;
  Tensors initial, sums;
  std::vector<Upstream<T>> upstream;
  std::vector<T*> initial_of;
  std::vector<double*> sum;
  StepGradients<T> to{};

  // Also sets the code of the sequence's step to that of the recomputed step. If spikes return, they have a gradient
  // besides the argument, and so has the input. With `over`, the gradient of the input overwrites the gradient of the
  // spikes.
  Gradients(Prepared<T>& made, const Codes& codes, const torch::stable::Tensor& grad_spk, const Tensors& grad_states,
            const torch::stable::Tensor& checkpoints, int64_t count, bool trace, bool need_x, bool over, bool returns)
      : x(over ? grad_spk : pooled_empty({need_x ? made.sequence.steps : 0, made.sequence.columns}, dtype_of<T>)) {
    Sequence<T>& sequence = made.sequence;
    const int64_t steps = sequence.steps, columns = sequence.columns, states = sequence.states;
    STD_TORCH_CHECK(need_x || !over, "snn_cpu: no gradient of x to overwrite the gradient of the spikes");
    if (over) check(x, dtype_of<T>, steps * columns, "the gradient of the spikes");
    STD_TORCH_CHECK(static_cast<int64_t>(grad_states.size()) == states && count >= 0 && count <= kTemporaries,
                    "snn_cpu: expected a gradient for each of ", states, " states and 0 to ", kTemporaries,
                    " sums, got ", grad_states.size(), " and ", count);
    check(checkpoints, dtype_of<T>, (steps - 1) / kSegmentSteps * states * columns, "checkpoints");
    sequence.step = code_of(codes.again, codes.again_temporaries,
                            made.inputs().add(states, true, true).add(1, false, false));
    to.checkpoints = read<T>(checkpoints);
    to.trace = trace, to.sums = count;
    to.spk = upstream_of<T>(grad_spk, steps, columns, "the gradient of the spikes");
    Access access = made.inputs().add(states, true, false).add(1, returns || to.spk.values, false);
    for (const auto& grad : grad_states) {
      upstream.push_back(upstream_of<T>(grad, trace ? steps : 1, columns, "the gradient of a state"));
      access.add(1, trace && upstream.back().values, false);
    }
    access.add(states + count, true, false).add(1, false, returns || need_x).add(states + count, true, true);
    to.last = code_of(codes.last, codes.last_temporaries, access);
    to.step = code_of(codes.back, codes.back_temporaries, access);
    for (int64_t k = 0; k < states; ++k) {
      initial.push_back(pooled_empty({columns}, dtype_of<T>));
      initial_of.push_back(write<T>(initial.back()));
    }
    for (int64_t j = 0; j < count; ++j) {
      sums.push_back(zeros(columns));
      sum.push_back(write<double>(sums.back()));
    }
    to.x = need_x ? write<T>(x) : nullptr;
    to.over = over;
    to.state = upstream.data(), to.initial = initial_of.data(), to.sum = sum.data();
  }

  static torch::stable::Tensor zeros(int64_t count) {
    auto made = torch::stable::empty({count}, torch::headeronly::ScalarType::Double);
    return torch::stable::zero_(made);
  }
};

}  // namespace snn
