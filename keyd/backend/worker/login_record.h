// Whether a token refused the PIN, in memory that outlives the worker: the next one must know it, also when
// the worker died in the middle of a login, for every further attempt may be the one that locks the token.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/status/statusor.h"
#include "common/files/descriptor.h"

namespace aziot::keyd::worker {

class LoginRecord {
 public:
  enum class State : uint32_t {
    kUntried = 0,
    kTrying = 1,  // found by a worker that starts: logins that never ended, twice
    kAccepted = 2,
    kRefused = 3,
  };

  static absl::StatusOr<LoginRecord> New();
  // Of the process that started this one.
  static absl::StatusOr<LoginRecord> FromDescriptor(files::Descriptor memory);

  LoginRecord(LoginRecord&& other) noexcept
      : memory_(std::move(other.memory_)), state_(std::exchange(other.state_, nullptr)) {}
  LoginRecord& operator=(LoginRecord&&) = delete;
  ~LoginRecord();

  // Just before C_Login, and once it has returned.
  void Starts() { state_->store(static_cast<uint32_t>(State::kTrying)); }
  void Ends(State state) { state_->store(static_cast<uint32_t>(state)); }

  State state() const { return static_cast<State>(state_->load()); }
  // Whether the PIN must not be tried just like that.
  bool refused() const { return state() == State::kTrying || state() == State::kRefused; }
  int fd() const { return memory_.get(); }

 private:
  LoginRecord(files::Descriptor memory, std::atomic<uint32_t>* state)
      : memory_(std::move(memory)), state_(state) {}

  files::Descriptor memory_;
  std::atomic<uint32_t>* state_;
};

}  // namespace aziot::keyd::worker
