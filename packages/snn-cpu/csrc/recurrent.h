// What a kernel of neurons that are all connected to each other is given: plain pointers, so that it can be compiled
// for each instruction set alone.
#pragma once

#include "scan.h"

namespace snn {

// Where the spikes that return are found.
enum Returned {
  kBits,            // all in bits
  kBitsAfterFirst,  // in bits but before the first step, where the initial state is no spikes
  kValues,          // as values: a weight or an amplitude is not finite, or the amplitude differs in the batch
};

// A constant of every neuron [neurons], or of every neuron of every row of the batch [rows, neurons].
template <class T>
struct RowConstant {
  const T* values;
  int64_t row_stride;
};

// The constants are those of the model, then the amplitude of a spike; the states are the spikes, then the model's.
template <class T>
struct Recurrence {
  int64_t steps, rows, neurons;
  Model model;
  Reset reset;
  int states, constants;
  const T* x;
  int64_t x_stride;  // from step to step
  const T* initial[kStates];
  RowConstant<T> constant[kConstants];

  Returned returned;
  uint64_t* bits;  // [steps, rows, words]: the spikes before each step, or those before the next one alone
  int64_t words, bits_stride;  // from step to step
  int64_t stride;              // of a row of the tables, whose columns are padded
  const T* bias;               // [stride]
  const T* table;              // [neurons, stride], from the neuron of the row: the transposed weight of the layer
  const T* graded_table;       // the same times the amplitude
};

template <class T>
struct RecurrentOutputs {
  T* spk;             // [steps, rows, neurons]
  T* state[kStates];  // [rows, neurons], or [steps, rows, neurons] if traced
  bool trace;
  // [segments - 1, states - 1, rows, neurons] or null: the model's states before each segment but the first
  T* checkpoints;
};

template <class T>
struct RecurrentGradients {
  Derivative derivative;
  T params[2];
  const T* checkpoints;
  const T* weight;    // [neurons, stride], to the neuron of the row: the weight of the layer
  const T* grad_spk;  // null for zero
  int64_t grad_spk_stride;
  const T* grad_state[kStates];  // null for zero; of the last states, or of every step's if traced
  int64_t grad_state_stride[kStates];
  bool trace;

  T* drive;                      // [steps, rows, neurons] or null: of what reaches the equation, the input's too
  T* initial[kStates];           // [rows, neurons]
  double* constant[kConstants];  // [rows, neurons], or null where nobody asks
};

// One instruction set's kernels, for the rows from `first` to `last` - 1 of the batch.
template <class T>
struct RecurrentKernels {
  void (*forward)(const Recurrence<T>&, const RecurrentOutputs<T>&, int64_t first, int64_t last);
  void (*backward)(const Recurrence<T>&, const RecurrentGradients<T>&, int64_t first, int64_t last);
};

}  // namespace snn
