// Included once per instruction set, with SNN_ARCH naming it.
#include "../max_pool.h"

namespace snn {
namespace SNN_ARCH {

template <class T>
const MaxPool<T>& max_pool();
template <>
const MaxPool<float>& max_pool<float>();
template <>
const MaxPool<double>& max_pool<double>();

}  // namespace SNN_ARCH
}  // namespace snn
