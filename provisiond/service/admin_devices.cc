#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/json.h"
#include "provisiond/lifecycle/names.h"
#include "provisiond/service/admin.h"
#include "provisiond/service/admin_actor.h"

namespace aziot::provisiond {
namespace {

constexpr int64_t kPage = 1000;

}  // namespace

v1::Device AdminService::ToDevice(const store::Device& device) const {
  v1::Device out;
  out.set_device_id(device.device_id);
  if (const store::Hub* hub = hubs_.ById(device.hub_id); hub != nullptr)
    out.set_hub(hubs_.AddressOf(hub->host_name));
  out.set_state(device.state);
  out.set_status_reason(device.status_reason);
  out.set_generation_id(device.generation_id);
  out.set_etag(device.etag);
  out.set_created(FormatTime(device.created_at));
  return out;
}

absl::StatusOr<v1::Device> AdminService::CreateDevice(const CallContext& call, const v1::NewDevice& request) {
  if (!IsDeviceId(request.device_id())) return rpc::InvalidParameter("deviceId", "not a device id");
  ASSIGN_OR_RETURN(const store::Hub* hub, HubOf(request.has_hub(), request.hub()));
  DeviceWish wish;
  wish.device_id = request.device_id();
  wish.enabled = !request.disabled();
  ASSIGN_OR_RETURN(wish.keys.primary, ReadKey(request.primary_key(), "primaryKey"));
  ASSIGN_OR_RETURN(wish.keys.secondary, ReadKey(request.secondary_key(), "secondaryKey"));
  const auto device = registry_.CreateDevice(hub->id, std::move(wish), ActorOf(call));
  if (!device.ok()) return ToRpcError(device.status());
  ASSIGN_OR_RETURN(const KeyPair keys, registry_.KeysOf(*device));
  v1::Device reply = ToDevice(*device);
  *reply.mutable_keys() = ToKeys(keys);
  reply.set_connection_string(absl::StrCat("HostName=", hubs_.AddressOf(hub->host_name),
                                           ";DeviceId=", device->device_id,
                                           ";SharedAccessKey=", FormatBase64(keys.primary.Expose())));
  return reply;
}

absl::StatusOr<v1::Devices> AdminService::ListDevices(const CallContext&,
                                                      const v1::ListDevicesRequest& request) {
  ASSIGN_OR_RETURN(const store::Hub* hub, HubOf(request.has_hub(), request.hub()));
  ASSIGN_OR_RETURN(const std::vector<store::Device> devices,
                   registry_.ListDevices(hub->id, request.after(), kPage));
  v1::Devices reply;
  for (const store::Device& device : devices) *reply.add_devices() = ToDevice(device);
  if (static_cast<int64_t>(devices.size()) == kPage) reply.set_next(devices.back().device_id);
  return reply;
}

absl::StatusOr<v1::Device> AdminService::GetDevice(const CallContext&, const v1::DeviceName& request) {
  ASSIGN_OR_RETURN(const store::Hub* hub, HubOf(request.has_hub(), request.hub()));
  const auto device = registry_.GetDevice(hub->id, request.device_id());
  if (!device.ok()) return ToRpcError(device.status());
  return ToDevice(*device);
}

absl::StatusOr<v1::Done> AdminService::DeleteDevice(const CallContext& call, const v1::DeviceName& request) {
  ASSIGN_OR_RETURN(const store::Hub* hub, HubOf(request.has_hub(), request.hub()));
  RETURN_IF_ERROR(
      ToRpcError(registry_.DeleteDevice(hub->id, request.device_id(), std::nullopt, ActorOf(call))));
  return v1::Done();
}

absl::StatusOr<v1::Keys> AdminService::ShowDeviceKeys(const CallContext& call,
                                                      const v1::DeviceName& request) {
  ASSIGN_OR_RETURN(const store::Hub* hub, HubOf(request.has_hub(), request.hub()));
  const auto device = registry_.GetDevice(hub->id, request.device_id());
  if (!device.ok()) return ToRpcError(device.status());
  const auto keys = registry_.ReleaseKeys(*device, ActorOf(call));
  if (!keys.ok()) return ToRpcError(keys.status());
  return ToKeys(*keys);
}

absl::StatusOr<v1::Device> AdminService::EnableDevice(const CallContext& call,
                                                      const v1::DeviceName& request) {
  ASSIGN_OR_RETURN(const store::Hub* hub, HubOf(request.has_hub(), request.hub()));
  const auto device = registry_.Apply(hub->id, request.device_id(), Event::kEnable, "", ActorOf(call));
  if (!device.ok()) return ToRpcError(device.status());
  return ToDevice(*device);
}

absl::StatusOr<v1::Device> AdminService::DisableDevice(const CallContext& call,
                                                       const v1::DeviceName& request) {
  if (!IsReason(request.reason())) return rpc::InvalidParameter("reason", "at most 128 characters");
  ASSIGN_OR_RETURN(const store::Hub* hub, HubOf(request.has_hub(), request.hub()));
  const auto device =
      registry_.Apply(hub->id, request.device_id(), Event::kDisable, request.reason(), ActorOf(call));
  if (!device.ok()) return ToRpcError(device.status());
  return ToDevice(*device);
}

absl::StatusOr<v1::Modules> AdminService::ListModules(const CallContext&, const v1::DeviceName& request) {
  ASSIGN_OR_RETURN(const store::Hub* hub, HubOf(request.has_hub(), request.hub()));
  const auto device = registry_.GetDevice(hub->id, request.device_id());
  if (!device.ok()) return ToRpcError(device.status());
  ASSIGN_OR_RETURN(const std::vector<store::Module> modules, registry_.ListModules(*device));
  v1::Modules reply;
  for (const store::Module& module : modules) {
    v1::Module* out = reply.add_modules();
    out->set_module_id(module.module_id);
    out->set_managed_by(module.managed_by.value_or(""));
    out->set_generation_id(module.generation_id);
    out->set_auth_type(module.auth_type);
    out->set_etag(module.etag);
  }
  return reply;
}

absl::StatusOr<v1::Messages> AdminService::ListTelemetry(const CallContext&, const v1::DeviceName& request) {
  ASSIGN_OR_RETURN(const store::Hub* hub, HubOf(request.has_hub(), request.hub()));
  const auto device = registry_.GetDevice(hub->id, request.device_id());
  if (!device.ok()) return ToRpcError(device.status());
  ASSIGN_OR_RETURN(const std::vector<store::Message> messages, telemetry_.List(device->id));
  v1::Messages reply;
  for (const store::Message& message : messages) {
    v1::Message* out = reply.add_messages();
    out->set_at(FormatTime(message.at));
    out->set_module_id(message.module_id);
    out->set_body(message.body.data(), message.body.size());
  }
  return reply;
}

}  // namespace aziot::provisiond
