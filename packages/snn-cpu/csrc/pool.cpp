#include "pool.h"

#include "scratch.h"

#include <torch/csrc/stable/device.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include <atomic>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#ifdef __linux__
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#endif

namespace snn {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr size_t kSmallest = size_t(1) << 20;  // below it malloc does not go to the system for every call
constexpr size_t kPage = size_t(1) << 12;
constexpr size_t kHugePage = size_t(1) << 21;  // one fault in place of 512
constexpr size_t kHeap = size_t(1) << 23;      // malloc should keep twice as much

struct Buffer {
  char* data;
  size_t size;
};

size_t rounded(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

// A buffer in huge pages, but for what does not fill one.
Buffer in_huge_pages(size_t size) {
  void* data = std::aligned_alloc(size < kHugePage ? kPage : kHugePage, size);
  STD_TORCH_CHECK(data != nullptr, "snn_cpu: no memory for a buffer of ", size, " bytes");
#ifdef MADV_HUGEPAGE
  madvise(data, size, MADV_HUGEPAGE);
#endif
  return {static_cast<char*>(data), size};
}

// Buffers that no tensor holds, oldest first. The sum of their sizes stays within the limit.
class Pool {
 public:
  Buffer take(size_t bytes) {
    std::lock_guard<std::mutex> guard(mutex_);
    // the latest that fits without wasting more than a quarter: it is the most likely to be in a cache
    for (auto it = idle_.rbegin(); it != idle_.rend(); ++it) {
      const Buffer buffer = *it;
      if (buffer.size >= bytes && buffer.size - bytes <= bytes / 4) {
        idle_.erase(std::next(it).base());
        held_ -= buffer.size;
        return buffer;
      }
    }
    const size_t whole = rounded(bytes, kHugePage);  // the system fills a huge page as soon as a number is written
    return in_huge_pages(whole - bytes <= bytes / 8 ? whole : rounded(bytes, kPage));
  }

  void give_back(Buffer buffer) {
    std::lock_guard<std::mutex> guard(mutex_);
    idle_.push_back(buffer);
    held_ += buffer.size;
    shrink();
  }

  void set_limit(size_t bytes) {
    std::lock_guard<std::mutex> guard(mutex_);
    limit_ = bytes;
    shrink();
  }

  std::mutex& mutex() { return mutex_; }

 private:
  void shrink() {
    for (; held_ > limit_; idle_.pop_front()) {
      held_ -= idle_.front().size;
      std::free(idle_.front().data);
    }
  }

  std::mutex mutex_;
  std::list<Buffer> idle_;
  size_t held_ = 0;
  size_t limit_ = size_t(512) << 20;
};

Pool& pool() {
  // never destroyed: tensors of other libraries may outlive this one's static objects
  static Pool* pool = [] {
    auto* made = new Pool();
#ifdef __linux__
    // a child process must not inherit a lock that is held by a thread it does not have
    pthread_atfork([] { snn::pool().mutex().lock(); }, [] { snn::pool().mutex().unlock(); },
                   [] { snn::pool().mutex().unlock(); });
#endif
    return made;
  }();
  return *pool;
}

// torch 2.11 and newer tell the owner of a blob when its last tensor is gone; 2.10 does not
using FromBlob = AOTITorchError (*)(void*, int64_t, const int64_t*, const int64_t*, int64_t, int32_t, int32_t, int32_t,
                                    AtenTensorHandle*, int32_t, const uint8_t*, int64_t, void (*)(void*, void*), void*);

// from libc10: tells torch's profilers what its own allocator does
struct Device {
  int8_t type, index;
};
using ReportMemory = void (*)(void*, int64_t, size_t, size_t, Device);

template <typename Function>
Function of_torch(const char* name) {
#ifdef __linux__
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
#else
  (void)name;
  return nullptr;
#endif
}

FromBlob from_blob() {
  static const auto found = of_torch<FromBlob>("torch_from_blob");
  return found;
}

ReportMemory report_memory() {
  static const auto found = of_torch<ReportMemory>("_ZN3c1027reportMemoryUsageToProfilerEPvlmmNS_6DeviceE");
  return found;
}

// A buffer that a tensor holds, and the size of the tensor.
struct Lent {
  Buffer buffer;
  int64_t bytes;
};

// Reports that a pooled tensor begins or ends, so that profilers count its memory like that of any other tensor.
void report(const Lent& lent, int64_t change) {
  static std::atomic<int64_t> held{0};
  const int64_t now = held += change;
  report_memory()(lent.buffer.data, change, static_cast<size_t>(now), 0, Device{0, -1});
}

struct Memory {
  std::vector<Buffer> parts;
  size_t taken = 0;  // of the last part

  ~Memory() { clear(); }
  void clear() {
    for (const Buffer& part : parts) std::free(part.data);
    parts.clear();
  }
};

thread_local Memory scratch;

// glibc keeps freed memory up to twice the largest block that was freed so far. What a step frees (results and the
// scratch of matrix products) is often just above that: the system would take it back and clear it again every step.
bool teach_malloc() {
  void* volatile block = std::malloc(kHeap);  // otherwise the compiler drops the pair
  std::free(block);
  return true;
}

void limit_pool(int64_t bytes) {
  STD_TORCH_CHECK(bytes >= 0, "snn_cpu: the pool's limit must be a number of bytes >= 0, got ", bytes);
  pool().set_limit(static_cast<size_t>(bytes));
}

}  // namespace

Tensor pooled_empty(const std::vector<int64_t>& sizes, ScalarType dtype) {
  [[maybe_unused]] static const bool taught = teach_malloc();
  size_t bytes = dtype == ScalarType::Double || dtype == ScalarType::Long ? 8 : dtype == ScalarType::Byte ? 1 : 4;
  std::vector<int64_t> strides(sizes.size());
  int64_t stride = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= sizes[d] > 1 ? sizes[d] : 1;
    bytes *= static_cast<size_t>(sizes[d]);
  }
  const torch::stable::Device cpu(torch::headeronly::DeviceType::CPU);
  if (bytes < kSmallest || from_blob() == nullptr || report_memory() == nullptr) {
    return torch::stable::empty(sizes, dtype, std::nullopt, cpu);
  }
  using torch::stable::detail::from;
  using torch::stable::detail::to;
  auto* lent = new Lent{pool().take(bytes), static_cast<int64_t>(bytes)};
  report(*lent, lent->bytes);
  AtenTensorHandle handle;
  STABLE_TORCH_ERROR_CODE_CHECK(from_blob()(
      lent->buffer.data, static_cast<int64_t>(sizes.size()), sizes.data(), strides.data(), 0, to<int32_t>(from(dtype)),
      to<int32_t>(from(cpu.type())), cpu.index(), &handle, to<int32_t>(from(torch::headeronly::Layout::Strided)),
      nullptr, 0, [](void*, void* context) {
        const std::unique_ptr<Lent> lent(static_cast<Lent*>(context));
        report(*lent, -lent->bytes);
        pool().give_back(lent->buffer);
      }, lent));
  return Tensor(handle);
}

void begin_scratch() {
  if (scratch.parts.size() > 1) {  // so that the next kernel finds all that it takes in one part
    size_t size = 0;
    for (const Buffer& part : scratch.parts) size += part.size;
    scratch.clear();
    scratch.parts.push_back(in_huge_pages(size));
  }
  scratch.taken = 0;
}

char* take_scratch(int64_t bytes) {
  const size_t size = rounded(static_cast<size_t>(bytes), 64);
  if (scratch.parts.empty() || scratch.taken + size > scratch.parts.back().size) {
    scratch.parts.push_back(in_huge_pages(rounded(size, kHugePage)));
    scratch.taken = 0;
  }
  scratch.taken += size;
  return scratch.parts.back().data + scratch.taken - size;
}

}  // namespace snn

STABLE_TORCH_LIBRARY_FRAGMENT(snn_cpu, m) {
  m.def("limit_pool(int bytes) -> ()");
  m.def("pooled_empty(int[] sizes, Tensor like) -> Tensor");
}

namespace {
torch::stable::Tensor pooled_empty_like(std::vector<int64_t> sizes, const torch::stable::Tensor& like) {
  return snn::pooled_empty(sizes, like.scalar_type());
}
}  // namespace

STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CompositeExplicitAutograd, m) { m.impl("limit_pool", TORCH_BOX(&snn::limit_pool)); }
STABLE_TORCH_LIBRARY_IMPL(snn_cpu, CPU, m) { m.impl("pooled_empty", TORCH_BOX(&pooled_empty_like)); }
