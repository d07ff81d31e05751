#include "common/server/test_scarce_memory.h"

#include <cstdlib>
#include <new>

namespace aziot::server {
namespace {

std::atomic<unsigned> asked{0};

}  // namespace

std::atomic<bool> memory_is_scarce{false};

}  // namespace aziot::server

void* operator new(size_t size) {
  if (aziot::server::memory_is_scarce.load(std::memory_order_relaxed) &&
      aziot::server::asked.fetch_add(1, std::memory_order_relaxed) % 61 == 60) {
    throw std::bad_alloc();
  }
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
// Its memory goes back through the same operator delete.
void* operator new(size_t size, const std::nothrow_t&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
