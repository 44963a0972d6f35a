// The arguments of the machine that runs step programs: plain pointers, so that it can be compiled for each instruction
// set separately.
//
// The machine has one accumulator, as wide as a tile of columns, and rows of memory. An instruction computes on the
// accumulator and up to two operands, each a row or a scalar, named by its slot's number. Slots lie in this order:
//
//   of a step            x, states before, coefficients, numbers, states after, spikes; then 1 or 0, whether the step
//                        backward uses the gradient of the spikes, if that is asked for
//   of a step backward   x, states before, coefficients, numbers, states after, gradient of the spikes,
//                        gradients of the states after from outside (traced states) and from the next step, sums;
//                        then its results: gradient of x, of the states before, sums
//
// followed by the temporary rows of the code.
#pragma once

#include <stdint.h>

namespace snn {

enum Operation : int64_t {
  kOpLoad, kOpStore,                                        // accumulator = operand, operand = accumulator
  kOpAdd, kOpSub, kOpRsub, kOpMul, kOpDiv, kOpRdiv,                 // r...: operand - accumulator
  kOpMinimum, kOpRminimum, kOpMaximum, kOpRmaximum, kOpPow, kOpRpow,
  kOpGt, kOpGe, kOpLt, kOpLe, kOpEq, kOpNe, kOpAnd, kOpOr, kOpXor,        // 1 or 0
  kOpWhere, kOpWhereTrue, kOpWhereFalse, kOpClamp,  // two operands; the accumulator is the condition, or one of the two
  kOpAddMul, kOpSubMul, kOpRsubMul,                 // of the accumulator and a rounded product of two operands
  kOpSubFired, kOpMulKept,                          // a - (b > c) * c, a * (1 - (b > c)): a reset
  kOpNeg, kOpAbs, kOpReciprocal, kOpSquare, kOpSqrt, kOpRsqrt, kOpExp, kOpExpm1, kOpLog, kOpLog1p, kOpTanh,
  kOpSigmoid, kOpSin, kOpCos, kOpSign, kOpFloor, kOpRound, kOpNot,
  kOperations,
};

// The number of operands of an operation besides the accumulator.
constexpr int operands_of(int64_t operation) {
  return operation < kOpWhere ? 1 : operation <= kOpMulKept ? 2 : 0;
}

struct Instruction {
  int64_t operation, operands[2];
};

struct Code {
  const Instruction* instructions;
  int64_t count, temporaries;
};

template <class T>
struct Coefficient {
  const T* values;  // one, or one per column
  bool per_column;
};

constexpr int64_t kSegmentSteps = 32;  // steps between two stored states; the backward pass recomputes those in between

// The input of both directions.
template <class T>
struct Sequence {
  int64_t steps, columns;
  int64_t states, coefficients, numbers;
  bool streams;  // write spikes, or the gradient of x, past the caches
  const T* x;
  int64_t x_stride;         // from step to step
  const T* const* initial;  // [states]
  const Coefficient<T>* coefficient;
  const T* number;
  Code step;
};

template <class T>
struct StepOutputs {
  T* spk;           // [steps, columns]
  T* const* state;  // each [columns], or [steps, columns] if traced
  bool trace;
  T* checkpoints;   // [segments - 1, states, columns] or null: the states before each segment but the first
  uint64_t* inside;  // [steps, words] or null: bit k of word w is set where column 64 w + k is inside of its window
  int64_t words;
};

template <class T>
struct Upstream {
  const T* values;  // null for zero; of the last states, or of every step's if traced
  int64_t stride;
};

template <class T>
struct StepGradients {
  Code last, step;  // of the last step, which no step follows, and of the steps before it
  const T* checkpoints;
  Upstream<T> spk;
  const Upstream<T>* state;  // [states]
  bool trace;
  int64_t sums;

  T* x;                 // [steps, columns] or null
  bool over;            // x overwrites the gradient of the spikes
  T* const* initial;    // [states], each [columns]
  double* const* sum;   // [sums], each [columns]
};

// One instruction set's machine, for the columns from `begin` to `end` - 1.
template <class T>
struct ProgramKernels {
  void (*forward)(const Sequence<T>&, const StepOutputs<T>&, int64_t begin, int64_t end);
  void (*backward)(const Sequence<T>&, const StepGradients<T>&, int64_t begin, int64_t end);
};

}  // namespace snn
