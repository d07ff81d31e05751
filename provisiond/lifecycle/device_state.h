// The device's life: registered, provisioned ⇄ disabled, revoked, and what each call makes of it. (A
// deprovisioned device has no row: its id may be used again, its history is in the audit log.)
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::provisiond {

constexpr absl::string_view kRegistered = "registered";
constexpr absl::string_view kProvisioned = "provisioned";
constexpr absl::string_view kDisabled = "disabled";
constexpr absl::string_view kRevoked = "revoked";

enum class Event { kProvision, kDisable, kEnable, kRevoke, kReprovision };

// The state after `event`; the same state when the call repeats what was done. kInvalidState for a wrong
// transition.
absl::StatusOr<absl::string_view> NextState(absl::string_view state, Event event);

// Whether the hub lets the device in.
inline bool IsEnabled(absl::string_view state) { return state != kDisabled && state != kRevoked; }

}  // namespace aziot::provisiond
