// The choice of the compiled set of kernels that runs: the widest that this processor supports.
#pragma once

#include <cstdlib>
#include <cstring>

namespace snn {

// 4 and 3 are the levels x86-64-v4 (AVX-512) and x86-64-v3 (AVX2), 0 the processor's baseline. The variable that limits
// torch's own kernels to fewer instructions limits these too.
static inline int level() {
#if defined(__x86_64__)
  static const int found = [] {
    const int widest = __builtin_cpu_supports("x86-64-v4") ? 4 : __builtin_cpu_supports("x86-64-v3") ? 3 : 0;
    const char* named = std::getenv("ATEN_CPU_CAPABILITY");
    if (named && std::strcmp(named, "default") == 0) return 0;
    if (named && std::strcmp(named, "avx2") == 0) return widest < 3 ? widest : 3;
    return widest;
  }();
  return found;
#else
  return 0;
#endif
}

// SNN_DECLARE(ProgramKernels, program_kernels) declares the functions that arch defines for each set, by
// SNN_DEFINE(ProgramKernels, program_kernels, forward<T>, backward<T>); SNN_BEST(program_kernels<T>()) is the one of
// the chosen set.
#define SNN_DEFINE(Kernels, kernels, ...)          \
  template <class T>                               \
  const Kernels<T>& kernels() {                    \
    static constexpr Kernels<T> all{__VA_ARGS__};  \
    return all;                                    \
  }                                                \
  template const Kernels<float>& kernels<float>(); \
  template const Kernels<double>& kernels<double>();
#define SNN_DECLARE_OF(set, Kernels, kernels) \
  namespace set {                             \
  template <class T>                          \
  const Kernels<T>& kernels();                \
  }
#if defined(__x86_64__)
#define SNN_DECLARE(Kernels, kernels)   \
  SNN_DECLARE_OF(v4, Kernels, kernels)  \
  SNN_DECLARE_OF(v3, Kernels, kernels)  \
  SNN_DECLARE_OF(base, Kernels, kernels)
#define SNN_BEST(what) \
  (::snn::level() == 4 ? ::snn::v4::what : ::snn::level() == 3 ? ::snn::v3::what : ::snn::base::what)
#else
#define SNN_DECLARE(Kernels, kernels) SNN_DECLARE_OF(base, Kernels, kernels)
#define SNN_BEST(what) (::snn::base::what)
#endif

}  // namespace snn
