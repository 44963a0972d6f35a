// One time step over a row of columns: the equations of numerics, and their derivatives.
//
// A row is short enough to stay in the first-level cache, so that passes over it cost little; every loop is written to
// be vectorised. Forward passes do torch's operations in torch's order and round like it, bit for bit.
#pragma once

#include <stdint.h>

#include "../scan.h"

#define SNN_VECTOR _Pragma("GCC ivdep")

namespace snn {
namespace SNN_ARCH {

template <class T>
struct ForwardRow {
  int64_t n;
  const T* x;
  const T* before[3];  // states; may be the same rows as after
  const T* c[4];       // constants
  T* after[3];
  T* spk;
};

template <class T>
struct BackwardRow {
  int64_t n;
  const T* x;
  const T* before[3];
  const T* c[4];
  const T* slope;     // the surrogate's derivative
  const T* grad_spk;
  T* grad[3];         // of the states after the step; becomes that of the states before it
  T* grad_x;
  T* sum[4];          // gradients of the constants, added to
  bool silent = false;  // whether spikes have no gradient at all, where slope 0 would make NaN of an infinite one
};

// The reset of the spike fired a step before acts around the equation, the one "at once" after it.
template <Reset reset>
constexpr bool delayed = reset == kSubtract || reset == kZero;
template <Reset reset>
constexpr bool at_once = reset == kSubtractAtOnce || reset == kZeroAtOnce;

template <class T>
inline T fires(T mem, T threshold) {
  return mem > threshold ? T(1) : T(0);
}

template <class T, Model model, Reset reset>
void forward_row(const ForwardRow<T>& row) {
  const int64_t n = row.n;
  const T* x = row.x;
  T* spk = row.spk;
  if constexpr (model == kAlpha) {
    const T *alpha = row.c[0], *beta = row.c[1], *tau = row.c[2], *threshold = row.c[3];
    const T *exc = row.before[0], *inh = row.before[1], *mem = row.before[2];
    T *new_exc = row.after[0], *new_inh = row.after[1], *new_mem = row.after[2];
    SNN_VECTOR
    for (int64_t i = 0; i < n; ++i) {
      T e = alpha[i] * exc[i] + x[i], h = beta[i] * inh[i] - x[i];
      T v = tau[i] * (e + h);
      if constexpr (delayed<reset>) {
        const T fired = fires(mem[i], threshold[i]);
        if constexpr (reset == kSubtract) {
          const T amount = fired * threshold[i];
          e = e - amount / tau[i];
          v = v - amount;
        } else {
          const T kept = T(1) - fired;
          e = e * kept, h = h * kept, v = v * kept;
        }
      }
      const T s = fires(v, threshold[i]);
      if constexpr (reset == kSubtractAtOnce) {
        const T amount = s * threshold[i];
        e = e - amount / tau[i];
        v = v - amount;
      } else if constexpr (reset == kZeroAtOnce) {
        const T kept = T(1) - s;
        e = e * kept, h = h * kept, v = v * kept;
      }
      spk[i] = s, new_exc[i] = e, new_inh[i] = h, new_mem[i] = v;
    }
  } else {
    constexpr int m = model == kSynaptic ? 1 : 0;  // where the membrane is among the states
    const T *first = row.c[0], *second = row.c[1], *threshold = row.c[2];
    const T *syn = row.before[0], *mem = row.before[m];
    T *new_syn = row.after[0], *new_mem = row.after[m];
    SNN_VECTOR
    for (int64_t i = 0; i < n; ++i) {
      T v = mem[i];
      const T fired = delayed<reset> ? fires(v, threshold[i]) : T(0);
      if constexpr (reset == kZero) v = v * (T(1) - fired);
      if constexpr (model == kSynaptic) {
        const T current = first[i] * syn[i] + x[i];
        new_syn[i] = current;
        v = second[i] * v + current;
      } else {
        v = first[i] * v + x[i] * second[i];
      }
      if constexpr (reset == kSubtract) v = v - fired * threshold[i];
      const T s = fires(v, threshold[i]);
      if constexpr (reset == kSubtractAtOnce) v = v - s * threshold[i];
      if constexpr (reset == kZeroAtOnce) v = v * (T(1) - s);
      spk[i] = s, new_mem[i] = v;
    }
  }
}

// The membrane that is compared with the threshold, less the threshold: where the surrogate is evaluated.
template <class T, Model model, Reset reset>
void shifted_row(const BackwardRow<T>& row, const T* const after[3], T* out) {
  const int64_t n = row.n;
  constexpr int m = kStatesOf[model] - 1;
  const T* threshold = row.c[kConstantsOf[model] - 1];
  if constexpr (!at_once<reset>) {
    const T* mem = after[m];
    SNN_VECTOR
    for (int64_t i = 0; i < n; ++i) out[i] = mem[i] - threshold[i];
  } else if constexpr (model == kAlpha) {
    const T *alpha = row.c[0], *beta = row.c[1], *tau = row.c[2], *exc = row.before[0], *inh = row.before[1];
    SNN_VECTOR
    for (int64_t i = 0; i < n; ++i) {
      const T e = alpha[i] * exc[i] + row.x[i], h = beta[i] * inh[i] - row.x[i];
      out[i] = tau[i] * (e + h) - threshold[i];
    }
  } else if constexpr (model == kSynaptic) {
    const T *beta = row.c[1], *mem = row.before[1], *syn = after[0];
    SNN_VECTOR
    for (int64_t i = 0; i < n; ++i) out[i] = (beta[i] * mem[i] + syn[i]) - threshold[i];
  } else {
    const T *decay = row.c[0], *gain = row.c[1], *mem = row.before[0];
    SNN_VECTOR
    for (int64_t i = 0; i < n; ++i) out[i] = (decay[i] * mem[i] + row.x[i] * gain[i]) - threshold[i];
  }
}

// Backpropagation through one step. In the comments g(v) is the gradient of v.
template <class T, Model model, Reset reset, bool sums>
void backward_row(const BackwardRow<T>& row) {
  const int64_t n = row.n;
  const T *x = row.x, *slope = row.slope, *grad_spk = row.grad_spk;
  const bool silent = row.silent;
  T* grad_x = row.grad_x;
  if constexpr (model == kAlpha) {
    const T *alpha = row.c[0], *beta = row.c[1], *tau = row.c[2], *threshold = row.c[3];
    const T *exc = row.before[0], *inh = row.before[1], *mem = row.before[2];
    T *grad_exc = row.grad[0], *grad_inh = row.grad[1], *grad_mem = row.grad[2];
    T *sum_alpha = row.sum[0], *sum_beta = row.sum[1], *sum_tau = row.sum[2], *sum_threshold = row.sum[3];
    SNN_VECTOR
    for (int64_t i = 0; i < n; ++i) {
      const T e = alpha[i] * exc[i] + x[i], h = beta[i] * inh[i] - x[i], both = e + h;
      T ge = grad_exc[i], gh = grad_inh[i], gv = grad_mem[i], g_threshold, g_tau = T(0);
      if constexpr (at_once<reset>) {
        const T v = tau[i] * both, s = fires(v, threshold[i]);
        if constexpr (reset == kSubtractAtOnce) {  // v' = v - s threshold, e' = e - s threshold / tau
          const T through = gv + ge / tau[i];      // of what is subtracted from v, by both ways
          const T du = silent ? T(0) : (grad_spk[i] - through * threshold[i]) * slope[i];
          g_threshold = -du - through * s;
          g_tau = ge * s * threshold[i] / (tau[i] * tau[i]);
          gv = gv + du;
        } else {  // all three times 1 - s
          const T kept = T(1) - s;
          const T du = silent ? T(0) : (grad_spk[i] - gv * v - ge * e - gh * h) * slope[i];
          g_threshold = -du;
          gv = gv * kept + du, ge = ge * kept, gh = gh * kept;
        }
      } else {
        const T du = silent ? T(0) : grad_spk[i] * slope[i];
        g_threshold = -du;
        gv = gv + du;
        if constexpr (delayed<reset>) {
          const T fired = fires(mem[i], threshold[i]);
          if constexpr (reset == kSubtract) {
            g_threshold -= (gv + ge / tau[i]) * fired;
            g_tau = ge * fired * threshold[i] / (tau[i] * tau[i]);
          } else {
            const T kept = T(1) - fired;
            gv = gv * kept, ge = ge * kept, gh = gh * kept;
          }
        }
      }
      ge = ge + gv * tau[i], gh = gh + gv * tau[i];
      if constexpr (sums) {
        sum_alpha[i] += ge * exc[i], sum_beta[i] += gh * inh[i];
        // without a gradient of spikes nothing but the last membrane, or a traced one, leads back to tau
        sum_tau[i] += silent && gv == T(0) ? g_tau : g_tau + gv * both;
        sum_threshold[i] += g_threshold;
      }
      grad_x[i] = ge - gh;
      grad_exc[i] = ge * alpha[i], grad_inh[i] = gh * beta[i], grad_mem[i] = T(0);
    }
  } else {
    constexpr int m = model == kSynaptic ? 1 : 0;
    const T *first = row.c[0], *second = row.c[1], *threshold = row.c[2];
    const T *syn = row.before[0], *mem = row.before[m];
    T *grad_syn = row.grad[0], *grad_mem = row.grad[m];
    T *sum_first = row.sum[0], *sum_second = row.sum[1], *sum_threshold = row.sum[2];
    SNN_VECTOR
    for (int64_t i = 0; i < n; ++i) {
      const T fired = delayed<reset> ? fires(mem[i], threshold[i]) : T(0);
      const T kept = reset == kZero ? T(1) - fired : T(1);
      const T cleared = reset == kZero ? mem[i] * kept : mem[i];
      T gv = grad_mem[i], g_threshold;
      if constexpr (at_once<reset>) {
        T v;
        if constexpr (model == kSynaptic) {
          v = second[i] * cleared + (first[i] * syn[i] + x[i]);
        } else {
          v = first[i] * cleared + x[i] * second[i];
        }
        const T s = fires(v, threshold[i]);
        const T lost = reset == kSubtractAtOnce ? threshold[i] : v;  // what a spike takes from v
        const T du = silent ? T(0) : (grad_spk[i] - gv * lost) * slope[i];
        g_threshold = reset == kSubtractAtOnce ? -du - gv * s : -du;
        gv = reset == kSubtractAtOnce ? gv + du : gv * (T(1) - s) + du;
      } else {
        const T du = silent ? T(0) : grad_spk[i] * slope[i];
        gv = gv + du;
        g_threshold = reset == kSubtract ? -du - gv * fired : -du;
      }
      if constexpr (model == kSynaptic) {
        const T gi = grad_syn[i] + gv;
        if constexpr (sums) sum_first[i] += gi * syn[i], sum_second[i] += gv * cleared;
        grad_x[i] = gi;
        grad_syn[i] = gi * first[i];
        grad_mem[i] = reset == kZero ? gv * second[i] * kept : gv * second[i];
      } else {
        if constexpr (sums) sum_first[i] += gv * cleared, sum_second[i] += gv * x[i];
        grad_x[i] = gv * second[i];
        grad_mem[i] = reset == kZero ? gv * first[i] * kept : gv * first[i];
      }
      if constexpr (sums) sum_threshold[i] += g_threshold;
    }
  }
}

// The passes of one neuron, chosen once a call.
template <class T>
struct Rows {
  void (*forward)(const ForwardRow<T>&);
  void (*shifted)(const BackwardRow<T>&, const T* const after[3], T* out);
  void (*backward)(const BackwardRow<T>&);
};

template <class T>
Rows<T> rows_of(Model model, Reset reset, bool sums);

// The derivative of a surrogate at each entry of a row, in place.
template <class T>
void derivative_row(Derivative derivative, const T params[2], T* z, int64_t n);

}  // namespace SNN_ARCH
}  // namespace snn
