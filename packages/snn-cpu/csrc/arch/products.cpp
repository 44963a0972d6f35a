// A product with spikes as sums of the rows whose bit is set, and the bits themselves.
//
// Every sum adds the rows of one panel of the table, one by one or in groups of four, then the sums of the panels. This
// rounds less often in a row than one by one throughout, and the same for all instruction sets and numbers of threads.
#include <stdint.h>
#include <string.h>

#include "bits.h"
#include "lanes.h"
#include "../finite.h"
#include "../instruction_set.h"
#include "../products.h"
#include "../scratch.h"

namespace snn {
namespace SNN_ARCH {
namespace {

constexpr int64_t kAhead = 2;  // rows that are fetched ahead of the one being computed
constexpr int64_t kWords = 4;  // of bits at a time: a panel of that part of the table stays in the second-level cache
constexpr int64_t kFew = 16;   // columns of a table whose rows are added in groups, for any type and instruction set
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

// One panel of the table in the columns from c on, which N registers cover. In functions that are not inlined, sums would
// not stay in registers.
template <class T, int bytes, int N>
struct Panel {
  using V = typename Register<T, bytes>::type;
  static constexpr int lanes = bytes / int(sizeof(T));

  Panel(const RowSums<T>& given, int64_t c, int64_t count, int64_t word)
      : given(given),
        c(c),
        count(count),
        word(word),
        words(given.words - word < kWords ? given.words - word : kWords),
        depth(given.depth - 64 * word < 64 * words ? given.depth - 64 * word : 64 * words) {}

  [[gnu::always_inline]] V load(int64_t k, int i) const {
    return *reinterpret_cast<const V*>(given.table + (64 * word + k) * given.columns + c + offset<lanes, N>(i, count));
  }

  // Adds the sum of the panel's rows to that of all rows.
  [[gnu::always_inline]] void add_to_all(const V (&sum)[N]) const {
    T part[lanes];
    for (int i = 0; i < N; ++i) {
      memcpy(part, &sum[i], bytes);
      double* all = given.all + c + offset<lanes, N>(i, count);
      const int repeated = i < N - 1 ? 0 : static_cast<int>(N * lanes - count);
      for (int lane = repeated; lane < lanes; ++lane) all[lane] = (word > 0 ? all[lane] : 0) + part[lane];
    }
  }

  // Adds a row's sum over the panel to that over the panels before it.
  [[gnu::always_inline]] void add_to_row(int64_t row, V (&sum)[N]) const {
    T* out = given.sums + row * given.columns + c;
    const T* before = word > 0 ? out : given.start == nullptr ? nullptr : given.start + c;
    for (int i = 0; i < N && before != nullptr; ++i) {
      sum[i] += *reinterpret_cast<const V*>(before + offset<lanes, N>(i, count));
    }
    for (int i = 0; i < N; ++i) *reinterpret_cast<V*>(out + offset<lanes, N>(i, count)) = sum[i];
  }

  const RowSums<T>& given;
  const int64_t c, count, word, words, depth;
};

// Computes the count columns from c on, which N registers cover.
template <class T, int bytes, int N>
void sum_columns(const RowSums<T>& given, int64_t first, int64_t last, int64_t c, int64_t count) {
  using V = typename Panel<T, bytes, N>::V;
  Scratch scratch;
  V* rows = scratch.take<V>(64 * kWords * N);
  V sum[N];
  uint16_t found[64 * kWords + 8];
  for (int64_t word = 0; word < given.words; word += kWords) {
    const Panel<T, bytes, N> panel(given, c, count, word);
    for (int i = 0; i < N; ++i) sum[i] = V{};
    for (int64_t k = 0; k < panel.depth; ++k) {
      for (int i = 0; i < N; ++i) sum[i] += rows[k * N + i] = panel.load(k, i);
    }
    if (given.all != nullptr && first == 0) panel.add_to_all(sum);
    for (int64_t row = first; row < last; ++row) {
      const int n = list(given.bits + row * given.words + word, panel.words, found);
      // rows of sums are too short and too far apart for the processor to see which comes next
      if (row + kAhead < last) {
        const T* next = given.sums + (row + kAhead) * given.columns + c;
        for (int i = 0; i < N; ++i) __builtin_prefetch(next + offset<panel.lanes, N>(i, count), 1);
        __builtin_prefetch(given.bits + (row + kAhead) * given.words + word);
      }
      for (int i = 0; i < N; ++i) sum[i] = V{};
      for (int k = 0; k < n; ++k) {
        for (int i = 0; i < N; ++i) sum[i] += rows[found[k] * N + i];
      }
      panel.add_to_row(row, sum);
    }
  }
}

// The same for few columns: adds the sums of four rows at a time, of which there is one for each value of their four
// bits. This takes the same time for any bits, and less than listing them.
template <class T, int bytes, int N>
void sum_groups(const RowSums<T>& given, int64_t first, int64_t last, int64_t c, int64_t count) {
  using V = typename Panel<T, bytes, N>::V;
  constexpr int kChains = 4;  // of additions, which need not wait for each other
  constexpr int kGroup = 17;  // sums of one group, for each value of its bits, and one so that sets of the cache differ
  Scratch scratch;
  V* groups = scratch.take<V>(16 * kWords * kGroup * N);
  V sum[kChains][N];
  for (int64_t word = 0; word < given.words; word += kWords) {
    const Panel<T, bytes, N> panel(given, c, count, word);
    for (int i = 0; i < N; ++i) sum[0][i] = V{};
    for (int64_t k = 0; k < 64 * panel.words; ++k) {
      V* group = groups + k / 4 * kGroup * N;
      const int64_t bit = 1 << k % 4;
      for (int i = 0; i < N; ++i) {
        const V value = k < panel.depth ? panel.load(k, i) : V{};
        if (bit == 1) group[i] = V{};
        for (int64_t others = 0; others < bit; ++others) {
          group[(bit + others) * N + i] = others > 0 ? group[others * N + i] + value : value;
        }
        sum[0][i] += value;
      }
    }
    if (given.all != nullptr && first == 0) panel.add_to_all(sum[0]);
    for (int64_t row = first; row < last; ++row) {
      const uint64_t* bits = given.bits + row * given.words + word;
      for (int chain = 0; chain < kChains; ++chain) {
        for (int i = 0; i < N; ++i) sum[chain][i] = V{};
      }
      const V* group = groups;
      for (int64_t w = 0; w < panel.words; ++w) {
        uint64_t left = bits[w];
#pragma GCC unroll 1  // more of them would not leave enough registers
        for (int at = 0; at < 16; at += kChains) {
          for (int chain = 0; chain < kChains; ++chain, left >>= 4, group += kGroup * N) {
            for (int i = 0; i < N; ++i) sum[chain][i] += group[(left & 15) * N + i];
          }
        }
      }
      for (int i = 0; i < N; ++i) sum[0][i] = (sum[0][i] + sum[1][i]) + (sum[2][i] + sum[3][i]);
      panel.add_to_row(row, sum[0]);
    }
  }
}

// Uses as many registers as the columns take, at most N, and narrower ones if they do not fill one.
template <class T, int bytes, int N, bool grouped>
void sum_covered(const RowSums<T>& given, int64_t first, int64_t last, int64_t c, int64_t count) {
  constexpr int64_t lanes = bytes / int(sizeof(T));
  if (count < lanes) {
    // a vector of fewer than 16 bytes is not a register
    if constexpr (bytes > 16) {
      sum_covered<T, bytes / 2, 2, grouped>(given, first, last, c, count);
    } else if constexpr (lanes > 1) {
      sum_covered<T, int(sizeof(T)), lanes - 1, grouped>(given, first, last, c, count);
    }
  } else if (count > (N - 1) * lanes) {
    if constexpr (grouped) sum_groups<T, bytes, N>(given, first, last, c, count);
    else sum_columns<T, bytes, N>(given, first, last, c, count);
  } else if constexpr (N > 1) {
    sum_covered<T, bytes, N - 1, grouped>(given, first, last, c, count);
  }
}

template <class T, int registers, bool grouped>
void sum_blocks(const RowSums<T>& given, int64_t first, int64_t last, int64_t from, int64_t to) {
  constexpr int64_t width = registers * kVectorBytes / int(sizeof(T));
  for (int64_t c = from; c < to; c += width) {
    const int64_t count = to - c < width ? to - c : width;
    sum_covered<T, kVectorBytes, registers, grouped>(given, first, last, c, count);
  }
}

template <class T>
void sum(const RowSums<T>& given, int64_t first, int64_t last, int64_t from, int64_t to) {
  if (given.columns <= kFew) sum_blocks<T, 2, true>(given, first, last, from, to);
  else sum_blocks<T, kRegisters, false>(given, first, last, from, to);
}

template <class T>
int64_t pack(const T* x, int64_t rows, int64_t features, uint64_t* bits, bool* binary) {
  int64_t active = 0;
  bool ones = true;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < features; i += 64, ++bits) {
      // a loop with a known number of iterations is unrolled
      const T* from = x + row * features + i;
      ones &= features - i < 64 ? pack_word(from, static_cast<int>(features - i), bits) : pack_word(from, 64, bits);
      active += __builtin_popcountll(*bits);
    }
  }
  *binary = ones;
  return ones || all_finite(x, rows * features) ? active : -1;
}

}  // namespace

SNN_DEFINE(SpikeProducts, spike_products, pack<T>, sum<T>)

}  // namespace SNN_ARCH
}  // namespace snn
