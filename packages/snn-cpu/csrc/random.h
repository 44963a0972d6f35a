// Torch's random numbers on the CPU, which a Mersenne Twister draws.
#pragma once

#include <stdint.h>

namespace snn {

constexpr int64_t kWords = 624;

// The generator of Matsumoto and Nishimura (1998), MT19937: `left` words are drawn until the words are renewed, of which
// one less is left in `words`, from `next` on.
struct Twister {
  uint32_t words[kWords];
  int64_t left, next;
};

// One instruction set's kernels.
template <class T>
struct Draws {
  // Writes one where a number of 53 random bits, two words each, is below a bound, and zero elsewhere.
  void (*bernoulli)(Twister& twister, uint64_t below, T* out, int64_t count);
};

}  // namespace snn
