// Devices, modules and twins as the hub's API writes and reads them.
#pragma once

#include "absl/status/statusor.h"
#include "provisiond/lifecycle/json.h"
#include "provisiond/lifecycle/registry.h"
#include "provisiond/store/twins.h"

namespace aziot::provisiond::api::hub {

// `id` is the one of the path; a body that names another one is kInvalid.
absl::StatusOr<DeviceWish> ParseDevice(absl::string_view id, const Json& json);
absl::StatusOr<ModuleWish> ParseModule(absl::string_view device_id, absl::string_view id, const Json& json);

// With keys: who may read the registry may read them, as in the service.
absl::StatusOr<Json> FormatDevice(const Registry& registry, const store::Device& device);
absl::StatusOr<Json> FormatModule(const Registry& registry, absl::string_view device_id,
                                  const store::Module& module);

absl::StatusOr<Json> FormatTwin(const store::Device& device, const store::Module* module,
                                const store::Twin& twin);

}  // namespace aziot::provisiond::api::hub
