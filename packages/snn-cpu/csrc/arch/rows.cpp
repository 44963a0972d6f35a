#include "rows.h"

namespace snn {
namespace SNN_ARCH {
namespace {

template <class T, Model model, Reset reset>
Rows<T> chosen(bool sums) {
  return {&forward_row<T, model, reset>, &shifted_row<T, model, reset>,
          sums ? &backward_row<T, model, reset, true> : &backward_row<T, model, reset, false>};
}

template <class T, Model model>
Rows<T> chosen(Reset reset, bool sums) {
  switch (reset) {
    case kSubtract: return chosen<T, model, kSubtract>(sums);
    case kZero: return chosen<T, model, kZero>(sums);
    case kSubtractAtOnce: return chosen<T, model, kSubtractAtOnce>(sums);
    case kZeroAtOnce: return chosen<T, model, kZeroAtOnce>(sums);
    default: return chosen<T, model, kNone>(sums);
  }
}

}  // namespace

template <class T>
Rows<T> rows_of(Model model, Reset reset, bool sums) {
  switch (model) {
    case kSynaptic: return chosen<T, kSynaptic>(reset, sums);
    case kAlpha: return chosen<T, kAlpha>(reset, sums);
    default: return chosen<T, kLeaky>(reset, sums);
  }
}

template Rows<float> rows_of<float>(Model, Reset, bool);
template Rows<double> rows_of<double>(Model, Reset, bool);

}  // namespace SNN_ARCH
}  // namespace snn
