// The device's state machine, on a thread of its own: takes the saved device or asks the source for one,
// reconciles the modules, and tries again with a back-off. An attempt that fails leaves the device that was
// there. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "identityd/attestation/device_identity.h"
#include "identityd/attestation/identity_changes.h"
#include "identityd/device/backoff.h"
#include "identityd/device/device_store.h"
#include "identityd/provisioning/provisioning_source.h"

namespace aziot::identityd {

class Lifecycle {
 public:
  // What the configuration says; replaced as a whole by a reload.
  struct Settings {
    std::shared_ptr<ProvisioningSource> source;
    std::set<std::string> modules;  // that should exist on the hub
    std::string text;               // saved after a pass that ended well
  };
  struct ModulePass {
    const DeviceIdentity& device;
    const std::set<std::string>& wanted;
    const std::set<std::string>& previous;
    bool verify_keys;
  };
  // What is done to the modules.
  struct Steps {
    std::function<void(const DeviceIdentity&)> adopt;
    std::function<absl::Status(const ModulePass&)> reconcile;
  };
  struct View {
    std::string provisioning;    // unprovisioned, provisioning, provisioned, none
    std::string reconciliation;  // pending, done, failed
    DevicePtr device;
    std::string substatus, payload;  // what the source sent with the assignment, or ""
    std::optional<std::string> last_error;
    std::optional<absl::Time> next_attempt;
  };

  // `previous`: the modules named by the saved settings.
  Lifecycle(Settings settings, std::set<std::string> previous, Steps steps, DeviceStore& store,
            IdentityChanges& changes, Clock& clock);
  ~Lifecycle();

  void Start();
  // Ends the running attempt; callers that wait get kCancelled.
  void Stop();

  // The device now, or nullptr.
  DevicePtr Device() const;
  // The device; waits while an attempt that may find it is running. kFailedPrecondition `device identity not
  // found` when there is no source, else what the last attempt said.
  absl::StatusOr<DevicePtr> Await();
  // Provisions anew and reconciles; callers that come while one is running share its result. Without a device
  // it joins the attempt that is due next, within half a minute.
  absl::Status Reprovision();
  void Reload(Settings settings);

  // Whether the device, if there is to be one, is known: saved, or found by an attempt whose pass over the
  // modules is over.
  absl::Status Ready() const;
  View Look() const;
  std::string TrustBundle() const;

 private:
  enum class Trigger { kStartup, kApi, kConfigurationFileUpdate, kRetry };
  struct Outcome {
    bool done = false;
    absl::Status status;
  };

  void Loop();
  std::optional<Trigger> NextTrigger(absl::Duration& wake_at) const;  // under mutex_
  void RunAttempt(Trigger trigger, std::unique_lock<std::mutex>& lock);
  absl::Status Attempt(Trigger trigger, const Settings& settings);
  absl::Status Provision(Trigger trigger, const Settings& settings);
  absl::Status Confirm(const Assignment& assignment, const Settings& settings);
  absl::Status Reconcile(Trigger trigger, const Settings& settings);
  absl::Status ReconcileOnce(const Settings& settings, bool verify_keys);
  void Publish(const DeviceIdentity& device, const std::string& fingerprint);
  void Forget();
  void Announce(const absl::Status& status);  // under mutex_

  const Steps steps_;
  DeviceStore& store_;
  IdentityChanges& changes_;
  Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;   // the worker
  std::condition_variable known_;  // those who wait for it
  Settings settings_;
  DevicePtr device_;
  std::string fingerprint_;  // of the settings device_ came from
  DeviceStore::Extras extras_;
  std::string substatus_;
  bool stopping_ = false;
  bool started_ = false;     // the first attempt was made
  bool had_backup_ = false;  // it began with a saved device
  bool running_ = false;
  bool reconciled_ = false;  // the last pass over these settings and this device ended well
  bool reconcile_failed_ = false;
  bool reload_pending_ = false;
  bool announced_ = false;
  std::shared_ptr<ProvisioningSource> running_source_;  // of the running attempt; settings_ may have moved on
  std::shared_ptr<Outcome> running_outcome_;            // of the attempt that API calls asked for
  std::shared_ptr<Outcome> pending_outcome_;            // of the one they wait for
  absl::Status last_error_;
  absl::Status pass_error_;  // of the last pass over the modules
  absl::Duration retry_at_ = absl::InfiniteDuration();
  absl::Duration api_not_before_ = -absl::InfiniteDuration();
  Backoff backoff_;

  // Of the worker alone.
  bool asked_source_ = false;  // in the running attempt
  std::set<std::string> previous_;
  std::optional<DeviceIdentity> previous_device_;

  std::thread worker_;
};

}  // namespace aziot::identityd
