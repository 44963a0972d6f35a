// Memory of a thread, for the work of its kernels between reading and writing tensors.
#pragma once

#include <stdint.h>

namespace snn {

// At least so many bytes, aligned to a page. They stay until the thread ends, or asks for more: a kernel whose rows lie
// in other pages at every call is up to a tenth slower, as it is in small pages.
char* scratch_memory(int64_t bytes);

}  // namespace snn
