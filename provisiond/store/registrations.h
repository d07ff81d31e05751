// What became of a registration id, and the operations that devices poll.
#pragma once

#include "provisiond/store/database.h"

namespace aziot::provisiond::store {

struct Registration {
  std::string id, etag;
  int64_t created_at = 0, updated_at = 0;
  std::string registration_id;                              // lower case
  std::optional<std::string> enrollment, enrollment_group;  // row ids
  std::optional<std::string> group_name;                    // outlives the group
  std::string hub, device;                                  // row ids
  std::string device_id;
  std::string status, substatus;
  std::optional<std::string> payload;  // JSON, as the device sent it
};

struct Operation {
  std::string operation_id, registration_id;
  std::string state;   // assigned, failed, disabled
  std::string result;  // JSON: registrationState
  int64_t expires = 0;
};

absl::StatusOr<std::optional<Registration>> FindRegistration(Session& session,
                                                             absl::string_view registration_id);
// Registrations of one device row.
absl::StatusOr<std::vector<Registration>> RegistrationsOfDevice(Session& session, absl::string_view device);
// Registrations through a group, in the order of their ids.
absl::StatusOr<std::vector<Registration>> RegistrationsOfGroup(Session& session, absl::string_view group_name,
                                                               absl::string_view after, int64_t limit);
// Inserts, or replaces the record of the same registration id.
absl::Status PutRegistration(Session& session, const Registration& registration);
absl::Status DeleteRegistration(Session& session, absl::string_view registration_id);

absl::StatusOr<std::optional<Operation>> FindOperation(Session& session, absl::string_view operation_id);
absl::Status AddOperation(Session& session, const Operation& operation);
// Those that expired before `now`.
absl::Status DropOperations(Session& session, int64_t now);

}  // namespace aziot::provisiond::store
