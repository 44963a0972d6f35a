// The operators of element-wise neurons: what torch hands over, checked and laid out for the kernels.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <unistd.h>

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "instruction_set.h"
#include "pool.h"
#include "tensors.h"

namespace snn {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr int64_t kGrain = 16384;  // additions that are worth a thread

int64_t last_level_cache() {
#ifdef _SC_LEVEL3_CACHE_SIZE
  if (const int64_t bytes = sysconf(_SC_LEVEL3_CACHE_SIZE); bytes > 0) return bytes;
#endif
  return int64_t(32) << 20;
}

std::atomic<int64_t> cache_size{last_level_cache()};

// Returns what it was.
int64_t set_cache_size(int64_t bytes) {
  STD_TORCH_CHECK(bytes >= 0, "snn_cpu: the size of the cache must be a number of bytes >= 0, got ", bytes);
  return cache_size.exchange(bytes);
}

template <class T>
Scan<T> scan_of(const Tensor& x, const Tensors& states, const Tensors& constants, int64_t model, int64_t reset,
                bool recurrent) {
  STD_TORCH_CHECK(model >= kLeaky && model <= kAlpha && reset >= kNone && reset <= kZeroAtOnce,
                  "snn_cpu: no model ", model, " with reset ", reset);
  Scan<T> scan{};
  STD_TORCH_CHECK(x.dim() == 2, "snn_cpu: x must be [steps, columns], has ", x.dim(), " axes");
  scan.steps = x.size(0), scan.columns = x.size(1);
  check_sequence(x, dtype_of<T>, scan.steps, scan.columns, "x");
  scan.model = static_cast<Model>(model), scan.reset = static_cast<Reset>(reset), scan.recurrent = recurrent;
  scan.states = kStatesOf[model] + recurrent, scan.constants = kConstantsOf[model] + 2 * recurrent;
  scan.x = read<T>(x), scan.x_stride = x.stride(0);
  // input, spikes and their gradients: what passes through between two uses of one of them
  scan.streams = 4 * scan.steps * scan.columns * static_cast<int64_t>(sizeof(T)) > cache_size;
  STD_TORCH_CHECK(static_cast<int>(states.size()) == scan.states && static_cast<int>(constants.size()) == scan.constants,
                  "snn_cpu: model ", model, " has ", scan.states, " states and ", scan.constants, " constants");
  for (int k = 0; k < scan.states; ++k) {
    check(states[k], dtype_of<T>, scan.columns, "a state");
    scan.initial[k] = read<T>(states[k]);
  }
  for (int c = 0; c < scan.constants; ++c) {
    const bool per_column = constants[c].dim() > 0;  // a scalar has no axis
    check(constants[c], dtype_of<T>, per_column ? scan.columns : 1, "a constant");
    scan.constant[c] = {read<T>(constants[c]), per_column};
  }
  return scan;
}

// Blocks of columns go to threads; a column's numbers do not depend on which.
template <class F>
void over_columns(int64_t columns, int64_t steps, const F& f) {
  constexpr int64_t kCacheLine = 16;
  const int64_t lines = (columns + kCacheLine - 1) / kCacheLine;
  const int64_t grain = 1 + kGrain / (kCacheLine * steps);
  torch::stable::parallel_for(0, lines, grain, [&](int64_t begin, int64_t end) {
    f(begin * kCacheLine, end * kCacheLine < columns ? end * kCacheLine : columns);
  });
}

template <class T>
Tensors forward(const Tensor& x, const Tensors& states, const Tensors& constants, int64_t model, int64_t reset,
                bool recurrent, bool trace, bool save) {
  const Scan<T> scan = scan_of<T>(x, states, constants, model, reset, recurrent);
  const auto dtype = dtype_of<T>;
  const int64_t segments = save ? (scan.steps - 1) / kSegment : 0;
  Tensors out{pooled_empty({scan.steps, scan.columns}, dtype)};
  ForwardOutputs<T> to{write<T>(out[0]), {}, trace, nullptr};
  for (int k = 0; k < scan.states; ++k) {
    out.push_back(pooled_empty({trace ? scan.steps : 1, scan.columns}, dtype));
    to.state[k] = write<T>(out.back());
  }
  out.push_back(pooled_empty({segments, scan.states, scan.columns}, dtype));
  if (segments) to.checkpoints = write<T>(out.back());
  const auto& best = SNN_BEST(kernels<T>());
  over_columns(scan.columns, scan.steps, [&](int64_t begin, int64_t end) { best.forward(scan, to, begin, end); });
  return out;
}

Tensors scan_forward(const Tensor& x, Tensors states, Tensors constants, int64_t model, int64_t reset, bool recurrent,
                     bool trace, bool save) {
  const auto f = x.scalar_type() == ScalarType::Double ? &forward<double> : &forward<float>;
  return f(x, states, constants, model, reset, recurrent, trace, save);
}

// Nothing is an empty tensor: gradients that are zero, and in the answer those that nobody asked for.
template <class T>
Tensors backward(const Tensor& grad_spk, const Tensors& grad_states, const Tensor& x, const Tensors& states,
                 const Tensors& constants, const Tensor& checkpoints, int64_t model, int64_t reset, bool recurrent,
                 int64_t derivative, double first, double second, bool trace, bool need_x, int64_t need_constants) {
  const Scan<T> scan = scan_of<T>(x, states, constants, model, reset, recurrent);
  const auto dtype = dtype_of<T>;
  STD_TORCH_CHECK(derivative >= kAtan && derivative <= kNoGradient, "snn_cpu: no surrogate ", derivative);
  check(checkpoints, dtype, (scan.steps - 1) / kSegment * scan.states * scan.columns, "checkpoints");
  BackwardInputs<T> from{};
  from.derivative = static_cast<Derivative>(derivative);
  from.params[0] = static_cast<T>(first), from.params[1] = static_cast<T>(second);
  from.checkpoints = read<T>(checkpoints);
  from.trace = trace;
  if (grad_spk.numel()) {
    check_sequence(grad_spk, dtype, scan.steps, scan.columns, "the gradient of the spikes");
    from.grad_spk = read<T>(grad_spk), from.grad_spk_stride = grad_spk.stride(0);
  }
  for (int k = 0; k < scan.states; ++k) {
    if (!grad_states[k].numel()) continue;
    check_sequence(grad_states[k], dtype, trace ? scan.steps : 1, scan.columns, "the gradient of a state");
    from.grad_state[k] = read<T>(grad_states[k]), from.grad_state_stride[k] = grad_states[k].stride(0);
  }
  Gradients<T> to{};
  Tensors out{pooled_empty({need_x ? scan.steps : 0, scan.columns}, dtype)};
  to.x = need_x ? write<T>(out[0]) : nullptr;
  for (int k = 0; k < scan.states; ++k) {
    out.push_back(pooled_empty({scan.columns}, dtype));
    to.initial[k] = write<T>(out.back());
  }
  for (int c = 0; c < scan.constants; ++c) {
    const bool needed = need_constants >> c & 1;
    Tensor sums = torch::stable::empty({needed ? scan.columns : 0}, ScalarType::Double, std::nullopt, x.device());
    if (needed) {
      torch::stable::zero_(sums);
      to.constant[c] = write<double>(sums);
    }
    out.push_back(sums);
  }
  const auto& best = SNN_BEST(kernels<T>());
  over_columns(scan.columns, scan.steps, [&](int64_t begin, int64_t end) { best.backward(scan, from, to, begin, end); });
  return out;
}

Tensors scan_backward(const Tensor& grad_spk, Tensors grad_states, const Tensor& x, Tensors states, Tensors constants,
                      const Tensor& checkpoints, int64_t model, int64_t reset, bool recurrent, int64_t derivative,
                      double first, double second, bool trace, bool need_x, int64_t need_constants) {
  const auto f = x.scalar_type() == ScalarType::Double ? &backward<double> : &backward<float>;
  return f(grad_spk, grad_states, x, states, constants, checkpoints, model, reset, recurrent, derivative, first, second,
           trace, need_x, need_constants);
}

// The sum of a step's columns over the axes along which a constant of `shape` was broadcast to `sizes`, in one order
// whatever the number of threads.
Tensor sum_to(const Tensor& columns, std::vector<int64_t> sizes, std::vector<int64_t> shape) {
  const size_t axes = sizes.size();
  std::vector<int64_t> stride(axes, 0), index(axes, 0);
  int64_t count = 1;
  for (size_t a = axes, s = shape.size(); a-- > 0 && s-- > 0;) {
    stride[a] = shape[s] == 1 ? 0 : count;
    count *= shape[s];
  }
  check(columns, ScalarType::Double, columns.numel(), "columns");
  Tensor out = torch::stable::empty(shape, ScalarType::Double, std::nullopt, columns.device());
  torch::stable::zero_(out);
  const double* from = read<double>(columns);
  double* to = write<double>(out);
  const int64_t inner = axes ? sizes[axes - 1] : 1, step = axes ? stride[axes - 1] : 0, total = columns.numel();
  for (int64_t at = 0, base = 0; at < total; at += inner) {
    for (int64_t i = 0; i < inner; ++i) to[base + i * step] += from[at + i];
    for (size_t a = axes ? axes - 1 : 0; a-- > 0;) {
      base += stride[a];
      if (++index[a] < sizes[a]) break;
      base -= stride[a] * sizes[a];
      index[a] = 0;
    }
  }
  return out;
}

std::string instruction_set() {
  switch (level()) {
    case 4: return "x86-64-v4";
    case 3: return "x86-64-v3";
    default: return "baseline";
  }
}

bool is_intel() {
#if defined(__x86_64__)
  return __builtin_cpu_is("intel");
#else
  return false;
#endif
}

}  // namespace
}  // namespace snn

STABLE_TORCH_LIBRARY(snn_cpu, m) {
  m.def(
      "scan_forward(Tensor x, Tensor[] states, Tensor[] constants, int model, int reset, bool recurrent, bool trace, "
      "bool save) -> Tensor[]");
  m.def(
      "scan_backward(Tensor grad_spk, Tensor[] grad_states, Tensor x, Tensor[] states, Tensor[] constants, "
      "Tensor checkpoints, int model, int reset, bool recurrent, int derivative, float first, float second, "
      "bool trace, bool need_x, int need_constants) -> Tensor[]");
  m.def("sum_to(Tensor columns, int[] sizes, int[] shape) -> Tensor");
  m.def("instruction_set() -> str");
  m.def("is_intel() -> bool");
  m.def("set_cache_size(int bytes) -> int");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) {
  m.impl("scan_forward", TORCH_BOX(&snn::scan_forward));
  m.impl("scan_backward", TORCH_BOX(&snn::scan_backward));
  m.impl("sum_to", TORCH_BOX(&snn::sum_to));
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CompositeExplicitAutograd, m) {
  m.impl("instruction_set", TORCH_BOX(&snn::instruction_set));
  m.impl("is_intel", TORCH_BOX(&snn::is_intel));
  m.impl("set_cache_size", TORCH_BOX(&snn::set_cache_size));
}
