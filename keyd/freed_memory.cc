// All heap memory of this process is wiped when it is freed. Keys and plaintexts pass through buffers of
// HTTP, JSON, protobuf, gRPC and OpenSSL that know nothing of secrets, and are copied wherever one of those
// grows; so the wiping is done where they all end. These two stand before libc's, for every library of the
// process; the memory is still libc's.
#include <malloc.h>
#include <string.h>

#include <cerrno>
#include <cstdlib>

extern "C" {

void __libc_free(void* block) noexcept;
void* __libc_realloc(void* block, size_t size) noexcept;

__attribute__((visibility("default"))) void free(void* block) noexcept {
  if (block == nullptr) return;
  explicit_bzero(block, malloc_usable_size(block));
  __libc_free(block);
}

// libc would free the old block, or the end of one that shrinks, as it is.
__attribute__((visibility("default"))) void* realloc(void* block, size_t size) noexcept {
  if (block == nullptr || size == 0) return __libc_realloc(block, size);
  const size_t present = malloc_usable_size(block);
  if (size <= present) {
    explicit_bzero(static_cast<char*>(block) + size, present - size);
    return __libc_realloc(block, size);
  }
  void* larger = malloc(size);
  if (larger == nullptr) return nullptr;
  memcpy(larger, block, present);
  free(block);
  return larger;
}

}  // extern "C"
