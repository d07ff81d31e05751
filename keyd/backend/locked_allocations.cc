#include "keyd/backend/locked_allocations.h"

#include <openssl/crypto.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace aziot::keyd {
namespace {

thread_local bool locked = false;

// nullptr when the arena is full, or not there.
void* AllocateLocked(size_t size) {
  if (CRYPTO_secure_malloc_initialized() != 1) return nullptr;
  const bool before = std::exchange(locked, false);  // the arena must not come back here
  void* const block = OPENSSL_secure_malloc(size);
  locked = before;
  return block;
}

void* Allocate(size_t size, const char*, int) {
  if (size == 0) return nullptr;
  void* const block = locked ? AllocateLocked(size) : nullptr;
  return block != nullptr ? block : std::malloc(size);
}

void Free(void* block, const char*, int) {
  if (block == nullptr) return;
  if (CRYPTO_secure_allocated(block) == 1) {
    OPENSSL_secure_free(block);
  } else {
    std::free(block);
  }
}

void* Reallocate(void* block, size_t size, const char* file, int line) {
  if (block == nullptr) return Allocate(size, file, line);
  if (size == 0) {
    Free(block, file, line);
    return nullptr;
  }
  if (CRYPTO_secure_allocated(block) != 1) return std::realloc(block, size);
  const size_t present = CRYPTO_secure_actual_size(block);
  if (size <= present) return block;
  void* larger = AllocateLocked(size);
  if (larger == nullptr) larger = std::malloc(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, present);
  OPENSSL_secure_free(block);
  return larger;
}

}  // namespace

bool InstallLockedAllocator() { return CRYPTO_set_mem_functions(Allocate, Reallocate, Free) == 1; }

LockedAllocations::LockedAllocations() { locked = true; }
LockedAllocations::~LockedAllocations() { locked = false; }

}  // namespace aziot::keyd
