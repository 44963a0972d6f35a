// The computation of each operation on a vector; each matches torch's own kernel, bit for bit where that is exact.
#include <cmath>

#include "machine.h"

namespace snn {
namespace SNN_ARCH {
namespace {

template <class T, class M>
inline Vector<T> truth(M mask) {
  return mask ? everywhere(T(1)) : Vector<T>{};
}

#define SNN_OPERATION(name, operands, ...) \
  struct name {                            \
    template <class T>                     \
    static inline Vector<T> of operands {  \
      return __VA_ARGS__;                  \
    }                                      \
  };
#define SNN_UNARY(name, ...) SNN_OPERATION(name, (Vector<T> a), __VA_ARGS__)
#define SNN_BINARY(name, ...) SNN_OPERATION(name, (Vector<T> a, Vector<T> b), __VA_ARGS__)
#define SNN_TERNARY(name, ...) SNN_OPERATION(name, (Vector<T> a, Vector<T> b, Vector<T> c), __VA_ARGS__)

template <class T>
inline Vector<T> smaller(Vector<T> a, Vector<T> b) {  // NaN if either is
  const Vector<T> least = a < b ? a : b;
  return a != a ? a : least;
}

template <class T>
inline Vector<T> larger(Vector<T> a, Vector<T> b) {
  const Vector<T> most = a > b ? a : b;
  return a != a ? a : most;
}

template <class T>
__attribute__((noinline)) Vector<T> power(Vector<T> a, Vector<T> b) {
  for (int64_t i = 0; i < kLanes<T>; ++i) a[i] = std::pow(a[i], b[i]);
  return a;
}

SNN_BINARY(Load, ((void)a, b))
SNN_BINARY(Add, a + b)
SNN_BINARY(Sub, a - b)
SNN_BINARY(Rsub, b - a)
SNN_BINARY(Mul, a * b)
SNN_BINARY(Div, a / b)
SNN_BINARY(Rdiv, b / a)
SNN_BINARY(Minimum, smaller<T>(a, b))
SNN_BINARY(Rminimum, smaller<T>(b, a))
SNN_BINARY(Maximum, larger<T>(a, b))
SNN_BINARY(Rmaximum, larger<T>(b, a))
SNN_BINARY(Pow, power<T>(a, b))
SNN_BINARY(Rpow, power<T>(b, a))
SNN_BINARY(Gt, truth<T>(a > b))
SNN_BINARY(Ge, truth<T>(a >= b))
SNN_BINARY(Lt, truth<T>(a < b))
SNN_BINARY(Le, truth<T>(a <= b))
SNN_BINARY(Eq, truth<T>(a == b))
SNN_BINARY(Ne, truth<T>(a != b))
SNN_BINARY(And, truth<T>((a != T(0)) & (b != T(0))))
SNN_BINARY(Or, truth<T>((a != T(0)) | (b != T(0))))
SNN_BINARY(Xor, truth<T>((a != T(0)) ^ (b != T(0))))
SNN_TERNARY(Where, a != T(0) ? b : c)
SNN_TERNARY(WhereTrue, b != T(0) ? a : c)
SNN_TERNARY(WhereFalse, b != T(0) ? c : a)
SNN_TERNARY(Clamp, (a < b ? b : a) > c ? c : (a < b ? b : a))
SNN_TERNARY(AddMul, a + b * c)
SNN_TERNARY(SubMul, a - b * c)
SNN_TERNARY(RsubMul, b * c - a)
SNN_TERNARY(SubFired, a - (b > c ? c : c * T(0)))
SNN_TERNARY(MulKept, b > c ? a * T(0) : a)
SNN_UNARY(Neg, -a)
SNN_UNARY(Abs, magnitude<T>(a))
SNN_UNARY(Reciprocal, T(1) / a)
SNN_UNARY(Square, a * a)
SNN_UNARY(Sqrt, square_root(a))
SNN_UNARY(Rsqrt, T(1) / square_root(a))
SNN_UNARY(Exp, exponential_of<T>(a))
SNN_UNARY(Expm1, one_by_one<T>(a, [](T x) { return std::expm1(x); }))
SNN_UNARY(Log, logarithm_of<T>(a))
SNN_UNARY(Log1p, one_by_one<T>(a, [](T x) { return std::log1p(x); }))
SNN_UNARY(Tanh, tanh_of<T>(a))
SNN_UNARY(Sigmoid, sigmoid_of<T>(a))
SNN_UNARY(Sin, one_by_one<T>(a, [](T x) { return std::sin(x); }))
SNN_UNARY(Cos, one_by_one<T>(a, [](T x) { return std::cos(x); }))
SNN_UNARY(Sign, truth<T>(a > T(0)) - truth<T>(a < T(0)))
SNN_UNARY(Floor, floor_of<T>(a))
SNN_UNARY(Round, nearest<T>(a))
SNN_UNARY(Not, truth<T>(a == T(0)))

template <class T, class F, bool stores>
Run<T> binary(const bool scalar[2]) {
  return scalar[0] ? &binary_run<T, F, true, stores> : &binary_run<T, F, false, stores>;
}

template <class T, class F, bool stores>
Run<T> ternary(const bool scalar[2]) {
  if (scalar[0]) {
    return scalar[1] ? &ternary_run<T, F, true, true, stores> : &ternary_run<T, F, true, false, stores>;
  }
  return scalar[1] ? &ternary_run<T, F, false, true, stores> : &ternary_run<T, F, false, false, stores>;
}

}  // namespace

template <class T>
Run<T> run_of(int64_t operation, const bool scalar[2], bool stores) {
  switch (operation) {
    case kOpStore: return stores ? &store_run<T> : &stream_run<T>;
#define SNN_CASE(kind, name) case kOp##name: return stores ? kind<T, name, true>(scalar) : kind<T, name, false>(scalar);
#define SNN_UNARY_CASE(name) case kOp##name: return stores ? &unary_run<T, name, true> : &unary_run<T, name, false>;
    SNN_CASE(binary, Load) SNN_CASE(binary, Add) SNN_CASE(binary, Sub) SNN_CASE(binary, Rsub) SNN_CASE(binary, Mul)
    SNN_CASE(binary, Div) SNN_CASE(binary, Rdiv) SNN_CASE(binary, Minimum) SNN_CASE(binary, Rminimum)
    SNN_CASE(binary, Maximum) SNN_CASE(binary, Rmaximum) SNN_CASE(binary, Pow) SNN_CASE(binary, Rpow)
    SNN_CASE(binary, Gt) SNN_CASE(binary, Ge) SNN_CASE(binary, Lt) SNN_CASE(binary, Le) SNN_CASE(binary, Eq)
    SNN_CASE(binary, Ne) SNN_CASE(binary, And) SNN_CASE(binary, Or) SNN_CASE(binary, Xor)
    SNN_CASE(ternary, Where) SNN_CASE(ternary, WhereTrue) SNN_CASE(ternary, WhereFalse) SNN_CASE(ternary, Clamp)
    SNN_CASE(ternary, AddMul) SNN_CASE(ternary, SubMul) SNN_CASE(ternary, RsubMul) SNN_CASE(ternary, SubFired)
    SNN_CASE(ternary, MulKept)
    SNN_UNARY_CASE(Neg) SNN_UNARY_CASE(Abs) SNN_UNARY_CASE(Reciprocal) SNN_UNARY_CASE(Square) SNN_UNARY_CASE(Sqrt)
    SNN_UNARY_CASE(Rsqrt) SNN_UNARY_CASE(Exp) SNN_UNARY_CASE(Expm1) SNN_UNARY_CASE(Log) SNN_UNARY_CASE(Log1p)
    SNN_UNARY_CASE(Tanh) SNN_UNARY_CASE(Sigmoid) SNN_UNARY_CASE(Sin) SNN_UNARY_CASE(Cos) SNN_UNARY_CASE(Sign)
    SNN_UNARY_CASE(Floor) SNN_UNARY_CASE(Round) SNN_UNARY_CASE(Not)
    default: return &end_run<T>;
  }
}

template Run<float> run_of<float>(int64_t, const bool[2], bool);
template Run<double> run_of<double>(int64_t, const bool[2], bool);

}  // namespace SNN_ARCH
}  // namespace snn
