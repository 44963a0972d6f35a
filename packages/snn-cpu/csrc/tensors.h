// The checks that all operators make on a tensor from torch.
#pragma once

#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <cstdint>
#include <vector>

namespace snn {

using Tensors = std::vector<torch::stable::Tensor>;

template <class T>
constexpr torch::headeronly::ScalarType dtype_of =
    sizeof(T) == 8 ? torch::headeronly::ScalarType::Double : torch::headeronly::ScalarType::Float;

// Calls `body` with a number of the floating-point type of a tensor.
template <class Body>
auto by_type(const torch::stable::Tensor& tensor, const char* what, Body body) {
  using torch::headeronly::ScalarType;
  const auto dtype = tensor.scalar_type();
  STD_TORCH_CHECK(dtype == ScalarType::Float || dtype == ScalarType::Double, "snn_cpu: ", what,
                  " are for float32 and float64");
  return dtype == ScalarType::Float ? body(float{}) : body(double{});
}

template <class T>
const T* read(const torch::stable::Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

template <class T>
T* write(torch::stable::Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

inline void check(const torch::stable::Tensor& tensor, torch::headeronly::ScalarType dtype, int64_t numel,
                  const char* what) {
  STD_TORCH_CHECK(tensor.scalar_type() == dtype && tensor.numel() == numel && tensor.is_contiguous(), "snn_cpu: ", what,
                  " must be contiguous, of the dtype of x, and have ", numel, " elements; it has ", tensor.numel());
}

inline void check_axes(const torch::stable::Tensor& tensor, int64_t dim, const char* what) {
  STD_TORCH_CHECK(tensor.dim() == dim && tensor.is_contiguous(), "snn_cpu: ", what, " must be contiguous with ", dim,
                  " axes; it has ", tensor.dim());
}

// A sequence is [steps, columns]; each step is dense, and the steps may lie anywhere, even all in the same place.
inline void check_sequence(const torch::stable::Tensor& tensor, torch::headeronly::ScalarType dtype, int64_t steps,
                           int64_t columns, const char* what) {
  STD_TORCH_CHECK(tensor.scalar_type() == dtype && tensor.dim() == 2 && tensor.size(0) == steps &&
                      tensor.size(1) == columns && (columns <= 1 || tensor.stride(1) == 1),
                  "snn_cpu: ", what, " must be [", steps, ", ", columns, "], of the dtype of x, and dense in its steps");
}

}  // namespace snn
