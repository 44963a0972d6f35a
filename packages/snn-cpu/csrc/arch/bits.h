// Packs into bits which values are nonzero, and tests whether all of these are one.
#pragma once

#include <stdint.h>
#include <string.h>

namespace snn {
namespace SNN_ARCH {
namespace {

template <class T>
struct Pattern;
template <>
struct Pattern<float> {
  typedef uint32_t type;
  static constexpr type one = 0x3f800000;
};
template <>
struct Pattern<double> {
  typedef uint64_t type;
  static constexpr type one = 0x3ff0000000000000;
};

// Recognizes 0, -0 and 1 by their bit patterns; flags are bytes, and a product gathers eight of them as bits.
template <class T>
inline bool pack_word(const T* x, int n, uint64_t* word) {
  typename Pattern<T>::type pattern, wrong = 0;
  uint8_t flags[64];
  for (int i = 0; i < n; ++i) {
    memcpy(&pattern, x + i, sizeof(T));
    flags[i] = pattern << 1 != 0;
    wrong |= pattern == Pattern<T>::one ? 0 : pattern << 1;
  }
  for (int i = n; i < 64; ++i) flags[i] = 0;
  uint64_t packed = 0;
  for (int byte = 0; byte < 8; ++byte) {
    uint64_t eight = 0;
    for (int i = 0; i < 8; ++i) eight |= static_cast<uint64_t>(flags[8 * byte + i]) << (8 * i);
    packed |= (eight * 0x0102040810204080ull >> 56) << (8 * byte);
  }
  *word = packed;
  return wrong == 0;
}

}  // namespace
}  // namespace SNN_ARCH
}  // namespace snn
