// The same mathematics with plain numbers, for comparison with the results of snn-core.
#include "surrogate_math.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace {

struct Numbers {
  using Value = double;
  static double constant(double c) { return c; }
  static double add(double a, double b) { return a + b; }
  static double subtract(double a, double b) { return a - b; }
  static double multiply(double a, double b) { return a * b; }
  static double divide(double a, double b) { return a / b; }
  static double absolute(double a) { return std::fabs(a); }
  static double square(double a) { return a * a; }
  static double logistic(double a) { return 1 / (1 + std::exp(-a)); }
  static double maximum(double a, double b) { return std::max(a, b); }
  static double select(double a, double b, double u) { return u > 0 ? a : b; }
};

} // namespace

extern "C" void snn_ipu_spike(const double *u, std::size_t count, double *out) {
  for (std::size_t i = 0; i < count; ++i)
    out[i] = snn_ipu::spike<Numbers>(u[i]);
}

extern "C" void snn_ipu_derivative(int kind, double slope, const double *u, std::size_t count, double *out) {
  for (std::size_t i = 0; i < count; ++i)
    out[i] = snn_ipu::derivative<Numbers>(static_cast<snn_ipu::Kind>(kind), slope, u[i]);
}
