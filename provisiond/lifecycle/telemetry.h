// What devices send, kept in a bounded ring each. Thread-safe.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "provisiond/store/messages.h"

namespace aziot::provisiond {

class Telemetry {
 public:
  Telemetry(store::Database& database, Clock& clock) : database_(database), clock_(clock) {}

  struct Sent {
    Bytes body;
    std::string properties;  // JSON object
  };
  // `device` is a row id; all are durable when OK is returned. kDeviceNotFound when it is gone.
  absl::Status Add(absl::string_view device, absl::string_view module_id, std::vector<Sent> sent);
  absl::StatusOr<std::vector<store::Message>> List(absl::string_view device);

 private:
  store::Database& database_;
  Clock& clock_;
};

}  // namespace aziot::provisiond
