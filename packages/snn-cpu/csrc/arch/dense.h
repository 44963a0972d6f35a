// Products of a few rows with a table that stays in cache.
//
// Every sum adds its terms in the order of the table's rows, no matter which rows it is computed with. As 0 or 1 times
// an entry is exact, spikes give the same sums as values and as bits, on every instruction set.
#pragma once

#include "lanes.h"

namespace snn {
namespace SNN_ARCH {

constexpr int kTileRows = kVectorBytes == 64 ? 8 : 4;  // of two registers each, out of 32, or 16
constexpr int kSumRegisters = 2 * kTileRows;

// sum + a * b, rounded once where the processor can; the compiler is told not to fuse by itself
template <class T>
inline Unaligned<T> add_products(Unaligned<T> sum, Unaligned<T> a, Unaligned<T> b) {
  return sum + a * b;
}

#if defined(__AVX512F__)
template <>
inline Unaligned<float> add_products<float>(Unaligned<float> sum, Unaligned<float> a, Unaligned<float> b) {
  return _mm512_fmadd_ps(a, b, sum);
}
template <>
inline Unaligned<double> add_products<double>(Unaligned<double> sum, Unaligned<double> a, Unaligned<double> b) {
  return _mm512_fmadd_pd(a, b, sum);
}
#elif defined(__FMA__)
template <>
inline Unaligned<float> add_products<float>(Unaligned<float> sum, Unaligned<float> a, Unaligned<float> b) {
  return _mm256_fmadd_ps(a, b, sum);
}
template <>
inline Unaligned<double> add_products<double>(Unaligned<double> sum, Unaligned<double> a, Unaligned<double> b) {
  return _mm256_fmadd_pd(a, b, sum);
}
#endif

// The same with one number for all lanes.
template <class T>
inline Unaligned<T> add_product(Unaligned<T> sum, T a, Unaligned<T> table) {
  return add_products<T>(sum, everywhere(a), table);
}

// A table whose rows are added up.
template <class T>
struct Table {
  const T* rows;  // [depth, stride], the columns padded to two registers of the widest kind
  int64_t depth, stride, columns;
  const T* start;  // [stride] or null for zero: the start of every sum
};

template <class T, int R>
inline void dense_tile(const Table<T>& table, const T* values, int64_t c, T* sums) {
  using V = Unaligned<T>;
  constexpr int64_t lanes = kLanes<T>;
  V low[R], high[R];
  for (int r = 0; r < R; ++r) {
    low[r] = table.start ? *reinterpret_cast<const V*>(table.start + c) : V{};
    high[r] = table.start ? *reinterpret_cast<const V*>(table.start + c + lanes) : V{};
  }
  const T* entry = table.rows + c;
  for (int64_t k = 0; k < table.depth; ++k, entry += table.stride) {
    const V left = *reinterpret_cast<const V*>(entry), right = *reinterpret_cast<const V*>(entry + lanes);
    for (int r = 0; r < R; ++r) {
      const T a = values[r * table.depth + k];
      low[r] = add_product<T>(low[r], a, left);
      high[r] = add_product<T>(high[r], a, right);
    }
  }
  for (int r = 0; r < R; ++r) {
    *reinterpret_cast<V*>(sums + r * table.stride + c) = low[r];
    *reinterpret_cast<V*>(sums + r * table.stride + c + lanes) = high[r];
  }
}

template <class T, int R>
inline void dense_tiles(const Table<T>& table, const T* values, int64_t count, int64_t c, T* sums) {
  for (; count >= R; count -= R, values += R * table.depth, sums += R * table.stride) {
    dense_tile<T, R>(table, values, c, sums);
  }
  if constexpr (R > 1) {
    if (count > 0) dense_tiles<T, R / 2>(table, values, count, c, sums);
  }
}

// The sums of the table's rows times values[count, depth], as sums[count, stride]. Goes tile by tile along the
// columns, so that their part of the table stays in cache.
template <class T>
inline void dense_rows(const Table<T>& table, const T* values, int64_t count, T* sums) {
  for (int64_t c = 0; c < table.columns; c += 2 * kLanes<T>) {
    dense_tiles<T, kTileRows>(table, values, count, c, sums);
  }
}

template <class T, int N>
inline void sum_columns(const Table<T>& table, const uint64_t* bits, int64_t words, int64_t count, int64_t c, T* sums) {
  using V = Unaligned<T>;
  constexpr int64_t lanes = kLanes<T>;
  for (int64_t r = 0; r < count; ++r) {
    V sum[N];
    for (int i = 0; i < N; ++i) {
      sum[i] = table.start ? *reinterpret_cast<const V*>(table.start + c + i * lanes) : V{};
    }
    for (int64_t w = 0; w < words; ++w) {
      for (uint64_t word = bits[r * words + w]; word; word &= word - 1) {
        const T* entry = table.rows + (64 * w + __builtin_ctzll(word)) * table.stride + c;
        for (int i = 0; i < N; ++i) sum[i] += *reinterpret_cast<const V*>(entry + i * lanes);
      }
    }
    for (int i = 0; i < N; ++i) *reinterpret_cast<V*>(sums + r * table.stride + c + i * lanes) = sum[i];
  }
}

template <class T, int N>
inline void sum_chunks(const Table<T>& table, const uint64_t* bits, int64_t words, int64_t count, int64_t c, T* sums) {
  constexpr int64_t width = N * kLanes<T>;
  for (; c + width < table.columns + 2 * kLanes<T>; c += width) {
    sum_columns<T, N>(table, bits, words, count, c, sums);
  }
  if constexpr (N > 2) {
    if (c < table.columns) sum_chunks<T, N / 2>(table, bits, words, count, c, sums);
  }
}

// The sums of the table's rows whose bit is set in bits[count, words], as sums[count, stride].
template <class T>
inline void sum_rows(const Table<T>& table, const uint64_t* bits, int64_t words, int64_t count, T* sums) {
  sum_chunks<T, kSumRegisters>(table, bits, words, count, 0, sums);
}

}  // namespace SNN_ARCH
}  // namespace snn
