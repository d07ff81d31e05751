// Locked memory for what OpenSSL computes from a private key and keeps: for RSA it precomputes values from
// the primes, in whatever memory its allocator gives it.
#pragma once

namespace aziot::keyd {

// Gives OpenSSL an allocator that knows LockedAllocations; before its first allocation. False: too late, and
// LockedAllocations has no effect.
bool InstallLockedAllocator();

// While it lives, OpenSSL's allocations in this thread come from the arena of `ProtectSecretMemory`, as long
// as that has room. They may be freed at any time, by any thread.
class LockedAllocations {
 public:
  LockedAllocations();
  LockedAllocations(const LockedAllocations&) = delete;
  LockedAllocations& operator=(const LockedAllocations&) = delete;
  ~LockedAllocations();
};

}  // namespace aziot::keyd
