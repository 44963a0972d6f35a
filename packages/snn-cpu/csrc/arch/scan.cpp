// A whole sequence of element-wise neurons: one pass over time for each block of columns, whose state stays in cache.
#include <string.h>

#include <new>

#include "kernels.h"
#include "rows.h"
#include "stream.h"

namespace snn {
namespace SNN_ARCH {
namespace {

constexpr int64_t kBlock = 512;  // columns: a row of each array that a step touches fits into the first-level cache
constexpr int64_t kAhead = 2;    // rows: consecutive ones lie pages apart, where no processor looks for itself

// Rows of scratch memory, a block wide.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t rows)
      : next_(static_cast<T*>(::operator new(rows * kBlock * sizeof(T), std::align_val_t(64)))), data_(next_) {}
  ~Scratch() { ::operator delete(data_, std::align_val_t(64)); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* rows(int64_t count) {
    T* first = next_;
    next_ += count * kBlock;
    return first;
  }

 private:
  T* next_;
  T* data_;
};

template <class T>
void fill(T* row, T value) {
  for (int64_t i = 0; i < kBlock; ++i) row[i] = value;
}

template <class T>
void copy(T* to, const T* from, int64_t n) {
  memcpy(to, from, n * sizeof(T));
}

// Constants as rows: a scalar is written out once, one value per column is read where it lies.
template <class T>
struct ConstantRows {
  const T* at[kConstants];

  ConstantRows(const Scan<T>& scan, T* filled, int64_t begin) {
    for (int c = 0; c < scan.constants; ++c) {
      T* row = filled + c * kBlock;
      if (!scan.constant[c].per_column) fill(row, *scan.constant[c].values);
      at[c] = scan.constant[c].per_column ? scan.constant[c].values + begin : row;
    }
  }
};

// What reaches the equation: the input, and of a recurrent neuron its own last spikes too.
template <class T>
void drive_row(const T* x, const T* spk, const T* weight, T* drive, int64_t n) {
  SNN_VECTOR
  for (int64_t i = 0; i < n; ++i) drive[i] = x[i] + spk[i] * weight[i];
}

template <class T>
void graded_row(const T* fired, const T* amplitude, T* spk, int64_t n) {
  SNN_VECTOR
  for (int64_t i = 0; i < n; ++i) spk[i] = fired[i] * amplitude[i];
}

// One step of every neuron of a block. With recurrence `before[0]` and `after[0]` are the spikes.
template <class T>
struct Step {
  const Scan<T>& scan;
  const Rows<T>& rows;
  const ConstantRows<T>& constants;
  T* drive;
  int64_t n;

  const T* input(const T* x, const T* const* before) const {
    if (!scan.recurrent) return x;
    drive_row(x, before[0], constants.at[scan.constants - 2], drive, n);
    return drive;
  }

  void operator()(const T* x, const T* const* before, T* const* after, T* spk) const {
    ForwardRow<T> row{n, input(x, before), {}, {}, {}, spk};
    const int own = scan.recurrent;  // states before the model's
    for (int k = own; k < scan.states; ++k) row.before[k - own] = before[k], row.after[k - own] = after[k];
    for (int c = 0; c < kConstantsOf[scan.model]; ++c) row.c[c] = constants.at[c];
    rows.forward(row);
    if (scan.recurrent) graded_row(spk, constants.at[scan.constants - 1], after[0], n);
  }
};

// Asks for a row of memory some steps before it is needed, to read it or to write it.
template <class T>
void fetch(const T* row, int64_t n) {
  for (int64_t i = 0; i < n; i += 64 / sizeof(T)) __builtin_prefetch(row + i);
}

template <class T>
void fetch_to_write(T* row, int64_t n) {
  for (int64_t i = 0; i < n; i += 64 / sizeof(T)) __builtin_prefetch(row + i, 1);
}

template <class T>
void forward_block(const Scan<T>& scan, const ForwardOutputs<T>& out, const Rows<T>& rows, int64_t begin, int64_t n) {
  Scratch<T> scratch(kConstants + 2);
  const ConstantRows<T> constants(scan, scratch.rows(kConstants), begin);
  const Step<T> step{scan, rows, constants, scratch.rows(1), n};
  T* const fired = scratch.rows(1);
  const bool streams = scan.streams && streamable(out.spk, scan.columns);
  const T* before[kStates];
  T* after[kStates];
  for (int k = 0; k < scan.states; ++k) before[k] = scan.initial[k] + begin, after[k] = out.state[k] + begin;
  for (int64_t t = 0; t < scan.steps; ++t) {
    if (out.checkpoints && t && t % kSegment == 0) {
      T* stored = out.checkpoints + (t / kSegment - 1) * scan.states * scan.columns + begin;
      for (int k = 0; k < scan.states; ++k) copy(stored + k * scan.columns, before[k], n);
    }
    if (t + kAhead < scan.steps) {
      fetch(scan.x + (t + kAhead) * scan.x_stride + begin, n);
      if (!streams) fetch_to_write(out.spk + (t + kAhead) * scan.columns + begin, n);
    }
    T* const spk = out.spk + t * scan.columns + begin;
    step(scan.x + t * scan.x_stride + begin, before, after, streams ? fired : spk);
    if (streams) stream_row(spk, fired, n);
    for (int k = 0; k < scan.states; ++k) {
      before[k] = after[k];
      if (out.trace) after[k] += scan.columns;
    }
  }
}

template <class T>
void add_row(T* to, const T* row, int64_t n) {
  SNN_VECTOR
  for (int64_t i = 0; i < n; ++i) to[i] += row[i];
}

template <class T>
class BackwardBlock {
 public:
  BackwardBlock(const Scan<T>& scan, const BackwardInputs<T>& in, const Gradients<T>& out, const Rows<T>& rows,
                Scratch<T>& scratch, int64_t begin, int64_t n)
      : scan_(scan), in_(in), out_(out), rows_(rows), begin_(begin), n_(n),
        constants_(scan, scratch.rows(kConstants), begin), step_{scan, rows, constants_, scratch.rows(1), n},
        stored_(scratch.rows(kSegment * scan.states)), spk_(scratch.rows(1)), slope_(scratch.rows(1)),
        grad_spk_(scratch.rows(1)), grad_x_(scratch.rows(1)), zero_(scratch.rows(1)),
        grad_(scratch.rows(kStates)), sums_(scratch.rows(kConstants)),
        streams_(scan.streams && out.x && streamable(out.x, scan.columns)) {
    fill(zero_, T(0));
  }

  static int64_t scratch_rows(const Scan<T>& scan) { return 2 * kConstants + kStates + 6 + kSegment * scan.states; }

  void run() {
    for (int k = 0; k < scan_.states; ++k) {
      const bool last = in_.grad_state[k] && !in_.trace;
      copy(grad_ + k * kBlock, last ? in_.grad_state[k] + begin_ : zero_, n_);
    }
    for (int64_t segment = (scan_.steps - 1) / kSegment; segment >= 0; --segment) {
      const int64_t first = segment * kSegment;
      const int64_t last = first + kSegment < scan_.steps ? first + kSegment : scan_.steps;
      recompute(segment, first, last);
      for (int c = 0; c < scan_.constants; ++c) copy(sums_ + c * kBlock, zero_, n_);
      for (int64_t t = last; t-- > first;) step_back(t, t - first);
      for (int c = 0; c < scan_.constants; ++c) {
        if (double* total = out_.constant[c]) {
          const T* sum = sums_ + c * kBlock;
          SNN_VECTOR
          for (int64_t i = 0; i < n_; ++i) total[begin_ + i] += sum[i];
        }
      }
    }
    for (int k = 0; k < scan_.states; ++k) copy(out_.initial[k] + begin_, grad_ + k * kBlock, n_);
  }

 private:
  // The states after each step of a segment, from those before it.
  void recompute(int64_t segment, int64_t first, int64_t last) {
    for (int k = 0; k < scan_.states; ++k) {
      const T* stored = in_.checkpoints + ((segment - 1) * scan_.states + k) * scan_.columns;
      start_[k] = (segment == 0 ? scan_.initial[k] : stored) + begin_;
    }
    const T* before[kStates];
    T* after[kStates];
    for (int64_t t = first; t < last; ++t) {
      for (int k = 0; k < scan_.states; ++k) before[k] = state(t - first, k), after[k] = stored_row(t - first, k);
      if (t + kAhead < last) fetch(scan_.x + (t + kAhead) * scan_.x_stride + begin_, n_);
      step_(scan_.x + t * scan_.x_stride + begin_, before, after, spk_);
    }
  }

  T* stored_row(int64_t step, int k) { return stored_ + (step * scan_.states + k) * kBlock; }
  const T* state(int64_t step, int k) { return step == 0 ? start_[k] : stored_row(step - 1, k); }

  void step_back(int64_t t, int64_t step) {
    const int own = scan_.recurrent;
    const T* before[kStates];
    const T* after[3];
    if (const int64_t next = t - kAhead; next >= 0) {
      fetch(scan_.x + next * scan_.x_stride + begin_, n_);
      if (in_.grad_spk) fetch(in_.grad_spk + next * in_.grad_spk_stride + begin_, n_);
      if (out_.x && !streams_) fetch_to_write(out_.x + next * scan_.columns + begin_, n_);
    }
    for (int k = 0; k < scan_.states; ++k) before[k] = state(step, k);
    for (int k = own; k < scan_.states; ++k) after[k - own] = stored_row(step, k);
    const T* x = step_.input(scan_.x + t * scan_.x_stride + begin_, before);
    T* grad_x = out_.x && !streams_ ? out_.x + t * scan_.columns + begin_ : grad_x_;
    BackwardRow<T> row{n_, x, {}, {}, slope_, zero_, {}, grad_x, {}, in_.derivative == kNoGradient};
    for (int k = 0; k < scan_.states; ++k) {
      T* grad = grad_ + k * kBlock;
      if (in_.trace && in_.grad_state[k]) add_row(grad, in_.grad_state[k] + t * in_.grad_state_stride[k] + begin_, n_);
      if (k >= own) row.before[k - own] = before[k], row.grad[k - own] = grad;
    }
    for (int c = 0; c < kConstantsOf[scan_.model]; ++c) row.c[c] = constants_.at[c], row.sum[c] = sums_ + c * kBlock;
    rows_.shifted(row, after, slope_);
    const T* given = in_.grad_spk ? in_.grad_spk + t * in_.grad_spk_stride + begin_ : zero_;
    row.grad_spk = own ? spikes_back(given) : given;
    derivative_row(in_.derivative, in_.params, slope_, n_);
    rows_.backward(row);
    if (own) weight_back(grad_x, before[0]);
    if (streams_) stream_row(out_.x + t * scan_.columns + begin_, grad_x, n_);
  }

  // The gradient of the spikes: as they are sent on, and as they return, times their amplitude, in the next step.
  const T* spikes_back(const T* given) {
    const T *amplitude = constants_.at[scan_.constants - 1], *grad = grad_;
    T *sum = sums_ + (scan_.constants - 1) * kBlock, *both = grad_spk_;
    const T* shifted = slope_;
    SNN_VECTOR
    for (int64_t i = 0; i < n_; ++i) {
      sum[i] += grad[i] * fires(shifted[i], T(0));
      both[i] = given[i] + grad[i] * amplitude[i];
    }
    return both;
  }

  void weight_back(const T* grad_x, const T* spk) {
    const T* weight = constants_.at[scan_.constants - 2];
    T *sum = sums_ + (scan_.constants - 2) * kBlock, *grad = grad_;
    SNN_VECTOR
    for (int64_t i = 0; i < n_; ++i) {
      sum[i] += grad_x[i] * spk[i];
      grad[i] = grad_x[i] * weight[i];
    }
  }

  const Scan<T>& scan_;
  const BackwardInputs<T>& in_;
  const Gradients<T>& out_;
  const Rows<T>& rows_;
  const int64_t begin_, n_;
  const ConstantRows<T> constants_;
  const Step<T> step_;
  T *stored_, *spk_, *slope_, *grad_spk_, *grad_x_, *zero_, *grad_, *sums_;
  const bool streams_;
  const T* start_[kStates];
};

template <class T>
void forward(const Scan<T>& scan, const ForwardOutputs<T>& out, int64_t begin, int64_t end) {
  const Rows<T> rows = rows_of<T>(scan.model, scan.reset, false);
  for (int64_t c = begin; c < end; c += kBlock) forward_block(scan, out, rows, c, end - c < kBlock ? end - c : kBlock);
  if (scan.streams) end_of_streams();
}

template <class T>
void backward(const Scan<T>& scan, const BackwardInputs<T>& in, const Gradients<T>& out, int64_t begin, int64_t end) {
  bool sums = false;
  for (int c = 0; c < scan.constants; ++c) sums = sums || out.constant[c];
  const Rows<T> rows = rows_of<T>(scan.model, scan.reset, sums);
  for (int64_t c = begin; c < end; c += kBlock) {
    Scratch<T> scratch(BackwardBlock<T>::scratch_rows(scan));
    BackwardBlock<T>(scan, in, out, rows, scratch, c, end - c < kBlock ? end - c : kBlock).run();
  }
  if (scan.streams) end_of_streams();
}

}  // namespace

template <>
const Kernels<float>& kernels<float>() {
  static const Kernels<float> found{&forward<float>, &backward<float>};
  return found;
}

template <>
const Kernels<double>& kernels<double>() {
  static const Kernels<double> found{&forward<double>, &backward<double>};
  return found;
}

}  // namespace SNN_ARCH
}  // namespace snn
