#include "provisiond/lifecycle/telemetry.h"

#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/store/devices.h"

namespace aziot::provisiond {

absl::Status Telemetry::Add(absl::string_view device, absl::string_view module_id, std::vector<Sent> sent) {
  const int64_t now = absl::ToUnixMicros(clock_.Now());
  return database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const auto owner, store::FindDeviceByRow(session, device));
    if (!owner) return Refuse(Fault::kDeviceNotFound, "The device was deleted meanwhile.");
    for (const Sent& one : sent) {
      RETURN_IF_ERROR(
          store::AddMessage(session, device, {std::string(module_id), now, one.body, one.properties}));
    }
    return absl::OkStatus();
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
