// The two passes over a sequence of a block of columns, whose steps run one after another while its state is in cache.
//
// A link is between the memory of a sequence and the steps: it has the input of a step, the place for its spikes, the
// gradient of its spikes, and the place for the gradient of its input. Every link handles the states alike.
#pragma once

#include "bits.h"
#include "block.h"

namespace snn {
namespace SNN_ARCH {

constexpr int64_t kAhead = 2;  // rows; consecutive ones lie pages apart, where no processor prefetches by itself

// Rows are written past the caches for arrays so large that no cache would still hold them when they are read. The
// processor then neither reads memory that it is about to overwrite nor evicts data that will be read sooner.
//
// True if rows of `columns` columns from `first` on can be streamed: each begins and ends with a line of the cache.
template <class T>
bool streamable(const T* first, int64_t columns) {
#if defined(__x86_64__)
  constexpr int64_t line = 64;
  return reinterpret_cast<uintptr_t>(first) % line == 0 && columns * sizeof(T) % line == 0;
#else
  (void)first, (void)columns;
  return false;
#endif
}

// To be called before another thread may read what this one has streamed.
inline void end_of_streams() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

// A row of a block, which the machine reads in whole tiles.
template <class T>
T* row_of(Scratch& scratch, int64_t size) {
  T* row = scratch.take<T>(Machine<T>::width(size));
  memset(row, 0, Machine<T>::width(size) * sizeof(T));
  return row;
}

// The link has
//   input(machine, t)  gives the machine its slot 0
//   fired(t, spk)      receives the spikes of a step
template <class T, class Link>
void forward_block(const Sequence<T>& sequence, const StepOutputs<T>& out, int64_t begin, int64_t n, Scratch& scratch,
                   Link& link) {
  const int64_t columns = sequence.columns, states = sequence.states, width = Machine<T>::width(n);
  const Slots<T> slots(sequence);
  Machine<T> machine(sequence.step, slots.of_step(sequence.step, out.inside != nullptr), n, scratch);
  set_constants(machine, sequence, slots, begin);
  const bool streams = sequence.streams && streamable(out.spk, columns);
  if (streams) machine.streams(slots.spk);
  machine.link();
  T* const inside = out.inside ? row_of<T>(scratch, n) : nullptr;
  T* const rows = scratch.take<T>(2 * states * width);  // untraced states, before and after a step by turns
  const auto state = [&](int64_t t, int64_t k) -> T* {  // after step t
    return out.trace ? out.state[k] + t * columns + begin : rows + ((t & 1) * states + k) * width;
  };
  for (int64_t t = 0; t < sequence.steps; ++t) {
    if (out.checkpoints && t && t % kSegmentSteps == 0) {
      T* stored = out.checkpoints + (t / kSegmentSteps - 1) * states * columns + begin;
      for (int64_t k = 0; k < states; ++k) memcpy(stored + k * columns, state(t - 1, k), n * sizeof(T));
    }
    const int64_t next = t + kAhead < sequence.steps ? t + kAhead : sequence.steps - 1;
    machine.ahead(sequence.x + next * sequence.x_stride + begin, nullptr,
                  streams ? nullptr : out.spk + next * columns + begin);
    link.input(machine, t);
    T* const spk = out.spk + t * columns + begin;
    machine.writes(slots.spk, spk);
    if (inside) machine.own(slots.inside, inside);
    for (int64_t k = 0; k < states; ++k) {
      if (t == 0) machine.reads(slots.before + k, sequence.initial[k] + begin);
      else if (out.trace) machine.reads(slots.before + k, state(t - 1, k));
      else machine.own(slots.before + k, state(t - 1, k));
      if (out.trace) machine.writes(slots.after + k, state(t, k));
      else machine.own(slots.after + k, state(t, k));
    }
    machine.run();
    if (inside) pack_row(inside, n, out.inside + t * out.words + begin / 64);
    link.fired(t, spk);
  }
  for (int64_t k = 0; k < states && !out.trace; ++k) {
    memcpy(out.state[k] + begin, state(sequence.steps - 1, k), n * sizeof(T));
  }
}

// The link has
//   again(machine, t, step)     gives the machine its slot 0 for a step that is computed again, `step` of its segment
//   input(machine, t, step)     does so for the step backward
//   upstream(machine, slot, t)  gives it the gradient of the spikes
//   output(machine, slot, t)    gives it the place of the gradient of the input
//   done(t)                     is called when the step is computed
//   kReadsInput                 true if a step backward reads the input of the sequence itself
template <class T, class Link>
class BackwardBlock {
 public:
  BackwardBlock(const Sequence<T>& sequence, const StepGradients<T>& gradients, int64_t begin, int64_t n,
                Scratch& scratch, Link& link)
      : sequence_(sequence), gradients_(gradients), begin_(begin), n_(n), width_(Machine<T>::width(n)),
        slots_(sequence), again_(sequence.step, slots_.of_step(sequence.step), n, scratch),
        last_(gradients.last, count(sequence, gradients, gradients.last), n, scratch),
        back_(gradients.step, count(sequence, gradients, gradients.step), n, scratch),
        stored_(scratch.take<T>(kSegmentSteps * sequence.states * width_)),
        grad_(scratch.take<T>(2 * sequence.states * width_)), sum_(scratch.take<T>(2 * gradients.sums * width_)),
        streams_(sequence.streams && gradients.x && streamable(gradients.x, sequence.columns)), link_(link) {
    set_constants(again_, sequence, slots_, begin);
    again_.link();
    Machine<T>* const backward[] = {&last_, &back_};
    for (Machine<T>* machine : backward) {
      set_constants(*machine, sequence, slots_, begin);
      if (streams_) machine->streams(slots_.grad_x(gradients.sums));
      machine->link();
    }
  }

  void run() {
    const int64_t states = sequence_.states;
    memset(grad_, 0, 2 * states * width_ * sizeof(T));
    for (int64_t k = 0; k < states; ++k) {
      const T* last = gradients_.state[k].values;
      if (last && !gradients_.trace) memcpy(grad(0, k), last + begin_, n_ * sizeof(T));
    }
    for (int64_t segment = (sequence_.steps - 1) / kSegmentSteps; segment >= 0; --segment) {
      const int64_t first = segment * kSegmentSteps;
      const int64_t last = first + kSegmentSteps < sequence_.steps ? first + kSegmentSteps : sequence_.steps;
      recompute(segment, first, last);
      memset(sum_, 0, 2 * gradients_.sums * width_ * sizeof(T));
      for (int64_t t = last; t-- > first; turn_ ^= 1) step_back(t + 1 == sequence_.steps ? last_ : back_, t, t - first);
      for (int64_t j = 0; j < gradients_.sums; ++j) {
        double* total = gradients_.sum[j] + begin_;
        const T* sum = sum_row(turn_, j);
        for (int64_t i = 0; i < n_; ++i) total[i] += sum[i];
      }
    }
    for (int64_t k = 0; k < states; ++k) memcpy(gradients_.initial[k] + begin_, grad(turn_, k), n_ * sizeof(T));
  }

 private:
  static int64_t count(const Sequence<T>& sequence, const StepGradients<T>& gradients, const Code& code) {
    const int64_t inputs = Slots<T>(sequence).grad_x(gradients.sums);
    return inputs + 1 + sequence.states + gradients.sums + code.temporaries;
  }

  T* grad(int64_t turn, int64_t k) { return grad_ + (turn * sequence_.states + k) * width_; }
  T* sum_row(int64_t turn, int64_t j) { return sum_ + (turn * gradients_.sums + j) * width_; }
  T* stored(int64_t step, int64_t k) { return stored_ + (step * sequence_.states + k) * width_; }

  // Sets the states before a step of a segment: at its beginning the stored ones, then the recomputed ones.
  void before(Machine<T>& machine, int64_t segment, int64_t step) {
    for (int64_t k = 0; k < sequence_.states; ++k) {
      if (step) {
        machine.own(slots_.before + k, stored(step - 1, k));
        continue;
      }
      const T* checkpoint = gradients_.checkpoints + ((segment - 1) * sequence_.states + k) * sequence_.columns;
      machine.reads(slots_.before + k, (segment ? checkpoint : sequence_.initial[k]) + begin_);
    }
    for (int64_t k = 0; k < sequence_.states; ++k) machine.own(slots_.after + k, stored(step, k));
  }

  void recompute(int64_t segment, int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      const int64_t next = t + kAhead < last ? t + kAhead : last - 1;
      again_.ahead(sequence_.x + next * sequence_.x_stride + begin_, nullptr, nullptr);
      link_.again(again_, t, t - first);
      before(again_, segment, t - first);
      again_.run();
    }
  }

  void step_back(Machine<T>& machine, int64_t t, int64_t step) {
    const int64_t states = sequence_.states, columns = sequence_.columns, sums = gradients_.sums;
    const Upstream<T>& spk = gradients_.spk;
    const int64_t grad_x = slots_.grad_x(sums), initial = grad_x + 1, sum_after = initial + states;
    const int64_t next = t - kAhead > 0 ? t - kAhead : 0;
    machine.ahead(Link::kReadsInput ? sequence_.x + next * sequence_.x_stride + begin_ : nullptr,
                spk.values ? spk.values + next * spk.stride + begin_ : nullptr,
                gradients_.x && !streams_ ? gradients_.x + next * columns + begin_ : nullptr);
    link_.input(machine, t, step);
    before(machine, (t - step) / kSegmentSteps, step);
    link_.upstream(machine, slots_.spk, t);
    link_.output(machine, grad_x, t);
    for (int64_t k = 0; k < states; ++k) {
      const Upstream<T>& from = gradients_.state[k];
      if (from.values && gradients_.trace) machine.reads(slots_.upstream + k, from.values + t * from.stride + begin_);
      machine.own(slots_.next + k, grad(turn_, k));
      machine.own(initial + k, grad(turn_ ^ 1, k));
    }
    for (int64_t j = 0; j < sums; ++j) {
      machine.own(slots_.sum_before + j, sum_row(turn_, j));
      machine.own(sum_after + j, sum_row(turn_ ^ 1, j));
    }
    machine.run();
    link_.done(t);
  }

  const Sequence<T>& sequence_;
  const StepGradients<T>& gradients_;
  const int64_t begin_, n_, width_;
  const Slots<T> slots_;
  Machine<T> again_, last_, back_;
  T *stored_, *grad_, *sum_;
  const bool streams_;
  Link& link_;
  int64_t turn_ = 0;
};

}  // namespace SNN_ARCH
}  // namespace snn
