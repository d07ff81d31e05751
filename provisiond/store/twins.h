// The twin of a device or module. One that was never written is an empty one.
#pragma once

#include "provisiond/store/database.h"

namespace aziot::provisiond::store {

struct Twin {
  std::string etag = "AAAAAAAAAAE=";
  int64_t updated_at = 0;
  std::string tags = "{}", desired = "{}", reported = "{}";  // JSON objects
  int64_t version = 1, desired_version = 1, reported_version = 1;
};

// Whether `owner` is the row id of a device or module that is there: no foreign key says so.
absl::StatusOr<bool> HasTwin(Session& session, absl::string_view owner);
// `owner` is the row id of a device or module.
absl::StatusOr<Twin> GetTwin(Session& session, absl::string_view owner);
absl::Status PutTwin(Session& session, absl::string_view owner, const Twin& twin);

}  // namespace aziot::provisiond::store
