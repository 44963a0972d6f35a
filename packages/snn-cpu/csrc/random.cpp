// Random numbers that are those of torch's generator, given its state as bytes.
#include "random.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include <cmath>
#include <cstring>

#include "instruction_set.h"
#include "tensors.h"

namespace snn {

SNN_DECLARE(Draws, draws)

namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// What `torch.get_rng_state` returns begins with these; the rest concerns normal numbers.
struct State {
  uint64_t seed;
  int32_t left, seeded;
  uint64_t next, words[kWords];
};

// Draws from the generator with this state, which becomes its state afterward: out = 1 with probability p, otherwise 0.
void bernoulli_(Tensor state, Tensor out, double p) {
  STD_TORCH_CHECK(state.scalar_type() == ScalarType::Byte && state.is_contiguous() &&
                      state.numel() >= static_cast<int64_t>(sizeof(State)),
                  "snn_cpu: state must be that of a generator of torch, got ", state.numel(), " bytes");
  STD_TORCH_CHECK(out.is_contiguous(), "snn_cpu: out must be contiguous");
  STD_TORCH_CHECK(p >= 0 && p <= 1, "snn_cpu: p must be a probability, got ", p);
  char* bytes = static_cast<char*>(state.mutable_data_ptr());
  State given;
  std::memcpy(&given, bytes, sizeof(State));
  STD_TORCH_CHECK(given.seeded == 1 && given.left >= 1 && given.left <= kWords && given.next <= kWords,
                  "snn_cpu: state is not that of a generator of torch");
  Twister twister;
  for (int64_t i = 0; i < kWords; ++i) twister.words[i] = static_cast<uint32_t>(given.words[i]);
  twister.left = given.left, twister.next = static_cast<int64_t>(given.next);
  const auto below = static_cast<uint64_t>(std::ceil(std::ldexp(p, 53)));
  by_type(out, "random numbers", [&](auto type) {
    using T = decltype(type);
    SNN_BEST(draws<T>()).bernoulli(twister, below, write<T>(out), out.numel());
    return 0;
  });
  for (int64_t i = 0; i < kWords; ++i) given.words[i] = twister.words[i];
  given.left = static_cast<int32_t>(twister.left), given.next = static_cast<uint64_t>(twister.next);
  std::memcpy(bytes, &given, sizeof(State));
}

}  // namespace
}  // namespace snn

STABLE_TORCH_LIBRARY_FRAGMENT(snn_cpu, m) {
  m.def("bernoulli_(Tensor(a!) state, Tensor(b!) out, float p) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) { m.impl("bernoulli_", TORCH_BOX(&snn::bernoulli_)); }
