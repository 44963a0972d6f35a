// Memory of a thread, for the work of its kernels between reading and writing tensors.
#pragma once

#include <stdint.h>

namespace snn {

// Gives back all that the thread has taken. The memory stays until the thread ends: a kernel whose rows lie in other
// pages at every call is up to a tenth slower, as is one in small pages.
void begin_scratch();

// Takes memory of this many bytes, aligned to a cache line.
char* take_scratch(int64_t bytes);

#ifdef SNN_ARCH
namespace SNN_ARCH {

// The memory of a kernel, for rows and for what runs on them; a thread has one at a time.
class Scratch {
 public:
  Scratch() { begin_scratch(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T>
  T* take(int64_t count) {
    return reinterpret_cast<T*>(take_scratch(count * static_cast<int64_t>(sizeof(T))));
  }
};

}  // namespace SNN_ARCH
#endif

}  // namespace snn
