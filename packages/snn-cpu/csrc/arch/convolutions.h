// Included once per instruction set, with SNN_ARCH naming it.
#include "../convolutions.h"

namespace snn {
namespace SNN_ARCH {

template <class T>
const SparseConvolution<T>& sparse_convolution();
template <>
const SparseConvolution<float>& sparse_convolution<float>();
template <>
const SparseConvolution<double>& sparse_convolution<double>();

}  // namespace SNN_ARCH
}  // namespace snn
