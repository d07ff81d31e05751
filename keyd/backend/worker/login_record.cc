#include "keyd/backend/worker/login_record.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/status/errno_status.h"

namespace aziot::keyd::worker {

static_assert(std::atomic<uint32_t>::is_always_lock_free, "two processes share it");

absl::StatusOr<LoginRecord> LoginRecord::New() {
  files::Descriptor memory(memfd_create("aziot-login-record", MFD_CLOEXEC));
  if (!memory.ok() || ftruncate(memory.get(), sizeof(std::atomic<uint32_t>)) != 0) {
    return ErrnoStatus(errno, "making the memory that a worker shares (memfd_create)");
  }
  return FromDescriptor(std::move(memory));
}

absl::StatusOr<LoginRecord> LoginRecord::FromDescriptor(files::Descriptor memory) {
  void* mapped =
      mmap(nullptr, sizeof(std::atomic<uint32_t>), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) return ErrnoStatus(errno, "mapping the memory that a worker shares");
  // Zero bytes of a new file are State::kUntried.
  return LoginRecord(std::move(memory), static_cast<std::atomic<uint32_t>*>(mapped));
}

LoginRecord::~LoginRecord() {
  if (state_ != nullptr) munmap(state_, sizeof *state_);
}

}  // namespace aziot::keyd::worker
