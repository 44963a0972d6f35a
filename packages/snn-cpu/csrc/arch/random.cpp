// Random numbers: words renewed and tempered many at a time.
#include "../random.h"

#include <algorithm>

#include "../instruction_set.h"

namespace snn {
namespace SNN_ARCH {
namespace {

constexpr int64_t kFar = 397;  // how far the words lie apart of which a new one is made

inline uint32_t twisted(uint32_t word, uint32_t next, uint32_t far) {
  const uint32_t mixed = (word & 0x80000000u) | (next & 0x7fffffffu);
  return far ^ (mixed >> 1) ^ (-(next & 1u) & 0x9908b0dfu);
}

void renew(Twister& twister) {
  uint32_t* words = twister.words;
  for (int64_t i = 0; i < kWords - kFar; ++i) words[i] = twisted(words[i], words[i + 1], words[i + kFar]);
  for (int64_t i = kWords - kFar; i < kWords - 1; ++i) {
    words[i] = twisted(words[i], words[i + 1], words[i + kFar - kWords]);
  }
  words[kWords - 1] = twisted(words[kWords - 1], words[0], words[kFar - 1]);
  twister.left = kWords + 1, twister.next = 0;
}

// Draws words, many at a time.
void draw(Twister& twister, uint32_t* out, int64_t count) {
  while (count > 0) {
    if (twister.left == 1) renew(twister);
    const int64_t some = std::min(count, twister.left - 1);
    const uint32_t* from = twister.words + twister.next;
    for (int64_t i = 0; i < some; ++i) {
      uint32_t word = from[i];
      word ^= word >> 11;
      word ^= (word << 7) & 0x9d2c5680u;
      word ^= (word << 15) & 0xefc60000u;
      out[i] = word ^ (word >> 18);
    }
    twister.left -= some, twister.next += some;
    out += some, count -= some;
  }
}

template <class T>
void bernoulli(Twister& twister, uint64_t below, T* out, int64_t count) {
  constexpr int64_t kMany = 512;
  constexpr uint64_t kBits = (uint64_t(1) << 53) - 1;
  uint32_t words[2 * kMany];
  for (int64_t first = 0; first < count; first += kMany) {
    const int64_t some = std::min(kMany, count - first);
    draw(twister, words, 2 * some);
    for (int64_t i = 0; i < some; ++i) {
      const uint64_t bits = ((uint64_t(words[2 * i]) << 32) | words[2 * i + 1]) & kBits;
      out[first + i] = bits < below ? T(1) : T(0);
    }
  }
}

}  // namespace

SNN_DEFINE(Draws, draws, bernoulli<T>)

}  // namespace SNN_ARCH
}  // namespace snn
