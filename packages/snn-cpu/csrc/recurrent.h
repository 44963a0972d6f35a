// The arguments of a kernel of neurons that are all connected to each other: plain pointers, so that it can be compiled
// for each instruction set separately.
#pragma once

#include "program.h"

namespace snn {

// The form of the spikes that return.
enum Returned {
  kBits,            // all in bits
  kBitsAfterFirst,  // in bits except before the first step, as the initial state does not consist of spikes
  kValues,          // as values: a weight or an amplitude is not finite, or the amplitude differs in the batch
};

template <class T>
struct Recurrence {
  Sequence<T> sequence;  // of the neurons without their connections
  int64_t rows, neurons;
  const T* initial;           // [rows, neurons]: the spikes that return in the first step
  const T* amplitude;         // of a spike: for each neuron [neurons], or for each neuron of each row [rows, neurons]
  int64_t amplitude_stride;

  Returned returned;
  uint64_t* bits;  // [steps + 1, rows, words]: the spikes before each step and after all, or only before the next one
  int64_t words, bits_stride;  // from step to step
  int64_t stride;              // of a row of the tables, whose columns are padded
  const T* bias;               // [stride]
  const T* table;              // [neurons, stride], from the neuron of the row: the transposed weight of the layer
  const T* graded_table;       // the same times the amplitude
};

template <class T>
struct RecurrentOutputs {
  StepOutputs<T> steps;
  T* returned;  // [rows, neurons], or [steps, rows, neurons] if traced: the spikes times their amplitude
};

template <class T>
struct RecurrentGradients {
  StepGradients<T> steps;
  const T* weight;         // [neurons, stride], to the neuron of the row: the weight of the layer
  Upstream<T> returned;
  T* initial;         // [rows, neurons]
  double* amplitude;  // [rows, neurons], or null if it is not needed
};

// One instruction set's kernels, for the rows from `first` to `last` - 1 of the batch.
template <class T>
struct RecurrentKernels {
  void (*forward)(const Recurrence<T>&, const RecurrentOutputs<T>&, int64_t first, int64_t last);
  void (*backward)(const Recurrence<T>&, const RecurrentGradients<T>&, int64_t first, int64_t last);
};

}  // namespace snn
