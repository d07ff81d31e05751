// One attempt of the state machine, from finding the device to the end of the pass over its modules. Runs on
// the worker, without its lock.
#include "absl/strings/string_view.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "identityd/attestation/failure.h"
#include "identityd/device/lifecycle.h"

namespace aziot::identityd {
namespace {

bool CallsForANewDevice(const absl::Status& status) {
  if (PartyOf(status) != Party::kHub) return false;
  return ReasonOf(status) == Reason::kDeviceGone || ReasonOf(status) == Reason::kUnauthorized;
}

bool IsNetwork(const absl::Status& status) { return ReasonOf(status) == Reason::kNetwork; }

}  // namespace

absl::Status Lifecycle::Attempt(Trigger trigger, const Settings& settings) {
  constexpr absl::string_view kReasons[] = {"Startup", "Api", "ConfigurationFileUpdate", "Retry"};
  const absl::string_view reason = kReasons[static_cast<size_t>(trigger)];
  log::Info("Provisioning starting. Reason: {}", reason);
  if (!settings.source->has_hub()) {
    log::Info("Skipping provisioning with IoT Hub.");
    if (trigger == Trigger::kApi) Forget();
    log::Info("Provisioning complete.");
    // Spelled as scripts have always found it.
    log::Info("reconcilation skipped since device is not provisioned");
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(Provision(trigger, settings));
  log::Info("Provisioning complete.");
  log::Info("Identity reconciliation started. Reason: {}", reason);
  const absl::Status status = Reconcile(trigger, settings);
  std::lock_guard lock(mutex_);
  reconcile_failed_ = !reconciled_;
  if (reconciled_) log::Info("Identity reconciliation complete.");
  return status;
}

absl::Status Lifecycle::Provision(Trigger trigger, const Settings& settings) {
  const std::string fingerprint = settings.source->fingerprint();
  if (trigger != Trigger::kApi) {
    DevicePtr current;
    bool same_settings = false;
    {
      std::lock_guard lock(mutex_);
      current = device_;
      same_settings = fingerprint_ == fingerprint;
    }
    if (current != nullptr && same_settings) {
      DeviceIdentity device = *current;
      device.credential = settings.source->credential();
      Publish(device, fingerprint);
      return absl::OkStatus();
    }
    const std::optional<DeviceStore::Saved> saved = store_.Load();
    if (current == nullptr && settings.source->uses_backup() && saved && saved->Fits(fingerprint)) {
      DeviceIdentity device = saved->device;
      device.credential = settings.source->credential();
      log::Info("Provisioned with backup for {}.", device.device_id);
      Publish(device, fingerprint);
      std::lock_guard lock(mutex_);
      had_backup_ = true;
      return absl::OkStatus();
    }
    if (saved && settings.source->uses_backup() && !saved->Fits(fingerprint)) {
      log::Info("The provisioning settings have changed; the device is provisioned anew.");
    }
  }
  asked_source_ = true;
  ASSIGN_OR_RETURN(const Assignment assignment, settings.source->Provision());
  return Confirm(assignment, settings);
}

absl::Status Lifecycle::Confirm(const Assignment& assignment, const Settings& settings) {
  const DeviceIdentity& device = assignment.device;
  const std::string fingerprint = settings.source->fingerprint();
  absl::Status saved = absl::OkStatus();
  // The settings of another device, or of nobody knows which, must never be read as this one's.
  if (!previous_device_ || !previous_device_->SameDevice(device)) saved = store_.RemoveSettings();
  const DeviceStore::Extras extras{.trust_bundle = assignment.trust_bundle, .payload = assignment.payload};
  if (saved.ok()) saved = store_.Save(device, fingerprint, extras);
  {
    std::lock_guard lock(mutex_);
    extras_ = extras;
    substatus_ = assignment.substatus;
  }
  // A full disk must not keep a device from its identity.
  if (!saved.ok()) log::Error("Could not save the device: {}", saved);
  Publish(device, fingerprint);
  return absl::OkStatus();
}

void Lifecycle::Publish(const DeviceIdentity& device, const std::string& fingerprint) {
  steps_.adopt(device);
  {
    std::lock_guard lock(mutex_);
    if (device_ == nullptr || !device_->SameDevice(device)) reconciled_ = false;
    device_ = std::make_shared<const DeviceIdentity>(device);
    fingerprint_ = fingerprint;
  }
  known_.notify_all();
  changes_.Note();
}

void Lifecycle::Forget() {
  if (const absl::Status status = store_.Clear(); !status.ok()) log::Warn("{}", status);
  {
    std::lock_guard lock(mutex_);
    device_ = nullptr;
    fingerprint_.clear();
    extras_ = {};
    substatus_.clear();
    reconciled_ = false;
  }
  changes_.Note();
}

absl::Status Lifecycle::ReconcileOnce(const Settings& settings, bool verify_keys) {
  const DevicePtr device = Device();
  DeviceStore::Extras extras;
  {
    std::lock_guard lock(mutex_);
    extras = extras_;
  }
  const std::set<std::string> nobody;
  const bool known = previous_device_ && previous_device_->SameDevice(*device);
  const absl::Status passed = steps_.reconcile({.device = *device,
                                                .wanted = settings.modules,
                                                .previous = known ? previous_ : nobody,
                                                .verify_keys = verify_keys});
  {
    std::lock_guard lock(mutex_);
    pass_error_ = passed;
  }
  RETURN_IF_ERROR(passed);
  // Again here: a device from upstream's files has no fingerprint, and one that could not be saved gets its
  // second chance.
  RETURN_IF_ERROR(store_.Save(*device, settings.source->fingerprint(), extras));
  RETURN_IF_ERROR(store_.SaveSettings(settings.text));
  previous_ = settings.modules;
  previous_device_ = *device;
  std::lock_guard lock(mutex_);
  reconciled_ = !reload_pending_;
  return absl::OkStatus();
}

absl::Status Lifecycle::Reconcile(Trigger trigger, const Settings& settings) {
  const bool api = trigger == Trigger::kApi;
  {
    std::lock_guard lock(mutex_);
    reconciled_ = false;
  }
  const absl::Status status = ReconcileOnce(settings, /*verify_keys=*/api);
  if (status.ok() || api) return status;
  if (PartyOf(status) == Party::kHub && IsNetwork(status)) {
    log::Warn("Network not available for Identity reconciliation. Using offline backup from last run. {}",
              status);
    return absl::OkStatus();
  }
  if (!CallsForANewDevice(status)) return status;

  log::Info("Could not reconcile Identities with current device data. Reprovisioning. {}", status);
  asked_source_ = true;
  const absl::StatusOr<Assignment> assignment = settings.source->Provision();
  if (!assignment.ok()) {
    if (!IsNetwork(assignment.status())) return assignment.status();
    log::Warn("Reprovisioning failed to communicate with DPS. Using offline backup from last run. {}",
              assignment.status());
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(Confirm(*assignment, settings));
  return ReconcileOnce(settings, /*verify_keys=*/true);
}

}  // namespace aziot::identityd
