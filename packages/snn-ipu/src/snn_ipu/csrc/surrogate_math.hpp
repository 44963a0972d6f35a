// The mathematics of every compiled surrogate, once: for numbers on the CPU and for expressions of PopLibs.
#pragma once

namespace snn_ipu {

// In the order of _KINDS in compiled_op.py.
enum class Kind { FastSigmoid, Atan, Sigmoid, Triangular, StraightThrough };

constexpr int kKinds = 5;
constexpr double kHalfPi = 1.57079632679489661923;

// An Algebra has a type Value and static functions: constant, add, subtract, multiply, divide, absolute, square,
// logistic, maximum, and select(a, b, u), which is a where u > 0 and b elsewhere.

template <class Algebra> typename Algebra::Value spike(const typename Algebra::Value &u) {
  return Algebra::select(Algebra::constant(1), Algebra::constant(0), u);
}

// The derivative that replaces the derivative of the step; slope is the surrogate's one parameter.
template <class Algebra>
typename Algebra::Value derivative(Kind kind, double slope, const typename Algebra::Value &u) {
  using A = Algebra;
  const auto one = A::constant(1);
  const auto k = A::constant(slope);
  switch (kind) {
  case Kind::FastSigmoid: // 1 / (1 + k|u|)^2
    return A::divide(one, A::square(A::add(one, A::multiply(k, A::absolute(u)))));
  case Kind::Atan: // (k / 2) / (1 + (pi k u / 2)^2)
    return A::divide(A::constant(slope / 2), A::add(one, A::square(A::multiply(A::constant(kHalfPi * slope), u))));
  case Kind::Sigmoid: { // k s (1 - s)
    const auto s = A::logistic(A::multiply(k, u));
    return A::multiply(k, A::multiply(s, A::subtract(one, s)));
  }
  case Kind::Triangular: // max(0, 1 - |u| / k) / k
    return A::divide(A::maximum(A::constant(0), A::subtract(one, A::divide(A::absolute(u), k))), k);
  case Kind::StraightThrough:
    break;
  }
  return A::constant(1); // not `one`: an expression of PopLibs cannot be copied
}

} // namespace snn_ipu
