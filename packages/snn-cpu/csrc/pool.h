// Large buffers that are reused: fresh memory costs several times as much as the kernels themselves, in page faults.
#pragma once

#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <cstdint>
#include <vector>

namespace snn {

// An uninitialized contiguous CPU tensor; from one mebibyte up, its memory comes from the pool and returns to it.
torch::stable::Tensor pooled_empty(const std::vector<int64_t>& sizes, torch::headeronly::ScalarType dtype);

}  // namespace snn
