// What each instruction set offers; included once for each, so without a guard.
#include "../scan.h"

namespace snn {
namespace SNN_ARCH {

template <class T>
const Kernels<T>& kernels();

template <>
const Kernels<float>& kernels<float>();
template <>
const Kernels<double>& kernels<double>();

}  // namespace SNN_ARCH
}  // namespace snn
