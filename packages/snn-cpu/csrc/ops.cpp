// The operators that all kernels share: sums over broadcast axes, and properties of the processor.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <optional>
#include <string>
#include <vector>

#include "instruction_set.h"
#include "tensors.h"

namespace snn {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

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
  m.def("sum_to(Tensor columns, int[] sizes, int[] shape) -> Tensor");
  m.def("instruction_set() -> str");
  m.def("is_intel() -> bool");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) {
  m.impl("sum_to", TORCH_BOX(&snn::sum_to));
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CompositeExplicitAutograd, m) {
  m.impl("instruction_set", TORCH_BOX(&snn::instruction_set));
  m.impl("is_intel", TORCH_BOX(&snn::is_intel));
}
