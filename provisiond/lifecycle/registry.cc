#include "provisiond/lifecycle/registry.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"
#include "provisiond/audit/audit_log.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/lifecycle/shadow_entries.h"
#include "provisiond/lifecycle/twins.h"
#include "provisiond/store/row_id.h"

namespace aziot::provisiond {
namespace {

// 18 digits led by the time: later generations sort after earlier ones, and two of one millisecond differ.
std::string NewGeneration(absl::Time now) {
  const Bytes random = openssl::RandomBytes(4);
  const uint32_t number =
      uint32_t{random[0]} << 24 | uint32_t{random[1]} << 16 | uint32_t{random[2]} << 8 | random[3];
  return absl::StrFormat("6%013d%04d", absl::ToUnixMillis(now) % 10000000000000, number % 10000);
}

absl::Status NoDevice(absl::string_view id) {
  return Refuse(Fault::kDeviceNotFound, absl::StrCat("Unable to find device with id: ", id, "."));
}
absl::Status NoModule(absl::string_view id) {
  return Refuse(Fault::kModuleNotFound, absl::StrCat("Unable to find module with id: ", id, "."));
}

absl::StatusOr<store::Device> Find(store::Session& session, absl::string_view hub_id,
                                   absl::string_view device_id) {
  ASSIGN_OR_RETURN(std::optional<store::Device> device, store::FindDevice(session, hub_id, device_id));
  if (!device) return NoDevice(device_id);
  return *std::move(device);
}

absl::StatusOr<store::Module> Find(store::Session& session, const store::Device& device,
                                   absl::string_view module_id) {
  ASSIGN_OR_RETURN(std::optional<store::Module> module, store::FindModule(session, device.id, module_id));
  if (!module) return NoModule(module_id);
  return *std::move(module);
}

// "none" holds no keys; "sas" gets those it lacks.
void ApplyAuth(const store::Vault& vault, const std::optional<std::string>& wanted_type,
               const WantedKeys& keys, const std::string& owner, std::string& type, Bytes& primary,
               Bytes& secondary) {
  if (wanted_type) type = *wanted_type;
  if (type == "sas") {
    FillCredential(vault, owner, keys, primary, secondary);
  } else {
    primary.clear();
    secondary.clear();
  }
}

}  // namespace

absl::Status CheckEtag(const IfMatch& wanted, absl::string_view etag) {
  if (!wanted || *wanted == "*" || *wanted == etag) return absl::OkStatus();
  return Refuse(Fault::kEtagMismatch, "Precondition failed: the etag does not match.");
}

store::Device NewDeviceRow(const store::Vault& vault, absl::string_view hub_id, DeviceWish wish,
                           absl::Time now) {
  store::Device device;
  device.id = store::NewRowId();
  device.etag = store::NewEtag();
  device.created_at = device.updated_at = absl::ToUnixMicros(now);
  device.device_id = std::move(wish.device_id);
  device.hub_id = std::string(hub_id);
  device.state = std::string(wish.enabled.value_or(true) ? kProvisioned : kDisabled);
  device.status_reason = wish.status_reason.value_or("");
  device.generation_id = NewGeneration(now);
  device.auth_type = "sas";
  device.capabilities = wish.capabilities.value_or(R"({"iotEdge":false})");
  device.device_scope = std::move(wish.device_scope);
  device.parent_scopes = std::move(wish.parent_scopes);
  ApplyAuth(vault, wish.auth_type, wish.keys, device.id, device.auth_type, device.primary_enc,
            device.secondary_enc);
  return device;
}

absl::Status Registry::Record(store::Session& session, const Actor& actor, absl::string_view action,
                              std::string target, absl::string_view detail) const {
  audit::Line line;
  line.time = clock_.Now();
  line.actor = actor.who;
  line.action = std::string(action);
  line.target = std::move(target);
  line.request_id = actor.request_id;
  line.detail = std::string(detail);
  return audit::Append(session, line);
}

absl::StatusOr<store::Device> Registry::CreateDevice(absl::string_view hub_id, DeviceWish wish,
                                                     const Actor& actor) {
  const std::optional<Json> twin = std::move(wish.twin);
  const store::Device device = NewDeviceRow(vault_, hub_id, std::move(wish), clock_.Now());
  RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
    if (absl::Status status = store::InsertDevice(session, device); absl::IsAlreadyExists(status)) {
      return Refuse(Fault::kDeviceExists,
                    absl::StrCat("A device with ID '", device.device_id, "' is already registered."));
    } else if (!status.ok()) {
      return status;
    }
    if (twin) RETURN_IF_ERROR(MergeTwin(session, device.id, *twin, clock_.Now()));
    return Record(session, actor, "device.create", device.device_id);
  }));
  return device;
}

absl::Status Registry::Move(store::Session& session, store::Device& device, Event event,
                            absl::string_view reason) const {
  ASSIGN_OR_RETURN(const absl::string_view next, NextState(device.state, event));
  const absl::Time now = clock_.Now();
  if (next == device.state) return absl::OkStatus();
  const bool was_enabled = IsEnabled(device.state);
  device.state = std::string(next);
  device.status_at = absl::ToUnixMicros(now);
  if (event == Event::kReprovision) device.generation_id = NewGeneration(now);
  if (event == Event::kRevoke || event == Event::kReprovision) {
    device.primary_enc.clear();
    device.secondary_enc.clear();
    FillCredential(vault_, device.id, {}, device.primary_enc, device.secondary_enc);
  }
  device.status_reason = event == Event::kRevoke ? "revoked" : std::string(reason);
  if (was_enabled && !IsEnabled(next)) return BlockEnrollment(session, device, now);
  if (!was_enabled && IsEnabled(next)) return UnblockEnrollment(session, device, now);
  return absl::OkStatus();
}

absl::StatusOr<store::Device> Registry::UpdateDevice(absl::string_view hub_id, DeviceWish wish,
                                                     const IfMatch& if_match, const Actor& actor) {
  store::Device device;
  RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(device, Find(session, hub_id, wish.device_id));
    RETURN_IF_ERROR(CheckEtag(if_match, device.etag));
    if (wish.enabled && *wish.enabled != IsEnabled(device.state)) {
      const Event event = !*wish.enabled             ? Event::kDisable
                          : device.state == kRevoked ? Event::kReprovision
                                                     : Event::kEnable;
      RETURN_IF_ERROR(Move(session, device, event, wish.status_reason.value_or("")));
    } else if (wish.status_reason) {
      device.status_reason = *wish.status_reason;
    }
    if (wish.capabilities) device.capabilities = *wish.capabilities;
    if (wish.device_scope) device.device_scope = wish.device_scope;
    if (wish.parent_scopes) device.parent_scopes = wish.parent_scopes;
    if (wish.twin) RETURN_IF_ERROR(MergeTwin(session, device.id, *wish.twin, clock_.Now()));
    ApplyAuth(vault_, wish.auth_type, wish.keys, device.id, device.auth_type, device.primary_enc,
              device.secondary_enc);
    device.etag = store::NewEtag();
    device.updated_at = absl::ToUnixMicros(clock_.Now());
    RETURN_IF_ERROR(store::UpdateDevice(session, device));
    return Record(session, actor, "device.update", device.device_id);
  }));
  return device;
}

absl::Status Registry::DeleteDevice(absl::string_view hub_id, absl::string_view device_id,
                                    const IfMatch& if_match, const Actor& actor) {
  return database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const store::Device device, Find(session, hub_id, device_id));
    RETURN_IF_ERROR(CheckEtag(if_match, device.etag));
    RETURN_IF_ERROR(store::DeleteDevice(session, device));
    return Record(session, actor, "device.delete", device.device_id);
  });
}

absl::StatusOr<store::Device> Registry::Apply(absl::string_view hub_id, absl::string_view device_id,
                                              Event event, absl::string_view reason, const Actor& actor) {
  store::Device device;
  RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(device, Find(session, hub_id, device_id));
    const std::string before = device.state;
    RETURN_IF_ERROR(Move(session, device, event, reason));
    if (device.state == before) return absl::OkStatus();
    device.etag = store::NewEtag();
    device.updated_at = absl::ToUnixMicros(clock_.Now());
    RETURN_IF_ERROR(store::UpdateDevice(session, device));
    return Record(session, actor, absl::StrCat("device.", device.state), device.device_id);
  }));
  return device;
}

absl::StatusOr<store::Device> Registry::GetDevice(absl::string_view hub_id, absl::string_view device_id) {
  store::Device device;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(device, Find(session, hub_id, device_id));
    return absl::OkStatus();
  }));
  return device;
}

absl::StatusOr<std::vector<store::Device>> Registry::ListDevices(absl::string_view hub_id,
                                                                 absl::string_view after, int64_t limit) {
  std::vector<store::Device> devices;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(devices, store::ListDevices(session, hub_id, after, limit));
    return absl::OkStatus();
  }));
  return devices;
}

absl::StatusOr<store::DeviceCount> Registry::CountDevices(absl::string_view hub_id) {
  store::DeviceCount count;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(count, store::CountDevices(session, hub_id));
    return absl::OkStatus();
  }));
  return count;
}

absl::StatusOr<KeyPair> Registry::ReleaseKeys(const store::Device& device, const Actor& actor) {
  if (device.auth_type != "sas") return Refuse(Fault::kInvalidState, "the device has no symmetric keys");
  RETURN_IF_ERROR(database_.Write(
      [&](store::Session& session) { return Record(session, actor, "device.show-keys", device.device_id); }));
  return KeysOf(device);
}

absl::Status Registry::RecordRelease(absl::string_view action, absl::string_view target, const Actor& actor,
                                     absl::string_view detail) {
  return database_.Write(
      [&](store::Session& session) { return Record(session, actor, action, std::string(target), detail); });
}

absl::StatusOr<store::Module> Registry::CreateModule(const store::Device& device, ModuleWish wish,
                                                     const Actor& actor) {
  const absl::Time now = clock_.Now();
  store::Module module;
  module.id = store::NewRowId();
  module.etag = store::NewEtag();
  module.created_at = module.updated_at = absl::ToUnixMicros(now);
  module.device = device.id;
  module.module_id = wish.module_id;
  module.managed_by = wish.managed_by;
  module.generation_id = NewGeneration(now);
  module.auth_type = "sas";
  ApplyAuth(vault_, wish.auth_type, wish.keys, module.id, module.auth_type, module.primary_enc,
            module.secondary_enc);
  RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const auto owner, store::FindDeviceByRow(session, device.id));
    if (!owner) return NoDevice(device.device_id);
    ASSIGN_OR_RETURN(const std::vector<store::Module> modules, store::ListModules(session, device.id));
    for (const store::Module& other : modules) {
      if (other.module_id == module.module_id) {
        return Refuse(Fault::kModuleExists,
                      absl::StrCat("A module with ID '", module.module_id, "' already exists on device '",
                                   device.device_id, "'."));
      }
    }
    if (modules.size() >= kModulesPerDevice) {
      return Refuse(Fault::kTooMany, absl::StrCat("A device has at most ", kModulesPerDevice, " modules."));
    }
    RETURN_IF_ERROR(store::InsertModule(session, module));
    if (wish.twin) RETURN_IF_ERROR(MergeTwin(session, module.id, *wish.twin, clock_.Now()));
    return Record(session, actor, "module.create", absl::StrCat(device.device_id, "/", module.module_id));
  }));
  return module;
}

absl::StatusOr<store::Module> Registry::UpdateModule(const store::Device& device, ModuleWish wish,
                                                     const IfMatch& if_match, const Actor& actor) {
  store::Module module;
  RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(module, Find(session, device, wish.module_id));
    RETURN_IF_ERROR(CheckEtag(if_match, module.etag));
    module.managed_by = wish.managed_by;
    if (wish.twin) RETURN_IF_ERROR(MergeTwin(session, module.id, *wish.twin, clock_.Now()));
    ApplyAuth(vault_, wish.auth_type, wish.keys, module.id, module.auth_type, module.primary_enc,
              module.secondary_enc);
    module.etag = store::NewEtag();
    module.updated_at = absl::ToUnixMicros(clock_.Now());
    RETURN_IF_ERROR(store::UpdateModule(session, module));
    return Record(session, actor, "module.update", absl::StrCat(device.device_id, "/", module.module_id));
  }));
  return module;
}

absl::Status Registry::DeleteModule(const store::Device& device, absl::string_view module_id,
                                    const IfMatch& if_match, const Actor& actor) {
  return database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const store::Module module, Find(session, device, module_id));
    RETURN_IF_ERROR(CheckEtag(if_match, module.etag));
    RETURN_IF_ERROR(store::DeleteModule(session, module));
    return Record(session, actor, "module.delete", absl::StrCat(device.device_id, "/", module_id));
  });
}

absl::StatusOr<store::Module> Registry::GetModule(const store::Device& device, absl::string_view module_id) {
  store::Module module;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(module, Find(session, device, module_id));
    return absl::OkStatus();
  }));
  return module;
}

absl::StatusOr<std::vector<store::Module>> Registry::ListModules(const store::Device& device) {
  std::vector<store::Module> modules;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(modules, store::ListModules(session, device.id));
    return absl::OkStatus();
  }));
  return modules;
}

}  // namespace aziot::provisiond
