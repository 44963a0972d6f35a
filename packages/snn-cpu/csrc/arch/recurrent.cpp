// A whole sequence of neurons that are all connected to each other: some rows of the batch after the other, each through
// all steps, as rows do not see each other.
#include <stdlib.h>
#include <string.h>

#include "dense.h"
#include "products.h"
#include "recurrent.h"
#include "rows.h"

namespace snn {
namespace SNN_ARCH {
namespace {

constexpr int64_t kElements = 4096;          // of a state: a segment of them stays in the second-level cache
constexpr int64_t kFewest = 16, kMost = 64;  // rows that share what is read of the weights
constexpr int64_t kNear = 1 << 20;           // bytes of weights that stay in that cache too
// of the bits: above, a dense product is faster than a sum over those that are set
constexpr double kDenseRate = 0.4;

// Scratch memory, handed out in whole cache lines.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t bytes) : data_(static_cast<char*>(aligned_alloc(64, bytes))), next_(data_) {}
  ~Scratch() { free(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* take(int64_t count) {
    T* taken = reinterpret_cast<T*>(next_);
    next_ += bytes(count);
    return taken;
  }
  static int64_t bytes(int64_t count) { return (count * int64_t(sizeof(T)) + 63) / 64 * 64; }

 private:
  char *data_, *next_;
};

template <class T>
void add_row(T* to, const T* row, int64_t n) {
  SNN_VECTOR
  for (int64_t i = 0; i < n; ++i) to[i] = row[i] + to[i];
}

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

// Asks for a row that is needed in the next step, to read it or to write it: no processor foresees so long a stride.
template <class T>
void fetch(const T* row, int64_t n) {
  for (int64_t i = 0; i < n; i += 64 / sizeof(T)) __builtin_prefetch(row + i);
}

template <class T>
void fetch_to_write(T* row, int64_t n) {
  for (int64_t i = 0; i < n; i += 64 / sizeof(T)) __builtin_prefetch(row + i, 1);
}

// Some rows of the batch, and one step of their neurons.
template <class T>
class Block {
 public:
  Block(const Recurrence<T>& net, const Rows<T>& rows, int64_t first, int64_t count, Scratch<T>& scratch)
      : net(net), rows(rows), first(first), count(count), n(net.neurons), values_(scratch.take(count * n)) {}

  static int64_t scratch_bytes(const Recurrence<T>& net, int64_t count) {
    return Scratch<T>::bytes(count * net.neurons);
  }

  int64_t at(int64_t row) const { return (first + row) * n; }
  const T* constant(int c, int64_t row) const {
    return net.constant[c].values + (first + row) * net.constant[c].row_stride;
  }
  const T* amplitude(int64_t row) const { return constant(net.constants - 1, row); }
  uint64_t* bits(int64_t t) const { return net.bits + t * net.bits_stride + first * net.words; }

  // What reaches the equation of step t, [count, stride].
  void drive(int64_t t, T* drive) const {
    returned(t, drive);
    const T* x = net.x + t * net.x_stride + at(0);
    if (t + 1 < net.steps) fetch(x + net.x_stride, count * n);
    for (int64_t r = 0; r < count; ++r) add_row(drive + r * net.stride, x + r * n, n);
  }

  // One step of the model; `before` and `after` point to its states in the block's first row.
  void step(const T* drive, const T* const* before, T* const* after, T* spk, int64_t spk_stride) const {
    for (int64_t r = 0; r < count; ++r) {
      ForwardRow<T> row{n, drive + r * net.stride, {}, {}, {}, spk + r * spk_stride};
      for (int k = 0; k < net.states - 1; ++k) row.before[k] = before[k] + r * n, row.after[k] = after[k] + r * n;
      for (int c = 0; c < net.constants - 1; ++c) row.c[c] = constant(c, r);
      rows.forward(row);
    }
  }

  const Recurrence<T>& net;
  const Rows<T>& rows;
  const int64_t first, count, n;

 private:
  void returned(int64_t t, T* sums) const {
    if (t == 0 && net.returned != kBits) return dense_rows(table(net.table), net.initial[0] + at(0), count, sums);
    const uint64_t* set = bits(t);
    const bool bits_alone = net.returned != kValues;
    if (bits_alone && ones(set) <= kDenseRate * count * n) {
      return sum_rows(table(net.graded_table), set, net.words, count, sums);
    }
    for (int64_t r = 0; r < count; ++r) {
      T* row = values_ + r * n;
      unpack_row(set + r * net.words, row, n);
      if (!bits_alone) multiply_row(row, row, amplitude(r), n);
    }
    dense_rows<T>(table(bits_alone ? net.graded_table : net.table), values_, count, sums);
  }

  Table<T> table(const T* rows) const { return {rows, n, net.stride, n, net.bias}; }

  int64_t ones(const uint64_t* set) const {
    int64_t found = 0;
    for (int64_t w = 0; w < count * net.words; ++w) found += __builtin_popcountll(set[w]);
    return found;
  }

  T* values_;
};

template <class T>
void forward_block(const Recurrence<T>& net, const RecurrentOutputs<T>& out, const Rows<T>& rows, int64_t first,
                   int64_t count) {
  const int64_t columns = net.rows * net.neurons, own = net.states - 1;
  Scratch<T> scratch(Block<T>::scratch_bytes(net, count) + Scratch<T>::bytes(count * net.stride));
  const Block<T> block(net, rows, first, count, scratch);
  T* drive = scratch.take(count * net.stride);
  const int64_t begin = block.at(0), size = count * net.neurons;
  const T* before[kStates];
  T* after[kStates];
  for (int k = 0; k < net.states; ++k) before[k] = net.initial[k] + begin, after[k] = out.state[k] + begin;
  for (int64_t t = 0; t < net.steps; ++t) {
    if (out.checkpoints && t && t % kSegment == 0) {
      T* stored = out.checkpoints + (t / kSegment - 1) * own * columns + begin;
      for (int k = 0; k < own; ++k) memcpy(stored + k * columns, before[k + 1], size * sizeof(T));
    }
    T* spk = out.spk + t * columns + begin;
    if (t + 1 < net.steps) fetch_to_write(spk + columns, size);
    block.drive(t, drive);
    block.step(drive, before + 1, after + 1, spk, net.neurons);
    if (t + 1 < net.steps) spike_products<T>().pack(spk, count, net.neurons, block.bits(t + 1));
    if (out.trace || t + 1 == net.steps) {
      for (int64_t r = 0; r < count; ++r) {
        multiply_row(after[0] + r * net.neurons, spk + r * net.neurons, block.amplitude(r), net.neurons);
      }
    }
    for (int k = 0; k < net.states; ++k) {
      before[k] = after[k];
      if (out.trace) after[k] += columns;
    }
  }
}

template <class T>
class BackwardBlock {
 public:
  BackwardBlock(const Recurrence<T>& net, const RecurrentGradients<T>& grads, const Rows<T>& rows, int64_t first,
                int64_t count, Scratch<T>& scratch)
      : net_(net), grads_(grads), rows_(rows), block_(net, rows, first, count, scratch), n_(net.neurons),
        own_(net.states - 1), columns_(net.rows * n_), size_(count * n_), begin_(block_.at(0)),
        drives_(scratch.take(kept_drives(net) * count * net.stride)), stored_(scratch.take(kSegment * own_ * size_)),
        grad_spk_(scratch.take(count * net.stride)), grad_(scratch.take(own_ * size_)),
        grad_drive_(scratch.take(size_)), sums_(scratch.take(net.constants * size_)), slope_(scratch.take(n_)),
        both_(scratch.take(n_)), zero_(scratch.take(n_)) {
    memset(zero_, 0, n_ * sizeof(T));
  }

  static int64_t scratch_bytes(const Recurrence<T>& net, int64_t count) {
    const int64_t n = net.neurons, size = count * n, own = net.states - 1;
    const auto bytes = &Scratch<T>::bytes;
    return Block<T>::scratch_bytes(net, count) + bytes(kept_drives(net) * count * net.stride) +
           bytes(kSegment * own * size) + bytes(count * net.stride) + bytes(own * size) + bytes(size) +
           bytes(net.constants * size) + 3 * bytes(n);
  }

  void run() {
    for (int k = 0; k < net_.states; ++k) {
      for (int64_t r = 0; r < block_.count; ++r) {
        const bool last = grads_.grad_state[k] && !grads_.trace;
        memcpy(grad(k, r), last ? grads_.grad_state[k] + block_.at(r) : zero_, n_ * sizeof(T));
      }
    }
    for (int64_t segment = (net_.steps - 1) / kSegment; segment >= 0; --segment) {
      const int64_t begin = segment * kSegment;
      const int64_t end = begin + kSegment < net_.steps ? begin + kSegment : net_.steps;
      recompute(segment, begin, end);
      memset(sums_, 0, net_.constants * size_ * sizeof(T));
      for (int64_t t = end; t-- > begin;) step_back(t, t - begin);
      add_up();
    }
    for (int k = 0; k < net_.states; ++k) {
      for (int64_t r = 0; r < block_.count; ++r) memcpy(grads_.initial[k] + block_.at(r), grad(k, r), n_ * sizeof(T));
    }
  }

 private:
  // Only a reset within the step looks at what reached the equation once more.
  static bool looks_back(const Recurrence<T>& net) {
    return net.reset == kSubtractAtOnce || net.reset == kZeroAtOnce;
  }
  static int64_t kept_drives(const Recurrence<T>& net) { return looks_back(net) ? kSegment : 1; }

  T* drive(int64_t step) { return drives_ + (looks_back(net_) ? step * block_.count * net_.stride : 0); }
  T* stored(int64_t step, int k) { return stored_ + (step * own_ + k) * size_; }
  const T* state(int64_t step, int k) { return step == 0 ? start_[k] : stored(step - 1, k); }
  T* grad(int k, int64_t row) {
    return k == 0 ? grad_spk_ + row * net_.stride : grad_ + (k - 1) * size_ + row * n_;
  }

  // The model's states after each step of a segment, from those before it and the spikes.
  void recompute(int64_t segment, int64_t begin, int64_t end) {
    for (int k = 0; k < own_; ++k) {
      const T* checkpoint = grads_.checkpoints + ((segment - 1) * own_ + k) * columns_;
      start_[k] = (segment == 0 ? net_.initial[k + 1] : checkpoint) + begin_;
    }
    for (int64_t t = begin; t < end; ++t) {
      const T* before[kStates];
      T* after[kStates];
      for (int k = 0; k < own_; ++k) before[k] = state(t - begin, k), after[k] = stored(t - begin, k);
      block_.drive(t, drive(t - begin));
      block_.step(drive(t - begin), before, after, both_, 0);
    }
  }

  void step_back(int64_t t, int64_t step) {
    T* grad_drive = grads_.drive ? grads_.drive + t * columns_ + begin_ : grad_drive_;
    if (t > 0) {
      if (grads_.grad_spk) fetch(grads_.grad_spk + (t - 1) * grads_.grad_spk_stride + begin_, size_);
      if (grads_.drive) fetch_to_write(grad_drive - columns_, size_);
    }
    for (int64_t r = 0; r < block_.count; ++r) row_back(t, step, r, grad_drive + r * n_);
    dense_rows<T>({grads_.weight, n_, net_.stride, n_, nullptr}, grad_drive, block_.count, grad_spk_);
  }

  void row_back(int64_t t, int64_t step, int64_t r, T* grad_drive) {
    if (grads_.trace) {
      for (int k = 0; k < net_.states; ++k) {
        const T* given = grads_.grad_state[k];
        if (given) add_row(grad(k, r), given + t * grads_.grad_state_stride[k] + block_.at(r), n_);
      }
    }
    const T* x = looks_back(net_) ? drive(step) + r * net_.stride : zero_;
    BackwardRow<T> row{n_, x, {}, {}, slope_, both_, {}, grad_drive, {}, grads_.derivative == kNoGradient};
    const T* after[3];
    for (int k = 0; k < own_; ++k) {
      row.before[k] = state(step, k) + r * n_, after[k] = stored(step, k) + r * n_, row.grad[k] = grad(k + 1, r);
    }
    for (int c = 0; c < net_.constants - 1; ++c) {
      row.c[c] = block_.constant(c, r), row.sum[c] = sums_ + c * size_ + r * n_;
    }
    rows_.shifted(row, after, slope_);
    spikes_back(grads_.grad_spk ? grads_.grad_spk + t * grads_.grad_spk_stride + block_.at(r) : zero_, r);
    derivative_row(grads_.derivative, grads_.params, slope_, n_);
    rows_.backward(row);
  }

  // The gradient of the spikes: as they are sent on, and as they return, times their amplitude, in the next step.
  void spikes_back(const T* given, int64_t r) {
    const T *amplitude = block_.amplitude(r), *grad_spk = grad(0, r), *shifted = slope_;
    T *sum = sums_ + (net_.constants - 1) * size_ + r * n_, *both = both_;
    SNN_VECTOR
    for (int64_t i = 0; i < n_; ++i) {
      sum[i] += fires(shifted[i], T(0)) * grad_spk[i];
      both[i] = given[i] + grad_spk[i] * amplitude[i];
    }
  }

  void add_up() {
    for (int c = 0; c < net_.constants; ++c) {
      double* total = grads_.constant[c];
      if (!total) continue;
      const T* sum = sums_ + c * size_;
      SNN_VECTOR
      for (int64_t i = 0; i < size_; ++i) total[begin_ + i] += sum[i];
    }
  }

  const Recurrence<T>& net_;
  const RecurrentGradients<T>& grads_;
  const Rows<T>& rows_;
  const Block<T> block_;
  const int64_t n_, own_, columns_, size_, begin_;
  T *drives_, *stored_, *grad_spk_, *grad_, *grad_drive_, *sums_, *slope_, *both_, *zero_;
  const T* start_[kStates];
};

// Blocks of rows, as many as fit well.
template <class T, class F>
void over_blocks(const Recurrence<T>& net, int64_t first, int64_t last, const F& f) {
  const bool near = net.neurons * net.stride * int64_t(sizeof(T)) <= kNear;
  int64_t size = near ? kElements / net.neurons / kTileRows * kTileRows : kMost;
  size = size < kFewest ? kFewest : size > kMost ? kMost : size;
  for (int64_t row = first; row < last; row += size) f(row, last - row < size ? last - row : size);
}

template <class T>
void forward(const Recurrence<T>& net, const RecurrentOutputs<T>& out, int64_t first, int64_t last) {
  const Rows<T> rows = rows_of<T>(net.model, net.reset, false);
  over_blocks(net, first, last, [&](int64_t row, int64_t count) { forward_block(net, out, rows, row, count); });
}

template <class T>
void backward(const Recurrence<T>& net, const RecurrentGradients<T>& grads, int64_t first, int64_t last) {
  bool sums = false;
  for (int c = 0; c < net.constants - 1; ++c) sums = sums || grads.constant[c];
  const Rows<T> rows = rows_of<T>(net.model, net.reset, sums);
  over_blocks(net, first, last, [&](int64_t row, int64_t count) {
    Scratch<T> scratch(BackwardBlock<T>::scratch_bytes(net, count));
    BackwardBlock<T>(net, grads, rows, row, count, scratch).run();
  });
}

}  // namespace

template <>
const RecurrentKernels<float>& recurrent_kernels<float>() {
  static const RecurrentKernels<float> found{&forward<float>, &backward<float>};
  return found;
}

template <>
const RecurrentKernels<double>& recurrent_kernels<double>() {
  static const RecurrentKernels<double> found{&forward<double>, &backward<double>};
  return found;
}

}  // namespace SNN_ARCH
}  // namespace snn
