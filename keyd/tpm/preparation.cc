#include "keyd/tpm/preparation.h"

#include <algorithm>
#include <string>

#include "common/log/log.h"

namespace aziot::keyd::tpm {
namespace {

constexpr absl::Duration kFirstPause = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Seconds(30);

}  // namespace

Preparation::Preparation(Attestation& attestation, Clock& clock)
    : attestation_(attestation), clock_(clock), thread_([this] {
        Run();
        const std::lock_guard lock(mutex_);
        ended_ = true;
        wake_.notify_all();
      }) {}

Preparation::~Preparation() {
  EndWithin(absl::ZeroDuration());
  thread_.join();
}

bool Preparation::EndWithin(absl::Duration time) {
  std::unique_lock lock(mutex_);
  ending_ = true;
  wake_.notify_all();
  const absl::Duration until = clock_.Steady() + time;
  while (!ended_ && clock_.Steady() < until) clock_.WaitUntil(wake_, lock, until);
  return ended_;
}

void Preparation::Run() {
  std::string reported;  // said once, not at every try
  for (absl::Duration pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    const absl::Status status = attestation_.Keys().status();
    if (status.ok()) return;
    if (std::string text(status.message()); text != reported) {
      log::Error("the TPM's endorsement and storage root keys are not known yet: {}", status);
      reported = std::move(text);
    }
    std::unique_lock lock(mutex_);
    const absl::Duration until = clock_.Steady() + pause;
    while (!ending_ && clock_.Steady() < until) clock_.WaitUntil(wake_, lock, until);
    if (ending_) return;
  }
}

}  // namespace aziot::keyd::tpm
