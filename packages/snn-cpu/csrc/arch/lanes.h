// Vectors of the instruction set's width, and element-wise functions on them.
//
// Every function does the same operations in the same order on every instruction set, so that all give the same bits.
#pragma once

#include <math.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <type_traits>

namespace snn {
namespace SNN_ARCH {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
struct VectorOf {
  typedef std::conditional_t<sizeof(T) == 8, int64_t, int32_t> Integer;
  typedef T type __attribute__((vector_size(kVectorBytes)));
  typedef T memory __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
  typedef Integer integers __attribute__((vector_size(kVectorBytes)));
};

template <class T>
using Vector = typename VectorOf<T>::type;
template <class T>
using Unaligned = typename VectorOf<T>::memory;  // a vector at any address
template <class T>
using Integers = typename VectorOf<T>::integers;

template <class T>
constexpr int64_t kLanes = kVectorBytes / sizeof(T);

template <class T>
inline Vector<T> load(const T* from) {
  return *reinterpret_cast<const Unaligned<T>*>(from);
}

template <class T>
inline void store(T* to, Vector<T> v) {
  *reinterpret_cast<Unaligned<T>*>(to) = v;
}

// Stores past the caches, to a place aligned as a vector.
template <class T>
inline void stream(T* to, Vector<T> v) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), reinterpret_cast<__m512i>(v));
#elif defined(__AVX2__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(v));
#elif defined(__x86_64__)
  _mm_stream_si128(reinterpret_cast<__m128i*>(to), reinterpret_cast<__m128i>(v));
#else
  store(to, v);
#endif
}

template <class T>
inline Vector<T> everywhere(T value) {
  return value - Vector<T>{};  // keeps the sign of zero
}

template <class T>
inline Integers<T> bits_of(Vector<T> v) {
  return reinterpret_cast<Integers<T>>(v);
}

template <class T>
inline Vector<T> from_bits(Integers<T> v) {
  return reinterpret_cast<Vector<T>>(v);
}

template <class T, class F>
__attribute__((noinline)) Vector<T> one_by_one(Vector<T> v, F f) {
  for (int64_t i = 0; i < kLanes<T>; ++i) v[i] = f(v[i]);
  return v;
}

inline Vector<float> square_root(Vector<float> v) {
#if defined(__AVX512F__)
  return _mm512_sqrt_ps(v);
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(v);
#elif defined(__x86_64__)
  return _mm_sqrt_ps(v);
#else
  return one_by_one<float>(v, [](float x) { return sqrtf(x); });
#endif
}

inline Vector<double> square_root(Vector<double> v) {
#if defined(__AVX512F__)
  return _mm512_sqrt_pd(v);
#elif defined(__AVX2__)
  return _mm256_sqrt_pd(v);
#elif defined(__x86_64__)
  return _mm_sqrt_pd(v);
#else
  return one_by_one<double>(v, [](double x) { return sqrt(x); });
#endif
}

template <class T>
inline Vector<T> magnitude(Vector<T> v) {
  return from_bits<T>(bits_of<T>(v) & ~bits_of<T>(everywhere(T(-0.0))));
}

// The magnitude of one with the sign of the other.
template <class T>
inline Vector<T> signed_as(Vector<T> size, Vector<T> sign) {
  return from_bits<T>(bits_of<T>(size) | (bits_of<T>(sign) & bits_of<T>(everywhere(T(-0.0)))));
}

// Rounds to the nearest integer, and ties to even; from `whole` on, every number is an integer.
template <class T>
inline Vector<T> nearest(Vector<T> v) {
  constexpr T whole = sizeof(T) == 8 ? T(4503599627370496.0) : T(8388608.0);
  const Vector<T> size = magnitude<T>(v), rounded = (size + whole) - whole;
  return size < whole ? signed_as<T>(rounded, v) : v;
}

template <class T>
inline Vector<T> floor_of(Vector<T> v) {
  const Vector<T> rounded = nearest<T>(v);
  return rounded > v ? rounded - T(1) : rounded;
}

}  // namespace SNN_ARCH
}  // namespace snn
