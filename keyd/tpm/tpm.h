// The one TPM of this machine, shared fairly by all of this process and with other programs: connected on
// demand, reconnected when the TCTI broke, let go when idle. keyd's TPM backend and the TPM service stand on
// it.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "common/clock/clock.h"
#include "keyd/tpm/tpm_context.h"

namespace aziot::keyd::tpm {

// Thread-safe: one user at a time, others wait.
class Tpm {
 public:
  // Does not connect. To be called before there are other threads: it quietens the TSS's own log on stderr,
  // unless TSS2_LOG is set.
  static std::unique_ptr<Tpm> New(TpmOptions options, Clock& clock = Clock::System());
  Tpm(const Tpm&) = delete;
  Tpm& operator=(const Tpm&) = delete;
  ~Tpm();

  // Runs `work` with the TPM to itself, connected. When the connection, or what was loaded over it, turns out
  // to be lost, connects anew and runs `work` once more. kUnavailable when there is no TPM for now.
  absl::Status Use(absl::FunctionRef<absl::Status(TpmContext&)> work);

  // Lets go of the TPM now.
  void Close();

 private:
  Tpm(TpmOptions options, Clock& clock) : options_(std::move(options)), clock_(clock) {}
  absl::Status Connect();
  absl::Duration CloseAt() const;
  void CloseWhenIdle();

  const TpmOptions options_;
  Clock& clock_;
  std::mutex mutex_;
  std::unique_ptr<TpmContext> context_;
  absl::Duration opened_;
  absl::Duration used_;
  bool reported_ = false;  // that there is no TPM
  bool ending_ = false;
  std::condition_variable wake_;
  std::thread closer_;
};

}  // namespace aziot::keyd::tpm
