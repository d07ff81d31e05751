// Identities and failures as callers see them.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "aziot/identity/v1/identity.pb.h"
#include "common/rpc/call_context.h"
#include "identityd/device/lifecycle.h"
#include "identityd/local/local_identity.h"
#include "identityd/modules/module.h"

namespace aziot::identityd {

identity::v1::Identity ToIdentity(const DeviceIdentity& device, absl::string_view key_handle);
// As lists show it: without `auth`.
identity::v1::Identity ToIdentity(const DeviceIdentity& device, const Module& module);
identity::v1::Identity ToIdentity(const DeviceIdentity& device, const Module& module,
                                  absl::string_view key_handle);
identity::v1::Identity ToIdentity(absl::string_view module_id, const LocalIdentity& local);

// A failure below as one of common/rpc/errors.h. Those of the cloud are 404 with their cause: deployed
// clients take that for "provision again" and anything without an answer for "wait". From 2026-12-01 on it
// also carries a word for programs: `hub_unreachable`, `dps_throttled`, ….
absl::Status ToAnswer(const rpc::CallContext& call, const absl::Status& status);
// The same for the device's own key, whose failures are 404 where others of keyd are 500.
absl::Status ToDeviceKeyAnswer(const rpc::CallContext& call, const absl::Status& status);

}  // namespace aziot::identityd
