// Asks for the TPM's keys from the start on until they are known, so that they are made before somebody waits
// for them, and a TPM that comes late is found.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/clock/clock.h"
#include "keyd/tpm/attestation.h"

namespace aziot::keyd::tpm {

class Preparation {
 public:
  // Starts a thread that ends when the keys are known. `attestation` and `clock` must outlive this.
  explicit Preparation(Attestation& attestation, Clock& clock = Clock::System());
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;
  // Waits for a command that the TPM is working on.
  ~Preparation();

  // Asks no more. Whether it has ended within `time`: a command that the TPM does not answer may go on.
  bool EndWithin(absl::Duration time);

 private:
  void Run();

  Attestation& attestation_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace aziot::keyd::tpm
