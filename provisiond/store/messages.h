// Telemetry: a bounded ring per device.
#pragma once

#include "provisiond/store/database.h"

namespace aziot::provisiond::store {

constexpr int64_t kMessagesPerDevice = 100;

struct Message {
  std::string module_id;  // "" when the device itself sent it
  int64_t at = 0;
  Bytes body;
  std::string properties;  // JSON object of the message's application properties
};

// Adds one; the oldest beyond the ring's size go.
absl::Status AddMessage(Session& session, absl::string_view device, const Message& message);
// Oldest first.
absl::StatusOr<std::vector<Message>> ListMessages(Session& session, absl::string_view device);

}  // namespace aziot::provisiond::store
