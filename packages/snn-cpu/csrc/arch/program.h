// What each instruction set offers to step programs; included once for each, so without a guard.
#include "../program.h"

namespace snn {
namespace SNN_ARCH {

template <class T>
const ProgramKernels<T>& program_kernels();

template <>
const ProgramKernels<float>& program_kernels<float>();
template <>
const ProgramKernels<double>& program_kernels<double>();

}  // namespace SNN_ARCH
}  // namespace snn
