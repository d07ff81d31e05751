// The JSON of a registration's state, as device and service API show it.
#pragma once

#include <string>

#include "provisiond/lifecycle/hubs.h"
#include "provisiond/lifecycle/json.h"
#include "provisiond/store/registrations.h"

namespace aziot::provisiond {

// `assignedHub` without port: a stored state must not remember where this process happened to listen.
Json RegistrationState(const store::Registration& registration, const Hubs& hubs);
Json DisabledState(absl::string_view registration_id, int64_t now);
Json FailedState(absl::string_view registration_id, int64_t now, int code, absl::string_view message);

// Adds the port to `assignedHub`.
void AddPort(Json& state, const Hubs& hubs);

}  // namespace aziot::provisiond
