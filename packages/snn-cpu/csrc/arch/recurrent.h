// Included once per instruction set, with SNN_ARCH naming it.
#include "../recurrent.h"

namespace snn {
namespace SNN_ARCH {

template <class T>
const RecurrentKernels<T>& recurrent_kernels();
template <>
const RecurrentKernels<float>& recurrent_kernels<float>();
template <>
const RecurrentKernels<double>& recurrent_kernels<double>();

}  // namespace SNN_ARCH
}  // namespace snn
