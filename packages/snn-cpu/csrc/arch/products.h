// Included once per instruction set, with SNN_ARCH naming it.
#include "../products.h"

namespace snn {
namespace SNN_ARCH {

template <class T>
const SpikeProducts<T>& spike_products();
template <>
const SpikeProducts<float>& spike_products<float>();
template <>
const SpikeProducts<double>& spike_products<double>();

}  // namespace SNN_ARCH
}  // namespace snn
