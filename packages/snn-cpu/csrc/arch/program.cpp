// Whole sequences of step programs whose columns are independent.
#include "../instruction_set.h"
#include "../program.h"

#include "passes.h"

namespace snn {
namespace SNN_ARCH {
namespace {

template <class T>
constexpr int64_t kBlock = 3072 / sizeof(T);  // columns; the rows of a step stay in cache, less than a page apart

// Steps that read and write the memory of the sequence itself.
template <class T>
struct Straight {
  static constexpr bool kReadsInput = true;
  const Sequence<T>& sequence;
  const StepGradients<T>* gradients;
  const int64_t begin, n;
  T* const upstream_row;  // of a step, used if the gradient of the input overwrites the gradient of the spikes

  void input(Machine<T>& machine, int64_t t, int64_t = 0) const {
    machine.reads(0, sequence.x + t * sequence.x_stride + begin);
  }
  void fired(int64_t, const T*) const {}
  void again(Machine<T>& machine, int64_t t, int64_t) const { input(machine, t); }
  void upstream(Machine<T>& machine, int64_t slot, int64_t t) const {
    const Upstream<T>& spk = gradients->spk;
    if (gradients->over) {
      memcpy(upstream_row, spk.values + t * spk.stride + begin, n * sizeof(T));
      machine.own(slot, upstream_row);
    } else if (spk.values) {
      machine.reads(slot, spk.values + t * spk.stride + begin);
    }
  }
  void output(Machine<T>& machine, int64_t slot, int64_t t) const {
    if (gradients->x) machine.writes(slot, gradients->x + t * sequence.columns + begin);
  }
  void done(int64_t) const {}
};

// Calls f with the first column and the number of columns of each block; the last one includes a remainder of less
// than a tile.
template <class T, class F>
void over_blocks(int64_t begin, int64_t end, const F& f) {
  while (begin < end) {
    const int64_t n = end - begin < kBlock<T> + kTile<T> ? end - begin : kBlock<T>;
    f(begin, n);
    begin += n;
  }
}

template <class T>
void forward(const Sequence<T>& sequence, const StepOutputs<T>& out, int64_t begin, int64_t end) {
  over_blocks<T>(begin, end, [&](int64_t first, int64_t n) {
    Scratch scratch;
    Straight<T> link{sequence, nullptr, first, n, nullptr};
    forward_block(sequence, out, first, n, scratch, link);
  });
  if (sequence.streams) end_of_streams();
}

template <class T>
void backward(const Sequence<T>& sequence, const StepGradients<T>& gradients, int64_t begin, int64_t end) {
  using Block = BackwardBlock<T, Straight<T>>;
  over_blocks<T>(begin, end, [&](int64_t first, int64_t n) {
    Scratch scratch;
    Straight<T> link{sequence, &gradients, first, n, row_of<T>(scratch, n)};
    Block(sequence, gradients, first, n, scratch, link).run();
  });
  if (sequence.streams) end_of_streams();
}

}  // namespace

SNN_DEFINE(ProgramKernels, program_kernels, forward<T>, backward<T>)

}  // namespace SNN_ARCH
}  // namespace snn
