// A product with spikes as sums of the rows whose bit is set, and the bits themselves.
//
// Every sum adds the rows of one panel of the table in their order, then the sums of the panels in theirs. This rounds
// less often in a row than one by one, and the same for all instruction sets and all numbers of threads.
#include <stdint.h>
#include <string.h>

#include "bits.h"
#include "lanes.h"
#include "../instruction_set.h"
#include "../products.h"
#include "../scratch.h"

namespace snn {
namespace SNN_ARCH {
namespace {

constexpr int64_t kAhead = 2;  // rows that are fetched ahead of the one being computed
constexpr int64_t kWords = 4;  // of bits at a time: a panel of that part of the table stays in the second-level cache
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kRegisters = 16;  // for sums, out of 32
#else
constexpr int kRegisters = 8;
#endif

template <class T, int bytes>
struct Register {
  typedef T type __attribute__((vector_size(bytes), aligned(alignof(T)), may_alias));
};
template <class T>
struct Register<T, int(sizeof(T))> {
  typedef T type;
};

// For every byte the positions of its set bits, lowest first.
struct Positions {
  uint8_t at[256][8];
  uint8_t count[256];
};

constexpr Positions positions() {
  Positions p{};
  for (int byte = 0; byte < 256; ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      if (byte >> bit & 1) p.at[byte][p.count[byte]++] = static_cast<uint8_t>(bit);
    }
  }
  return p;
}

constexpr Positions kPositions = positions();

// Lists set bits without a branch on a bit, which no processor can predict. Writes up to 8 entries more than it
// returns.
inline int list(const uint64_t* words, int64_t count, uint16_t* found) {
  typedef uint8_t Bytes __attribute__((vector_size(8)));
  typedef uint16_t Shorts __attribute__((vector_size(16)));
  int n = 0;
  for (int64_t w = 0; w < count; ++w) {
    uint64_t word = words[w];
    for (int byte = 0; byte < 8; ++byte, word >>= 8) {
      Bytes at;
      memcpy(&at, kPositions.at[word & 255], 8);
      const Shorts index = __builtin_convertvector(at, Shorts) + static_cast<uint16_t>(64 * w + 8 * byte);
      memcpy(found + n, &index, 16);
      n += kPositions.count[word & 255];
    }
  }
  return n;
}

// The place of register i of N in a row of count columns. The last one ends with the row, so it may overlap the one
// before it.
template <int lanes, int N>
constexpr int64_t offset(int i, int64_t count) {
  return i < N - 1 ? i * lanes : count - lanes;
}

// Computes the count columns from c on, which N registers cover.
template <class T, int bytes, int N>
void sum_columns(const RowSums<T>& given, int64_t first, int64_t last, int64_t c, int64_t count) {
  using V = typename Register<T, bytes>::type;
  constexpr int lanes = bytes / int(sizeof(T));
  const int64_t columns = given.columns;
  Scratch scratch;
  V* panel = scratch.take<V>(64 * kWords * N);
  V sum[N];
  uint16_t found[64 * kWords + 8];
  for (int64_t word = 0; word < given.words; word += kWords) {
    const int64_t words = given.words - word < kWords ? given.words - word : kWords;
    const int64_t depth = given.depth - 64 * word < 64 * words ? given.depth - 64 * word : 64 * words;
    const T* table = given.table + 64 * word * columns + c;
    for (int i = 0; i < N; ++i) sum[i] = V{};
    for (int64_t k = 0; k < depth; ++k) {
      for (int i = 0; i < N; ++i) {
        const V value = *reinterpret_cast<const V*>(table + k * columns + offset<lanes, N>(i, count));
        panel[k * N + i] = value;
        sum[i] += value;
      }
    }
    if (given.all != nullptr && first == 0) {
      T part[lanes];
      for (int i = 0; i < N; ++i) {
        memcpy(part, &sum[i], bytes);
        double* all = given.all + c + offset<lanes, N>(i, count);
        const int repeated = i < N - 1 ? 0 : static_cast<int>(N * lanes - count);
        for (int lane = repeated; lane < lanes; ++lane) all[lane] = (word > 0 ? all[lane] : 0) + part[lane];
      }
    }
    for (int64_t row = first; row < last; ++row) {
      const int n = list(given.bits + row * given.words + word, words, found);
      T* out = given.sums + row * columns + c;
      // rows of sums are too short and too far apart for the processor to see which comes next
      if (row + kAhead < last) {
        for (int i = 0; i < N; ++i) __builtin_prefetch(out + kAhead * columns + offset<lanes, N>(i, count), 1);
        __builtin_prefetch(given.bits + (row + kAhead) * given.words + word);
      }
      for (int i = 0; i < N; ++i) sum[i] = V{};
      for (int k = 0; k < n; ++k) {
        for (int i = 0; i < N; ++i) sum[i] += panel[found[k] * N + i];
      }
      const T* before = word > 0 ? out : given.start == nullptr ? nullptr : given.start + c;
      for (int i = 0; i < N && before != nullptr; ++i) {
        sum[i] += *reinterpret_cast<const V*>(before + offset<lanes, N>(i, count));
      }
      for (int i = 0; i < N; ++i) *reinterpret_cast<V*>(out + offset<lanes, N>(i, count)) = sum[i];
    }
  }
}

// Uses as many registers as the columns take, at most N, and narrower ones if they do not fill one.
template <class T, int bytes, int N>
void sum_covered(const RowSums<T>& given, int64_t first, int64_t last, int64_t c, int64_t count) {
  constexpr int64_t lanes = bytes / int(sizeof(T));
  if (count < lanes) {
    // a vector of fewer than 16 bytes is not a register
    if constexpr (bytes > 16) {
      sum_covered<T, bytes / 2, 2>(given, first, last, c, count);
    } else if constexpr (lanes > 1) {
      sum_covered<T, int(sizeof(T)), lanes - 1>(given, first, last, c, count);
    }
  } else if (count > (N - 1) * lanes) {
    sum_columns<T, bytes, N>(given, first, last, c, count);
  } else if constexpr (N > 1) {
    sum_covered<T, bytes, N - 1>(given, first, last, c, count);
  }
}

template <class T>
void sum(const RowSums<T>& given, int64_t first, int64_t last, int64_t from, int64_t to) {
  constexpr int64_t width = kRegisters * kVectorBytes / int(sizeof(T));
  for (int64_t c = from; c < to; c += width) {
    const int64_t count = to - c < width ? to - c : width;
    sum_covered<T, kVectorBytes, kRegisters>(given, first, last, c, count);
  }
}

template <class T>
int64_t pack(const T* x, int64_t rows, int64_t features, uint64_t* bits) {
  int64_t ones = 0;
  for (int64_t row = 0; row < rows; ++row, x += features) {
    int64_t i = 0;
    bool binary = true;
    for (; i + 64 <= features; i += 64) binary &= pack_word(x + i, 64, bits + i / 64);
    if (i < features) binary &= pack_word(x + i, static_cast<int>(features - i), bits + i / 64);
    if (!binary) return -1;
    for (int64_t w = 0; w < (features + 63) / 64; ++w) ones += __builtin_popcountll(bits[w]);
    bits += (features + 63) / 64;
  }
  return ones;
}

}  // namespace

SNN_DEFINE(SpikeProducts, spike_products, pack<T>, sum<T>)

}  // namespace SNN_ARCH
}  // namespace snn
