#include "provisiond/lifecycle/registration_state.h"

namespace aziot::provisiond {

Json RegistrationState(const store::Registration& registration, const Hubs& hubs) {
  Json state = {{"registrationId", registration.registration_id},
                {"createdDateTimeUtc", FormatTime(registration.created_at)},
                {"lastUpdatedDateTimeUtc", FormatTime(registration.updated_at)},
                {"deviceId", registration.device_id},
                {"status", registration.status},
                {"substatus", registration.substatus},
                {"etag", registration.etag}};
  if (const store::Hub* hub = hubs.ById(registration.hub); hub != nullptr)
    state["assignedHub"] = hub->host_name;
  Json symmetric = Json::object();
  if (registration.group_name) symmetric["enrollmentGroupId"] = *registration.group_name;
  state["symmetricKey"] = std::move(symmetric);
  return state;
}

Json DisabledState(absl::string_view registration_id, int64_t now) {
  return {{"registrationId", std::string(registration_id)},
          {"createdDateTimeUtc", FormatTime(now)},
          {"lastUpdatedDateTimeUtc", FormatTime(now)},
          {"status", "disabled"}};
}

Json FailedState(absl::string_view registration_id, int64_t now, int code, absl::string_view message) {
  Json state = DisabledState(registration_id, now);
  state["status"] = "failed";
  state["errorCode"] = code;
  state["errorMessage"] = std::string(message);
  return state;
}

void AddPort(Json& state, const Hubs& hubs) {
  if (const auto found = state.find("assignedHub"); found != state.end()) {
    *found = hubs.AddressOf(found->get<std::string>());
  }
}

}  // namespace aziot::provisiond
