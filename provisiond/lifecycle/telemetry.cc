#include "provisiond/lifecycle/telemetry.h"

#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/store/devices.h"

namespace aziot::provisiond {

absl::Status Telemetry::Add(absl::string_view device, absl::string_view module_id, Bytes body,
                            std::string properties) {
  const store::Message message{std::string(module_id), absl::ToUnixMicros(clock_.Now()), std::move(body),
                               std::move(properties)};
  return database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const auto owner, store::FindDeviceByRow(session, device));
    if (!owner) return Refuse(Fault::kDeviceNotFound, "The device was deleted meanwhile.");
    return store::AddMessage(session, device, message);
  });
}

absl::StatusOr<std::vector<store::Message>> Telemetry::List(absl::string_view device) {
  std::vector<store::Message> messages;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(messages, store::ListMessages(session, device));
    return absl::OkStatus();
  }));
  return messages;
}

}  // namespace aziot::provisiond
