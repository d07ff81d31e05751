// The memory that a test and the interposer in a daemon share: what the interposer is to do with the system
// calls on files below `prefix`, and what it has seen. Plain data; both map the same file.
#pragma once

#include <atomic>
#include <cstdint>

namespace aziot::tests::faults {

enum class Mode : int32_t { kOff, kRecord, kFail };

enum class Call : uint8_t {
  kCreate,           // path, number: mode
  kWrite,            // path, data
  kTruncate,         // path, number: size
  kSync,             // path: a file or a directory
  kRename,           // path, other
  kUnlink,           // path
  kMakeDirectory,    // path, number: mode
  kRemoveDirectory,  // path
  kLink,             // path, other: the new name
  kMode,             // path, number: mode
};

// In `log`, each followed by path, other and data. Only calls that succeeded.
struct RecordHead {
  Call call;
  uint32_t number;
  uint32_t path_size;
  uint32_t other_size;
  uint32_t data_size;
};

constexpr uint32_t kLogBytes = 4u << 20;

struct Control {
  std::atomic<Mode> mode;
  // kFail: calls numbered fail_from to fail_until - 1 fail with `error`; reading calls count too. Those that
  // change something and succeed are recorded.
  int32_t fail_from;
  int32_t fail_until;
  int32_t error;
  std::atomic<int32_t> calls;
  std::atomic<int32_t> failed;
  char prefix[256];
  std::atomic_flag writing;
  std::atomic<uint32_t> log_size;
  char log[kLogBytes];
};

}  // namespace aziot::tests::faults
