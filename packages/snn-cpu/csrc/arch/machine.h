// The machine's instructions: functions that work on the accumulator and end by jumping to the next one.
//
// The accumulator is eight vectors, which are passed in registers; a tile of columns stays in them from one instruction
// to the next, and memory is touched where a value is read or kept.
#pragma once

#include "../program.h"
#include "functions.h"

namespace snn {
namespace SNN_ARCH {

constexpr int64_t kAccumulators = 8;
template <class T>
constexpr int64_t kTile = kAccumulators * kLanes<T>;  // columns

#define SNN_ACCUMULATOR(T) \
  Vector<T> a0, Vector<T> a1, Vector<T> a2, Vector<T> a3, Vector<T> a4, Vector<T> a5, Vector<T> a6, Vector<T> a7
#define SNN_EACH(f) f(a0, 0), f(a1, 1), f(a2, 2), f(a3, 3), f(a4, 4), f(a5, 5), f(a6, 6), f(a7, 7)
#define SNN_JUMP return step[1].run(step + 1, at, a0, a1, a2, a3, a4, a5, a6, a7)

template <class T>
struct Step;
template <class T>
using Run = void (*)(const Step<T>* step, int64_t at, SNN_ACCUMULATOR(T));

// An instruction, as it runs: `at` is the place in their rows at which the tile's columns begin.
template <class T>
struct Step {
  Run<T> run;
  T* operand[3];  // the third is for the result, if it is stored at once, which saves a jump
};

// An operand of a tile: a row, or one number for all columns.
template <class T, bool scalar>
struct Operand {
  const T* row;
  Vector<T> value;
  Operand(const T* from, int64_t at)
      : row(scalar ? from : from + at), value(scalar ? everywhere(*from) : Vector<T>{}) {}
  Vector<T> operator()(int64_t i) const { return scalar ? value : load(row + i * kLanes<T>); }
};

template <class T, bool stores>
struct Result {
  T* const row;
  Result(const Step<T>* step, int64_t at) : row(stores ? step->operand[2] + at : nullptr) {}
  void operator()(Vector<T> a, int64_t i) const {
    if (stores) store(row + i * kLanes<T>, a);
  }
};

template <class T>
void end_run(const Step<T>*, int64_t, SNN_ACCUMULATOR(T)) {
  (void)a0, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7;
}

template <class T>
void store_run(const Step<T>* step, int64_t at, SNN_ACCUMULATOR(T)) {
  T* const to = step->operand[0] + at;
  const auto each = [&](Vector<T> a, int64_t i) { store(to + i * kLanes<T>, a); };
  SNN_EACH(each);
  SNN_JUMP;
}

// Stores past the caches; rows begin at the start of a cache line.
template <class T>
void stream_run(const Step<T>* step, int64_t at, SNN_ACCUMULATOR(T)) {
  T* const to = step->operand[0] + at;
  const auto each = [&](Vector<T> a, int64_t i) { stream(to + i * kLanes<T>, a); };
  SNN_EACH(each);
  SNN_JUMP;
}

template <class T, class F, bool stores>
void unary_run(const Step<T>* step, int64_t at, SNN_ACCUMULATOR(T)) {
  const Result<T, stores> result(step, at);
  const auto each = [&](Vector<T>& a, int64_t i) { result(a = F::template of<T>(a), i); };
  SNN_EACH(each);
  SNN_JUMP;
}

template <class T, class F, bool scalar, bool stores>
void binary_run(const Step<T>* step, int64_t at, SNN_ACCUMULATOR(T)) {
  const Operand<T, scalar> b(step->operand[0], at);
  const Result<T, stores> result(step, at);
  const auto each = [&](Vector<T>& a, int64_t i) { result(a = F::template of<T>(a, b(i)), i); };
  SNN_EACH(each);
  SNN_JUMP;
}

template <class T, class F, bool scalar_b, bool scalar_c, bool stores>
void ternary_run(const Step<T>* step, int64_t at, SNN_ACCUMULATOR(T)) {
  const Operand<T, scalar_b> b(step->operand[0], at);
  const Operand<T, scalar_c> c(step->operand[1], at);
  const Result<T, stores> result(step, at);
  const auto each = [&](Vector<T>& a, int64_t i) { result(a = F::template of<T>(a, b(i), c(i)), i); };
  SNN_EACH(each);
  SNN_JUMP;
}

#undef SNN_EACH
#undef SNN_JUMP

// The function of an operation whose operands are rows or scalars. If `stores` is true, it also stores its result; the
// operation that only stores streams otherwise.
template <class T>
Run<T> run_of(int64_t operation, const bool scalar[2], bool stores);

}  // namespace SNN_ARCH
}  // namespace snn
