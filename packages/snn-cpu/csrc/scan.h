// What a sequence kernel is given: plain pointers, so that it can be compiled for each instruction set alone.
#pragma once

#include <cstdint>

namespace snn {

enum Model { kLeaky, kSynaptic, kAlpha };                                        // which equation
enum Reset { kNone, kSubtract, kZero, kSubtractAtOnce, kZeroAtOnce };            // what a spike does, and when
enum Derivative { kAtan, kFastSigmoid, kSigmoid, kStraightThrough, kTriangular, kHeaviside, kEscape, kLSO, kSFS, kNoGradient };

constexpr int kStates = 4;     // at most, the spikes of a recurrent neuron among them
constexpr int kConstants = 6;  // at most
constexpr int64_t kSegment = 32;  // steps between two stored states; the backward pass computes those between anew

// Constants by model, in this order; every neuron of the batch is a column.
//   leaky     decay, gain, threshold          v' = decay v + gain x
//   synaptic  alpha, beta, threshold          i' = alpha i + x,  v' = beta v + i'
//   alpha     alpha, beta, tau, threshold     e' = alpha e + x,  h' = beta h - x,  v' = tau (e' + h')
// A recurrent neuron has the weight to itself and the amplitude of its spikes after them, and its spikes as state 0.
constexpr int kConstantsOf[] = {3, 3, 4};
constexpr int kStatesOf[] = {1, 2, 3};

template <class T>
struct Constant {
  const T* values;  // one, or one per column
  bool per_column;
};

template <class T>
struct Scan {
  int64_t steps, columns;
  Model model;
  Reset reset;
  bool recurrent;  // one-to-one
  bool streams;    // write spikes, or the gradient of x, past the caches
  int states, constants;
  const T* x;
  int64_t x_stride;  // from step to step
  const T* initial[kStates];
  Constant<T> constant[kConstants];
};

template <class T>
struct ForwardOutputs {
  T* spk;                // [steps, columns]
  T* state[kStates];     // [columns], or [steps, columns] if traced
  bool trace;
  T* checkpoints;        // [segments - 1, states, columns] or null: the states before each segment but the first
};

template <class T>
struct BackwardInputs {
  Derivative derivative;
  T params[2];
  const T* checkpoints;
  const T* grad_spk;  // null for zero
  int64_t grad_spk_stride;
  const T* grad_state[kStates];  // null for zero; of the last states, or of every step's if traced
  int64_t grad_state_stride[kStates];
  bool trace;
};

template <class T>
struct Gradients {
  T* x;                        // [steps, columns] or null
  T* initial[kStates];         // [columns]
  double* constant[kConstants];  // [columns], or null where nobody asks
};

// One instruction set's kernels.
template <class T>
struct Kernels {
  void (*forward)(const Scan<T>&, const ForwardOutputs<T>&, int64_t begin, int64_t end);
  void (*backward)(const Scan<T>&, const BackwardInputs<T>&, const Gradients<T>&, int64_t begin, int64_t end);
};

}  // namespace snn
