// Channels that lie side by side: a vector of them at a time.
#pragma once

#include <stdint.h>

#include <type_traits>

namespace snn {
namespace SNN_ARCH {

// N numbers side by side, written out as vectors: a compiler does not find them in a loop over channels.
template <class T, int N>
struct Beside {
  typedef T type __attribute__((vector_size(N * sizeof(T)), aligned(alignof(T)), may_alias));
};
template <class T>
struct Beside<T, 1> {
  typedef T type;
};

// Returns nothing, as the place of a return value would depend on the instruction set. A template forgets how its
// arguments may be aligned, so they are variables, never memory of others.
template <class From, class To>
inline void convert(const From& from, To& to) {
  if constexpr (std::is_arithmetic_v<From>) {
    to = static_cast<To>(from);
  } else {
    to = __builtin_convertvector(from, To);
  }
}

// Calls f with each stretch of channels, as long as a vector while enough are left.
template <class F>
inline void over_channels(int64_t channels, const F& f) {
  int64_t c = 0;
  for (; c + 16 <= channels; c += 16) f(std::integral_constant<int, 16>(), c);
  if (c + 8 <= channels) f(std::integral_constant<int, 8>(), c), c += 8;
  if (c + 4 <= channels) f(std::integral_constant<int, 4>(), c), c += 4;
  for (; c < channels; ++c) f(std::integral_constant<int, 1>(), c);
}

}  // namespace SNN_ARCH
}  // namespace snn
