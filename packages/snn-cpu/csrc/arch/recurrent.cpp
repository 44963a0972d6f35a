// A whole sequence of neurons that are all connected to each other: one group of rows of the batch after another, each
// through all steps, as rows are independent.
#include "../recurrent.h"

#include "../instruction_set.h"
#include "../products.h"
#include "dense.h"
#include "passes.h"

namespace snn {
namespace SNN_ARCH {

template <class T>
const SpikeProducts<T>& spike_products();  // of products.cpp

namespace {

constexpr int64_t kElements = 4096;          // of a state: a segment of them stays in the second-level cache
constexpr int64_t kFewest = 16, kMost = 64;  // rows that share one read of the weights
constexpr int64_t kNear = 1 << 20;           // bytes of weights that stay in that cache too
// share of set bits above which a dense product is faster than a sum over them
constexpr double kDenseRate = 0.4;

#define SNN_VECTOR _Pragma("GCC ivdep")

template <class T>
void multiply_row(T* to, const T* row, const T* by, int64_t n) {
  SNN_VECTOR
  for (int64_t i = 0; i < n; ++i) to[i] = row[i] * by[i];
}

template <class T>
void unpack_row(const uint64_t* bits, T* to, int64_t n) {
  for (int64_t i = 0; i < n; i += 64, ++bits) {
    const uint64_t word = *bits;
    const int64_t end = n - i < 64 ? n - i : 64;
    for (int64_t k = 0; k < end; ++k) to[i + k] = static_cast<T>(word >> k & 1);
  }
}

// Some rows of the batch, and the input that reaches their neurons in a step.
template <class T>
class Block {
 public:
  Block(const Recurrence<T>& net, int64_t first, int64_t count, Scratch& scratch)
      : net(net), first(first), count(count), n(net.neurons), begin(first * n), size(count * n),
        values_(scratch.take<T>(size)), sums_(scratch.take<T>(count * net.stride)) {}

  const T* amplitude(int64_t row) const { return net.amplitude + (first + row) * net.amplitude_stride; }
  uint64_t* bits(int64_t t) const { return net.bits + t * net.bits_stride + first * net.words; }

  // Computes the input of step t plus the spikes that return to it.
  void drive(int64_t t, T* drive) const {
    returned(t);
    const T* x = net.sequence.x + t * net.sequence.x_stride + begin;
    for (int64_t r = 0; r < count; ++r) {
      const T *row = x + r * n, *sum = sums_ + r * net.stride;
      T* to = drive + r * n;
      SNN_VECTOR
      for (int64_t i = 0; i < n; ++i) to[i] = row[i] + sum[i];
    }
  }

  const Recurrence<T>& net;
  const int64_t first, count, n, begin, size;

 private:
  void returned(int64_t t) const {
    if (t == 0 && net.returned != kBits) return dense_rows(table(net.table), net.initial + begin, count, sums_);
    const uint64_t* set = bits(t);
    const bool bits_alone = net.returned != kValues;
    if (bits_alone && ones(set) <= kDenseRate * size) {
      return sum_rows(table(net.graded_table), set, net.words, count, sums_);
    }
    for (int64_t r = 0; r < count; ++r) {
      T* row = values_ + r * n;
      unpack_row(set + r * net.words, row, n);
      if (!bits_alone) multiply_row(row, row, amplitude(r), n);
    }
    dense_rows<T>(table(bits_alone ? net.graded_table : net.table), values_, count, sums_);
  }

  Table<T> table(const T* rows) const { return {rows, n, net.stride, n, net.bias}; }

  int64_t ones(const uint64_t* set) const {
    int64_t found = 0;
    for (int64_t w = 0; w < count * net.words; ++w) found += __builtin_popcountll(set[w]);
    return found;
  }

  T *values_, *sums_;
};

template <class T>
class ForwardLink {
 public:
  ForwardLink(const Recurrence<T>& net, const RecurrentOutputs<T>& out, int64_t first, int64_t count, Scratch& scratch)
      : out_(out), block_(net, first, count, scratch), drive_(row_of<T>(scratch, block_.size)) {}

  void input(Machine<T>& machine, int64_t t) const {
    block_.drive(t, drive_);
    machine.own(0, drive_);
  }

  void fired(int64_t t, const T* spk) const {
    const Recurrence<T>& net = block_.net;
    const bool last = t + 1 == net.sequence.steps;
    bool binary;
    if (!last || net.bits_stride) spike_products<T>().pack(spk, block_.count, block_.n, block_.bits(t + 1), &binary);
    if (!out_.steps.trace && !last) return;
    T* to = out_.returned + (out_.steps.trace ? t * net.sequence.columns : 0) + block_.begin;
    for (int64_t r = 0; r < block_.count; ++r) {
      multiply_row(to + r * block_.n, spk + r * block_.n, block_.amplitude(r), block_.n);
    }
  }

 private:
  const RecurrentOutputs<T>& out_;
  const Block<T> block_;
  T* const drive_;
};

bool uses(const Code& code, int64_t slot) {
  for (int64_t i = 0; i < code.count; ++i) {
    const Instruction& at = code.instructions[i];
    for (int o = 0; o < operands_of(at.operation); ++o) {
      if (at.operands[o] == slot) return true;
    }
  }
  return false;
}

template <class T>
class BackwardLink {
 public:
  static constexpr bool kReadsInput = false;

  BackwardLink(const Recurrence<T>& net, const RecurrentGradients<T>& grads, int64_t first, int64_t count,
               Scratch& scratch)
      : grads_(grads), block_(net, first, count, scratch), kept_(kept(grads)), width_(Machine<T>::width(block_.size)),
        drives_(scratch.take<T>(kept_ * width_)), both_(row_of<T>(scratch, block_.size)),
        output_(scratch.take<T>(block_.size)), fired_(scratch.take<T>(block_.n)),
        grad_spk_(scratch.take<T>(count * net.stride)) {
    memset(drives_, 0, kept_ * width_ * sizeof(T));
    memset(grad_spk_, 0, count * net.stride * sizeof(T));
    if (!grads.steps.trace) add_upstream(0);
  }

  void again(Machine<T>& machine, int64_t t, int64_t step) const {
    block_.drive(t, drive(step));
    machine.own(0, drive(step));
  }
  void input(Machine<T>& machine, int64_t, int64_t step) const { machine.own(0, drive(step)); }

  // The gradient of the spikes as they are sent on and, times their amplitude, as they return in the next step.
  void upstream(Machine<T>& machine, int64_t slot, int64_t t) const {
    if (grads_.steps.trace) add_upstream(t);
    const Upstream<T>& sent = grads_.steps.spk;
    for (int64_t r = 0; r < block_.count; ++r) {
      const T *amplitude = block_.amplitude(r), *returned = grad_spk(r);
      T* both = both_ + r * block_.n;
      if (sent.values) {
        const T* given = sent.values + t * sent.stride + block_.begin + r * block_.n;
        SNN_VECTOR
        for (int64_t i = 0; i < block_.n; ++i) both[i] = given[i] + returned[i] * amplitude[i];
      } else {
        multiply_row(both, returned, amplitude, block_.n);
      }
      if (!grads_.amplitude) continue;
      double* sum = grads_.amplitude + block_.begin + r * block_.n;
      unpack_row(block_.bits(t + 1) + r * block_.net.words, fired_, block_.n);
      for (int64_t i = 0; i < block_.n; ++i) sum[i] += fired_[i] * returned[i];
    }
    machine.own(slot, both_);
  }

  void output(Machine<T>& machine, int64_t slot, int64_t t) const { machine.writes(slot, grad_drive(t)); }

  void done(int64_t t) const {
    const Recurrence<T>& net = block_.net;
    dense_rows<T>({grads_.weight, block_.n, net.stride, block_.n, nullptr}, grad_drive(t), block_.count, grad_spk_);
  }

  void finish() const {
    T* to = grads_.initial + block_.begin;
    for (int64_t r = 0; r < block_.count; ++r) memcpy(to + r * block_.n, grad_spk(r), block_.n * sizeof(T));
  }

 private:
  // Few equations read their input again in a step backward.
  static int64_t kept(const RecurrentGradients<T>& grads) { return uses(grads.steps.step, 0) ? kSegmentSteps : 1; }

  T* drive(int64_t step) const { return drives_ + (kept_ > 1 ? step * width_ : 0); }
  T* grad_spk(int64_t row) const { return grad_spk_ + row * block_.net.stride; }
  T* grad_drive(int64_t t) const {
    return grads_.steps.x ? grads_.steps.x + t * block_.net.sequence.columns + block_.begin : output_;
  }

  void add_upstream(int64_t t) const {
    const Upstream<T>& from = grads_.returned;
    for (int64_t r = 0; r < block_.count && from.values; ++r) {
      const T* row = from.values + t * from.stride + block_.begin + r * block_.n;
      T* to = grad_spk(r);
      SNN_VECTOR
      for (int64_t i = 0; i < block_.n; ++i) to[i] += row[i];
    }
  }

  const RecurrentGradients<T>& grads_;
  const Block<T> block_;
  const int64_t kept_, width_;
  T *drives_, *both_, *output_, *fired_, *grad_spk_;
};

// Calls f with blocks of a suitable number of rows.
template <class T, class F>
void over_blocks(const Recurrence<T>& net, int64_t first, int64_t last, const F& f) {
  const bool near = net.neurons * net.stride * int64_t(sizeof(T)) <= kNear;
  int64_t size = near ? kElements / net.neurons / kTileRows * kTileRows : kMost;
  size = size < kFewest ? kFewest : size > kMost ? kMost : size;
  for (int64_t row = first; row < last; row += size) f(row, last - row < size ? last - row : size);
}

template <class T>
void forward(const Recurrence<T>& net, const RecurrentOutputs<T>& out, int64_t first, int64_t last) {
  over_blocks(net, first, last, [&](int64_t row, int64_t count) {
    const int64_t begin = row * net.neurons, size = count * net.neurons;
    Scratch scratch;
    ForwardLink<T> link(net, out, row, count, scratch);
    forward_block(net.sequence, out.steps, begin, size, scratch, link);
  });
}

template <class T>
void backward(const Recurrence<T>& net, const RecurrentGradients<T>& grads, int64_t first, int64_t last) {
  using Steps = BackwardBlock<T, BackwardLink<T>>;
  over_blocks(net, first, last, [&](int64_t row, int64_t count) {
    const int64_t begin = row * net.neurons, size = count * net.neurons;
    Scratch scratch;
    BackwardLink<T> link(net, grads, row, count, scratch);
    Steps(net.sequence, grads.steps, begin, size, scratch, link).run();
    link.finish();
  });
}

}  // namespace

SNN_DEFINE(RecurrentKernels, recurrent_kernels, forward<T>, backward<T>)

}  // namespace SNN_ARCH
}  // namespace snn
