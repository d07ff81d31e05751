#include "identityd/device/lifecycle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/https/answer_headers.h"
#include "common/log/log.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"
#include "identityd/attestation/failure.h"

namespace aziot::identityd {
namespace {

// A caller that asks again and again must not turn into a registration each time.
constexpr absl::Duration kLongestApiWait = absl::Seconds(30);

double RandomSpread() { return openssl::RandomBytes(1)[0] / 255.0; }

}  // namespace

Lifecycle::Lifecycle(Settings settings, std::set<std::string> previous, Steps steps, DeviceStore& store,
                     IdentityChanges& changes, Clock& clock)
    : steps_(std::move(steps)),
      store_(store),
      changes_(changes),
      clock_(clock),
      settings_(std::move(settings)),
      extras_(store.LoadExtras()),
      previous_(std::move(previous)) {
  if (const std::optional<DeviceStore::Saved> saved = store_.Load()) previous_device_ = saved->device;
}

Lifecycle::~Lifecycle() { Stop(); }

void Lifecycle::Start() {
  worker_ = std::thread([this] { Loop(); });
}

void Lifecycle::Stop() {
  std::shared_ptr<ProvisioningSource> running;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    running = running_source_;
  }
  if (running != nullptr) running->Cancel();
  wake_.notify_all();
  known_.notify_all();
  if (worker_.joinable()) worker_.join();
}

DevicePtr Lifecycle::Device() const {
  std::lock_guard lock(mutex_);
  return device_;
}

absl::StatusOr<DevicePtr> Lifecycle::Await() {
  std::unique_lock lock(mutex_);
  known_.wait(lock, [&] {
    return stopping_ || device_ != nullptr || !settings_.source->has_hub() ||
           (started_ && !running_ && !reload_pending_);
  });
  if (device_ != nullptr) return device_;
  if (!settings_.source->has_hub()) return absl::FailedPreconditionError("device identity not found");
  if (stopping_) return absl::CancelledError("shutting down");
  return last_error_.ok() ? absl::FailedPreconditionError("device identity not found") : last_error_;
}

absl::Status Lifecycle::Reprovision() {
  std::unique_lock lock(mutex_);
  std::shared_ptr<Outcome> outcome = running_outcome_;
  if (outcome == nullptr) {
    if (pending_outcome_ == nullptr) pending_outcome_ = std::make_shared<Outcome>();
    outcome = pending_outcome_;
    wake_.notify_all();
  }
  known_.wait(lock, [&] { return stopping_ || outcome->done; });
  return outcome->done ? outcome->status : absl::CancelledError("shutting down");
}

void Lifecycle::Reload(Settings settings) {
  std::shared_ptr<ProvisioningSource> replaced;
  {
    std::lock_guard lock(mutex_);
    const bool wanted =
        running_source_ == nullptr || running_source_->fingerprint() == settings.source->fingerprint();
    if (!wanted) replaced = running_source_;
    settings_ = std::move(settings);
    reload_pending_ = true;
    reconciled_ = false;
    backoff_.Reset();
  }
  // What it is still asking for is not wanted any more.
  if (replaced != nullptr) replaced->Cancel();
  wake_.notify_all();
  changes_.Note();
}

absl::Status Lifecycle::Ready() const {
  std::lock_guard lock(mutex_);
  if (!started_ && !had_backup_) return absl::UnavailableError("starting");
  if (device_ != nullptr || !settings_.source->has_hub()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("not provisioned: ", last_error_.message()));
}

Lifecycle::View Lifecycle::Look() const {
  std::lock_guard lock(mutex_);
  View view;
  view.device = device_;
  view.substatus = substatus_;
  view.payload = extras_.payload;
  if (running_) {
    view.provisioning = device_ != nullptr ? "provisioned" : "provisioning";
  } else if (device_ != nullptr) {
    view.provisioning = "provisioned";
  } else {
    view.provisioning = settings_.source->has_hub() ? "unprovisioned" : "none";
  }
  view.reconciliation = reconciled_ ? "done" : reconcile_failed_ ? "failed" : "pending";
  const absl::Status& error = last_error_.ok() && !reconciled_ ? pass_error_ : last_error_;
  if (!error.ok()) view.last_error = std::string(error.message());
  if (retry_at_ != absl::InfiniteDuration()) {
    view.next_attempt = clock_.Now() + std::max(absl::ZeroDuration(), retry_at_ - clock_.Steady());
  }
  return view;
}

std::string Lifecycle::TrustBundle() const {
  std::lock_guard lock(mutex_);
  return extras_.trust_bundle;
}

std::optional<Lifecycle::Trigger> Lifecycle::NextTrigger(absl::Duration& wake_at) const {
  if (!started_) return Trigger::kStartup;
  const absl::Duration now = clock_.Steady();
  wake_at = retry_at_;
  if (reload_pending_) return Trigger::kConfigurationFileUpdate;
  if (pending_outcome_ != nullptr) {
    const absl::Duration due = device_ != nullptr ? now : std::min(retry_at_, api_not_before_);
    if (due <= now) return Trigger::kApi;
    wake_at = std::min(wake_at, due);
  }
  if (retry_at_ <= now) return Trigger::kRetry;
  return std::nullopt;
}

void Lifecycle::Loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    absl::Duration wake_at = absl::InfiniteDuration();
    if (const std::optional<Trigger> trigger = NextTrigger(wake_at)) {
      RunAttempt(*trigger, lock);
    } else {
      clock_.WaitUntil(wake_, lock, wake_at);
    }
  }
}

void Lifecycle::RunAttempt(Trigger trigger, std::unique_lock<std::mutex>& lock) {
  const Settings settings = settings_;
  if (trigger == Trigger::kApi) running_outcome_ = std::exchange(pending_outcome_, nullptr);
  asked_source_ = false;
  running_ = true;
  running_source_ = settings.source;
  reload_pending_ = false;
  retry_at_ = absl::InfiniteDuration();

  lock.unlock();
  absl::Status status = Attempt(trigger, settings);
  lock.lock();

  running_ = false;
  running_source_ = nullptr;
  if (absl::IsCancelled(status) && reload_pending_) {
    // Given up for other settings; who asked gets the result of the attempt with those.
    if (running_outcome_ != nullptr) pending_outcome_ = std::exchange(running_outcome_, nullptr);
    return;
  }
  started_ = true;
  last_error_ = status;
  const bool has_hub = settings_.source->has_hub();
  if (has_hub && (device_ == nullptr || !reconciled_)) {
    const absl::Duration asked = https::RetryAfterOf(status.ok() ? pass_error_ : status);
    const absl::Duration pause = std::max(backoff_.Next(RandomSpread()), asked);
    retry_at_ = clock_.Steady() + pause;
    api_not_before_ = clock_.Steady() + std::max(std::min(pause, kLongestApiWait), asked);
  } else {
    backoff_.Reset();
  }
  Announce(status);
  // Those who asked while another attempt was running take its result too, unless it only used the saved
  // device.
  if (trigger != Trigger::kApi && (asked_source_ || (has_hub && device_ == nullptr))) {
    running_outcome_ = std::exchange(pending_outcome_, nullptr);
  }
  if (running_outcome_ != nullptr) {
    running_outcome_->status = std::move(status);
    running_outcome_->done = true;
    running_outcome_ = nullptr;
  }
  known_.notify_all();
}

void Lifecycle::Announce(const absl::Status& status) {
  // The stop begins with the requests to the cloud.
  if (stopping_ || absl::IsCancelled(status)) return;
  if (!status.ok()) {
    log::Error("{}: {}",
               device_ != nullptr ? "The device keeps its identity, but an attempt failed"
                                  : "The device could not be provisioned",
               status);
  }
  if (announced_) return;
  if (device_ != nullptr || !settings_.source->has_hub()) {
    // Scripts take this line for "provisioned".
    log::Info("Starting server...");
    announced_ = true;
  } else {
    log::Info("Listening, not yet provisioned; next attempt in {} s.",
              absl::ToInt64Seconds(retry_at_ - clock_.Steady()));
  }
}

}  // namespace aziot::identityd
