// Tests whether numbers are finite, by their exponents: a compiler would not vectorize the loop for a sum of products
// with zero.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace snn {

// static, as every instruction set has its own
template <class T>
static bool all_finite(const T* values, int64_t count) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  constexpr Bits kInfinite = sizeof(T) == 4 ? Bits(0x7f800000) : Bits(0x7ff0000000000000);
  Bits found = 0;
  for (int64_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, values + i, sizeof(T));
    found |= (bits & kInfinite) == kInfinite;
  }
  return found == 0;
}

}  // namespace snn
